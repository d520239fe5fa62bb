"""fastai's Learner with the callback."""

from __future__ import annotations

import functools
from typing import Any

import torch
from fastai.callback.core import Callback, CancelFitException
from fastai.callback.schedule import (
    Learner,  # which gives learners `fit_one_cycle` and `fit_sgdr`
    ParamScheduler,
    combined_cos,
)
from fastai.callback.tracker import ReduceLROnPlateau
from fastai.callback.training import GradientAccumulation
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.optimizer import SGD, OptimWrapper
from torch.utils.data import TensorDataset

from livetrain.fastai import LiveTrainCallback
from tests.steering.case import Case, Trace
from tests.steering.steered import Maker
from tests.steering.trainings.line import Line
from tests.steering.trainings.schedulers import RATE

__all__ = ["SCHEDULERS", "train"]

SCHEDULERS = ("flat", "one cycle", "flat cosine", "restarts", "plateau")


class Watch(Callback):  # type: ignore[misc]  # mypy does not follow fastai
    """Notes the weight after each step of the optimizer, and gives what is to be given in a validation."""

    run_valid = True

    def __init__(self, case: Case, trace: Trace, make: Maker) -> None:
        super().__init__()
        self.row, self.trace, self.make_monitor = case, trace, make

    def after_step(self) -> None:
        step = self.learn.epoch * self.row.batches + self.learn.iter
        self.trace.moved(step, self.learn.model.weight.item())

    def after_validate(self) -> None:
        if self.row.event == "validation":
            self.make_monitor.newest.between_epochs(self.learn.epoch)

    def before_epoch(self) -> None:
        if self.learn.epoch == 1 and self.row.event == "optimizer loaded":
            self.learn.opt.load_state_dict(self.learn.opt.state_dict())


def train(case: Case, make: Maker) -> Trace:
    """Train as a row says.

    ``case.options``: ``wrapped=True`` trains with PyTorch's optimizer in fastai's `OptimWrapper`.

    Events: *resume* trains one epoch, and goes on in another learner with the weights and the state of the optimizer, and in the
    run; *optimizer loaded* gives the optimizer a state again before the second epoch.
    """
    trace = Trace()
    first = _learner(case, make, trace)
    if case.event != "resume":
        _fit(case, first, case.epochs)
        return trace
    _fit(case, first, case.epochs, until=1)
    again = _learner(case, make, trace, resume=make.newest.resume_state())
    again.model.load_state_dict(first.model.state_dict())
    again.create_opt()
    again.opt.load_state_dict(first.opt.state_dict())
    _fit(case, again, case.epochs, start_epoch=1)
    return trace


def _loss(told: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    # Its recorder adds up losses of single precision; the gradient is 1 all the same.
    return told.float() if told.requires_grad else torch.ones(())


def _learner(case: Case, make: Maker, trace: Trace, **options: Any) -> Any:
    ones = torch.ones(2 * case.batches, 1, dtype=torch.float64)
    data = TensorDataset(ones, ones)
    loaders = DataLoaders(
        *(DataLoader(data, bs=2, num_workers=0), DataLoader(data, bs=2, num_workers=0)),
        device="cpu",
    )
    wrapped = functools.partial(OptimWrapper, opt=torch.optim.SGD)
    learner = Learner(
        *(loaders, Line()),
        loss_func=_loss,
        opt_func=wrapped if case.options.get("wrapped") else SGD,
        lr=RATE,
        train_bn=False,
        cbs=[
            Watch(case, trace, make),
            LiveTrainCallback(monitor_factory=make, **options),
            *([GradientAccumulation(n_acc=4)] if case.event == "accumulation" else []),
            *([ReduceLROnPlateau(patience=0, factor=2)] if case.scheduler == "plateau" else []),
        ],
    )
    learner.create_opt()
    return learner


class Until(Callback):  # type: ignore[misc]  # mypy does not follow fastai
    """Interrupts a training after so many epochs."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs_made = epochs

    def before_epoch(self) -> None:
        if self.learn.epoch >= self.epochs_made:
            raise CancelFitException


def _fit(case: Case, learner: Any, epochs: int, until: int | None = None, **more: Any) -> None:
    more["cbs"] = [Until(until)] if until is not None else []
    with learner.no_bar(), learner.no_logging():
        match case.scheduler:
            case "one cycle":
                learner.fit_one_cycle(epochs, RATE, moms=(0.0, 0.0, 0.0), **more)
            case "restarts":
                learner.fit_sgdr(2, 1, RATE, **more)
            case "flat cosine":
                more["cbs"].append(
                    ParamScheduler({"lr": combined_cos(0.5, RATE, RATE, RATE / 100)})
                )
                learner.fit(epochs, RATE, **more)
            case _:
                learner.fit(epochs, RATE, **more)
