"""F25 to F28: hostile protobuf, messages over the limit, records that nobody can read, bombs called JPEG."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from livetrain.proto import telemetry_pb2 as pb
from tests.faults.conftest import Measure
from tests.faults.ledger import api, read_store
from tests.faults.processes import Server, Trainer
from tests.faults.rogue import HOSTILE, MESSAGE_LIMIT, Rogue, no_utf8
from tests.faults.verdict import assert_delivered, assert_undisturbed


@pytest.fixture
def rogue(server: Server) -> Iterator[Rogue]:
    rogue = Rogue(server.grpc)
    yield rogue
    rogue.close()


@pytest.mark.parametrize("message", HOSTILE)
def test_f25_f26_hostile_messages(
    folder: Path,
    server: Server,
    rogue: Rogue,
    seed: int,
    measure: Measure,
    message: str,
) -> None:
    trainer = Trainer(folder, server.grpc, steps=0, seed=seed, flush=15.0)
    trainer.wait_for_acknowledged(10, 20)
    before = server.process.peak_memory_bytes()
    answers, code = rogue.send(HOSTILE[message](rogue))
    errors = [answer.error for answer in answers if answer.HasField("error")]
    assert errors or code is not grpc.StatusCode.OK, "nothing was said to the one who sent it"
    grown = server.process.peak_memory_bytes() - before
    assert grown <= 4 * MESSAGE_LIMIT, f"the server took {grown >> 20} MiB more"
    trainer.wait_for_acknowledged(trainer.acknowledged + 20, 20)
    trainer.finish()
    summary = assert_undisturbed(trainer, measure)
    assert summary["reconnects"] == 0, "another stream was affected"
    stream = next(s for s in read_store(server.data_dir) if s.stream_id != "rogue")
    assert_delivered(trainer, server, measure, stream=stream)
    assert "Traceback" not in server.log(), server.log()[-3000:]
    sentence = r"refused a (?:message|record of run \w+) from ipv4:127\.0\.0\.1:\d+: \w+"
    assert re.search(sentence, server.log()), "no sentence in the log names the peer and the reason"


def test_f25_flipped_bits(
    folder: Path, server: Server, rogue: Rogue, chance: random.Random, measure: Measure
) -> None:
    batch = pb.BatchData(step=1, batch_loss=0.5, batch_size=16)
    batch.images.add(image_bytes=b"\xff\xd8\xff" + bytes(300), format="jpeg", width=8, height=8)
    batch.predictions.add(predicted_class=1, predicted_label="one", confidence=0.5)
    good = rogue.record(1, batch_data=batch)
    for _ in range(200):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        rogue.send(bytes(damaged))
    trainer = Trainer(folder, server.grpc, steps=60, seed=2, flush=15.0)
    assert_undisturbed(trainer, measure)
    stream = next(s for s in read_store(server.data_dir) if s.stream_id != "rogue")
    assert_delivered(trainer, server, measure, stream=stream)
    assert "Traceback" not in server.log(), server.log()[-3000:]


def test_f27_a_record_that_is_never_taken_does_not_stop_the_stream(rogue: Rogue) -> None:
    """The server names the poison by its number, and takes a tombstone in its place."""
    poison = no_utf8(rogue, 2)
    answers, _ = rogue.send(rogue.record(1, log=pb.Log(message="one")), poison)
    assert 2 in [answer.error.rejected_seq for answer in answers if answer.HasField("error")]
    tombstone = rogue.record(2, tombstone=pb.Tombstone(reason="poison", records=1))
    answers, code = rogue.send(tombstone, rogue.record(3, log=pb.Log(message="three")))
    assert code is grpc.StatusCode.OK
    assert max(answer.ack.durable_seq for answer in answers) == 3


PICTURES = {
    "a JPEG that says it is 65535 x 65535": bytes.fromhex(
        "ffd8 ffc0 0011 08 ffff ffff 03 012200 021101 031101 ffd9"
    ),
    "HTML": b"<html><script>alert(1)</script></html>",
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "nothing": b"",
    "junk": bytes(range(256)) * 64,
}


@pytest.mark.parametrize("what", PICTURES)
def test_f28_pictures_that_are_none(server: Server, rogue: Rogue, what: str) -> None:
    batch = pb.BatchData(step=1, batch_loss=0.5, batch_size=16)
    for _ in range(16):
        batch.images.add(image_bytes=PICTURES[what], format="jpeg", width=65535, height=65535)
    record = rogue.record(1, batch_data=batch)
    before = server.process.peak_memory_bytes()
    answers, _ = rogue.send(record, rogue.record(2, scalars=pb.Scalars(step=2)))
    # A poor picture is no reason to lose the numbers that came with it.
    assert max((a.ack.durable_seq for a in answers), default=0) == 2
    assert server.process.peak_memory_bytes() - before <= 4 * MESSAGE_LIMIT
    (stream,) = read_store(server.data_dir)
    assert stream.batches == {1: 0.5}
    assert api(server, f"/api/runs/{stream.run_id}/metrics?names=loss")["metrics"]["loss"]["values"]
    assert "Traceback" not in server.log(), server.log()[-3000:]
    if PICTURES[what]:
        sentence = r"refused a picture from ipv4:127\.0\.0\.1:\d+: \w+"
        assert re.search(sentence, server.log()), "no sentence names the peer and the reason"


def test_f25_thirty_hostile_streams_leave_room_for_one_more(
    folder: Path, server: Server, measure: Measure
) -> None:
    rogues = [Rogue(server.grpc) for _ in range(30)]
    threads = [
        threading.Thread(
            target=rogue.send, args=(HOSTILE["junk"](rogue), HOSTILE["empty_submessages"](rogue))
        )
        for rogue in rogues
    ]
    for thread in threads:
        thread.start()
    trainer = Trainer(folder, server.grpc, steps=100, seed=3, flush=15.0)
    assert_undisturbed(trainer, measure)
    for thread in threads:
        thread.join(30)
    for rogue in rogues:
        rogue.close()
    stream = next(s for s in read_store(server.data_dir) if s.stream_id != "rogue")
    assert_delivered(trainer, server, measure, stream=stream)
