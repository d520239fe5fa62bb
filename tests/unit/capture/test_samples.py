"""Texts, and samples that a function of the user's renders."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch

from livetrain._capture.capture import encode
from livetrain._capture.text import draw_text
from livetrain._wire import EncodedFrame, Strip
from livetrain.config import ImageOptions
from livetrain.exceptions import ConfigurationError
from tests.unit.capture.world import error, take, tiles_of

TEXTS = [f"review number {number}" for number in range(16)]


def sent(images: Any, preds: Any = None, **options: Any) -> tuple[EncodedFrame, tuple[str, ...]]:
    captured = take(images, preds, ImageOptions(gather_seconds=0.0, **options))
    assert captured.frame is not None
    frame = encode(captured.frame, quality=95, max_size=256, packing="auto")
    captured.frame.release()
    return frame, captured.problems


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda t: np.array(t, dtype=object)])
def test_texts_are_written_out(kind: Any) -> None:
    frame, problems = sent(kind(TEXTS), np.eye(16, 2))
    assert problems == ()
    assert isinstance(frame.pictures, Strip)
    wanted = {number: draw_text(text, 256) for number, text in enumerate(TEXTS)}
    shown = [tile[..., 0] for tile in tiles_of(frame)]
    for tile in shown:
        assert min(error(tile, text) for text in wanted.values()) < 2
    assert len(frame.predictions) == 16


def test_a_render_sees_each_sample_that_is_shown_and_on_a_thread_of_ours() -> None:
    seen: list[tuple[Any, int]] = []

    def render(tokens: Any) -> str:
        seen.append((tokens, threading.get_ident()))
        return " ".join(map(str, tokens.tolist()))

    tokens = torch.arange(64).reshape(32, 2)
    captured = take(tokens, np.zeros((32, 3)), ImageOptions(render=render))
    assert seen == []  # the training's thread only copies
    tokens.zero_()  # what was shown is what was given
    assert captured.frame is not None
    frame = encode(captured.frame, quality=95, max_size=256, packing="auto")
    assert len(seen) == frame.count == 16
    assert all(int(row[1]) == int(row[0]) + 1 for row, _ in seen)


def test_a_render_may_return_a_picture() -> None:
    waves = np.linspace(0, 1, 16 * 8).reshape(16, 8)
    frame, problems = sent(
        waves,
        render=lambda wave: np.tile((wave * 255).astype(np.uint8)[:, None], (1, 8)),
        layout="NCHW",
    )
    assert problems == ()
    assert [tile.shape for tile in tiles_of(frame)] == [(8, 8, 1)] * 16


def test_a_render_that_fails_costs_its_tile_alone() -> None:
    def render(sample: Any) -> Any:
        if int(sample) == 3:
            raise ValueError("no such token")
        if int(sample) == 4:
            return object()  # which is no picture
        return np.full((8, 8), int(sample), np.uint8)

    frame, _ = sent(np.arange(16), np.zeros((16, 3)), render=render)
    assert isinstance(frame.pictures, tuple)
    errors = {tile.error for tile in frame.pictures if tile.error}
    assert errors == {
        "render failed: ValueError: no such token",
        "values of type object are not pixels",
    }
    assert len(frame.predictions) == 16


def test_some_of_a_list_may_be_texts() -> None:
    images = [TEXTS[0], np.zeros((8, 8), np.uint8)] * 8
    frame, problems = sent(images)
    assert problems == ()
    assert {tile.shape for tile in tiles_of(frame)} == {(256, 256, 1), (8, 8, 1)}


def test_a_render_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="give a function sample -> picture or text"):
        ImageOptions(render="decode")  # type: ignore[arg-type]
