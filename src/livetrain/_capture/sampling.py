"""Which 16: a random draw without replacement, or the samples that the user follows."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence

__all__ = ["Draw", "Watch"]


class Draw:
    """Draws from each batch with a generator of its own, so the user's random numbers stay what they are.

    Args:
        seed: of the generator; None: from the operating system.

    Example:
        >>> Draw(seed=1).pick(4, 16)
        [0, 1, 2, 3]
    """

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)

    def pick(self, count: int, wanted: int) -> list[int]:
        """Return up to ``wanted`` different positions below ``count``, ascending as memory is read."""
        if count <= wanted:
            return list(range(count))
        # Floyd's algorithm, on bits that come in one call: random.sample takes three times as long.
        bits = self._random.getrandbits(32 * wanted)
        chosen: set[int] = set()
        for last in range(count - wanted, count):
            drawn = (bits & 0xFFFFFFFF) * (last + 1) >> 32
            bits >>= 32
            chosen.add(last if drawn in chosen else drawn)
        return sorted(chosen)


class Watch:
    """Finds the samples that the user follows in each batch.

    Args:
        ids: what to follow, in the order of the tiles.

    Example:
        >>> Watch(["a", "b"]).find(["x", "b", "a"], seen=set())
        [2, 1]
    """

    def __init__(self, ids: Sequence[Hashable]) -> None:
        self.places: dict[Hashable, int] = {}
        for sample_id in ids:
            self.places.setdefault(sample_id, len(self.places))

    def __len__(self) -> int:
        return len(self.places)

    def find(self, ids: Sequence[Hashable], seen: set[Hashable]) -> list[int]:
        """Return the positions of followed samples that are not in ``seen``, in the order of the tiles.

        Args:
            ids: one a sample of the batch. Of a repeated one the first counts.
            seen: followed ids that this frame has already.
        """
        places = self.places
        found: dict[Hashable, int] = {}
        for position, sample_id in enumerate(ids):
            if sample_id in places and sample_id not in seen:
                found.setdefault(sample_id, position)
        return [found[sample_id] for sample_id in sorted(found, key=places.__getitem__)]
