"""F02, F03: the server is restarted in order under load; it comes back with an empty store."""

from __future__ import annotations

from pathlib import Path

from tests.faults.conditions import wait_until
from tests.faults.conftest import Measure
from tests.faults.ledger import read_store
from tests.faults.processes import Server, Trainer, Viewer
from tests.faults.verdict import assert_delivered, assert_undisturbed


def test_f02_restarts_in_order_lose_nothing(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    trainer = Trainer(folder, server.grpc, steps=0, seed=seed, flush=15.0)
    trainer.wait_for_acknowledged(1, 20)
    for _ in range(2):
        trainer.wait_for_steps(trainer.steps + 20, 20)
        assert server.stop() == 0
        server.start()
        trainer.wait_for_acknowledged(trainer.acknowledged + 1, 20)
    trainer.finish()
    assert_undisturbed(trainer, measure)
    assert_delivered(trainer, server, measure)
    assert "Traceback" not in server.log()


def test_f03_an_empty_server_gets_what_is_left(
    folder: Path, server: Server, seed: int, measure: Measure
) -> None:
    trainer = Trainer(folder, server.grpc, steps=0, seed=seed, flush=15.0)
    trainer.wait_for_acknowledged(20, 20)
    (stream,) = read_store(server.data_dir)
    viewer = Viewer(folder, server, stream.run_id)
    wait_until(viewer.entries, 20, "the viewer sees the run")
    server.kill()
    (before,) = read_store(server.data_dir)
    trainer.wait_for_steps(trainer.steps + 20, 20)
    server.data_dir = folder / "empty"
    server.start()
    trainer.wait_for_steps(trainer.steps + 20, 20)
    trainer.finish()
    summary = assert_undisturbed(trainer, measure)
    assert summary["flushed"]
    (after,) = read_store(server.data_dir)
    assert after.seqs == list(range(after.seqs[0], after.seqs[-1] + 1))
    # What the first server had committed may be told twice, to two stores; nothing may be told to neither.
    assert 1 < after.seqs[0] <= before.durable_seq + 1
    steps = {entry["step"] for entry in trainer.entries() if "step" in entry}
    assert {*before.batches, *after.batches} == steps
    # The run that the viewer looks at is unknown to the new store: it must not come again.
    wait_until(lambda: not viewer.alive, 20, "the viewer was told not to come again")
    assert viewer.entries()[-1] == {**viewer.entries()[-1], "kind": "closed", "code": 4004}
