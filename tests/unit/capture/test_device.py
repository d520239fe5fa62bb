"""Device tensors, on a fake accelerator that runs late, out of order, and fails on early reads."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch as real_torch
from hypothesis import given
from hypothesis import strategies as st

from livetrain._capture.capture import Capture, encode
from livetrain._capture.device import (
    BFLOAT16,
    LazyDevice,
    TorchDevice,
    device_of,
    from_torch,
    widen,
)
from livetrain.config import ImageOptions
from tests.unit.capture.world import pictures, tiles_of


class EarlyReadError(Exception):
    """Host memory was read before the copy into it was done, or the caller's stream was waited for."""


class Stream:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.queue: list[Callable[[], bool]] = []  # each says whether it is done

    def put(self, work: Callable[[], object]) -> None:
        def run() -> bool:
            work()
            return True

        self.queue.append(run)

    def wait_stream(self, other: Stream) -> None:
        event = Event(self.machine)
        event.record(other)
        self.queue.append(lambda: event.done)

    def synchronize(self) -> None:
        raise EarlyReadError("a stream was waited for")


class Event:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.done = False

    def record(self, stream: Stream) -> None:
        def mark() -> None:
            self.done = True

        stream.put(mark)

    def synchronize(self) -> None:
        self.machine.run_until(lambda: self.done)


class Machine:
    """An accelerator: streams that progress in an order of their own, and only when somebody waits for an event."""

    def __init__(self, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.streams: list[Stream] = []
        self.users = self.stream_of("cuda:0")
        self.current = self.users
        self.pinned = 0

    # what torch.cuda has
    def stream_of(self, device: Any) -> Stream:
        stream = Stream(self)
        self.streams.append(stream)
        return stream

    Stream = stream_of

    def Event(self) -> Event:  # noqa: N802 - as torch names it
        return Event(self)

    def current_stream(self, device: Any) -> Stream:
        return self.current

    @contextmanager
    def stream(self, stream: Stream) -> Iterator[None]:
        before, self.current = self.current, stream
        yield
        self.current = before

    def synchronize(self) -> None:
        raise EarlyReadError("the device was waited for")

    # what torch has
    bfloat16 = "bfloat16"
    int16 = "int16"

    def stack(self, tensors: Sequence[Tensor]) -> Tensor:
        result = Tensor(self, np.zeros((len(tensors), *tensors[0].shape), tensors[0].array.dtype))
        self.current.put(
            lambda: [np.copyto(result.array[i, ...], t.array) for i, t in enumerate(tensors)]
        )
        result.own()
        return result

    def empty(self, shape: Any, dtype: Any, pin_memory: bool) -> HostTensor:
        assert pin_memory, "a copy into pageable memory waits for the device"
        self.pinned += 1
        return HostTensor(self, np.full(shape, 99).astype(dtype.numpy))

    # what a test does
    def run_until(self, there: Callable[[], bool]) -> None:
        for _ in range(10_000):
            if there():
                return
            stream = self.random.choice([s for s in self.streams if s.queue])
            if stream.queue[0]():
                stream.queue.pop(0)
        raise AssertionError("the device hangs")


class Dtype:
    is_floating_point = False

    def __init__(self, numpy: Any) -> None:
        self.numpy = np.dtype(numpy)
        self.itemsize = self.numpy.itemsize

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dtype) and other.numpy == self.numpy

    def __hash__(self) -> int:
        return hash(self.numpy)


class Tensor:
    """In the accelerator's memory: there is no way to its values but through a queue."""

    def __init__(self, machine: Machine, array: np.ndarray) -> None:
        self.machine, self.array = machine, array
        self.streams: list[Stream] = []

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def dtype(self) -> Dtype:
        return Dtype(self.array.dtype)

    def __getitem__(self, index: Any) -> Tensor:
        parts = index if isinstance(index, tuple) else (index, ...)
        views = (int, slice, type(...))
        assert all(isinstance(part, views) for part in parts), (
            "an index tensor is uploaded, which waits for the device"
        )
        return Tensor(self.machine, self.array[parts])

    def detach(self) -> Tensor:
        return self

    def clone(self) -> Tensor:
        result = Tensor(self.machine, np.zeros_like(self.array))
        source = self.array
        self.machine.current.put(lambda: np.copyto(result.array, source))
        result.own()
        return result

    def record_stream(self, stream: Stream) -> None:
        self.streams.append(stream)

    def own(self) -> None:
        """When this goes, the allocator hands its memory out again, to whoever comes next on the caller's stream."""
        array, machine, streams = self.array, self.machine, self.streams

        def reuse() -> None:
            if not streams:
                machine.users.put(lambda: array.fill(13))

        weakref.finalize(self, reuse)

    def fill_(self, value: int) -> None:
        self.machine.users.put(lambda: self.array.fill(value))

    def item(self) -> Any:
        raise EarlyReadError("item() waits for the device")

    cpu = numpy = tolist = __float__ = __array__ = item


class HostTensor:
    def __init__(self, machine: Machine, array: np.ndarray) -> None:
        self.machine, self.array, self.arrived = machine, array, False

    def copy_(self, source: Tensor, non_blocking: bool) -> None:
        assert non_blocking
        array, there = source.array, self.array

        def copy() -> None:
            np.copyto(there, array)
            self.arrived = True

        self.machine.current.put(copy)

    @property
    def dtype(self) -> Dtype:
        return Dtype(self.array.dtype)

    def detach(self) -> HostTensor:
        return self

    resolve_conj = resolve_neg = detach

    def numpy(self) -> np.ndarray:
        if not self.arrived:
            raise EarlyReadError("read before its event")
        return self.array


def find(machine: Machine) -> Callable[[Any], Any]:
    device = TorchDevice(machine, machine, "cuda:0")  # type: ignore[arg-type]
    return lambda tensor: device if isinstance(tensor, Tensor) else None


@given(seed=st.integers(0, 10_000), batches=st.sampled_from([1, 2, 4]))
def test_frames_of_device_tensors_are_right_though_the_caller_goes_on_at_once(
    seed: int, batches: int
) -> None:
    machine = Machine(seed)
    capture = Capture(ImageOptions(format="png"), None, seed=1, find_device=find(machine))
    images = pictures(64 // batches, 8, 8)
    for _ in range(batches + 16):
        tensor = Tensor(machine, np.zeros_like(images))
        machine.users.put(
            lambda to=tensor: np.copyto(to.array, images)
        )  # still being computed at the call
        preds, targets = (Tensor(machine, np.arange(len(images))) for _ in range(2))
        loss = Tensor(machine, np.array(0.5))
        captured = capture.take(
            tensor, preds, loss=loss, targets=targets, accuracy=loss, with_images=True
        )
        for thing in (tensor, preds, targets, loss):
            thing.fill_(77)
        if captured.frame is not None:
            break
    assert captured.frame is not None
    frame = encode(captured.frame, quality=90, max_size=256, packing="strip")
    shown = [p.index for p in frame.predictions]
    assert list(frame.targets) == shown
    assert all((tile == images[i]).all() for tile, i in zip(tiles_of(frame), shown, strict=True))
    assert captured.loss.get() == captured.accuracy.get() == 0.5
    assert captured.problems == ()


@pytest.mark.parametrize("order", ["NHWC", "NCHW"])
def test_of_large_images_on_a_device_every_so_manieth_pixel_is_copied(order: str) -> None:
    machine = Machine(0)
    shape = (2, 6000, 4000, 3) if order == "NHWC" else (2, 3, 6000, 4000)
    shades = np.array([40, 200], np.uint8).reshape(2, 1, 1, 1)
    batch = Tensor(machine, np.broadcast_to(shades, shape))
    capture = Capture(ImageOptions(gather_seconds=0.0), None, find_device=find(machine))
    frame = capture.take(batch, None, loss=None, with_images=True).frame
    assert frame is not None
    assert sum(part.read().nbytes for part in frame.parts) < 2 * 5 * 2**20
    tiles = tiles_of(encode(frame, quality=90, max_size=256, packing="tiles"))
    assert [round(float(tile.mean())) for tile in tiles] == [40, 200]
    assert tiles[0].shape[:2] == (256, 171)


def test_the_fake_notices_who_reads_too_early() -> None:
    machine = Machine()
    device = TorchDevice(machine, machine, "cuda:0")  # type: ignore[arg-type]
    pending = device.snapshot(Tensor(machine, np.arange(4)), [1, 2])
    with pytest.raises(EarlyReadError):
        pending._host.numpy()  # type: ignore[attr-defined]
    assert pending.read().tolist() == [1, 2]


def test_nothing_on_the_training_thread_waits_or_reads() -> None:
    machine = Machine()
    capture = Capture(ImageOptions(), None, find_device=find(machine))
    work = len(machine.users.queue)
    capture.take(
        Tensor(machine, pictures(16, 8, 8)), Tensor(machine, np.zeros((16, 10))),
        loss=Tensor(machine, np.array(1.0)), with_images=True,
    )  # fmt: skip
    assert len(machine.users.queue) > work  # all is queued, nothing is done


def test_a_device_that_fails_costs_its_tiles_and_says_so() -> None:
    class Broken:
        def snapshot(self, tensor: Any, picks: Any) -> Any:
            class Pending:
                def read(self) -> Any:
                    raise RuntimeError("device lost")

            return Pending()

    machine = Machine()
    capture = Capture(
        ImageOptions(), None, find_device=lambda x: Broken() if isinstance(x, Tensor) else None
    )
    captured = capture.take(
        Tensor(machine, pictures(16, 8, 8)), Tensor(machine, np.zeros((16, 10))),
        loss=Tensor(machine, np.array(1.0)), with_images=True,
    )  # fmt: skip
    assert captured.frame is not None
    frame = encode(captured.frame, quality=90, max_size=256, packing="strip")
    assert isinstance(frame.pictures, tuple)
    assert {tile.error for tile in frame.pictures} == {"cannot be read: RuntimeError: device lost"}
    assert frame.predictions == ()
    assert captured.loss.get() is None
    told = " ".join(capture.reports.drain())
    assert "images cannot be read: device lost" in told
    assert "predictions cannot be read: device lost" in told
    assert "loss cannot be read: device lost" in told


def test_ids_on_a_device_are_refused_and_nothing_waits() -> None:
    machine = Machine()
    capture = Capture(ImageOptions(watch=[1]), None, find_device=find(machine))
    captured = capture.take(
        pictures(4, 8, 8), None, loss=None, ids=Tensor(machine, np.arange(4)), with_images=True
    )
    assert "ids cannot be read: they are on a device" in captured.problems[0]


def test_host_memory_is_no_device() -> None:
    for value in (np.zeros(3), real_torch.zeros(3), [1], 1.0, None, "x"):
        assert device_of(value) is None


def test_the_meta_device_of_torch_is_one_and_its_tensors_cannot_be_read() -> None:
    meta = real_torch.zeros(4, 3, device="meta")
    device = device_of(meta)
    assert isinstance(device, LazyDevice)
    with pytest.raises(NotImplementedError):
        device.snapshot(meta, [0, 1]).read()


def test_every_type_of_torch_comes_to_numpy() -> None:
    values = [0.0, 1.0, 2.0]
    for name in (
        "float32",
        "float64",
        "float16",
        "bfloat16",
        "float8_e4m3fn",
        "int8",
        "uint8",
        "int64",
        "bool",
    ):
        tensor = real_torch.tensor(values).to(getattr(real_torch, name))
        array = widen(from_torch(real_torch, tensor))
        assert array.astype(float).tolist() == ([0.0, 1.0, 1.0] if name == "bool" else values)
    assert from_torch(real_torch, real_torch.zeros(2).bfloat16()).dtype == BFLOAT16


def test_tensors_that_want_a_gradient_or_are_conjugated_can_be_read() -> None:
    assert from_torch(real_torch, real_torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]
    negative = real_torch.imag(real_torch.tensor([1 + 2j]).conj())
    assert from_torch(real_torch, negative).tolist() == [-2.0]


@given(st.lists(st.floats(allow_nan=False, width=32), min_size=1))
def test_bfloat16_is_the_upper_half_of_a_float32(values: list[float]) -> None:
    rounded = real_torch.tensor(values).bfloat16()
    assert (widen(from_torch(real_torch, rounded)) == rounded.float().numpy()).all()
