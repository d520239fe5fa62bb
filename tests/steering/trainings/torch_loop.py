"""A loop of one's own over PyTorch, of one rank or of several."""

from __future__ import annotations

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

    ``case.options``: ``steps=False`` loops over the batches without `Monitor.steps`.
    """
    trace, line = Trace(), Line()
    model = nn.parallel.DistributedDataParallel(line) if case.ranks > 1 else line
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    scheduler = SCHEDULERS[case.scheduler](optimizer)
    accumulate = 2 if case.event == "accumulation" else 1
    with make("loop") as monitor:
        monitor.attach(optimizer)
        for epoch in range(case.epochs):
            batches: Any = [torch.ones(2, dtype=torch.float64)] * case.batches
            for index, batch in enumerate(_loop(monitor, batches, case)):
                step = epoch * case.batches + index
                loss = model(batch) / accumulate
                loss.backward()
                if index % accumulate == accumulate - 1:
                    optimizer.step()
                    trace.moved(step, line.weight.item())
                    optimizer.zero_grad()
                    if scheduler is not None:
                        scheduler.step()
                monitor.log_batch(None, None, loss)
                if case.ranks > 1:
                    monitor.sync(_broadcast)
            if monitor.should_stop:
                break
            if case.event == "validation":
                monitor.between_epochs(epoch)
    return trace


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
