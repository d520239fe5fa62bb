"""How far a trainer's clock is from the server's, and when a record was made by its own account. Pure; clocks are passed in."""

from __future__ import annotations

from collections import deque
from typing import Final

from livetrain.proto import telemetry_pb2 as pb
from livetrain.server.columns import ColumnsSummary

__all__ = ["ClockOffset", "drop_impossible_times", "earliest_time_us", "made_at_us", "own_time_us"]

_NOTICEABLE_US: Final = 2_000_000
"""What is measured holds the time that the message took; below this the clocks count as equal."""
_BACKWARD_US: Final = 60_000_000
"""A heartbeat that seems so much older was not merely held up on its way."""
_CONNECTING_US: Final = 10_000_000
"""A registration may have waited so long for its connection."""
_SAMPLES: Final = 3
_EARLIEST_US: Final = 946_684_800_000_000  # 2000-01-01
_LARGEST_US: Final = 2**62


class ClockOffset:
    """The offset of one trainer's clock: its time minus the server's.

    Every message that says when it was sent is a measurement. It is never later than the moment at which it comes, so what is
    measured is the offset or less, by the time on the way.

    Args:
        offset_us: as it was known before; microseconds.

    Example:
        >>> clock = ClockOffset()
        >>> clock.registered(sent_us=3_600_000_000, now_us=0)  # an hour fast
        >>> clock.offset_us, clock.offset_of(own_us=3_599_000_000, now_us=0)
        (3600000000, 3600000000)
    """

    __slots__ = ("_measured", "_recent", "offset_us")

    def __init__(self, offset_us: int = 0) -> None:
        self.offset_us = offset_us
        self._measured = offset_us != 0
        self._recent: deque[int] = deque(maxlen=_SAMPLES)

    def registered(self, sent_us: int, now_us: int) -> None:
        """Measure anew by a registration, which waited for nothing but its connection.

        Args:
            sent_us: when it was sent, by the trainer's clock; 0: it does not say, and nothing is measured.
            now_us: when it came, by the server's clock.
        """
        self._recent.clear()
        if not 0 < sent_us < _LARGEST_US:
            return
        sample = sent_us - now_us
        slow = -_CONNECTING_US < sample - self.offset_us <= _NOTICEABLE_US
        if not (self._measured and slow):  # else what was measured before is the better
            self._set(sample)

    def heard(self, sent_us: int, now_us: int) -> None:
        """Refine it by a message that was sent as soon as it was made, such as a heartbeat; the arguments as above."""
        if not 0 < sent_us < _LARGEST_US:
            return
        if not self._measured:  # its registration did not say when it was sent, or there was none
            self._set(sent_us - now_us)
            return
        sample = sent_us - now_us
        self._recent.append(sample)
        if sample > self.offset_us + _NOTICEABLE_US:  # nothing comes before it is sent
            self._set(sample)
        elif (
            len(self._recent) == _SAMPLES and max(self._recent) < self.offset_us - _BACKWARD_US
        ):  # the trainer's clock was set back
            self._set(max(self._recent))

    def _set(self, measured_us: int) -> None:
        self._measured = True
        self.offset_us = measured_us if abs(measured_us) >= _NOTICEABLE_US else 0

    def offset_of(self, own_us: int, now_us: int) -> int:
        """Return what to take off a record's own times; microseconds.

        It is the offset of the clocks, but for a record that would come from the future or from before the year 2000 by it:
        that one counts as made when it came.

        Args:
            own_us: when the record was made, by the trainer's clock; 0: it does not say.
            now_us: when it came, by the server's clock.
        """
        if not own_us:
            return 0
        if _EARLIEST_US <= own_us - self.offset_us <= now_us + _NOTICEABLE_US:
            return self.offset_us
        offset = own_us - now_us
        return offset if abs(offset) < _LARGEST_US else 0


def own_time_us(record: pb.TelemetryRequest, columns: ColumnsSummary | None = None) -> int:
    """Return when a record was made by its own account, Unix microseconds; of points in columns the newest. 0: it does not say.

    Args:
        record: as it is kept.
        columns: what is in its columns, where that is known already.
    """
    if columns is not None:
        return columns.newest_us if columns.points else _logged_us(record)
    if record.HasField("batch_data") and record.batch_data.logged_us:
        return record.batch_data.logged_us
    if record.HasField("columns"):
        newest = (
            int.from_bytes(column.times_us[-8:], "little", signed=True)
            for column in record.columns.columns
            if column.times_us
        )
        return max(newest, default=_logged_us(record))
    return _logged_us(record)


def _logged_us(record: pb.TelemetryRequest) -> int:
    return record.logged_us or record.timestamp_ms * 1000


def made_at_us(record: pb.TelemetryRequest, *, clock_offset_us: int, received_ms: int) -> int:
    """Return when a record was made by the server's clock, Unix microseconds; where it does not say, when it came."""
    own_us = own_time_us(record)
    return own_us - clock_offset_us if own_us else received_ms * 1000


def earliest_time_us(record: pb.TelemetryRequest, columns: ColumnsSummary | None = None) -> int:
    """Return the same of the first point of a record: of points in columns the oldest."""
    if columns is not None and columns.points:
        return columns.oldest_us
    return own_time_us(record, columns)


def drop_impossible_times(record: pb.TelemetryRequest) -> bool:
    """Remove times from a record that no clock can show; return whether there were any."""
    dropped = False
    if record.timestamp_ms * 1000 >= _LARGEST_US:
        record.timestamp_ms, dropped = 0, True
    if record.logged_us >= _LARGEST_US:
        record.logged_us, dropped = 0, True
    if record.HasField("batch_data") and record.batch_data.logged_us >= _LARGEST_US:
        record.batch_data.logged_us, dropped = 0, True
    return dropped
