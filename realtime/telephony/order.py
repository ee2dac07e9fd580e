"""Reorder: numbered messages sorted into order, without duplicates, with gaps reported.

For RTP, and for carriers that do not guarantee an order (Telnyx). It has no clock: a missing number
is given up once more than `depth` later ones have arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ..errors import ConfigError

T = TypeVar("T")

# A number that is further ahead or behind than this means that the sender has restarted, provided that
# its successor arrives next. Source: RFC 3550, appendix A.1. Read 2026-11-24.
MAX_DROPOUT: Final = 3000
MAX_MISORDER: Final = 100


@dataclass(frozen=True, slots=True)
class Gap:
    """`count` consecutive numbers that did not arrive, or not in time."""

    count: int


class Reorder(Generic[T]):
    """Reordering buffer for numbered items.

    `depth` is the number of later items that may wait for a missing one (0: none waits, late ones
    are dropped); `modulus` is where numbers wrap around (65,536 for RTP, None for never); `first` is
    the first number, if it is known. `lost` counts numbers given up, `dropped` items that were
    duplicate, late or stray, and `restarts` senders that started again at another number.
    """

    __slots__ = ("_ahead", "_depth", "_modulus", "_next", "_probe", "_started", "dropped", "lost", "restarts")

    def __init__(self, depth: int = 3, *, modulus: int | None = None, first: int | None = None) -> None:
        if not 0 <= depth < MAX_DROPOUT:
            raise ConfigError(f"depth must be from 0 to {MAX_DROPOUT - 1}, got {depth}")
        if modulus is not None and modulus <= 2 * MAX_DROPOUT:
            raise ConfigError(f"modulus must be more than {2 * MAX_DROPOUT}, got {modulus}")
        self._depth = depth
        self._modulus = modulus
        self._started = first is not None
        self._next = first or 0
        # Items that arrived early, by their distance to `_next`.
        self._ahead: dict[int, T] = {}
        # A number far from the expected one, and its item: accepted when its successor arrives.
        self._probe: tuple[int, T] | None = None
        self.lost = 0
        self.dropped = 0
        self.restarts = 0

    def push(self, number: int, item: T) -> list[T | Gap]:
        """Add an item. Returns the items that are due, in order, with a `Gap` for numbers given up."""
        if not self._started:
            self._started = True
            self._next = number
        ahead = self._distance(number, self._next)
        if not -MAX_MISORDER <= ahead <= MAX_DROPOUT:
            return self._push_far(number, item)
        self._drop_probe()
        if ahead < 0 or ahead in self._ahead:
            self.dropped += 1
            return []
        if ahead == 0 and not self._ahead:  # the fast path
            self._next = self._after(number)
            return [item]
        self._ahead[ahead] = item
        return self._release(self._depth)

    def flush(self) -> list[T | Gap]:
        """Return all waiting items in order, without waiting for missing ones."""
        self._drop_probe()
        return self._release(0)

    def _release(self, depth: int) -> list[T | Gap]:
        """Remove and return the items that are due if no more than `depth` may wait."""
        released: list[T | Gap] = []
        step = 0  # the distance by which `_next` moves
        for ahead in sorted(self._ahead):
            if ahead > step:
                if len(self._ahead) <= depth:
                    break
                released.append(Gap(ahead - step))
                self.lost += ahead - step
            released.append(self._ahead.pop(ahead))
            step = ahead + 1
        if step:
            self._next = self._after(self._next, step)
            self._ahead = {ahead - step: item for ahead, item in self._ahead.items()}
        return released

    def _push_far(self, number: int, item: T) -> list[T | Gap]:
        """Add an item too far away to be early or late: the sender has restarted, or it is a stray."""
        probe = self._probe
        if probe is None or number != self._after(probe[0]):
            self._drop_probe()
            self._probe = number, item
            return []
        self._probe = None
        self.restarts += 1
        released = self._release(0)
        self._next = self._after(number)
        return [*released, probe[1], item]

    def _drop_probe(self) -> None:
        if self._probe is not None:
            self._probe = None
            self.dropped += 1

    def _after(self, number: int, step: int = 1) -> int:
        return number + step if self._modulus is None else (number + step) % self._modulus

    def _distance(self, number: int, other: int) -> int:
        """Return the distance from `other` to `number`; negative if `number` is behind."""
        if self._modulus is None:
            return number - other
        half = self._modulus // 2
        return (number - other + half) % self._modulus - half
