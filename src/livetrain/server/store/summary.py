"""Where a curve stands: its newest point, its extremes, and how many points it has. Pure."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from livetrain.server.series import Series
from livetrain.server.store.buckets import BUCKET
from livetrain.server.store.packing import FEW, CorruptError, check, seal_bytes

__all__ = ["Summary"]

_PACKED: Final = struct.Struct("<10q4d")
_PLACES: Final = {name: place for place, name in enumerate(BUCKET.names or ())}
_COUNT, _ODD = _PLACES["count"], _PLACES["odd"]
_LOW, _LOW_STEP = _PLACES["low"], _PLACES["low_step"]
_HIGH, _HIGH_STEP = _PLACES["high"], _PLACES["high_step"]


@dataclass(slots=True)
class Summary:
    """What is known of all points of a curve that count, of the newest start of its training where there are several.

    Attributes:
        rank: whose curve it is.
        signature: of the training's starts that it was made with; see :meth:`Lineage.signature`.
        points: how many there are, those that are not finite too.
        odd: how many are not finite.
        stream: the key of the stream that logged the newest point.
        last, last_step, last_us: the point that was logged last.
        finite, finite_step: the last one that is finite; NaN: there is none.
        low, low_step, high, high_step: the extremes, each at its first step; NaN: no point is finite.
        attempt: which start of the training logged the newest point, from 1; it is not kept, because it may change.
    """

    rank: int = 0
    signature: int = 0
    points: int = 0
    odd: int = 0
    stream: int = 0
    last_step: int = 0
    last_us: int = 0
    finite_step: int = 0
    low_step: int = 0
    high_step: int = 0
    last: float = math.nan
    finite: float = math.nan
    low: float = math.nan
    high: float = math.nan
    attempt: int = 1

    @property
    def has_finite(self) -> bool:
        """Whether any point is finite."""
        return self.points > self.odd

    def add(
        self,
        stream: int,
        series: Series,
        *,
        bucket: tuple[Any, ...] | None = None,
        newest: bool = True,
    ) -> None:
        """Add points.

        Args:
            stream: that logged them.
            series: at least one point.
            bucket: of these points by step, where it is known.
            newest: whether they were logged after all that are here.
        """
        newest = newest or not self.points
        if len(series) <= FEW:
            self._add_few(stream, series, newest=newest)
            return
        finite = None
        if bucket is None or bucket[_ODD]:
            finite = np.flatnonzero(np.isfinite(series.values))
        if bucket is not None:
            self.add_bucket(bucket)
        elif finite is not None:
            self._measure(series, finite)
        places = range(len(series)) if finite is None else finite.tolist()
        last_finite = places[-1] if places else -1
        if newest:
            self.stream = stream
            self.last = float(series.values[-1])
            self.last_step = int(series.steps[-1])
            self.last_us = int(series.times_us[-1])
        if last_finite >= 0 and (newest or math.isnan(self.finite)):
            self.finite = float(series.values[last_finite])
            self.finite_step = int(series.steps[last_finite])

    def _add_few(self, stream: int, series: Series, *, newest: bool) -> None:
        """Do the same for few points: there may be very many such curves, and NumPy takes longer than Python then."""
        steps, values = series.steps.tolist(), series.values.tolist()
        finite = [
            (value, step) for step, value in zip(steps, values, strict=True) if math.isfinite(value)
        ]
        if finite:
            low, low_step = min(finite)
            high = max(finite)[0]
            high_step = min(step for value, step in finite if value == high)
            self._widen(len(finite), len(values) - len(finite), low, low_step, high, high_step)
        else:
            self._widen(0, len(values), None, None, None, None)
        if newest:
            self.stream, self.last, self.last_step = stream, values[-1], steps[-1]
            self.last_us = int(series.times_us[-1])
        if finite and (newest or math.isnan(self.finite)):
            self.finite, self.finite_step = finite[-1]

    def add_bucket(self, bucket: tuple[Any, ...]) -> None:
        """Add the number of points and the extremes of a bucket by step; the newest point is that of what is added later."""
        self._widen(
            bucket[_COUNT],
            bucket[_ODD],
            bucket[_LOW],
            bucket[_LOW_STEP],
            bucket[_HIGH],
            bucket[_HIGH_STEP],
        )

    def _measure(self, series: Series, finite: npt.NDArray[np.intp]) -> None:
        count = len(finite)
        low = high = low_step = high_step = None
        if count:
            values, steps = series.values[finite], series.steps[finite]
            low, high = values.min(), values.max()
            low_step = steps[values == low].min()
            high_step = steps[values == high].min()
        self._widen(count, len(series) - count, low, low_step, high, high_step)

    def _widen(
        self, count: int, odd: int, low: Any, low_step: Any, high: Any, high_step: Any
    ) -> None:
        if count:
            had = self.has_finite
            if not had or (low, low_step) < (self.low, self.low_step):
                self.low, self.low_step = float(low), int(low_step)
            if not had or (-high, high_step) < (-self.high, self.high_step):
                self.high, self.high_step = float(high), int(high_step)
        self.points += int(count) + int(odd)
        self.odd += int(odd)

    def pack(self) -> bytes:
        """Return it as bytes, with a checksum."""
        return seal_bytes(
            _PACKED.pack(
                self.rank,
                self.signature,
                self.points,
                self.odd,
                self.stream,
                self.last_step,
                self.last_us,
                self.finite_step,
                self.low_step,
                self.high_step,
                self.last,
                self.finite,
                self.low,
                self.high,
            )
        )

    @classmethod
    def unpack(cls, data: bytes | None) -> Summary | None:
        """Return what :meth:`pack` made into bytes, or None: these are others."""
        try:
            return None if data is None else cls(*_PACKED.unpack(check(data)))
        except (CorruptError, struct.error):
            return None
