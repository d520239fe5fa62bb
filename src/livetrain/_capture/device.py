"""Reading memory that is not the host's, without ever waiting for it on the training thread.

The seam is two methods: a :class:`Device` queues a copy, a :class:`Pending` waits for it in the background. The training
thread only queues. What it queues is ordered behind what the caller's own stream has queued so far and before what it
queues next, so the caller may change the tensor in place at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BFLOAT16",
    "Device",
    "LazyDevice",
    "Pending",
    "TorchDevice",
    "device_of",
    "from_torch",
    "widen",
]

BFLOAT16 = np.dtype([("bfloat16", np.uint16)])
"""bfloat16 as plain numpy holds it: the upper half of a float32 each. It copies and slices like any other type."""

Array = NDArray[np.generic]


class Pending(Protocol):
    """Data on its way to the host."""

    def read(self) -> Array:
        """Wait until it is there, on a background thread, and return it."""


class Device(Protocol):
    """Where a tensor lives, when that is not the host's memory."""

    def snapshot(self, tensor: Any, picks: Sequence[int] | None) -> Pending:
        """Queue a copy of some rows, or of all of it (None), and return at once."""


class TorchDevice:
    """A PyTorch accelerator with streams and events, such as CUDA.

    The rows are gathered on the caller's own stream, which puts the gather in order with what the caller does to the
    tensor before and after. The long part, the copy to the host, runs on a stream of ours.

    Args:
        torch: the module, as the user imported it.
        backend: its module for this kind of device, e.g. ``torch.cuda``.
        device: which one.
    """

    def __init__(self, torch: ModuleType, backend: Any, device: Any) -> None:
        self._torch = torch
        self._backend = backend
        self._device = device
        self._stream = backend.Stream(device)

    def snapshot(self, tensor: Any, picks: Sequence[int] | None) -> Pending:
        """Queue the gather and the copy; nothing here waits for the device."""
        torch, backend = self._torch, self._backend
        tensor = tensor.detach()
        # Views and one kernel: an index tensor would have to be uploaded first, which waits for the device.
        gathered = tensor.clone() if picks is None else torch.stack([tensor[i] for i in picks])
        # torch keeps freed pinned blocks and hands them out again once the events on them have passed.
        host = torch.empty(gathered.shape, dtype=gathered.dtype, pin_memory=True)
        self._stream.wait_stream(backend.current_stream(self._device))
        with backend.stream(self._stream):
            host.copy_(gathered, non_blocking=True)
            done = backend.Event()
            done.record(self._stream)
        # Its memory was allocated on the caller's stream: not to be reused before ours has read it.
        gathered.record_stream(self._stream)
        return _TorchPending(torch, host, done)


class _TorchPending:
    __slots__ = ("_done", "_host", "_torch")

    def __init__(self, torch: ModuleType, host: Any, done: Any) -> None:
        self._torch = torch
        self._host = host
        self._done = done

    def read(self) -> Array:
        self._done.synchronize()  # this thread waits, with the GIL released
        return from_torch(self._torch, self._host)


class LazyDevice:
    """A framework that queues by itself: its slices are new arrays, filled in while we go on (JAX, TensorFlow, Apple's GPU).

    Args:
        module: TensorFlow, whose tensors take no list as index; None for the others.
    """

    def __init__(self, module: ModuleType | None = None) -> None:
        self._module = module

    def snapshot(self, tensor: Any, picks: Sequence[int] | None) -> Pending:
        """Queue the gather; it is read when it is asked for."""
        if hasattr(tensor, "detach"):  # PyTorch: a tensor can change, a copy cannot
            gathered = tensor.detach()
            gathered = gathered.clone() if picks is None else self._stack(gathered, picks)
        elif picks is None:
            gathered = tensor
        elif self._module is not None:
            gathered = self._module.gather(tensor, list(picks))
        else:
            gathered = tensor[np.asarray(picks)]
        return _LazyPending(gathered)

    def _stack(self, tensor: Any, picks: Sequence[int]) -> Any:
        return sys.modules["torch"].stack([tensor[i] for i in picks])


class _LazyPending:
    __slots__ = ("_gathered",)

    def __init__(self, gathered: Any) -> None:
        self._gathered = gathered

    def read(self) -> Array:
        gathered = self._gathered
        if hasattr(gathered, "cpu") and hasattr(gathered, "detach"):
            return from_torch(sys.modules["torch"], gathered.cpu())
        return np.asarray(gathered)


_torch_devices: dict[Any, Device] = {}
_lazy = LazyDevice()


def device_of(tensor: Any) -> Device | None:
    """Return the device that a tensor lives on; None: its memory is the host's and can be read at once.

    No framework is imported: a tensor of one that is not in ``sys.modules`` cannot exist.
    """
    if isinstance(tensor, np.ndarray):
        return None
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(tensor, torch.Tensor):
        # Asked for on every step, of several tensors: the device's own object takes five times as long.
        return None if tensor.is_cpu else _torch_device(torch, tensor.device)
    kind = type(tensor)
    family = kind.__module__.partition(".")[0]
    if family in ("jax", "jaxlib"):
        # On the host and ready it is read like a NumPy array; else asking for its values would wait.
        devices = tensor.devices()
        ready = all(d.platform == "cpu" for d in devices) and tensor.is_ready()
        return None if ready else _lazy
    if family == "tensorflow":
        return (
            None if "CPU" in str(tensor.device).upper() else LazyDevice(sys.modules["tensorflow"])
        )
    return None


def _torch_device(torch: ModuleType, device: Any) -> Device:
    found = _torch_devices.get(device)
    if found is None:
        backend = getattr(torch, device.type, None)
        has_streams = all(
            hasattr(backend, name) for name in ("Stream", "Event", "stream", "current_stream")
        )
        found = TorchDevice(torch, backend, device) if has_streams else _lazy
        _torch_devices[device] = found
    return found


def from_torch(torch: ModuleType, tensor: Any) -> Array:
    """Return a host tensor's memory as an array, shared and not copied; float8 is widened, as NumPy has no name for it."""
    tensor = tensor.detach()
    shared: Array
    if tensor.dtype == torch.bfloat16:
        shared = tensor.view(torch.int16).numpy().view(BFLOAT16)
        return shared
    try:
        shared = tensor.numpy()
    except (
        RuntimeError,
        TypeError,
    ):  # a float8; or values that are yet to be negated or conjugated
        if tensor.dtype.itemsize == 1 and tensor.dtype.is_floating_point:
            tensor = tensor.float()
        shared = tensor.resolve_conj().resolve_neg().numpy()
    return shared


def widen(values: NDArray[Any]) -> NDArray[Any]:
    """Return values of a type that NumPy computes with: bfloat16 and the 8-bit floats become float32."""
    dtype = values.dtype
    if dtype.kind in "fiub" and dtype.itemsize <= 8:
        return values
    if dtype == BFLOAT16:
        return np.left_shift(values.view(np.uint16), 16, dtype=np.uint32).view(np.float32)
    # What the ml_dtypes package (JAX, TensorFlow) adds is of kind "V"; long doubles are wider than anything needed.
    return values.astype(np.float32) if dtype.kind == "V" or dtype.itemsize > 8 else values
