"""Images of frameworks that we don't know, seen by what they have."""

from __future__ import annotations

import subprocess
import sys
import types
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from livetrain._capture.capture import Capture, encode
from livetrain._capture.device import LazyDevice, device_of
from livetrain._capture.source import SNAPSHOT_LIMIT, host_array, is_numeric, open_images
from livetrain.config import ImageOptions
from tests.unit.capture.world import pictures, sent, tiles_of

BATCH = pictures(16, 12, 10)


class ByArray:
    """Has nothing but `__array__`."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return BATCH


class ByDlpack:
    """Has nothing but DLPack."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __dlpack__(self, **how: Any) -> Any:
        return BATCH.copy().__dlpack__()


def test_whatever_offers_its_memory_is_read() -> None:
    for images in (
        ByArray(),
        ByDlpack(),
        memoryview(BATCH),
        np.ma.masked_array(BATCH),
        list(BATCH),
        tuple(BATCH),
    ):
        tiles = tiles_of(sent(images, None, ImageOptions(format="png")))
        assert all((tile == image).all() for tile, image in zip(tiles, BATCH, strict=True))


def test_nested_lists_of_an_image_each() -> None:
    tiles = tiles_of(
        sent(
            [image.tolist() for image in BATCH],
            None,
            ImageOptions(format="png", value_range=(0, 255)),
        )
    )
    assert all((tile == image).all() for tile, image in zip(tiles, BATCH, strict=True))


def test_an_object_array_of_images_of_different_sizes_is_a_list() -> None:
    images = np.empty(16, object)
    for i in range(16):
        images[i] = pictures(1, 8 + i, 8)[0]
    assert [tile.shape[0] for tile in tiles_of(sent(images))] == list(range(8, 24))


def test_a_list_of_devices_and_hosts_and_holes() -> None:
    images = [
        BATCH[0],
        torch.from_numpy(BATCH[1]),
        torch.from_numpy(BATCH[2]).permute(2, 0, 1),
        None,
    ]
    frame = sent(images, None, ImageOptions(format="png", gather_seconds=0.0))
    assert isinstance(frame.pictures, tuple)
    assert [bool(tile.error) for tile in frame.pictures] == [False, False, False, True]


def test_an_item_that_is_a_batch_is_refused() -> None:
    frame = sent([BATCH], None, ImageOptions(gather_seconds=0.0))
    assert isinstance(frame.pictures, tuple)
    assert frame.pictures[0].error == "an item of the list holds 16 images; give one an item"


def test_memory_of_a_device_that_nobody_here_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    class OnCuda:
        shape = (16, 8, 8)

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    monkeypatch.delitem(sys.modules, "torch")
    frame = sent(OnCuda(), np.arange(16))
    assert isinstance(frame.pictures, tuple)
    assert frame.pictures[0].error == "OnCuda is not in host memory; give a copy that is"


def test_an_ambiguous_layout_is_told_once() -> None:
    capture = Capture(ImageOptions(), None)
    images = np.zeros((16, 3, 8, 3), np.uint8)
    first = capture.take(images, None, loss=None, with_images=True)
    assert len(first.problems) == 1
    assert "they are taken as last" in first.problems[0]
    assert first.frame is not None
    first.frame.release()
    assert capture.take(images, None, loss=None, with_images=True).problems == ()


def test_a_snapshot_of_a_large_image_is_bounded() -> None:
    seen: list[int] = []

    class Target:
        def add_rows(self, source: np.ndarray, picks: Any, order: Any) -> None:
            seen.append(source[0].nbytes)

    for shape in ((1, 10000, 10000), (1, 4000, 3000, 3), (1, 3, 6000, 100)):
        open_images(
            np.zeros(shape, np.uint8), "NHW" if len(shape) == 3 else "auto", None, 256
        ).take([0], Target())  # type: ignore[arg-type]
    assert max(seen) <= SNAPSHOT_LIMIT


def test_types() -> None:
    for name in ("bool", "u1", "i1", ">u2", "i8", "f2", "f4", "f8", "longdouble"):
        assert is_numeric(np.dtype(name))
    for name in ("O", "S3", "U3", "c8", "M8[s]", "V5"):
        assert not is_numeric(np.dtype(name))
    assert not is_numeric(np.dtype([("a", "u1")]))


class TensorFlowTensor:
    """What TensorFlow's eager tensors have, as far as is used here."""

    def __init__(self, array: np.ndarray, where: str) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.device = f"/job:localhost/replica:0/task:0/device:{where}:0"

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


TensorFlowTensor.__module__ = "tensorflow.python.framework.ops"


@pytest.mark.parametrize("where", ["CPU", "GPU"])
def test_tensors_of_tensorflow(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gathered: list[list[int]] = []

    def gather(tensor: TensorFlowTensor, picks: list[int]) -> TensorFlowTensor:
        gathered.append(picks)
        return TensorFlowTensor(tensor.array[picks], where)

    module = types.ModuleType("tensorflow")
    module.gather = gather  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow", module)
    images = TensorFlowTensor(pictures(32, 8, 8), where)
    assert isinstance(device_of(images), LazyDevice) is (where == "GPU")
    frame = sent(
        images,
        TensorFlowTensor(np.arange(32), where),
        ImageOptions(format="png"),
        loss=TensorFlowTensor(np.array(1.0), where),
    )
    shown = [p.index for p in frame.predictions]
    assert all(
        (t == pictures(32, 8, 8)[i]).all() for t, i in zip(tiles_of(frame), shown, strict=True)
    )
    assert len(gathered) == (2 if where == "GPU" else 0)


class JaxDevice(NamedTuple):
    platform: str


class JaxArray:
    """What JAX's arrays have, as far as is used here; one that is not ready fails when it is read on the training thread."""

    def __init__(self, array: np.ndarray, platform: str = "cpu", ready: bool = True) -> None:
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.platform, self.ready, self.slow = platform, ready, not ready

    def devices(self) -> set[Any]:
        return {JaxDevice(self.platform)}

    def is_ready(self) -> bool:
        return self.ready

    def __dlpack_device__(self) -> tuple[int, int]:
        raise AssertionError("JAX waits for its queue before it answers")

    def __getitem__(self, index: Any) -> JaxArray:
        return JaxArray(self.array[index], self.platform, self.ready)

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if not self.ready:
            raise AssertionError("reading it now would wait")
        return self.array

    def __float__(self) -> float:
        return float(self.__array__())


JaxArray.__module__ = "jaxlib._jax"


@pytest.mark.parametrize(
    ("platform", "ready"), [("cpu", True), ("cpu", False), ("gpu", False), ("gpu", True)]
)
def test_arrays_of_jax(platform: str, ready: bool) -> None:
    batch = JaxArray(pictures(32, 8, 8), platform, ready)
    loss = JaxArray(np.array(0.5), platform, ready)
    assert isinstance(device_of(batch), LazyDevice) is not (platform == "cpu" and ready)
    capture = Capture(ImageOptions(format="png"), None)
    captured = capture.take(
        batch, JaxArray(np.arange(32), platform, ready), loss=loss, with_images=True
    )
    assert captured.frame is not None
    for part in captured.frame.parts:
        if part.pending is not None:
            part.pending._gathered.ready = True  # type: ignore[attr-defined]  # the queue has come this far
    for chunk in captured.frame._columns["predictions"]:
        if hasattr(chunk, "_gathered"):
            chunk._gathered.ready = True
    loss.ready = True
    frame = encode(captured.frame, quality=90, max_size=256, packing="strip")
    shown = [p.index for p in frame.predictions]
    assert all(
        (t == pictures(32, 8, 8)[i]).all() for t, i in zip(tiles_of(frame), shown, strict=True)
    )
    assert captured.loss.get() == 0.5


def test_real_arrays_of_jax() -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed; its face is tested above")
    batch = pictures(32, 8, 8)
    for dtype in (jax.numpy.uint8, jax.numpy.float32, jax.numpy.bfloat16):
        images = jax.numpy.asarray(batch)
        images = images if dtype == jax.numpy.uint8 else (images / 255).astype(dtype)
        frame = sent(
            images.transpose(0, 3, 1, 2),
            jax.numpy.arange(32),
            ImageOptions(format="png"),
            loss=jax.numpy.mean(images),
        )
        for tile, prediction in zip(tiles_of(frame), frame.predictions, strict=True):
            assert np.abs(tile.astype(int) - batch[prediction.index]).max() <= 1
    assert host_array(jax.numpy.zeros(3, jax.numpy.bfloat16)).dtype.names == ("bfloat16",)


def test_no_framework_is_imported_by_reading_images() -> None:
    code = (
        "import sys, numpy as np\n"
        "from livetrain._capture.capture import Capture, encode\n"
        "from livetrain.config import ImageOptions\n"
        "frame = Capture(ImageOptions(), None).take(np.zeros((16, 8, 8)), np.eye(16), loss=1, with_images=True).frame\n"
        "encode(frame, quality=85, max_size=256, packing='strip')\n"
        "print(sorted({'torch', 'tensorflow', 'jax', 'pandas', 'scipy', 'cv2'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
