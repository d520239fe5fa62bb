"""Token ids to text, for tiles."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

__all__ = ["decoder_of"]


def decoder_of(tokenizer: Any) -> Callable[[Any], str]:
    """Return a function from a row of token ids to its text, for background threads.

    It has a copy of the tokenizer to itself: a fast one raises "Already borrowed" in the training's thread when two use it.

    Args:
        tokenizer: has ``decode``; None, or one that cannot be copied: the ids are written out.
    """
    try:
        own = copy.deepcopy(tokenizer)
    except Exception:  # whatever a tokenizer of the user's is made of
        own = None
    if not callable(getattr(own, "decode", None)):
        return lambda ids: " ".join(map(str, ids.tolist()))

    def decode(ids: Any) -> str:
        return str(own.decode(ids.tolist(), skip_special_tokens=True))

    return decode
