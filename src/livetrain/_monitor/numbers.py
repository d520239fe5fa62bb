"""Named numbers as they are logged: each stands for itself, and one that cannot be read costs itself alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from livetrain._capture.device import device_of
from livetrain._capture.reading import Reading, take_reading
from livetrain._capture.reports import Reports
from livetrain._metric_names import NAME_CHARS, is_plain_name, metric_name, name_text

__all__ = ["NumberReader", "Numbers", "awaited"]

Numbers = dict[str, float | Reading]

_EXACT: Final = 2**53  # integers up to here are doubles as they stand
_DEPTH: Final = 16  # of mappings within mappings
_KNOWN: Final = 1 << 17  # names that are remembered


class NumberReader:
    """Reads what `Monitor.log` and its like are given.

    Args:
        take: copies a value that is no plain number; called with it and its name.
        reports: where it is told what was left out, once for each name.

    Example:
        >>> NumberReader.alone().read({"loss": 0.5, "val": {"f1": 1}})
        ({'loss': 0.5, 'val/f1': 1.0}, ())
    """

    def __init__(self, take: Callable[[Any, str], Reading], reports: Reports) -> None:
        self._take = take
        self._reports = reports
        self._known: set[str] = set()  # names that are stored as they stand

    @classmethod
    def alone(cls) -> NumberReader:
        """Return one that belongs to no capture: it reads and warns all the same."""
        reports = Reports()
        return cls(lambda value, name: take_reading(value, name, reports, device_of), reports)

    def read(self, values: Mapping[Any, Any]) -> tuple[Numbers, Sequence[str]]:
        """Return the numbers by the names that they are stored under, and the names that came without a number.

        Args:
            values: name to number; a mapping in it gives ``outer/inner``, None is left out. Anything else is taken as
                `number_of` says, or left out with a warning that names it.
        """
        numbers: Numbers = {}
        known = self._known
        for name, value in values.items():
            if type(name) is not str or name not in known:
                return self._read_each(values)
            if type(value) is float:
                numbers[name] = value
            elif type(value) is int and -_EXACT <= value <= _EXACT:
                numbers[name] = float(value)
            else:
                return self._read_each(values)
        return numbers, ()

    def _read_each(self, values: Mapping[Any, Any]) -> tuple[Numbers, Sequence[str]]:
        numbers: Numbers = {}
        without: list[str] = []
        for name, value in self._flat(values, "", ()):
            if value is None:
                without.append(name)
                continue
            number = value if type(value) is float else self._take(value, repr(name))
            if isinstance(number, Reading):
                if not number.given:
                    without.append(name)
                    continue
                if (now := number.ready) is not None:
                    number = now
            if name in numbers:
                self._reports.problem(
                    f"twice {name}",
                    f"two numbers of one call are called {name!r}; the last of them is recorded.",
                )
            numbers[name] = number
        return numbers, without

    def _flat(
        self, values: Mapping[Any, Any], prefix: str, path: tuple[int, ...]
    ) -> Iterator[tuple[str, Any]]:
        """Yield the name and the value of each number, those of mappings within too."""
        if id(values) in path or len(path) >= _DEPTH:
            self._reports.problem(
                f"deep {prefix}",
                f"{prefix!r} holds mappings within mappings, more than {_DEPTH} deep or itself; what is deeper is left out.",
            )
            return
        for given, value in values.items():
            if isinstance(value, Mapping):
                yield from self._flat(value, _joined(prefix, given), (*path, id(values)))
            elif name := self._name(given, prefix):
                yield name, value
            elif value is not None:
                self._reports.problem(
                    "empty name",
                    "A number was logged under an empty name; livetrain left it out. Give it a name.",
                )

    def _name(self, given: Any, prefix: str) -> str:
        if not prefix and is_plain_name(given):
            if len(self._known) < _KNOWN:
                self._known.add(given)
            return str(given)
        whole = _joined(prefix, given)
        name = metric_name(whole)
        if len(whole) > NAME_CHARS:
            self._reports.guess(
                "long name",
                f"A metric's name has {len(whole)} characters, and {NAME_CHARS} are stored: it is shown as {name!r}.",
            )
        return name


def _joined(prefix: str, given: Any) -> str:
    """Return ``prefix/given`` in its whole length, so that it is shortened once; a blank part is none."""
    inner = name_text(given)
    inner = "" if inner.isspace() else inner
    return f"{prefix}/{inner}" if prefix and inner else prefix or inner


def awaited(numbers: Numbers) -> dict[str, float]:
    """Return the numbers that there are, after waiting for those on a device."""
    read = {name: n if isinstance(n, float) else n.get() for name, n in numbers.items()}
    return {name: number for name, number in read.items() if number is not None}
