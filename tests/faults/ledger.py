"""What was produced against what the store has: the contract of delivery, checked record by record."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
import struct
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from livetrain.proto import telemetry_pb2 as pb
from tests.faults.processes import Server, Trainer

__all__ = ["Delivery", "StoredStream", "api", "check_delivery", "check_images", "read_store"]

TILES = 16
REPORTS = 1
"""Records about itself that a training ends with."""
STRIP_REASONS = {
    number: name.removeprefix("STRIP_REASON_").lower() for name, number in pb.StripReason.items()
}


@dataclass
class StoredStream:
    """What the store has of one stream, in the order of its offsets."""

    run_id: str
    stream_id: str
    durable_seq: int
    records: list[pb.TelemetryRequest] = field(default_factory=list)

    @property
    def seqs(self) -> list[int]:
        return [record.seq for record in self.records]

    @property
    def batches(self) -> dict[int, float]:
        found: dict[int, float] = {}
        for record in self.records:
            if record.HasField("batch_data"):
                batch = record.batch_data
                # A sender other than the SDK of today knows no exact numbers.
                exact = batch.HasField("exact_loss")
                found[batch.step] = batch.exact_loss if exact else batch.batch_loss
            elif record.columns.HasField("batches"):
                found |= {step: value for _, step, value in _points(record)}
        return found

    @property
    def losses(self) -> set[int]:
        """The steps of the batches that have a loss."""
        found: set[int] = set()
        for record in self.records:
            if record.batch_data.HasField("batch_loss"):
                found.add(record.batch_data.step)
            elif record.columns.HasField("batches"):
                found |= {step for _, step, _ in _points(record)}
        return found

    @property
    def scalars(self) -> dict[tuple[str, int], float]:
        found: dict[tuple[str, int], float] = {}
        for record in self.records:
            if record.HasField("scalars"):
                found |= {(v.name, record.scalars.step): v.value for v in record.scalars.values}
            elif record.HasField("columns") and not record.columns.HasField("batches"):
                found |= {(name, step): value for name, step, value in _points(record)}
        return found

    @property
    def calls(self) -> int:
        """Calls of the trainer's that are stored or left out, where each logs one number."""
        return sum(_calls(record) for record in self.records)

    @property
    def epochs(self) -> list[int]:
        return [r.epoch_data.epoch for r in self.records if r.HasField("epoch_data")]

    @property
    def statuses(self) -> list[int]:
        return [r.status_update.status for r in self.records if r.HasField("status_update")]

    @property
    def tombstones(self) -> int:
        """Calls that were left out."""
        return sum(r.tombstone.records for r in self.records if r.HasField("tombstone"))

    @property
    def others(self) -> int:
        """Records that the training did not ask for: how fast it goes."""
        return sum(r.HasField("performance_data") for r in self.records)

    @property
    def stripped(self) -> Counter[str]:
        """Images that were left out, by reason."""
        counts: Counter[str] = Counter()
        for record in self.records:
            if record.frames_stripped:
                counts[STRIP_REASONS[record.strip_reason]] += record.frames_stripped
        return counts

    @property
    def shown(self) -> int:
        """Batches that came with their images."""
        return sum(r.HasField("batch_data") and not r.frames_stripped for r in self.records)


def _points(record: pb.TelemetryRequest) -> Iterator[tuple[str, int, float]]:
    """Yield name, step and value of each point of a record of columns; of batches, only their losses."""
    of_batches = record.columns.HasField("batches")
    for column in record.columns.columns:
        if not of_batches or column.name == "loss":
            steps = np.frombuffer(column.steps, "<i8").tolist()
            values = np.frombuffer(column.values, "<f8").tolist()
            yield from ((column.name, *point) for point in zip(steps, values, strict=True))


def _calls(record: pb.TelemetryRequest) -> int:
    if record.HasField("tombstone"):
        return record.tombstone.records
    return sum(1 for _ in _points(record)) if record.HasField("columns") else 1


@dataclass
class Delivery:
    """The result of `check_delivery`: counts of records."""

    produced: int
    stored: int
    tombstones: int
    duplicates: int
    gaps: int
    acknowledged_lost: int
    others_left_out: int = (
        0  # of `tombstones`, those that stand for nothing that the training asked for
    )

    @property
    def missing(self) -> int:
        return self.produced - self.stored - (self.tombstones - self.others_left_out)


def read_store(data_dir: Path) -> list[StoredStream]:
    """Read every stream from a copy of the SQLite files, so that a server at work is not touched.

    The copy is what a power cut at this moment would leave: the log is replayed on opening it.
    """
    with tempfile.TemporaryDirectory() as scratch:
        (database,) = [
            path for path in data_dir.rglob("*") if path.suffix in (".db", ".sqlite", ".sqlite3")
        ]
        # The log first: what a checkpoint moves meanwhile is then in the copy twice, not missing.
        for suffix in ("-wal", ""):
            source = database.with_name(database.name + suffix)
            if source.exists():
                shutil.copy(source, Path(scratch) / f"store.db{suffix}")
        connection = sqlite3.connect(Path(scratch) / "store.db")
        try:
            return _streams(connection)
        finally:
            connection.close()


def _streams(connection: sqlite3.Connection) -> list[StoredStream]:
    streams = {
        key: StoredStream(run_id, stream_id, durable)
        for key, run_id, stream_id, durable in connection.execute(
            "SELECT s.key, r.run_id, s.stream_id, s.durable_seq FROM streams s JOIN runs r ON r.key = s.run_key"
        )
    }
    for key, data in connection.execute(
        "SELECT stream_key, record FROM events ORDER BY run_key, offset"
    ):
        if key in streams:
            record = pb.TelemetryRequest.FromString(data)
            if record.seq:
                streams[key].records.append(record)
    return list(streams.values())


def stream_of(trainer: Trainer, data_dir: Path) -> StoredStream:
    """Return the one stream in the store."""
    streams = read_store(data_dir)
    assert len(streams) == 1, f"{len(streams)} streams where {trainer.stderr_file.stem} made one"
    return streams[0]


def check_images(trainer: Trainer, stream: StoredStream) -> int:
    """Compare what a training counted of its images with what its store says; return how many are not accounted for.

    All must have arrived. Each image was shown or is counted under one reason, and the store has that reason; what was thinned
    with its record is counted here alone.
    """
    counted: dict[str, int] = trainer.last()["stripped"]
    steps = {entry["step"] for entry in trainer.entries() if "step" in entry}
    thinned = len(steps - set(stream.batches))
    told = stream.stripped
    apart = {reason: counted.get(reason, 0) - told[reason] for reason in {*counted, *told}}
    assert min(apart.values(), default=0) >= 0, f"the store has more left out: {counted} {told}"
    unaccounted = abs(sum(apart.values()) - TILES * thinned)
    unaccounted += abs(TILES * (len(steps) - thinned) - TILES * stream.shown - told.total())
    assert unaccounted == 0, (
        f"{unaccounted} images: {counted} here, {told} there, {thinned} thinned"
    )
    return unaccounted


def float32(value: float) -> float:
    """Return what is left of a number in the fields for older readers."""
    (rounded,) = struct.unpack("f", struct.pack("f", value))
    return float(rounded)


def check_delivery(trainer: Trainer, stream: StoredStream, *, whole: bool = True) -> Delivery:
    """Compare what a training wrote down with what the store has of it.

    Args:
        trainer: its `Plan` says what each step logged.
        stream: what the store has.
        whole: everything must have arrived; else only what was acknowledged.

    Raises:
        AssertionError: something acknowledged is missing, something is there twice, out of order or different.
    """
    steps = [entry for entry in trainer.entries() if "step" in entry]
    acknowledged = trainer.acknowledged
    seqs = stream.seqs
    duplicates = len(seqs) - len(set(seqs))
    gaps = sum(after != before + 1 for before, after in itertools.pairwise([0, *seqs]))
    assert duplicates == 0, f"{duplicates} records are stored twice"
    assert gaps == 0, f"{gaps} gaps in the numbers of the stored records"
    assert stream.durable_seq == (seqs[-1] if seqs else 0)
    lost = max(0, acknowledged - stream.calls)
    assert lost == 0, f"{lost} records were acknowledged ({acknowledged}) and are not stored"

    plan = trainer.plan
    stored = 0
    if plan.batches:
        stored += _check_numbers(
            "batches",
            steps,
            stream.batches,
            lambda entry: entry["loss"],
            whole,
            stream.tombstones,
        )
    for index in range(plan.scalars):
        name = f"extra{index}"
        values = {step: value for (found, step), value in stream.scalars.items() if found == name}
        stored += _check_numbers(
            name,
            steps,
            values,
            lambda entry, index=index: entry["loss"] + index,
            whole,
            stream.tombstones,
        )
    assert stream.epochs == sorted(set(stream.epochs)), "epochs are stored twice or out of order"
    produced = len(steps) * (plan.batches + plan.scalars)
    delivery = Delivery(produced, stored, stream.tombstones, duplicates, gaps, lost)
    if whole:
        if stream.tombstones:
            # Of the numbers that were given, those that are neither the training's own nor its status were of this kind.
            own = produced + len(stream.epochs) + len(stream.statuses) + REPORTS
            delivery.others_left_out = stream.calls - own - stream.others
            assert 0 <= delivery.others_left_out <= stream.tombstones, delivery
        assert delivery.missing == 0, f"{delivery}: {delivery.missing} records are missing"
        epochs = {entry["step"] // 20 for entry in steps if entry["step"] % 20 == 19}
        assert set(stream.epochs) == epochs, "an epoch is missing"
    return delivery


def _check_numbers(
    what: str,
    steps: Iterable[dict[str, Any]],
    stored: dict[int, float],
    value: Any,
    whole: bool,
    tombstones: int,
) -> int:
    assert list(stored) == sorted(stored), f"{what} are stored out of order"
    produced = {entry["step"]: value(entry) for entry in steps}
    # The step that a kill cut short may have logged without having written that down.
    strange = [step for step in stored if step not in produced and step != len(produced)]
    assert not strange, f"{what} {strange[:5]} were never produced"
    different = [step for step in produced if step in stored and stored[step] != produced[step]]
    assert not different, f"{what} {different[:5]} differ from what was logged"
    found = sum(step in stored for step in produced)
    if whole and not tombstones:
        missing = [step for step in produced if step not in stored]
        assert not missing, (
            f"{what}: {len(missing)} of {len(produced)} are missing, e.g. steps {missing[:5]}"
        )
    return found


def api(server: Server, path: str) -> Any:
    """GET a JSON answer from the server."""
    with urllib.request.urlopen(f"{server.http}{path}", timeout=10) as answer:
        return json.load(answer)
