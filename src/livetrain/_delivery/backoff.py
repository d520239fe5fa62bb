"""How long to wait before the next try: anything up to a ceiling that doubles, so that many trainers do not return at once."""

from __future__ import annotations

import random

import tenacity

__all__ = ["full_jitter"]

_CEILING = tenacity.wait_exponential(multiplier=0.1, max=2.0)
# Not tenacity's own jitter, and not the module's generator: that one is the training's, and a reconnect must not change
# what it draws. The system's has no state either, which forked processes would share.
_random = random.SystemRandom()


def full_jitter(attempt: int) -> float:
    """Return how long to wait before try number `attempt` = 1, 2, 3 ..., seconds: anything up to 0.1, 0.2, 0.4 ... 2 s.

    Example:
        >>> 0.0 <= full_jitter(1) <= 0.1
        True
    """
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.attempt_number = min(attempt, 16)
    return _random.uniform(0.0, float(_CEILING(state)))
