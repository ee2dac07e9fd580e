"""Collections of bounded size that forget their oldest entries.

A call lasts for hours and a peer chooses its ids, so nothing that is keyed by what a peer
sends may grow without a limit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedDict(OrderedDict[K, V]):
    """A dict of at most `limit` entries, from the oldest to the newest.

    Assigning to a key makes it the newest. The entry that no longer fits is dropped; `store`
    returns it. Only item assignment and `store` are bounded: do not use `update` or `setdefault`.
    An OrderedDict, because a dict finds its oldest entry only by scanning those deleted before it.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def __setitem__(self, key: K, value: V) -> None:
        self.store(key, value)

    def __reduce__(self) -> tuple[Any, ...]:
        # For pickle and copy: OrderedDict's own calls the constructor without the limit.
        return type(self), (self.limit,), None, None, iter(self.items())

    def store(self, key: K, value: V) -> V | None:
        """Set `key` as the newest entry. Returns the value that was dropped to make room, if any."""
        self.pop(key, None)
        dropped = self.popitem(last=False)[1] if len(self) >= self.limit else None
        super().__setitem__(key, value)
        return dropped


class SeenSet:
    """A set of the last `limit` keys, for detecting repeated events.

    Stores 64-bit hashes only, so the length of a peer's ids costs no memory. Two keys with the
    same hash count as one; with 4096 keys the odds are 1 in 10**15 per key, and Python seeds
    the hash of strings, so a peer cannot choose colliding keys.
    """

    __slots__ = ("_hashes",)

    def __init__(self, limit: int = 4096) -> None:
        self._hashes: BoundedDict[int, None] = BoundedDict(limit)

    def add(self, *key: Hashable) -> bool:
        """Add `key`. Returns True if it was not in the set."""
        return self._add(hash(key))

    def update(self, other: SeenSet) -> None:
        """Add every key of `other`."""
        for value in other._hashes:
            self._add(value)

    def _add(self, value: int) -> bool:
        if value in self._hashes:
            return False
        self._hashes.store(value, None)
        return True
