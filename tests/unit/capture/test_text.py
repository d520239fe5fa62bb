from __future__ import annotations

import numpy as np
import pytest

from livetrain._capture import text
from livetrain._capture.text import draw_text

PAPER = 250


def ink(tile: np.ndarray) -> int:
    return int((tile < 128).sum())


def lines_of(tile: np.ndarray) -> list[np.ndarray]:
    """The lines that were written, each as its rows: groups of rows with ink in them."""
    dark = np.concatenate([[False], (tile < 128).any(axis=1), [False]])
    edges = np.flatnonzero(dark[1:] != dark[:-1]).reshape(-1, 2)
    return [tile[top:bottom] for top, bottom in edges]


def rows_with_ink(tile: np.ndarray) -> int:
    return len(lines_of(tile))


def test_a_text_is_dark_on_light_and_within_its_margin() -> None:
    tile = draw_text("a fine film", 256)
    assert (tile.shape, tile.dtype) == ((256, 256), np.uint8)
    assert ink(tile) > 100
    edge = np.concatenate([tile[:8].ravel(), tile[-8:].ravel(), tile[:, :8].ravel()])
    assert (edge == PAPER).all()


def test_two_texts_look_different_and_one_looks_the_same_twice() -> None:
    assert (draw_text("good", 256) != draw_text("food", 256)).any()
    assert (draw_text("good", 256) == draw_text("good", 256)).all()


def test_a_longer_text_has_smaller_letters_until_it_fits() -> None:
    lines = [rows_with_ink(draw_text("word " * n, 256)) for n in (1, 20, 60)]
    assert lines[0] == 1
    assert lines[0] < lines[1] < lines[2]


def test_what_does_not_fit_is_cut_and_says_so() -> None:
    cut, longer = draw_text("word " * 1000, 256), draw_text("word " * 2000, 256)
    assert (cut == longer).all()
    assert (cut[-8:] == PAPER).all()


def test_lines_are_kept_and_indented() -> None:
    lines = lines_of(draw_text("H\n    H\n\nH", 256))
    starts = [int(np.flatnonzero((line < 128).any(axis=0))[0]) for line in lines]
    assert len(starts) == 3
    assert starts[0] == starts[2] < starts[1]


@pytest.mark.parametrize("size", [8, 64, 256, 4096])
def test_a_tile_is_no_larger_than_asked_and_than_a_tile_is(size: int) -> None:
    assert draw_text("some words here", size).shape == (min(size, 256),) * 2


@pytest.mark.parametrize(
    "odd", ["", " ", "\n\n", "\x00\x1b[31m", "x" * 10_000, "日本語" * 50, "a\ud800b", "\u202etext"]
)
def test_no_text_is_too_odd(odd: str) -> None:
    assert draw_text(odd, 256).shape == (256, 256)


def test_a_word_without_end_is_broken() -> None:
    tile = draw_text("x" * 60, 256)
    assert rows_with_ink(tile) > 1
    assert (tile[:, -8:] == PAPER).all()


def test_what_is_kept_of_words_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_WORDS", 8)
    text._thread.__dict__.clear()
    for number in range(100):
        draw_text(f"word{number}", 256)
    words = text._words(28, wide=False)
    assert 0 < len(words._pictures) <= 8
    assert 0 < len(words._widths) <= 8


def test_without_freetype_there_is_still_a_font(monkeypatch: pytest.MonkeyPatch) -> None:
    def old(size: float | None = None) -> object:
        if size is not None:
            raise ImportError("the _imagingft C module is not installed")
        return load()

    from PIL import ImageFont

    load = getattr(
        ImageFont, "load_default_imagefont", ImageFont.load_default
    )  # Pillow 10.0: that one
    monkeypatch.setattr(text.ImageFont, "load_default", old)
    text._thread.__dict__.clear()
    try:
        assert ink(draw_text("plain words", 256)) > 20
        monkeypatch.setattr(text, "_WIDER_FONTS", ())
        assert ink(draw_text("日本語 " * 200, 256)) > 20
    finally:
        text._thread.__dict__.clear()
