"""What has been seen before, in bounded memory: servers repeat themselves, and calls last for hours."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

# A repetition comes soon after; the longest call so far has some ten thousand responses.
DEFAULT_MOST = 4096


class Once:
    """Says of each key whether it is new; the oldest of more than `most` keys are forgotten.

    Only 64-bit hashes are kept, so that the length of a peer's ids costs no memory. Two keys
    of one hash would be one; with 4096 keys the odds are 1 in 10**15 for each new key, and
    Python seeds the hash of strings, so that no peer can choose such keys.
    """

    __slots__ = ("_marks", "_most")

    def __init__(self, most: int = DEFAULT_MOST) -> None:
        self._marks: OrderedDict[int, None] = OrderedDict()
        self._most = most

    def is_new(self, *key: Hashable) -> bool:
        """Whether `key` comes for the first time; from now on it is not new."""
        return self._add(hash(key))

    def update(self, other: Once) -> None:
        """Takes over what `other` has seen."""
        for mark in other._marks:
            self._add(mark)

    def _add(self, mark: int) -> bool:
        if mark in self._marks:
            return False
        self._marks[mark] = None
        if len(self._marks) > self._most:
            self._marks.popitem(last=False)
        return True
