"""What takes the place of a record that is refused, and the words for it. Pure."""

from __future__ import annotations

from typing import Final

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.records import TOMBSTONE, Record, Rejected

__all__ = ["gap", "refusal"]

_NAME_CHARS: Final = 60
_REASON_CHARS: Final = 300


def refusal(run_name: str, seq: int, rejected: Rejected, *, replaced: bool) -> str:
    """Return the sentences that tell a trainer which record was refused, and why.

    Args:
        run_name: of the run that it would belong to.
        seq: its number; 0: it has none.
        rejected: what was refused.
        replaced: whether a gap takes its place.

    Example:
        >>> refused = Rejected(7, "a metric's name of 300 characters; 1 to 256 are taken", what="scalars", step=9)
        >>> refusal("digits", 7, refused, replaced=True)[:57]
        "Record 7 of run 'digits' (scalars at step 9) was not take"
    """
    what = rejected.what.replace("_", " ") or "unreadable"
    where = f"{what} at step {rejected.step}" if rejected.step is not None else what
    which = f"Record {seq}" if seq else "A record"
    reason = rejected.reason[:_REASON_CHARS]
    said = f"{which} of run {run_name[:_NAME_CHARS]!r} ({where}) was not taken: {reason}."
    return f"{said} A gap stands in its place." if replaced else said


def gap(seq: int, rejected: Rejected, *, step: int) -> Record:
    """Return the record that stands for one that was refused.

    Args:
        seq: the number of both.
        rejected: what was refused.
        step: where the stream is, for a record that does not say where it stands.
    """
    message = pb.TelemetryRequest(
        seq=seq,
        tombstone=pb.Tombstone(
            reason=f"refused by the server: {rejected.reason[:_REASON_CHARS]}",
            records=rejected.points,
            step=step if rejected.step is None else rejected.step,
        ),
    )
    data = message.SerializeToString()
    return Record(seq, TOMBSTONE, "", message, data, None, rejected.size)
