from __future__ import annotations

import copy
import io

import pytest
import torch
from torch import nn

from livetrain._frameworks.tap import ForwardTap
from livetrain.exceptions import ConfigurationError


class Whole(nn.Module):
    """Its own forward gives the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(3, 7)
        self.head = nn.Linear(7, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x)) * 2


@pytest.fixture
def module() -> Whole:
    return Whole()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(4, 3)


def hooks(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) for part in module.modules())


def test_the_modules_own_output_counts_first(module: Whole, x: torch.Tensor) -> None:
    tap = ForwardTap()
    tap.attach(module)
    tap.arm(4)
    expected = module(x)
    seen = tap.take()
    assert torch.equal(seen, expected)
    assert not seen.requires_grad


def test_else_the_last_class_scores_of_a_child(module: Whole, x: torch.Tensor) -> None:
    tap = ForwardTap()
    tap.attach(module)
    tap.arm(4)
    expected = module.head(module.body(x))
    nn.Sequential(nn.Linear(5, 1))(expected)
    assert torch.equal(tap.take(), expected)


def test_a_named_submodule_is_the_only_one_asked(module: Whole, x: torch.Tensor) -> None:
    tap = ForwardTap()
    tap.attach(module, "body")
    tap.arm(4)
    module(x)
    assert torch.equal(tap.take(), module.body(x))


def test_a_submodule_that_is_not_there_is_named_with_those_that_are(module: Whole) -> None:
    with pytest.raises(ConfigurationError, match=r"submodule='tail'.*Whole has no.*'body', 'head'"):
        ForwardTap().attach(module, "tail")


def test_nothing_is_seen_outside_a_step(module: Whole, x: torch.Tensor) -> None:
    tap = ForwardTap()
    tap.attach(module)
    module(x)
    assert tap.take() is None
    tap.arm(4)
    assert tap.take() is None


def test_an_output_of_another_batch_is_not_taken(module: Whole, x: torch.Tensor) -> None:
    tap = ForwardTap()
    tap.attach(module)
    tap.arm(4)
    module(x[:3])
    assert tap.take() is None


def test_every_hook_goes(module: Whole) -> None:
    tap = ForwardTap()
    tap.attach(module)
    assert hooks(module) == 3
    tap.detach()
    assert hooks(module) == 0


def test_a_copy_of_the_module_is_not_watched(module: Whole, x: torch.Tensor) -> None:
    tap = ForwardTap()
    tap.attach(module)
    pickled = io.BytesIO()
    torch.save(module, pickled)
    pickled.seek(0)
    tap.arm(4)
    copy.deepcopy(module)(x)
    torch.load(pickled, weights_only=False)(x)
    assert tap.take() is None


def test_a_compiled_module_is_left_alone(module: Whole) -> None:
    module._compiler_ctx = {"compiler": "dynamo"}  # as Lightning marks it
    ForwardTap().attach(module)
    assert hooks(module) == 0


def test_a_module_that_takes_no_hooks_stays_unseen(x: torch.Tensor) -> None:
    class Scripted(Whole):
        def register_forward_hook(self, *_args: object, **_options: object) -> None:
            raise RuntimeError("register_forward_hook is not supported on ScriptModules")

    module, tap = Scripted(), ForwardTap()
    tap.attach(module)
    tap.arm(4)
    expected = module(x)
    assert torch.equal(tap.take() * 2, expected)  # the head's, in place of the module's own
