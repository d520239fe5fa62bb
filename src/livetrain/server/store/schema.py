"""The tables. Records come in as events; curves are chunks that the writer makes of them.

An event is one committed record of a run, numbered by its offset. Points are not written as rows: the events themselves are
the tail of every curve, until ``sealed_offset`` moves past them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

__all__ = [
    "chunk_parts",
    "chunks",
    "deleted_sessions",
    "events",
    "meta",
    "metadata",
    "metrics",
    "old_chunks",
    "publications",
    "runs",
    "samples",
    "streams",
]

metadata = MetaData()

# SQLite gives out row ids by itself for INTEGER keys only.
_KEY = BigInteger().with_variant(Integer(), "sqlite")

meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("run_id", String(32), nullable=False, unique=True),
    Column("session_hash", String(64), nullable=False, index=True),
    Column("protocol", SmallInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("tags", Text, nullable=False),  # a JSON list
    Column("created_ms", BigInteger, nullable=False),
    Column("config", LargeBinary, nullable=False),  # TrainingConfig
    Column("controls", LargeBinary, nullable=False),  # SessionInfo with nothing but its controls
    Column("report", LargeBinary, nullable=False),  # ClientReport
    Column("status", String(16), nullable=False),
    Column("message", Text, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),  # 0: goes on
    Column("last_heard_ms", BigInteger, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("last_offset", BigInteger, nullable=False),
    Column("sealed_offset", BigInteger, nullable=False),  # up to here every point is in a chunk
    Column("trimmed_offset", BigInteger, nullable=False),  # up to here events may be gone
    Column("deleted", Boolean, nullable=False, default=False),
    # When the first point was logged, by the server's clock; 0: none yet.
    Column("first_point_us", BigInteger, nullable=False, server_default="0"),
    Column("traceback", Text, nullable=False, server_default=""),  # of the error that ended it
    Column("exit_code", Integer, nullable=True),  # of the process that ended; NULL: not known
    Column("remarks", Text, nullable=False, server_default="{}"),  # sentences by their kind, JSON
    Column("search", Text, nullable=False, server_default=""),  # name, project, id and tags, folded
    sqlite_autoincrement=True,
)
Index("ix_runs_created", runs.c.created_ms, runs.c.key)

streams = Table(
    "streams",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("run_key", BigInteger, nullable=False),
    Column("stream_id", Text, nullable=False),
    Column("rank", BigInteger, nullable=False),
    Column("token_hash", String(64), nullable=False),  # empty: an older client, which has none
    Column("opened", Boolean, nullable=False),
    Column("durable_seq", BigInteger, nullable=False),
    # Which start of the training it is, among the streams of its rank, from 1. It grows when an earlier start is heard later.
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("from_step", BigInteger, nullable=True),  # the first step of it; NULL: it logged none
    Column(
        "first_us", BigInteger, nullable=False, server_default="0"
    ),  # its first record, by the server's clock; 0: none
    Column("steps", BigInteger, nullable=False, server_default="0"),  # its newest step, plus one
    Column(
        "step_name", Text, nullable=False, server_default=""
    ),  # whose steps these are: a metric, or empty: batches
    Column(
        "status", String(16), nullable=False, server_default=""
    ),  # as it said last; empty: it did not
    Column("message", Text, nullable=False, server_default=""),
    Column("last_heard_ms", BigInteger, nullable=False, server_default="0"),
    Column("clock_offset_us", BigInteger, nullable=False, server_default="0"),  # as measured last
    UniqueConstraint("run_key", "stream_id"),
)

events = Table(
    "events",
    metadata,
    Column("run_key", BigInteger, primary_key=True, autoincrement=False),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("stream_key", BigInteger, nullable=False),  # 0: the server itself
    Column("received_ms", BigInteger, nullable=False),
    Column(
        "notable", Boolean, nullable=False
    ),  # epochs, status, logs and the like: kept when numbers are trimmed
    Column(
        "steering", Boolean, nullable=False, server_default=false()
    ),  # commands and what became of them
    # Of the trainer's clock to the server's when this record was made: subtract it from the record's own times.
    Column("clock_offset_us", BigInteger, nullable=False, server_default="0"),
    Column("record", LargeBinary, nullable=False),  # TelemetryRequest
    # Rows of a run stand together on disk, in order: they are read and trimmed so.
    sqlite_with_rowid=False,
)
Index(
    "ix_events_notable",
    events.c.run_key,
    events.c.offset,
    sqlite_where=text("notable"),
    postgresql_where=text("notable"),
)
Index(
    "ix_events_steering",
    events.c.run_key,
    events.c.offset,
    sqlite_where=text("steering"),
    postgresql_where=text("steering"),
)

metrics = Table(
    "metrics",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("run_key", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    # Up to here its points are in chunks, where that is further than the run's own offset says.
    Column("sealed_offset", BigInteger, nullable=False, server_default="0"),
    # Chunks that came since it was last seen to whether some can be put together.
    Column("fresh", Integer, nullable=False, server_default="0"),
    Column("summary", LargeBinary, nullable=True),  # of the points in chunks; NULL: not made yet
    UniqueConstraint("run_key", "name"),
)
Index(
    "ix_metrics_fresh",
    metrics.c.run_key,
    sqlite_where=text("fresh >= 4"),
    postgresql_where=text("fresh >= 4"),
)

chunks = Table(
    "chunks",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("run_key", BigInteger, nullable=False, index=True),
    Column("metric_key", BigInteger, nullable=False),
    Column("stream_key", BigInteger, nullable=False),  # whose points; 0: not known
    Column("place", BigInteger, nullable=False),  # chunks of a stream by the order of their points
    Column("version", SmallInteger, nullable=False),  # 1: its data is in `old_chunks`
    Column("points", Integer, nullable=False),
    Column("odd", Integer, nullable=False),  # points that are not finite
    Column("first_step", BigInteger, nullable=False),  # the lowest
    Column("last_step", BigInteger, nullable=False),  # the highest
    Column("first_us", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
    Column("ordered", Boolean, nullable=False),  # neither steps nor times go back
    Column("step_width", BigInteger, nullable=False),  # of a bucket of its level; 0: it has none
    Column("time_width", BigInteger, nullable=False),
    Column("summary", LargeBinary, nullable=True),  # one bucket of all of its points
    Column("data", LargeBinary, nullable=True),  # the points of a small one
)
Index("ix_chunks_metric", chunks.c.metric_key, chunks.c.first_step, chunks.c.last_step)

# What is large of a chunk, so that the rows above lie close together: four times the chunk's key, plus which part it is.
chunk_parts = Table(
    "chunk_parts",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

old_chunks = Table(
    "old_chunks",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("run_key", BigInteger, nullable=False),
    Column("metric_key", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("first_step", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("points", Integer, nullable=False),
    Column("rollup", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
)

samples = Table(
    "samples",
    metadata,
    Column("key", _KEY, primary_key=True, autoincrement=True),
    Column("run_key", BigInteger, nullable=False),
    Column("sample_id", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("step", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("format", String(8), nullable=False),  # jpeg or png, as its header says
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes of the picture
    Column("picture", LargeBinary, nullable=False),
    UniqueConstraint("run_key", "sample_id"),
)

deleted_sessions = Table(
    "deleted_sessions",
    metadata,
    Column("session_hash", String(64), primary_key=True),
    Column("deleted_ms", BigInteger, nullable=False),
)

# Runs that the metrics relay recorded, as their publishers know them.
publications = Table(
    "publications",
    metadata,
    Column("run_key", BigInteger, primary_key=True, autoincrement=False),
    Column("host", Text, nullable=False, index=True),  # of the publisher that told of it last
    Column("theirs", Text, nullable=False, index=True),  # the publisher's id; empty: not known
    # The first number of its epochs, 0 or 1, and of those that its batches name; NULL: none was told.
    Column("first_epoch", Integer, nullable=True),
    Column("first_of_batches", Integer, nullable=True),
)
