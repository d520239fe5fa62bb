"""The rows of the table."""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterator

from tests.steering.case import Case, Given, Trace
from tests.steering.steered import Maker

__all__ = ["FRAMEWORKS", "installed", "rows", "train"]

FRAMEWORKS = {
    "torch_loop": "torch",
    "lightning_trainer": "lightning",
    "accelerate_loop": "accelerate",
    "keras_fit": "keras",
    "transformers_trainer": "transformers",
    "fastai_learner": "fastai",
    "flower_rounds": "flwr",
}
"""Modules of `tests.steering.trainings`, and what has to be installed for each."""

FULL = os.environ.get("STEERING") == "full"
WITHOUT = os.environ.get("STEERING_WITHOUT", "").split()
"""Frameworks whose rows another session makes."""


def installed(framework: str) -> bool:
    """Return whether a framework is there, and its rows are made in this session."""
    return framework not in WITHOUT and importlib.util.find_spec(FRAMEWORKS[framework]) is not None


def rows(ranks: int | None = None) -> list[Case]:
    """Return the rows of this run that can be made here, all or those of so many ranks."""
    return [
        case
        for case in (
            *_loops(),
            *_between_epochs(),
            *_events(),
            *_lightning(),
            *_accelerate(),
            *_keras(),
            *_transformers(),
            *_fastai(),
            *_flower(),
            *_lost(),
        )
        if (FULL or case.often) and installed(case.framework) and ranks in (None, case.ranks)
    ]


def train(case: Case, *, disturbed: bool) -> Trace:
    """Make one training of a row, in this process."""
    make = Maker(case, disturbed=disturbed)
    module = importlib.import_module(f"tests.steering.trainings.{case.framework}")
    trace: Trace = module.train(case, make)
    trace.answers = list(make.answers.values())
    return trace


def _set(rate: str, before: int) -> Given:
    return Given("set", {"learning_rate": rate}, before=before)


def _loops() -> Iterator[Case]:
    """Commands between two steps, for every scheduler."""
    for ranks in (1, 2, 4):
        for scheduler in ("none", "exponential", "cosine", "lambda", "one cycle"):
            often = scheduler == "exponential" and ranks < 4
            for given in (
                (_set("0.001", 5),),
                (_set("x0.5", 5), _set("x0.5", 10), _set("follow", 16)),
                (_set("0.01", 4), _set("undo", 12)),
                (Given("stop", before=9),),
                (Given("pause", before=7),),
            ):
                yield Case("torch_loop", scheduler, given, ranks=ranks, often=often)
            yield Case(
                "torch_loop", scheduler, (_set("0.01", 5),), "accumulation", ranks, often=often
            )
        yield Case(
            "torch_loop",
            "none",
            (_set("-1", 5),),
            ranks=ranks,
            often=ranks < 4,
            refused="is outside 0 to 10",
        )


def _between_epochs() -> Iterator[Case]:
    """Commands between two epochs, in a validation."""
    for ranks in (1, 2, 4):
        for steps in (True, False):
            for given in (
                Given("set", {"learning_rate": "0.001"}, after_epoch=0),
                Given("stop", after_epoch=0),
                Given("pause", after_epoch=0),
            ):
                yield Case(
                    *("torch_loop", "exponential", (given,), "validation", ranks),
                    often=ranks < 4,
                    options={} if steps else {"steps": False},
                )


def _events() -> Iterator[Case]:
    """What begins with the second epoch while rates are set: they go on, and the schedule is found where it would have been."""
    for ranks in (1, 2, 4):
        for scheduler in ("exponential", "cosine", "lambda", "one cycle"):
            often = scheduler == "cosine" and ranks < 4
            for given in (
                (_set("0.001", 3), _set("follow", 14)),
                (_set("x0.5", 3), _set("x0.5", 12), _set("follow", 18)),
            ):
                for order in ("monitor", "state"):
                    options = {"order": order}
                    yield Case(
                        *("torch_loop", scheduler, given, "resume", ranks),
                        often=often,
                        options=options,
                    )
                yield Case("torch_loop", scheduler, given, "new optimizer", ranks, often=often)
                yield Case("torch_loop", scheduler, given, "new scheduler", ranks, often=often)


def _lightning() -> Iterator[Case]:
    """Lightning's Trainer."""
    for ranks in (1, 2, 4):
        for scheduler in ("none", "exponential", "cosine"):
            often = scheduler == "cosine" and ranks == 1
            held, scaled = (_set("0.001", 3), _set("follow", 14)), (_set("x0.5", 3),)
            for event in ("none", "accumulation", "resume"):
                for given in (held, scaled):
                    if event != "resume" or ranks == 1:
                        yield Case(
                            *("lightning_trainer", scheduler, given, event, ranks),
                            often=often and given is held,
                        )
            yield Case(
                *("lightning_trainer", scheduler, (Given("stop", before=9),), "none", ranks),
                often=often,
            )
            for given in (
                Given("set", {"learning_rate": "0.001"}, after_epoch=0),
                Given("pause", after_epoch=0),
            ):
                yield Case(
                    *("lightning_trainer", scheduler, (given,), "validation", ranks), often=often
                )


def _accelerate() -> Iterator[Case]:
    """Accelerate, with its prepared optimizer and with the one inside."""
    for ranks in (1, 2, 4):
        often = ranks < 4
        for scheduler in ("none", "exponential", "cosine"):
            for attach in ("prepared", "plain"):
                for given in (
                    (_set("0.001", 5), _set("x2", 9), _set("follow", 14)),
                    (Given("stop", before=9),),
                ):
                    yield Case(
                        *("accelerate_loop", scheduler, given, "none", ranks),
                        often=often and scheduler == "exponential",
                        options={"attach": attach},
                    )
        for given in (
            Given("set", {"learning_rate": "0.001"}, after_epoch=0),
            Given("stop", after_epoch=0),
            Given("pause", after_epoch=0),
        ):
            yield Case(
                *("accelerate_loop", "exponential", (given,), "validation", ranks), often=often
            )
        for given in (_set("0.01", 5), Given("pause", before=7)):
            yield Case(
                *("accelerate_loop", "exponential", (given,), "accumulation", ranks), often=often
            )
            yield Case(
                *("accelerate_loop", "exponential", (given,), "none", ranks),
                often=often,
                options={"steps": False},
            )
    yield Case(
        *("accelerate_loop", "none", (Given("stop", before=9),), "none", 2),
        often=True,
        refused="rank 1 does not loop over monitor.steps",
        options={"alone": True},
    )


def _keras() -> Iterator[Case]:
    """Keras, whose schedules write once in an epoch."""
    for scheduler in ("none", "from what is there", "from the epoch"):
        for given in (
            (_set("0.001", 3), _set("x0.5", 6), _set("undo", 12), _set("follow", 18)),
            (_set("x0.5", 3), _set("follow", 18)),
            (Given("stop", before=9),),
            (Given("pause", before=7),),
        ):
            yield Case("keras_fit", scheduler, given, often=True)
        between = Given("set", {"learning_rate": "0.001"}, after_epoch=0)
        yield Case("keras_fit", scheduler, (between,), "validation", often=True)
    yield Case(
        *("keras_fit", "built in", (_set("0.001", 3),)),
        often=True,
        refused="does not let learning_rate be set",
    )


def _transformers() -> Iterator[Case]:
    """The Hugging Face Trainer, with its own schedules."""
    some = ("constant", "cosine", "plateau")
    for ranks in (1, 2):
        for scheduler in (
            some if ranks > 1 else (*some, "linear", "polynomial", "inverse square root")
        ):
            often = scheduler == "cosine" and ranks == 1
            held = (_set("0.001", 5), _set("x2", 10), _set("undo", 13), _set("follow", 17))
            scaled = (_set("x0.5", 3),)
            for given in (held, scaled, (Given("stop", before=9),), (Given("pause", before=7),)):
                yield Case("transformers_trainer", scheduler, given, ranks=ranks)
            for given in (
                Given("set", {"learning_rate": "0.001"}, after_epoch=0),
                Given("stop", after_epoch=0),
                Given("pause", after_epoch=0),
            ):
                yield Case("transformers_trainer", scheduler, (given,), "validation", ranks)
            for given in ((_set("0.01", 3), _set("follow", 9)), scaled):
                yield Case("transformers_trainer", scheduler, given, "accumulation", ranks)
            for given in (held, scaled, (_set("0.001", 3), _set("follow", 14))):
                yield Case(
                    *("transformers_trainer", scheduler, given, "resume", ranks),
                    often=often and given is scaled,
                )
        yield Case(
            *("transformers_trainer", "linear", (_set("-1", 5),), "none", ranks),
            refused="is outside 0 to 10",
        )
        yield Case(
            *("transformers_trainer", "linear", (_set("0.01", 5),), "none", ranks),
            refused="does not let learning_rate be set",
            options={"fixed": True},
        )


def _fastai() -> Iterator[Case]:
    """fastai's Learner, with its own optimizer and with PyTorch's in its wrapper; its own tests have one row in every run."""
    for wrapped in (False, True):
        options = {"wrapped": True} if wrapped else {}
        for scheduler in ("flat", "one cycle", "flat cosine", "restarts", "plateau"):
            held = (_set("0.001", 5), _set("x2", 9), _set("undo", 12), _set("follow", 17))
            scaled = (_set("x0.5", 3), _set("x0.5", 10), _set("follow", 19))
            for event in ("none", "accumulation", "resume", "optimizer loaded"):
                for given in (held, scaled):
                    if scheduler == "plateau" and event == "resume":
                        continue  # whose callback fails by itself in an epoch that is skipped
                    yield Case(
                        *("fastai_learner", scheduler, given, event),
                        options=options,
                    )
            for given in (Given("stop", before=9), Given("pause", before=7)):
                yield Case("fastai_learner", scheduler, (given,), options=options)
            for given in (
                Given("set", {"learning_rate": "0.001"}, after_epoch=0),
                Given("stop", after_epoch=0),
                Given("pause", after_epoch=0),
            ):
                yield Case("fastai_learner", scheduler, (given,), "validation", options=options)
        yield Case(
            *("fastai_learner", "one cycle", (_set("-1", 5),)),
            refused="is outside 0 to 10",
            options=options,
        )


def _flower() -> Iterator[Case]:
    """Flower: its strategy, which has rounds and no rate, and a client's own loop, which has."""
    for scheduler in ("none", "decays"):
        yield Case(
            *("flower_rounds", scheduler, (Given("stop", before=3),)),
            epochs=6,
            often=scheduler == "decays",
        )
        yield Case("flower_rounds", scheduler, (Given("pause", before=3),), epochs=6)
        yield Case(
            *("flower_rounds", scheduler, (_set("0.01", 3),)),
            epochs=6,
            refused="does not let learning_rate be set",
        )
        for given in (
            (_set("0.001", 3), _set("x2", 5), _set("undo", 7), _set("follow", 19)),
            (_set("x0.5", 3), _set("x0.5", 12), _set("follow", 20)),
            (Given("stop", before=21),),
            (Given("pause", before=12),),
        ):
            yield Case("flower_rounds", scheduler, given, options={"steered": "client"})
        yield Case(
            *("flower_rounds", scheduler, (_set("-1", 12),)),
            refused="is outside 0 to 10",
            options={"steered": "client"},
        )
        yield Case(
            *("flower_rounds", scheduler, (_set("0.01", 3), _set("undo", 12))),
            refused="nothing was set that could be undone",  # in this round's process
            options={"steered": "client"},
        )


def _lost() -> Iterator[Case]:
    """One of two ranks is killed between two steps, before and after commands that it may have heard of."""
    two, stop, pause = (
        (_set("0.01", 3), _set("x0.5", 9)),
        Given("stop", before=9),
        Given("pause", before=9),
    )
    for lost, at, rows_given in (
        (1, 8, (two, (stop,), (pause,))),
        (1, 9, (two, (stop,), (pause,))),
        (1, 10, (two, (pause,))),  # which both have heard of by then
        (0, 9, (two, (stop,), (pause,))),
    ):
        for given in rows_given:
            yield Case(
                *("torch_loop", "exponential", given, "rank lost", 2),
                options={"lost": lost, "at": at},
            )
