"""Text to pixels: what a tile shows of a sample that is no picture.

Words are drawn once and pasted from then on: drawing takes some 30 µs a letter, pasting 2 µs a word, and neither gives up the
GIL, for which a busy training would let the next call wait.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["draw_text"]

_SIDE = 256  # px at most: a tile of the page
_CHARS = 2000  # of which a tile never shows more
_PAPER, _INK = 250, 25  # grey, 0 to 255
_POINTS = (
    0.11,
    0.09,
    0.075,
    0.06,
    0.05,
)  # sizes of letters as a share of the side; the largest that fits
_WORDS = 4096  # kept of each size
# Pillow's own font has the Latin letters alone. Those that systems have for the others, if they have any.
_WIDER_FONTS = ("NotoSansCJK-Regular.ttc", "DejaVuSans.ttf", "Arial Unicode.ttf", "arialuni.ttf")

_thread = threading.local()  # a font is not for two threads at once


def draw_text(text: str, max_size: int) -> NDArray[np.uint8]:
    """Write a text on a square tile, as large as it fits; what does not fit ends in "…".

    Args:
        text: lines are broken where it breaks them, and where they are too long.
        max_size: pixels that the tile may have a side; it has 256 at most.

    Returns:
        Grey, shape (side, side), dark on light.

    Example:
        >>> draw_text("a fine film", 256).shape
        (256, 256)
    """
    side = min(max_size, _SIDE)
    text = "".join(c if c.isprintable() or c == "\n" else " " for c in text[: _CHARS + 1])
    margin = max(1, side // 24)
    room = side - 2 * margin
    for share in _POINTS:
        words = _words(max(4, round(share * side)), wide=not text.isascii())
        lines = _wrap(text, words, room)
        if len(lines) * words.pitch <= room:
            break
    fit = max(1, room // words.pitch)
    if len(lines) > fit or len(text) > _CHARS:
        lines = lines[:fit]
        lines[-1] = [*lines[-1][:-1], lines[-1][-1][:-1] + "…"]
    tile = Image.new("L", (side, side), _PAPER)
    for row, line in enumerate(lines):
        x = float(margin)
        for word in line:
            if word:
                tile.paste(words.picture(word), (round(x), margin + row * words.pitch))
            x += words.width(word) + words.space
    return np.asarray(tile)


class _Words:
    """The words of one size, drawn."""

    def __init__(self, font: Any) -> None:
        self._font = font
        self._latin = not isinstance(font, ImageFont.FreeTypeFont)
        top, bottom = font.getbbox("Ág|")[1], font.getbbox("gjp|")[3]
        self._height = math.ceil(bottom) + 1
        self.pitch = max(self._height, math.ceil(1.15 * (bottom - min(top, 0))))
        self._pictures: dict[str, Any] = {}
        self._widths: dict[str, float] = {}
        self.space = self.width(" ")

    def width(self, word: str) -> float:
        """Return a word's width, pixels."""
        width = self._widths.get(word)
        if width is None:
            if len(self._widths) >= _WORDS:
                self._widths.clear()
            width = self._widths[word] = self._font.getlength(self._drawable(word))
        return width

    def picture(self, word: str) -> Any:
        """Return a word as a picture."""
        picture = self._pictures.get(word)
        if picture is None:
            if len(self._pictures) >= _WORDS:
                self._pictures.clear()
            size = math.ceil(self.width(word)) + 1, self._height
            picture = self._pictures[word] = Image.new("L", size, _PAPER)
            pen = ImageDraw.Draw(picture)
            pen.text((0, 0), self._drawable(word), fill=_INK, font=self._font)
        return picture

    def _drawable(self, word: str) -> str:
        # A font of pictures takes no other letters; any font chokes on halves of a pair.
        code = "latin-1" if self._latin else "utf-8"
        return word if word.isascii() else word.encode(code, "replace").decode(code)


def _wrap(text: str, words: _Words, room: int) -> list[list[str]]:
    """Return the words of each line, none of which is wider than `room` pixels; several spaces are empty words."""
    lines: list[list[str]] = []
    for paragraph in text.split("\n"):
        line: list[str] = []
        used = 0.0
        for given in paragraph.split(" "):
            word = given
            while (
                words.width(word) > room and len(word) > 1
            ):  # no space to break it at, as in Chinese
                head = max(1, int(len(word) * room / words.width(word)) - 1)
                lines.extend([line] if line else [])
                lines.append([word[:head]])
                word, line, used = word[head:], [], 0.0
            if line and used + words.space + words.width(word) > room:
                lines.append(line)
                line, used = [word], words.width(word)
            else:
                used += words.width(word) + (words.space if line else 0.0)
                line.append(word)
        lines.append(line)
    return lines


def _words(points: int, *, wide: bool) -> _Words:
    sizes: dict[tuple[int, bool], _Words] = _thread.__dict__.setdefault("sizes", {})
    found = sizes.get((points, wide))
    if found is None:
        found = sizes[points, wide] = _Words(_open_font(points, wide=wide))
    return found


def _open_font(points: int, *, wide: bool) -> Any:
    for name in _WIDER_FONTS if wide else ():
        try:
            return ImageFont.truetype(name, points)
        except (OSError, ImportError):
            continue
    try:
        return ImageFont.load_default(points)
    except (TypeError, ImportError, OSError):  # Pillow 10.0, or one without FreeType: one size only
        return ImageFont.load_default()
