"""From a call on the training thread to tiles: which samples, whose memory, what bad data costs."""

from __future__ import annotations

import decimal
import gc
import math
import random
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest
import torch

from livetrain._capture.capture import SLOTS, Capture, CapturedFrame, encode
from livetrain._capture.fitting import Fitting
from livetrain._capture.picture import encode_picture
from livetrain._wire import EncodedFrame, Strip, Tile
from livetrain.config import ImageOptions
from livetrain.proto import telemetry_pb2 as pb
from tests.unit.capture.world import decode, pictures, sent, take, tiles_of


def numbered(count: int, size: int = 8) -> np.ndarray:
    """Images that show their own number: shape (count, size, size, 3)."""
    shades = np.arange(count) % 256
    more = np.arange(count) // 256
    return np.stack(
        [np.full((size, size, 3), (a, b, 0), np.uint8) for a, b in zip(shades, more, strict=True)]
    )


def numbers_of(frame: EncodedFrame) -> list[int]:
    return [int(tile[0, 0, 0]) + 256 * int(tile[0, 0, 1]) for tile in tiles_of(frame)]


def encoded(frame: CapturedFrame | None, packing: str = "strip") -> EncodedFrame:
    assert frame is not None
    result = encode(frame, quality=90, max_size=256, packing=packing)
    frame.release()
    return result


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


# ---------------------------------------------------------------- which 16


@pytest.mark.parametrize("count", [16, 17, 64, 4096])
def test_sixteen_different_samples_with_what_belongs_to_each(count: int) -> None:
    options = ImageOptions(format="png")
    frame = sent(
        numbered(count), np.arange(count), options, targets=np.arange(count),
        ids=[f"id{i}" for i in range(count)], per_sample_loss=np.arange(count) / 10,
    )  # fmt: skip
    shown = numbers_of(frame)
    assert len(set(shown)) == 16
    assert [p.index for p in frame.predictions] == shown
    assert list(frame.targets) == shown
    assert list(frame.sample_ids) == [f"id{i}" for i in shown]
    assert frame.per_sample_loss == pytest.approx([i / 10 for i in shown])


def test_what_is_none_for_one_sample_costs_that_one_alone() -> None:
    losses, ids = [0.5] * 16, [*"abcdefghijklmnop"]
    captured = take(
        pictures(16, 8, 8), list(range(16)), loss=1.0,
        per_sample_loss=[*losses[:3], None, *losses[4:]], ids=[*ids[:3], None, *ids[4:]],
    )  # fmt: skip
    frame = encoded(captured.frame)
    assert sorted(map(str, frame.per_sample_loss)) == sorted(["None", *["0.5"] * 15])
    assert frame.sample_ids.count("") == 1
    assert frame.sample_ids.index("") == frame.per_sample_loss.index(None)
    assert {p.confidence for p in frame.predictions} == {None}
    assert not captured.problems


def test_every_sample_has_its_turn() -> None:
    capture = Capture(ImageOptions(format="png"), None, seed=3)
    images, seen = numbered(64), np.zeros(64, int)
    for _ in range(300):
        captured = capture.take(images, None, loss=None, with_images=True)
        seen[numbers_of(encoded(captured.frame))] += 1
    assert seen.sum() == 300 * 16
    assert seen.min() > 40
    assert seen.max() < 115  # 75 on average, 7.5 standard deviation


def test_the_users_random_numbers_stay_what_they_are() -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state()
    capture = Capture(ImageOptions(), ["a", "b"])
    for images in (pictures(64, 8, 8), torch.rand(3, 3, 8, 8, generator=torch.Generator())):
        for _ in range(3):
            captured = capture.take(images, torch.zeros(len(images), 2), loss=1.0, with_images=True)
            if captured.frame is not None:
                encoded(captured.frame)
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tobytes() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


@pytest.mark.parametrize("size", [1, 5, 6, 15])
def test_small_batches_are_gathered_until_there_are_sixteen(size: int) -> None:
    capture = Capture(ImageOptions(format="png"), None, seed=0)
    images = numbered(200)
    for start in range(0, 200, size):
        batch = slice(start, start + size)
        captured = capture.take(
            images[batch],
            np.arange(200)[batch],
            loss=1.0,
            targets=np.arange(200)[batch],
            with_images=True,
        )
        if captured.frame is not None:
            break
        assert captured.gathering
        assert capture.gathering
    frame = encoded(captured.frame)
    assert isinstance(frame.pictures, Strip)
    shown = numbers_of(frame)
    assert len(set(shown)) == 16
    assert shown[: 16 // size * size] == list(range(16 // size * size))
    assert [p.index for p in frame.predictions] == shown == list(frame.targets)
    assert not capture.gathering


def test_gathering_ends_after_its_time() -> None:
    clock = Clock()
    capture = Capture(ImageOptions(format="png", gather_seconds=2.0), None, clock=clock)
    images = numbered(3)
    assert capture.take(images, None, loss=None, with_images=True).frame is None
    clock.now = 1.9
    assert capture.take(images, None, loss=None, with_images=True).frame is None
    clock.now = 2.0
    frame = encoded(capture.take(images, None, loss=None, with_images=True).frame)
    assert numbers_of(frame) == [0, 1, 2] * 3


def test_images_of_different_sizes_are_gathered_into_tiles() -> None:
    capture = Capture(ImageOptions(), None)
    for size in range(8, 24):
        captured = capture.take(pictures(1, size, 8), None, loss=None, with_images=True)
    frame = encoded(captured.frame)
    assert [tile.shape[0] for tile in tiles_of(frame)] == list(range(8, 24))


def test_steps_without_images_do_not_end_gathering() -> None:
    capture = Capture(ImageOptions(), None)
    capture.take(numbered(3), None, loss=1.0, with_images=True)
    captured = capture.take(numbered(3), None, loss=2.0, with_images=False)
    assert captured.frame is None
    assert not captured.gathering
    assert captured.loss.get() == 2.0
    assert capture.gathering


# ---------------------------------------------------------------- followed samples, delta


def test_followed_samples_keep_their_places() -> None:
    options = ImageOptions(watch=["c", 7, "a"], format="png")
    capture = Capture(options, None)
    images = numbered(40)
    ids: list[Any] = [f"x{i}" for i in range(40)]
    ids[30], ids[2], ids[11] = "a", 7, "c"
    captured = capture.take(images, np.arange(40), loss=None, ids=ids, with_images=True)
    frame = encoded(captured.frame)
    assert numbers_of(frame) == [11, 2, 30]
    assert frame.sample_ids == ("c", "7", "a")
    assert [p.index for p in frame.predictions] == [11, 2, 30]


def test_followed_samples_are_gathered_over_batches_in_any_order() -> None:
    capture = Capture(ImageOptions(watch=[1, 2, 3], format="png"), None)
    images = numbered(4)
    assert (
        capture.take(
            images[3:], np.array([3]), loss=None, ids=torch.tensor([3]), with_images=True
        ).frame
        is None
    )
    assert (
        capture.take(images[:1], np.array([0]), loss=None, ids=[0], with_images=True).frame is None
    )
    assert (
        capture.take(images[3:], np.array([3]), loss=None, ids=[3], with_images=True).frame is None
    )
    captured = capture.take(
        images[[2, 1]], np.array([2, 1]), loss=None, ids=np.array([2, 1]), with_images=True
    )
    frame = encoded(captured.frame)
    assert numbers_of(frame) == [1, 2, 3]
    assert [p.index for p in frame.predictions] == [1, 2, 3]


def test_a_batch_without_followed_samples_costs_no_slot() -> None:
    capture = Capture(ImageOptions(watch=["a"]), None)
    for _ in range(3 * SLOTS):
        captured = capture.take(numbered(4), None, loss=None, ids=[1, 2, 3, 4], with_images=True)
        assert (captured.frame, captured.reason) == (None, pb.STRIP_REASON_NONE)
        assert not capture.gathering


def test_following_without_ids_draws_at_random_and_says_so_once() -> None:
    capture = Capture(ImageOptions(watch=["a", "b"]), None)
    first = capture.take(numbered(4), None, loss=None, with_images=True)
    assert "watch= needs ids=" in first.problems[0]
    assert encoded(first.frame).count == 2
    assert capture.take(numbered(4), None, loss=None, with_images=True).problems == ()


def test_followed_pictures_are_encoded_once_and_their_predictions_read_always(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture = Capture(ImageOptions(watch=[0, 1, 2]), None)
    images = pictures(3, 16, 16)
    encodings = count_encodings(monkeypatch)

    def step(logits: list[int]) -> EncodedFrame:
        return encoded(
            capture.take(images, np.array(logits), loss=None, ids=[0, 1, 2], with_images=True).frame
        )

    first = step([5, 6, 7])
    assert isinstance(first.pictures, tuple)
    assert all(tile.data and tile.content_hash for tile in first.pictures)
    second = step([1, 2, 3])
    assert second.pictures == first.pictures
    assert [p.index for p in second.predictions] == [1, 2, 3]
    assert len(encodings) == 3
    images[1] = 255 - images[1]
    third = step([1, 2, 3])
    assert isinstance(third.pictures, tuple)
    same = [a == b for a, b in zip(first.pictures, third.pictures, strict=True)]
    assert same == [True, False, True]
    assert first.pictures[1].content_hash != third.pictures[1].content_hash
    assert (decode(third.pictures[1].data) != decode(first.pictures[1].data)).any()
    assert len(encodings) == 4


def test_other_settings_are_another_picture() -> None:
    capture = Capture(ImageOptions(watch=[0]), None)
    images = pictures(1, 64, 64)
    hashes = set()
    for quality, size in ((85, 256), (75, 256), (75, 32), (85, 256)):
        frame = capture.take(images, None, loss=None, ids=[0], with_images=True).frame
        assert frame is not None
        (tile,) = encode(frame, quality=quality, max_size=size, packing="strip").pictures  # type: ignore[misc]
        frame.release()
        assert tile.height == min(64, size)
        hashes.add(tile.content_hash)
    assert len(hashes) == 3


def count_encodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    encodings: list[int] = []

    def counted(image: Any, **how: Any) -> Any:
        encodings.append(len(image))
        return encode_picture(image, **how)

    monkeypatch.setattr("livetrain._capture.encode.encode_picture", counted)
    return encodings


def test_the_same_batch_again_and_again_is_noticed_without_being_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    capture = Capture(ImageOptions(), None)
    images = pictures(16, 32, 32)
    encodings = count_encodings(monkeypatch)

    def step() -> EncodedFrame:
        return encoded(capture.take(images, None, loss=None, with_images=True).frame)

    assert isinstance(step().pictures, Strip)
    again = step().pictures
    assert isinstance(again, tuple)
    assert all(tile.data and tile.content_hash for tile in again)
    assert step().pictures == again
    assert len(encodings) == 1 + 16
    images[3] += 1
    changed = step().pictures
    assert isinstance(changed, tuple)
    assert [a != b for a, b in zip(again, changed, strict=True)] == [i == 3 for i in range(16)]


def test_random_frames_stay_strips_though_a_picture_comes_twice() -> None:
    capture = Capture(ImageOptions(), None, seed=0)
    images = pictures(20, 32, 32)
    for _ in range(50):
        frame = encoded(
            capture.take(
                images[np.random.default_rng().permutation(20)], None, loss=None, with_images=True
            ).frame
        )
        assert isinstance(frame.pictures, Strip)


# ---------------------------------------------------------------- whose memory


def every_kind_of_image() -> list[Any]:
    base = pictures(20, 16, 16)
    return [
        base,
        base[:, ::-1],
        base.astype(np.float32),
        torch.from_numpy(base.copy()),
        torch.from_numpy(base.copy()).permute(0, 3, 1, 2),
        torch.from_numpy(base.copy())
        .permute(0, 3, 1, 2)
        .float()
        .contiguous(memory_format=torch.channels_last),
        torch.from_numpy(base / 255).bfloat16(),
        [image.copy() for image in base],
        [torch.from_numpy(image.copy()) for image in base],
    ]


@pytest.mark.parametrize("which", range(len(every_kind_of_image())))
def test_what_was_handed_over_is_the_callers_to_change(which: int) -> None:
    images = every_kind_of_image()[which]
    preds, targets = torch.eye(20), np.arange(20)
    losses = torch.arange(20.0)
    loss = torch.tensor(0.5)
    capture = Capture(ImageOptions(format="png"), None, seed=0)
    kept = capture.take(
        images, preds, loss=loss, targets=targets, per_sample_loss=losses, with_images=True
    )
    changed = Capture(ImageOptions(format="png"), None, seed=0).take(
        images, preds, loss=loss, targets=targets, per_sample_loss=losses, with_images=True
    )
    expected = encoded(kept.frame)
    for item in images if isinstance(images, list) else [images]:
        item[...] = 0
    preds[...], targets[...], losses[...], loss[...] = 0, 0, 0, 0
    assert encoded(changed.frame) == expected
    assert changed.loss.get() == 0.5


@pytest.mark.parametrize("which", range(len(every_kind_of_image())))
def test_no_array_of_the_users_is_kept(which: int) -> None:
    images = every_kind_of_image()[which]
    items = images if isinstance(images, list) else [images]
    preds = torch.randn(20, 5, requires_grad=True)
    targets, loss = np.arange(20), torch.tensor(1.0, requires_grad=True)
    watched = [weakref.ref(thing) for thing in (*items, preds, targets, loss)]
    capture = Capture(ImageOptions(), None)
    captured = capture.take(images, preds, loss=loss, targets=targets, with_images=True)
    frame = encoded(captured.frame)
    del images, items, preds, targets, loss
    gc.collect()
    assert [ref() for ref in watched] == [None] * len(watched)
    assert frame.count == 16


def test_memory_is_flat() -> None:
    capture = Capture(ImageOptions(), ["a", "b", "c"], seed=0)
    images, preds = pictures(64, 32, 32), np.eye(64, 3, dtype=np.float32)
    small, targets = torch.rand(4, 3, 8, 8), np.arange(64) % 3

    def work(times: int) -> None:
        for _ in range(times):
            frame = capture.take(images, preds, loss=0.5, targets=targets, with_images=True).frame
            if frame is not None:
                encoded(frame)
            frame = capture.take(small, None, loss=torch.tensor(0.5), with_images=True).frame
            if frame is not None:
                encoded(frame)
            capture.take(images, preds, loss=[1], with_images=True)

    work(50)
    gc.collect()
    tracemalloc.start()
    try:
        work(20)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        work(300)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 16_000


def test_slots_are_bounded_and_used_again() -> None:
    capture = Capture(ImageOptions(), None)
    images = pictures(16, 8, 8)
    frames = [capture.take(images, None, loss=None, with_images=True) for _ in range(SLOTS + 3)]
    assert [captured.reason for captured in frames[SLOTS:]] == [pb.STRIP_REASON_SUPERSEDED] * 3
    assert all(captured.frame is None for captured in frames[SLOTS:])
    frames[2].frame.release()  # type: ignore[union-attr]
    frames[2].frame.release()  # type: ignore[union-attr]  # a second time is nothing
    assert capture.take(images, None, loss=None, with_images=True).frame is not None
    assert capture.take(images, None, loss=None, with_images=True).frame is None


def test_ctrl_c_in_the_middle_loses_no_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    capture = Capture(ImageOptions(), None)

    class Interrupting(list[Any]):
        def __getitem__(self, index: Any) -> Any:
            raise KeyboardInterrupt

    for _ in range(SLOTS + 1):
        with pytest.raises(KeyboardInterrupt):
            capture.take(
                pictures(16, 8, 8), None, loss=None, ids=Interrupting(range(16)), with_images=True
            )
    assert capture.take(pictures(16, 8, 8), None, loss=None, with_images=True).frame is not None


def test_a_second_thread_does_without_images_and_does_not_wait() -> None:
    capture = Capture(ImageOptions(), None)
    inside, go_on = threading.Event(), threading.Event()

    class Slow:
        shape = (16, 8, 8)

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            inside.set()
            assert go_on.wait(10)
            return np.zeros(self.shape, np.uint8)

    results: list[Any] = []
    thread = threading.Thread(
        target=lambda: results.append(capture.take(Slow(), None, loss=1.0, with_images=True))
    )
    thread.start()
    assert inside.wait(10)
    second = capture.take(pictures(16, 8, 8), None, loss=2.0, with_images=True)
    go_on.set()
    thread.join(10)
    assert (second.frame, second.reason) == (None, pb.STRIP_REASON_SUPERSEDED)
    assert second.loss.get() == 2.0
    assert results[0].frame is not None


# ---------------------------------------------------------------- bad data


class Hostile:
    """Everything about it fails."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")

    def __len__(self) -> int:
        raise RuntimeError("no length")


BAD_IMAGES: dict[str, tuple[Any, str]] = {
    "None": (None, "None is not an image"),
    "objects": (np.array([object()] * 16), "values of type object are not pixels"),
    "five axes": (np.zeros((16, 2, 3, 4, 5)), "has 5 axes"),
    "no pixels": (np.zeros((16, 0, 8, 3)), "0 pixels|8 × 0"),
    "text": ("cat.png", "str is not an image"),
    "complex": (np.zeros((16, 8, 8), complex), "complex128 are not pixels"),
    "seven channels": (np.zeros((16, 7, 9, 9)), "no axis of 1 to 4 channels"),
    "flat rows": (np.zeros((16, 784)), "16 rows of 784 numbers"),
    "a number": (5, "axes"),
    "a list with holes": ([None] * 16, "None is not an image"),
    "structured": (np.zeros((16, 8, 8), [("a", "u1"), ("b", "u1")]), "are not pixels"),
    "a sparse tensor": (torch.zeros(16, 3, 8, 8).to_sparse(), "cannot be read"),
}


@pytest.mark.parametrize("kind", BAD_IMAGES)
def test_what_cannot_be_an_image_costs_its_tile_and_says_why(kind: str) -> None:
    bad, why = BAD_IMAGES[kind]
    captured = take(bad, np.arange(16), ImageOptions(), loss=0.5, targets=np.arange(16))
    frame = encoded(captured.frame)
    assert frame.count == 16
    assert isinstance(frame.pictures, tuple)
    for tile in frame.pictures:
        assert (tile.data, tile.width) == (b"", 0)
        assert any(reason in tile.error for reason in why.split("|")), tile.error
    assert [p.index for p in frame.predictions] == list(range(16))
    assert captured.loss.get() == 0.5


def test_one_bad_image_of_a_list_costs_only_its_own_tile() -> None:
    images: list[Any] = list(pictures(16, 8, 8))
    images[4], images[9] = None, np.zeros((8, 8, 3), object)
    frame = sent(images, None, ImageOptions(format="png"))
    assert isinstance(frame.pictures, tuple)
    assert [bool(tile.error) for tile in frame.pictures] == [i in (4, 9) for i in range(16)]
    assert (decode(frame.pictures[15].data) == pictures(16, 8, 8)[15]).all()


def test_an_object_that_fails_at_everything() -> None:
    captured = take(
        Hostile(), Hostile(), loss=Hostile(), accuracy=Hostile(), targets=Hostile(), ids=Hostile()
    )
    assert captured.loss.get() is None
    assert captured.accuracy.get() is None
    assert captured.problems


@pytest.mark.parametrize("what", ["preds", "targets", "per_sample_loss", "ids"])
@pytest.mark.parametrize("length", [0, 1, 15, 17])
def test_rows_of_another_length_cost_themselves_and_nothing_else(what: str, length: int) -> None:
    given_: dict[str, Any] = {
        "preds": np.arange(16), "targets": np.arange(16), "per_sample_loss": np.ones(16), "ids": list(range(16)),
    }  # fmt: skip
    given_[what] = given_[what][:length] if length < 16 else np.arange(17)
    captured = take(pictures(16, 8, 8), loss=1.0, **given_)
    assert any(f"{length} " in problem for problem in captured.problems)
    frame = encoded(captured.frame)
    left = {
        "preds": frame.predictions, "targets": frame.targets,
        "per_sample_loss": frame.per_sample_loss, "ids": frame.sample_ids,
    }  # fmt: skip
    assert {name for name, values in left.items() if len(values) == 0} == {what}


@pytest.mark.parametrize("images", [np.zeros((0, 8, 8, 3), np.uint8), [], torch.zeros(0, 3, 8, 8)])
def test_an_empty_batch_has_no_frame(images: Any) -> None:
    captured = take(images, np.zeros((0, 10)), loss=math.nan)
    assert captured.frame is None
    assert captured.batch_size == 0
    assert captured.problems == ("the batch is empty",)
    assert math.isnan(captured.loss.get() or 0)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (0.25, 0.25), (3, 3.0), (math.inf, math.inf), (-math.inf, -math.inf), (1e308, 1e308), (None, None),
        (np.float16(0.5), 0.5), (np.array(0.5), 0.5), (np.array([[0.5]]), 0.5), (True, 1.0),
        (torch.tensor(0.5), 0.5), (torch.tensor(0.5, requires_grad=True), 0.5), (torch.tensor([2]), 2.0),
        (torch.tensor(0.5).bfloat16(), 0.5), (torch.nn.Parameter(torch.tensor(0.5)), 0.5),
        (decimal.Decimal("0.5"), 0.5),
    ],
)  # fmt: skip
def test_losses_of_every_kind(loss: Any, expected: float | None) -> None:
    for with_images in (True, False):
        captured = Capture(ImageOptions(), None).take(
            pictures(16, 8, 8), None, loss=loss, accuracy=loss, with_images=with_images
        )
        assert captured.loss.get() == captured.accuracy.get() == expected
        assert captured.problems == ()


def test_a_loss_of_nan() -> None:
    for nan in (math.nan, np.float32("nan"), torch.tensor(math.nan)):
        assert math.isnan(take(pictures(16, 8, 8), loss=nan).loss.get() or 0)


@pytest.mark.parametrize("loss", ["0.5", object(), torch.zeros(4), np.zeros(0), 1j, [1.0], {}])
def test_a_loss_that_is_no_number_is_told_and_costs_nothing_else(loss: Any) -> None:
    captured = take(pictures(16, 8, 8), loss=loss)
    assert captured.loss.get() is None
    assert captured.problems[0].startswith("loss cannot be read: ")
    assert captured.frame is not None


def test_a_formatter_writes_captions_and_may_fail() -> None:
    def caption(index: int, prediction: Any, target: Any) -> str:
        if index == 3:
            raise ZeroDivisionError("three")
        return f"{index}: {prediction.label}, is {target}"

    options = ImageOptions(formatter=caption)
    captured = take(pictures(16, 8, 8), np.arange(16), options, targets=np.arange(16))
    frame = encoded(captured.frame)
    assert frame.captions[2] == "2: 2, is 2"
    assert frame.captions[3] == ""


def test_a_formatter_is_asked_for_tiles_without_predictions_too() -> None:
    options = ImageOptions(
        formatter=lambda index, prediction, target: f"{index} {prediction} {target}"
    )
    assert sent(pictures(16, 8, 8), None, options).captions[15] == "15 None None"
    with_targets = sent(pictures(16, 8, 8), None, options, targets=np.arange(16))
    assert with_targets.captions[15] == "15 None 15"


def test_each_tile_that_cannot_be_shown_is_counted_and_a_guess_is_not() -> None:
    capture = Capture(ImageOptions(gather_seconds=0.0), None)
    encoded(capture.take(np.zeros((16, 3, 4, 3)), None, loss=1.0, with_images=True).frame)
    assert capture.reports.problems == 0, "channels first or last: that was only guessed"
    images: list[Any] = list(pictures(16, 8, 8))
    images[3], images[7] = None, np.zeros((0, 8, 3))
    encoded(capture.take(images, None, loss=1.0, with_images=True).frame)
    assert capture.reports.problems == 2
    encoded(
        capture.take(np.zeros((16, 2, 3, 4, 5)), np.arange(16), loss=1.0, with_images=True).frame
    )
    assert capture.reports.problems == 18


def test_the_batch_size_is_known_with_and_without_images() -> None:
    for images, preds in (
        (pictures(33, 8, 8), None),
        (pictures(33, 8, 8), np.zeros((33, 2))),
        (None, np.zeros((33, 2))),
    ):
        for with_images in (True, False):
            capture = Capture(ImageOptions(), None)
            assert capture.take(images, preds, loss=None, with_images=with_images).batch_size == 33


def test_an_output_that_carries_its_logits() -> None:
    class Output:
        logits = torch.eye(16)

    for output in (Output(), {"logits": torch.eye(16)}):
        assert [p.index for p in sent(pictures(16, 8, 8), output).predictions] == list(range(16))


def test_a_single_picture() -> None:
    capture = Capture(ImageOptions(format="png"), None)

    def shown(image: Any) -> Tile:
        frame = capture.single(image)
        if isinstance(image, np.ndarray) and image.size:
            image[...] = 7  # it is the caller's to change at once
        pictures = Fitting(lambda: (10, 16), lambda: 4 << 20, "auto")(frame).pictures
        assert isinstance(pictures, tuple)
        frame.release()
        return pictures[0]

    image = pictures(1, 300, 200)[0]
    assert (decode(shown(image.copy()).data) == image).all()
    assert shown(None).error == "None is not an image"
    assert shown([]).error == "there is no image in it"
    assert shown(Hostile()).error
    large = shown(np.zeros((3000, 1500, 3), np.uint8))
    assert (large.height, large.width) == (2048, 1024)


def test_rows_of_a_list_are_copies() -> None:
    rows = [np.eye(16)[i] for i in range(16)]
    captured = take(pictures(16, 8, 8), rows)
    for row in rows:
        row[...] = [1] + [0] * 15
    assert [p.index for p in encoded(captured.frame).predictions] == list(range(16))


@pytest.mark.parametrize("loss", [np.ones(4), torch.ones(2, 2)])
def test_a_loss_of_several_numbers_says_what_to_do(loss: Any) -> None:
    captured = take(pictures(16, 8, 8), loss=loss)
    assert captured.problems == (
        "loss cannot be read: it holds 4 numbers where one is needed; give its mean()",
    )
