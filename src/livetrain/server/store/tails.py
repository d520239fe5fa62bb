"""Keeps the points that are in no chunk yet in memory, so that a question reads only the records that came since the last one."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import DecodeError
from sqlalchemy import Connection, select

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.budget import Pool
from livetrain.server.points import read_points
from livetrain.server.store import schema
from livetrain.server.store.tail import Gatherer, TailBlock

__all__ = ["Tails", "read_blocks"]

_BLOCK_BYTES: Final = 16 << 20
"""Of records that make one block: in each every name of a curve is looked up anew."""
_BLOCKS: Final = 8
_LIMIT_BYTES: Final = 128 << 20


@dataclass(slots=True)
class _Tail:
    blocks: list[TailBlock] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Tails:
    """The tails of runs; those that were asked for longest ago go first. Threads may share it.

    Args:
        pool: what they alone take their memory from; the one that is asked for is always kept. None: one of their own.
    """

    def __init__(self, pool: Pool | None = None) -> None:
        pool = pool or Pool("points", _LIMIT_BYTES)
        self._claim = pool.claim()
        self._limit = pool.limit
        self._lock = threading.Lock()
        self._tails: OrderedDict[int, _Tail] = OrderedDict()

    def blocks(
        self, connection: Connection, run_key: int, *, after: int, last: int
    ) -> list[TailBlock]:
        """Return the points of a run's records after an offset up to and including another, as blocks that may reach further.

        Args:
            connection: in a transaction, whose moment decides what there is.
            run_key: the run's.
            after: up to here everything is in chunks.
            last: the offset of the newest record.
        """
        if last <= after:
            return []
        with self._lock:
            tail = self._tails.setdefault(run_key, _Tail())
            self._tails.move_to_end(run_key)
        with tail.lock:
            found = _extend(connection, run_key, tail, after, last)
        self._forget_oldest()
        return found

    def forget(self, run_key: int) -> None:
        """Forget a run's tail."""
        with self._lock:
            self._tails.pop(run_key, None)

    def _forget_oldest(self) -> None:
        with self._lock:
            held = {key: sum(block.nbytes for block in t.blocks) for key, t in self._tails.items()}
            total = sum(held.values())
            while total > self._limit and len(self._tails) > 1:
                key, _ = self._tails.popitem(last=False)
                total -= held[key]
            self._claim.set(total)


def _extend(
    connection: Connection, run_key: int, tail: _Tail, after: int, last: int
) -> list[TailBlock]:
    kept = [block for block in tail.blocks if block.last > after]
    if not kept:
        kept = read_blocks(connection, run_key, after=after, last=last)
        tail.blocks = kept
        return list(kept)
    before: list[TailBlock] = []
    if kept[0].after > after:
        # Somebody who sees a later moment has dropped what is in chunks there, and is not here.
        before = read_blocks(connection, run_key, after=after, last=kept[0].after)
    if kept[-1].last < last:
        kept += read_blocks(connection, run_key, after=kept[-1].last, last=last)
    if len(kept) > _BLOCKS:
        kept = [TailBlock.join(kept)]
    tail.blocks = kept
    return [*before, *kept]


def read_blocks(
    connection: Connection, run_key: int, *, after: int, last: int, most: int | None = None
) -> list[TailBlock]:
    """Read the points of records after an offset up to and including another.

    Args:
        connection: to read from.
        run_key: the run's.
        after: the offset before the first.
        last: the offset of the last.
        most: how many blocks to read; None: all.
    """
    events, streams = schema.events, schema.streams
    ranks = dict(
        connection.execute(
            select(streams.c.key, streams.c.rank).where(streams.c.run_key == run_key)
        ).all()
    )
    blocks: list[TailBlock] = []
    while after < last and (most is None or len(blocks) < most):
        query = (
            select(
                events.c.offset,
                events.c.stream_key,
                events.c.received_ms,
                events.c.clock_offset_us,
                events.c.record,
            )
            .where(events.c.run_key == run_key, events.c.offset > after, events.c.offset <= last)
            .order_by(events.c.offset)
        )
        gatherer, size, reached = Gatherer(after), 0, last
        with connection.execute(query) as rows:
            for offset, stream, received_ms, clock_offset_us, record in rows:
                gatherer.begin(stream, offset)
                size += len(record)
                with contextlib.suppress(DecodeError):  # what is damaged costs itself alone
                    read_points(
                        pb.TelemetryRequest.FromString(record),
                        gatherer,
                        received_ms=received_ms,
                        rank=ranks.get(stream, 0),
                        clock_offset_us=clock_offset_us,
                    )
                if size >= _BLOCK_BYTES:
                    reached = offset
                    break
        blocks.append(gatherer.finish(reached))
        after = reached
    return blocks
