"""Samples that are no pictures: copied as they are, and rendered in the background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from livetrain._capture.device import Device
from livetrain._capture.frame import CapturedFrame, Part
from livetrain._capture.layout import NotAnImageError
from livetrain._capture.outputs import arrive, length_of, take_rows
from livetrain._capture.reader import FrameReader
from livetrain._capture.ring import Slot
from livetrain._capture.source import Target, open_images
from livetrain._capture.text import draw_text

__all__ = ["Samples", "rendered"]


class Samples:
    """A batch of anything that has one row, or one item, a sample.

    Args:
        values: an array or tensor of shape (N, ...), or a sequence.
        find_device: tells where a tensor lives.
    """

    guess = ""

    def __init__(self, values: Any, find_device: Callable[[Any], Device | None]) -> None:
        self.count = length_of(values) or 0
        self._values = values
        self._find_device = find_device

    def take(self, picks: Sequence[int], into: Target) -> None:
        """Copy some of them into a frame."""
        into.add_samples(take_rows(self._values, picks, self._find_device), len(picks))


def rendered(frame: CapturedFrame, max_size: int) -> list[Part]:
    """Return a frame's parts, those that are no pictures yet as pictures; waits for devices, so on background threads only.

    Args:
        frame: not released yet.
        max_size: pixels of the longer side of a tile.
    """
    parts: list[Part] = []
    for part in frame.parts:
        if part.samples is None:
            parts.append(part)
            continue
        try:
            values = arrive(part.samples)
            parts.extend(_render(frame.reader, value, max_size) for value in values)
        except Exception as error:
            frame.reader.problem("images", error)
            parts.append(
                Part(part.count, error=f"cannot be read: {type(error).__name__}: {error}"[:200])
            )
    return parts


def _render(reader: FrameReader, value: Any, max_size: int) -> Part:
    """Return one sample as a picture, or why it is none: a function of the user's may do what it wants."""
    render = reader.options.render
    try:
        picture = value if render is None else render(value)
        layout = reader.options.layout  # may be that of a batch, which is no picture's
        layout = layout if layout in ("HW", "HWC", "CHW") else "auto"
        if isinstance(picture, str):
            picture, layout = draw_text(picture, max_size), "HW"
        opened = open_images(picture, layout, 1, max_size)
        if opened.count != 1:
            raise NotAnImageError(f"render gave {opened.count} pictures of one sample; give one")
        into = CapturedFrame(reader, Slot(), 1)
        opened.take([0], into)
        return into.parts[0]
    except Exception as error:
        reader.reports.problem("render", f"render failed with {type(error).__name__}: {error}")
        return Part(1, error=f"render failed: {type(error).__name__}: {error}"[:200])
