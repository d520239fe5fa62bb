"""F37: losses that are NaN, infinite, huge, bf16, 0-d, with gradients, objects, None."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.faults.conftest import NewStreams
from tests.faults.ledger import api
from tests.faults.processes import Script, Server

LOSSES = """
    import decimal, fractions, math, sys
    import numpy as np
    import torch
    import livetrain
    monitor = livetrain.Monitor("losses", server=sys.argv[1])
    weight = torch.tensor([1.5], requires_grad=True)
    losses = [
        float("nan"), float("inf"), float("-inf"), 1e308, -1e308, 0.0, -0.0, 5e-324, 3, True, 10**400,
        np.float32(1.5), np.float64(1.5), np.float16(1.5), np.array(1.5), np.array([1.5]), np.int64(3),
        torch.tensor(1.5), torch.tensor([1.5]), torch.tensor(1.5, dtype=torch.bfloat16),
        torch.tensor(1.5, dtype=torch.float16), weight * 1, (weight * 1).sum(),
        torch.tensor(float("nan")), decimal.Decimal("1.5"), fractions.Fraction(3, 2),
        None, "1.5", object(), [1.5], torch.tensor([1.0, 2.0]), np.zeros((2, 2)), torch.tensor(1.5, device="meta"),
    ]
    for step, loss in enumerate(losses):
        monitor.log_batch(None, None, loss=loss)
        monitor.log({"loss2": loss}, step=step)
    monitor.log_epoch(0, loss=float("nan"), accuracy=None, val_loss=float("inf"))
    monitor.log_validation(loss=float("nan"))
    assert monitor.close(10), monitor.stats()
    assert weight.grad is None and weight.requires_grad
    print(len(losses))
"""
READABLE = 26  # those before None


def test_what_is_a_number_is_kept_and_what_is_none_is_no_error(
    folder: Path, shared_server: Server, new_streams: NewStreams
) -> None:
    pytest.importorskip("torch")
    script = Script(folder, LOSSES, shared_server.grpc)
    assert script.wait(60) == 0, script.stderr[-3000:]
    assert "Traceback" not in script.stderr, script.stderr[-3000:]
    count = int(script.stdout)
    (stream,) = new_streams()
    assert list(stream.batches) == list(range(count))
    assert stream.seqs == list(range(1, stream.durable_seq + 1))
    # Of a double the wire's 32 bits keep the sign and that it is huge.
    assert math.isnan(stream.batches[0])
    assert stream.batches[1] == math.inf
    assert stream.batches[2] == -math.inf
    assert [stream.batches[step] for step in (11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22)] == [
        1.5
    ] * 11
    assert {*range(10), *range(11, 24)} <= stream.losses
    assert not {26, 28, 30, 31, 32} & stream.losses


def test_the_api_gives_them_as_json(
    folder: Path, shared_server: Server, new_streams: NewStreams
) -> None:
    """`json.dumps` writes NaN as a bare token, which is no JSON."""
    pytest.importorskip("torch")
    script = Script(folder, LOSSES, shared_server.grpc)
    assert script.wait(60) == 0, script.stderr[-3000:]
    (stream,) = new_streams()
    loss = api(shared_server, f"/api/runs/{stream.run_id}/metrics?names=loss")["metrics"]["loss"]
    values = dict(zip(loss["steps"], loss["values"], strict=True))
    assert values[0] is None
    assert values[1] is None
    assert values[11] == 1.5
