"""A callback of both namespaces, and a guest that leaves no trace."""

from __future__ import annotations

import copy
import importlib
import pickle
from types import ModuleType
from typing import Any

import pytest
import torch
from tests.integration.lightning_callback.world import (
    BATCH,
    BATCHES,
    NAMESPACES,
    QUIET,
    dataset,
    loader,
    module_class,
    recorded,
    recording,
    trainer,
)
from torch import nn
from torch.utils.data import DataLoader

pytestmark = QUIET


def test_it_is_a_callback_of_both_namespaces_at_once() -> None:
    callback = recording()
    for name in NAMESPACES:
        space = importlib.import_module(name)
        assert isinstance(callback, space.Callback)
        trainer(space, callback, max_epochs=1).fit(module_class(space)(), loader())
        assert len(recorded(callback).batches) == BATCHES


def test_a_pickled_callback_is_its_configuration(pl: ModuleType) -> None:
    callback = recording(run="kept", max_fps=5.0)
    trainer(pl, callback, fast_dev_run=True).fit(module_class(pl)(), loader())
    for twin in (pickle.loads(pickle.dumps(callback)), copy.deepcopy(callback)):
        assert twin.monitor is None
        trainer(pl, twin, fast_dev_run=True).fit(module_class(pl)(), loader())
        assert recorded(twin).options["run"] == "kept"
        assert recorded(twin).options["max_fps"] == 5.0


def test_a_copy_made_in_mid_training_is_no_part_of_it(pl: ModuleType) -> None:
    """Weight averaging deep-copies the module; users save it, or the trainer, whole."""

    class Copying(pl.Callback):  # type: ignore[name-defined,misc]
        def on_train_batch_start(self, trainer: Any, module: Any, *_: Any) -> None:
            twin = copy.deepcopy(module)
            twin(torch.zeros(BATCH, 1, 6, 6))
            pickle.dumps(callback)

    callback = recording()
    trainer(pl, callback, Copying(), max_epochs=1).fit(module_class(pl)(), loader())
    for batch in recorded(callback).batches:
        loss = nn.functional.cross_entropy(batch.preds, batch.targets)
        assert float(batch.loss) == pytest.approx(float(loss))


def weights_after(pl: ModuleType, *callbacks: Any) -> list[torch.Tensor]:
    pl.seed_everything(7, verbose=False)
    module = module_class(pl)()
    shuffled = DataLoader(dataset(), batch_size=BATCH, shuffle=True)
    trainer(pl, *callbacks, accumulate_grad_batches=2).fit(module, shuffled, loader())
    return [weight.detach().clone() for weight in module.parameters()]


def test_the_weights_are_the_same_bit_for_bit_with_and_without(pl: ModuleType) -> None:
    without, again = weights_after(pl), weights_after(pl)
    assert all(
        torch.equal(a, b) for a, b in zip(without, again, strict=True)
    )  # else the next line says nothing
    callback = recording()
    watched = weights_after(pl, callback)
    assert len(recorded(callback).batches) == 2 * BATCHES
    assert all(torch.equal(a, b) for a, b in zip(without, watched, strict=True))
