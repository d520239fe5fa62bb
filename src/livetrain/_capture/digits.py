"""The digits of a number on a tile: few, but never so few that it reads as a rounder one. The page has the same rule."""

from __future__ import annotations

import math
from array import array
from decimal import ROUND_HALF_UP, Context, Decimal

__all__ = ["written"]

_MOST = 8
_NOISE = 1e-13  # what arithmetic in doubles leaves behind: 0.1 + 0.2 is 0.3


def written(value: float) -> str:
    """Return a number in about seven characters.

    Example:
        >>> written(0.99996), written(0.041234), written(12345.0)
        ('0.99996', '0.0412', '12345')
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    size = abs(value)
    if value.is_integer() and size < 1e9:
        return str(int(value))
    # Before the point, every digit counts.
    least = max(4, math.floor(math.log10(size)) + 1) if 1 <= size < 1e6 else 3
    digits = _exact_digits(value, least)
    if digits is None:
        digits = next((n for n in range(least, _MOST + 1) if _zeros_at_end(value, n) < 2), None)
    return _near_round(value) if digits is None else _with_digits(value, digits)


def _scientific(value: float, digits: int) -> str:
    """Return a number with so many significant digits; one half is rounded up, as JavaScript does, and not to the even digit."""
    text = f"{value:.{digits - 1}e}"
    if f"{value:.{digits}e}".split("e")[0][-1] != "5":
        return text
    exact = Decimal(value)  # of 0.15 the double lies below one half, of 2.5 on it
    return f"{Context(prec=digits, rounding=ROUND_HALF_UP).plus(exact):.{digits - 1}e}"


def _rounded(value: float, digits: int) -> float:
    return float(_scientific(value, digits))


def _exact_digits(value: float, most: int) -> int | None:
    """Return how many significant digits a number really has; None: more than `most`."""
    return next((n for n in range(1, most + 1) if _stands_for(value, _rounded(value, n))), None)


def _stands_for(value: float, rounder: float) -> bool:
    """Return whether they are equal but for the noise of doubles, or for what a 32-bit float holds."""
    if not math.isfinite(rounder):
        return False
    near = abs(value - rounder) <= abs(rounder) * _NOISE
    return near or array("f", [rounder])[0] == value


def _zeros_at_end(value: float, digits: int) -> int:
    mantissa = _scientific(value, digits).split("e")[0]
    return len(mantissa) - len(mantissa.rstrip("0"))


def _with_digits(value: float, digits: int) -> str:
    text = _scientific(value, digits)
    mantissa, power = text.split("e")
    exponent = int(power)
    if exponent >= 6 or exponent < -3:
        return f"{mantissa}e{exponent}"
    return f"{Decimal(text):.{max(0, digits - 1 - exponent)}f}"


def _near_round(value: float) -> str:
    """Write a number that eight digits cannot tell from a round one: that one, and how far away it is."""
    near = [_rounded(value, digits) for digits in range(1, _MOST + 1)]
    rounder = next((r for r in near if abs(value - r) < abs(value) * 1e-5), near[-1])
    mantissa, power = _scientific(abs(value - rounder), 1).split("e")
    sign = "-" if value < rounder else "+"
    return (
        f"{_with_digits(rounder, _exact_digits(rounder, 17) or 17)} {sign} {mantissa}e{int(power)}"
    )
