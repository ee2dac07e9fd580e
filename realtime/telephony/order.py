"""Reorder: numbered things put in order, each once, with what is missing told.

For RTP, and for carriers that promise no order. It holds no more than `depth` things and no
clock: a missing number is given up when more than `depth` later ones have come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ..errors import ConfigError

T = TypeVar("T")

# Numbers that run further ahead, or further back, than these are a sender that began anew, once the
# next one agrees. Source: RFC 3550, appendix A.1. Read 2026-11-24.
MAX_DROPOUT: Final = 3000
MAX_MISORDER: Final = 100


@dataclass(frozen=True, slots=True)
class Gap:
    """`count` numbers in a row, at most `MAX_DROPOUT`, that did not come or came too late."""

    count: int


class Reorder(Generic[T]):
    """Puts items in the order of their numbers.

    `depth` is how many later items may wait for a missing number (0: none waits, late ones
    are dropped); `modulus` is where numbers wrap around (65,536 for RTP, None for never);
    `first` is the first number, where that is known. `lost`, `dropped` and `restarts` count
    numbers given up, items that came twice, late or astray, and numberings begun anew.
    """

    __slots__ = ("_ahead", "_begun", "_depth", "_modulus", "_next", "_probe", "dropped", "lost", "restarts")

    def __init__(self, depth: int = 3, *, modulus: int | None = None, first: int | None = None) -> None:
        if not 0 <= depth < MAX_DROPOUT:
            raise ConfigError(f"depth must be from 0 to {MAX_DROPOUT - 1}, got {depth}")
        if modulus is not None and modulus <= 2 * MAX_DROPOUT:
            raise ConfigError(f"modulus must be more than {2 * MAX_DROPOUT}, got {modulus}")
        self._depth = depth
        self._modulus = modulus
        self._begun = first is not None
        self._next = first or 0
        # Items that came early, by how far they are ahead of `_next`.
        self._ahead: dict[int, T] = {}
        # A number far from what is due, and its item: believed when its successor comes.
        self._probe: tuple[int, T] | None = None
        self.lost = 0
        self.dropped = 0
        self.restarts = 0

    def push(self, number: int, item: T) -> list[T | Gap]:
        """What is due now that `item` has come: items in order, and a Gap where numbers were given up."""
        if not self._begun:
            self._begun = True
            self._next = number
        ahead = self._distance(number, self._next)
        if not -MAX_MISORDER <= ahead <= MAX_DROPOUT:
            return self._far(number, item)
        self._drop_probe()
        if ahead < 0 or ahead in self._ahead:
            self.dropped += 1
            return []
        if ahead == 0 and not self._ahead:  # the ordinary way
            self._next = self._after(number)
            return [item]
        self._ahead[ahead] = item
        return self._release(self._depth)

    def flush(self) -> list[T | Gap]:
        """All that is held, in order: nothing more is waited for."""
        self._drop_probe()
        return self._release(0)

    def _release(self, depth: int) -> list[T | Gap]:
        """Takes off what is due when no more than `depth` items may wait."""
        released: list[T | Gap] = []
        step = 0  # how far `_next` has moved
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

    def _far(self, number: int, item: T) -> list[T | Gap]:
        """A number that no lost or late item explains: a numbering begun anew, or one stray."""
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
        """How far `number` is ahead of `other`; negative where it is behind."""
        if self._modulus is None:
            return number - other
        half = self._modulus // 2
        return (number - other + half) % self._modulus - half
