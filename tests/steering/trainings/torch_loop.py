"""A loop of one's own over PyTorch, of one rank or of several."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from tests.steering.case import Case, Trace
from tests.steering.steered import Maker
from tests.steering.trainings.line import Line
from tests.steering.trainings.schedulers import RATE, SCHEDULERS

__all__ = ["train"]


def train(case: Case, make: Maker) -> Trace:
    """Train as a row says.

    ``case.options``: ``steps=False`` loops over the batches without `Monitor.steps`; ``order``, with the event *resume*, is what
    comes first in the second process, the "monitor" or the optimizer's "state".

    Events begin with the second epoch: *resume* goes on in another monitor with another optimizer, from what was saved; *new
    optimizer* trains the same weights with another one; *new scheduler* adds one. With *rank lost* the rank ``lost`` is killed in
    the midst of step ``at``, when the optimizer has made it, in the training that is given commands.
    """
    trace, line = Trace(), Line()
    try:
        _train(case, make, trace, line)
    except Exception as error:
        if case.event != "rank lost":
            raise
        # As a `with` statement would, which the loop is in.
        make.newest.close_after(error)
        trace.error = f"{type(error).__name__}: {error}"[:500]
    return trace


def _train(case: Case, make: Maker, trace: Trace, line: Line) -> None:
    model = nn.parallel.DistributedDataParallel(line) if case.ranks > 1 else line
    optimizer, scheduler = _begin(model, case)
    monitor = make("loop")
    monitor.attach(optimizer)
    schedulers = [scheduler]
    for epoch in range(case.epochs):
        if epoch == 1 and case.event == "resume":
            kept = (
                json.dumps(monitor.resume_state()),
                optimizer.state_dict(),
                scheduler.state_dict(),
            )
            monitor.close()
            optimizer, scheduler = _begin(model, case)
            schedulers = [scheduler]
            first = case.options["order"]
            for part in (first, "state" if first == "monitor" else "monitor"):
                if part == "monitor":
                    monitor = make("loop", resume=json.loads(kept[0]))
                    monitor.attach(optimizer)
                else:
                    optimizer.load_state_dict(copy.deepcopy(kept[1]))
                    scheduler.load_state_dict(kept[2])
        if epoch == 1 and case.event == "new optimizer":
            optimizer, scheduler = _begin(model, case)
            schedulers = [scheduler]
        if epoch == 1 and case.event == "new scheduler":
            schedulers.append(torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95))
        if case.event == "new optimizer":
            monitor.attach(optimizer)
        _epoch(case, epoch, monitor, model, optimizer, schedulers, trace)
        if trace.lost:
            return
        if monitor.should_stop:
            break
        if case.event == "validation":
            monitor.between_epochs(epoch)
    monitor.close()


def _begin(model: Any, case: Case) -> tuple[torch.optim.Optimizer, Any]:
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    return optimizer, SCHEDULERS[case.scheduler](optimizer)


def _epoch(
    case: Case,
    epoch: int,
    monitor: Any,
    model: Any,
    optimizer: torch.optim.Optimizer,
    schedulers: list[Any],
    trace: Trace,
) -> None:
    accumulate = 2 if case.event == "accumulation" else 1
    batches: Any = [torch.ones(2, dtype=torch.float64)] * case.batches
    for index, batch in enumerate(_loop(monitor, batches, case)):
        step = epoch * case.batches + index
        loss = model(batch) / accumulate
        loss.backward()
        if index % accumulate == accumulate - 1:
            optimizer.step()
            trace.moved(step, getattr(model, "module", model).weight.item())
            optimizer.zero_grad()
            for scheduler in schedulers:
                if scheduler is not None:
                    scheduler.step()
        monitor.log_batch(None, None, loss)
        if monitor.disturbed and _is_lost(case, step):
            trace.lost = True
            return
        if case.ranks > 1:
            monitor.sync(_broadcast)


def _is_lost(case: Case, step: int) -> bool:
    return (
        case.event == "rank lost"
        and dist.get_rank() == case.options["lost"]
        and step == case.options["at"]
    )


def _loop(monitor: Any, batches: list[torch.Tensor], case: Case) -> Iterator[torch.Tensor]:
    if case.options.get("steps", True):
        yield from monitor.steps(batches)
        return
    for batch in batches:
        if monitor.should_stop:
            return
        yield batch


def _broadcast(text: Any) -> Any:
    box = [text]
    dist.broadcast_object_list(box, src=0)
    return box[0]
