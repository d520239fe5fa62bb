"""gRPC's own support of forks, which costs more than it gives, and is switched off before gRPC is imported.

Where it is on, gRPC starts threads in each child as soon as it is forked. A child that closes its descriptors to become another
program, which is what ``subprocess`` does with a ``preexec_fn``, is aborted by them now and then
(https://github.com/grpc/grpc/issues/43055), each worker of a DataLoader carries them, and gRPC writes a line to stderr at each
fork. gRPC reads its switch, ``GRPC_ENABLE_FORK_SUPPORT``, only once, when it is imported; who sets it is obeyed.
"""

from __future__ import annotations

import os
import sys
import time

__all__ = ["arrange"]

_SWITCH = "GRPC_ENABLE_FORK_SUPPORT"
_OFF = frozenset({"0", "false", "f", "no", "n"})  # as gRPC reads it
# gRPC's threads are in their first wait by then, and what is closed during a wait does not abort them. Of 40 aborts in 1,400
# forks that leaves one or two, all of them while a connection was being made.
_SETTLE_SECONDS = 0.005


def arrange() -> bool:
    """Import gRPC without its support of forks; return whether it works in a child that is forked while it is in use.

    Where that comes too late, because something else imported gRPC before, or somebody wants the support, each child waits for
    a moment before it goes on.
    """
    if os.environ.get(_SWITCH, "").lower() in _OFF:
        return False
    if _SWITCH in os.environ or "grpc" in sys.modules:
        if hasattr(os, "register_at_fork"):  # not on Windows
            os.register_at_fork(after_in_child=lambda: time.sleep(_SETTLE_SECONDS))
        return True
    os.environ[_SWITCH] = "0"
    try:
        import grpc  # noqa: F401  # it is to be imported just now
    finally:
        # The processes that the training starts are to decide for themselves.
        del os.environ[_SWITCH]
    return False
