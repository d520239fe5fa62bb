"""One rank of a data-parallel training; run by torch's own launcher or by hand, with the server in the environment.

    python training.py FOLDER OPTIONS

It writes a line for each step to ``FOLDER/rankN.jsonl``: the step, the rate that it is made with, and the time. Its weights lie in
``FOLDER/rankN.pt`` at the end.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

import livetrain


@dataclass
class Options:
    steps: int = 0  # 0: until somebody stops it
    pace: float = 0.01  # seconds that a step takes on top
    slow: dict[str, float] = field(default_factory=dict)  # seconds more, by rank
    images: bool = False  # each rank sends its own
    scheduler: bool = False
    die: dict[str, int] = field(
        default_factory=dict
    )  # the step at which a rank kills itself, by rank
    attach: list[int] = field(default_factory=lambda: [0, 1, 2, 3])  # ranks whose rate can be set
    sync: bool = True
    timeout: float = 60.0


def main(folder: Path, options: Options) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", timeout=datetime.timedelta(seconds=options.timeout))
    rank = dist.get_rank()
    torch.manual_seed(7)
    network = nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.ReLU(), nn.Linear(16, 3))
    model = nn.parallel.DistributedDataParallel(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = (
        torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.999) if options.scheduler else None
    )
    generator = torch.Generator().manual_seed(rank)  # each rank has data of its own

    def broadcast(text: Any) -> Any:
        box = [text]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    images = livetrain.ImageOptions(every_rank=options.images)
    with (
        livetrain.Monitor("ranks", images=images, max_overhead=0.5) as monitor,
        (folder / f"rank{rank}.jsonl").open("w", buffering=1) as told,
    ):
        if rank in options.attach:
            monitor.attach(optimizer)
        step = 0
        while not monitor.should_stop and (not options.steps or step < options.steps):
            if options.die.get(str(rank)) == step:
                os.kill(os.getpid(), 9)
            batch = torch.rand(16, 1, 6, 6, generator=generator)
            labels = torch.randint(3, (16,), generator=generator)
            rate = optimizer.param_groups[0]["lr"]
            time.sleep(options.slow.get(str(rank), 0.0))
            logits = model(batch)
            loss = nn.functional.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if scheduler is not None:
                scheduler.step()
            time.sleep(options.pace)
            told.write(json.dumps({"step": step, "rate": rate, "time": time.time()}) + "\n")
            step += 1
            monitor.log_batch(batch, logits, loss, targets=labels)
            if options.sync:
                monitor.sync(broadcast)
        monitor.flush(20)
        print(f"frames {monitor.stats().frames_sent} sent", flush=True)
    torch.save(model.module.state_dict(), folder / f"rank{rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Options(**json.loads(sys.argv[2])))
