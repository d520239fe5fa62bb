"""A store on disk, written to as the server writes to it, but when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import insert, update

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.series import Series
from livetrain.server.store import schema
from livetrain.server.store.engine import open_store
from livetrain.server.store.merging import write_merge
from livetrain.server.store.question import Curve, Question
from livetrain.server.store.reader import Reader
from livetrain.server.store.seal import finish_seal, write_slice
from livetrain.server.store.statements import insert_row

START_US = 1_700_000_000_000_000


def record_of(curves: dict[str, Series]) -> pb.TelemetryRequest:
    """Return points as a record of columns."""
    columns = [
        pb.PointColumn(
            name=name,
            steps=series.steps.astype("<i8").tobytes(),
            times_us=series.times_us.astype("<i8").tobytes(),
            values=series.values.astype("<f8").tobytes(),
        )
        for name, series in curves.items()
    ]
    return pb.TelemetryRequest(columns=pb.PointColumns(columns=columns))


class StoreWorld:
    """One store with runs."""

    def __init__(self, path: Path) -> None:
        self.store = open_store(f"sqlite:///{path}")
        with self.store.writer.connect() as connection:  # the only one, which is kept
            connection.rollback()
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA synchronous=OFF")
        self.reader = Reader(self.store.reader)

    def add_run(self) -> RunWorld:
        return RunWorld(self)

    def close(self) -> None:
        self.store.close()


class RunWorld:
    """One run."""

    def __init__(self, world: StoreWorld) -> None:
        self.world = world
        self.reader = world.reader
        self.offset = 0
        row = {c.name: 0 for c in schema.runs.c if c.name != "key" and not c.nullable}
        text = {name: "" for name in ("session_hash", "name", "project", "message", "traceback")}
        blank = {name: b"" for name in ("config", "controls", "report")}
        with world.store.writer.begin() as connection:
            self.key = insert_row(
                connection,
                schema.runs,
                {
                    **{**row, **text, **blank, "deleted": False},
                    **{"run_id": f"run{id(self)}-{np.random.default_rng().integers(2**60)}"},
                    **{"status": "running", "tags": "[]", "remarks": "{}", "search": ""},
                },
            )
        self.stream = self.add_stream()

    def add_stream(self, *, rank: int = 0, attempt: int = 1, from_step: int | None = 0) -> int:
        row: dict[str, Any] = {
            "run_key": self.key,
            "stream_id": f"{rank}-{np.random.default_rng().integers(2**60)}",
            "rank": rank,
            "token_hash": "",
            "opened": True,
            "durable_seq": 0,
            "attempt": attempt,
            "from_step": from_step,
        }
        with self.world.store.writer.begin() as connection:
            return insert_row(connection, schema.streams, row)

    def set_stream(self, stream: int, **columns: Any) -> None:
        with self.world.store.writer.begin() as connection:
            connection.execute(
                update(schema.streams).where(schema.streams.c.key == stream).values(**columns)
            )

    def commit(self, *records: pb.TelemetryRequest, stream: int | None = None) -> None:
        """Write records as one group."""
        rows = []
        for record in records:
            self.offset += 1
            rows.append(
                {
                    "run_key": self.key,
                    "offset": self.offset,
                    "stream_key": self.stream if stream is None else stream,
                    "received_ms": START_US // 1000,
                    "notable": False,
                    "steering": False,
                    "clock_offset_us": 0,
                    "record": record.SerializeToString(),
                }
            )
        with self.world.store.writer.begin() as connection:
            connection.execute(insert(schema.events), rows)
            connection.execute(
                update(schema.runs)
                .where(schema.runs.c.key == self.key)
                .values(last_offset=self.offset)
            )

    def log(self, curves: dict[str, Series], *, stream: int | None = None) -> None:
        """Write points as one record."""
        self.commit(record_of(curves), stream=stream)

    def seal(self, *, slices: int | None = None) -> None:
        """Turn into chunks what there is; with ``slices`` as if the server were killed after so many."""
        plan = self.reader.plan_seal(self.key)
        if plan is None:
            return
        writer = self.world.store.writer
        for at, names in enumerate(plan.slices()):
            if at == slices:
                return
            made = self.reader.prepare_slice(plan, names)
            with writer.begin() as connection:
                assert write_slice(connection, made)
        if slices is None:
            with writer.begin() as connection:
                finish_seal(connection, plan)

    def merge(self) -> None:
        while (plan := self.reader.plan_merge(self.key)) is not None:
            with self.world.store.writer.begin() as connection:
                write_merge(connection, plan)

    def curves(self, *names: str, **question: Any) -> dict[str, Series]:
        found = self.reader.curves(self.key, names=names or None, question=Question(**question))
        return {name: curve.series for name, curve in found.items() if isinstance(curve, Curve)}

    def count(self, table: str) -> int:
        with self.world.store.reader.connect() as connection:
            if table == "chunks":
                query = f"SELECT count(*) FROM chunks WHERE run_key = {self.key}"
            else:
                query = f"SELECT count(*) FROM {table}"
            return int(connection.exec_driver_sql(query).scalar() or 0)


@contextmanager
def opened(path: Path) -> Iterator[StoreWorld]:
    """Open a store at a path, and close it."""
    world = StoreWorld(path)
    try:
        yield world
    finally:
        world.close()
