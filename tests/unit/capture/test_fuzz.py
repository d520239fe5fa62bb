"""Whatever images, predictions and losses are, nothing of them comes out as an exception.

A slice in every run; ``nox -s fuzz`` runs a million cases.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livetrain._capture.capture import Capture, CapturedFrame, encode
from livetrain._wire import EncodedFrame, Strip, batch_pictures
from livetrain.config import ImageOptions

CASES = int(os.environ.get("FUZZ_CASES", "1200"))


def fuzzed(cases: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=max(1, cases),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        # A million cases need no memory of those before.
        **({"database": None} if CASES > 10_000 else {}),
    )


def encoded(frame: CapturedFrame) -> EncodedFrame:
    result = encode(frame, quality=90, max_size=64, packing="strip")
    frame.release()
    assert batch_pictures(result), "it can be written"
    return result


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 300),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.builds(object),
    st.builds(
        lambda shape, dtype, fill: np.full(shape, fill).astype(dtype),
        st.lists(st.integers(0, 6), max_size=5).map(tuple),
        st.sampled_from(
            ["?", "u1", "i1", "u2", "i2", "i4", "i8", "f2", "f4", "f8", "c8", "O", "S3"]
        ),
        st.sampled_from([0, 1, 3]),
    ),
    st.builds(
        lambda shape, fill, dtype: torch.full(shape, fill).to(dtype),
        st.lists(st.integers(0, 5), max_size=5).map(tuple),
        st.sampled_from([0.0, 1.0, float("nan"), float("inf"), -3.0]),
        st.sampled_from(
            [
                torch.float32,
                torch.bfloat16,
                torch.float16,
                torch.uint8,
                torch.bool,
                torch.float8_e4m3fn,
            ]
        ),
    ),
)
nested = st.one_of(anything, st.lists(anything, max_size=20), st.tuples(anything, anything))


@fuzzed(CASES // 2)
@given(
    images=nested,
    preds=nested,
    targets=nested,
    loss=anything,
    ids=nested,
    losses=nested,
    watch=st.booleans(),
)
def test_no_data_makes_it_raise(
    images: Any, preds: Any, targets: Any, loss: Any, ids: Any, losses: Any, watch: bool
) -> None:
    options = ImageOptions(watch=[0, 1] if watch else None, gather_seconds=0.0)
    capture = Capture(options, ["a", "b"], seed=0)
    with np.errstate(all="raise"):  # ours must not depend on the user's
        for _ in range(2):
            captured = capture.take(
                images, preds, loss=loss, targets=targets, accuracy=loss, ids=ids,
                per_sample_loss=losses, with_images=True,
            )  # fmt: skip
            captured.loss.get()
            if captured.frame is not None:
                frame = encoded(captured.frame)
                for values in (
                    frame.predictions,
                    frame.targets,
                    frame.sample_ids,
                    frame.per_sample_loss,
                ):
                    assert len(values) in (0, frame.count)
                assert isinstance(frame.pictures, Strip) or all(
                    t.data or t.error or t.content_hash for t in frame.pictures
                )


NUMBERS = ["?", "u1", "i1", "u2", "i2", "u4", "i4", "i8", "f2", "f4", "f8"]
FILLS = st.sampled_from([0.0, 1.0, -1.0, 0.5, 255.0, 1e30, float("nan"), float("inf")])


@st.composite
def batches(draw: Any) -> np.ndarray:
    """Batches as people have them: any layout, type, range and strides."""
    count, channels = draw(st.integers(1, 20)), draw(st.integers(1, 4))
    height, width = draw(st.integers(1, 80)), draw(st.integers(1, 80))
    shape = draw(
        st.sampled_from([(height, width, channels), (channels, height, width), (height, width)])
    )
    low, high = sorted([draw(FILLS), draw(FILLS)])
    with np.errstate(all="ignore"):
        ramp = np.linspace(low, high, num=7)
        values = np.resize(ramp, (count, *shape)).astype(draw(st.sampled_from(NUMBERS)))
    if draw(st.booleans()):
        values = values[:, :: draw(st.sampled_from([-1, 2, -2]))]
    if draw(st.booleans()):
        values.flags.writeable = False
    return values


options = st.builds(
    lambda layout, told, channels, form: ImageOptions(
        layout=layout,
        value_range=told,
        mean=(0.5,) * channels if channels else None,
        std=(0.25,) * channels if channels else None,
        format=form,
        gather_seconds=0.0,
    ),
    st.sampled_from(["auto", "HW", "HWC", "CHW", "NHW", "NHWC", "NCHW"]),
    st.sampled_from(["auto", (0.0, 1.0), (-3.0, 700.0)]),
    st.sampled_from([0, 1, 3]),
    st.sampled_from(["auto", "jpeg", "png"]),
)


@fuzzed(CASES // 4)
@given(images=batches(), chosen=options)
def test_every_batch_of_numbers_has_its_tiles(images: np.ndarray, chosen: ImageOptions) -> None:
    capture = Capture(chosen, None, seed=0)
    with np.errstate(all="raise"):
        captured = capture.take(images, np.zeros(len(images)), loss=1.0, with_images=True)
        assert captured.frame is not None
        frame = encoded(captured.frame)
    assert frame.count in (1, min(16, len(images)))  # a batch may be told to be one image
    if not isinstance(frame.pictures, Strip):
        assert all(bool(tile.data) != bool(tile.error) for tile in frame.pictures)


@st.composite
def outputs(draw: Any) -> Any:
    shape = draw(st.sampled_from([(16,), (16, 1), (16, 2), (16, 10), (16, 1000), (16, 3, 2)]))
    values = np.resize(np.array([draw(FILLS) for _ in range(5)]), shape)
    with np.errstate(all="ignore"):
        if draw(st.booleans()):
            return torch.from_numpy(values).to(
                draw(st.sampled_from([torch.bfloat16, torch.float16, torch.int64]))
            )
        return values.astype(draw(st.sampled_from(NUMBERS)))


@fuzzed(CASES // 4)
@given(
    preds=outputs(), targets=outputs(), losses=outputs(), loss=anything,
    names=st.sampled_from([None, ["a", "b"], [str(n) for n in range(10)]]),
)  # fmt: skip
def test_every_output_is_read_or_told(
    preds: Any, targets: Any, losses: Any, loss: Any, names: list[str] | None
) -> None:
    capture = Capture(ImageOptions(), names, seed=0)
    images = np.zeros((16, 2, 2), np.uint8)
    with np.errstate(all="raise"):
        captured = capture.take(
            images, preds, loss=loss, targets=targets, per_sample_loss=losses, with_images=True
        )
        captured.loss.get()
        captured.accuracy.get()
        assert captured.frame is not None
        frame = encoded(captured.frame)
    for prediction in frame.predictions:
        assert prediction.confidence is None or 0 <= prediction.confidence <= 1
        assert len(prediction.top) <= 5
