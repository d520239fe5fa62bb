"""A loop under Accelerate, as its page of the documentation has it: all that it needs of us is a tracker."""

from __future__ import annotations

from typing import Any

import accelerate
import torch

from livetrain._ranks import roll_call
from livetrain.accelerate import LiveTrainTracker, broadcast
from tests.steering.case import Case, Trace
from tests.steering.steered import Maker
from tests.steering.trainings.line import Line
from tests.steering.trainings.schedulers import RATE, SCHEDULERS

__all__ = ["train"]

_PATIENCE = roll_call.FIRST


def train(case: Case, make: Maker) -> Trace:
    """Train as a row says.

    ``case.options``: ``attach``: what is attached, the "prepared" optimizer or the "plain" one; ``steps=False`` loops without
    `Monitor.steps`; ``alone=True`` does so on all processes but the main one.
    """
    # The process that stays away need not be waited for as long as a real one.
    patience = (1.0, 5.0) if case.options.get("alone") else _PATIENCE
    roll_call.FIRST = patience
    attach, steps = case.options.get("attach", "prepared"), case.options.get("steps", True)
    trace, line = Trace(), Line()
    tracker = LiveTrainTracker(monitor_factory=make)
    accumulate = 2 if case.event == "accumulation" else 1
    accelerator = accelerate.Accelerator(
        cpu=True, log_with=tracker, gradient_accumulation_steps=accumulate
    )
    accelerator.init_trackers("any", config={"lr": RATE})
    monitor: Any = accelerator.get_tracker("livetrain", unwrap=True)
    plain = torch.optim.SGD(line.parameters(), lr=RATE)
    data = torch.ones(2 * case.batches * case.ranks, 1, dtype=torch.float64)
    model, optimizer, loader = accelerator.prepare(
        line, plain, torch.utils.data.DataLoader(data, batch_size=2)
    )
    scheduler = SCHEDULERS[case.scheduler](optimizer if attach == "prepared" else plain)
    scheduler = accelerator.prepare(scheduler) if scheduler is not None else None
    monitor.attach(optimizer if attach == "prepared" else plain)
    own = not steps or (case.options.get("alone") and not accelerator.is_main_process)
    for epoch in range(case.epochs):
        for index, batch in enumerate(loader if own else monitor.steps(loader)):
            with accelerator.accumulate(model):
                loss = model(batch)
                accelerator.backward(loss)
                optimizer.step()
                if accelerator.sync_gradients:
                    trace.moved(epoch * case.batches + index, line.weight.item())
                if scheduler is not None:
                    scheduler.step()
                optimizer.zero_grad()
            monitor.log_batch(None, None, loss)
            if not steps:
                monitor.sync(broadcast)
                if monitor.should_stop:
                    break
        if monitor.should_stop:
            break
        if case.event == "validation":
            monitor.between_epochs(epoch)
    if case.ranks == 1:
        accelerator.end_training()
    else:
        tracker.finish()  # all that this does here, but for the process group, which the next row needs
    return trace
