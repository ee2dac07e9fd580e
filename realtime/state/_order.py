"""Items in their order, which events tell late and in pieces: a linked list, every step O(1).

An item stands behind its predecessor; one whose predecessor is not known yet, at the end
until that comes. Deleted and evicted items do not come back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ._items import ConversationItem

# Items that wait for a predecessor, and ids that are gone: more than this are forgotten.
MAX_WAITING: Final = 256


class Order:
    """The items by id, and from first to last."""

    def __init__(self) -> None:
        self.by_id: dict[str, ConversationItem] = {}
        self.first: ConversationItem | None = None
        self._last: ConversationItem | None = None
        self._waiting: dict[str, list[str]] = {}  # predecessor that is not known: who waits for it
        self._roots: dict[str, None] = {}
        self._gone: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self.by_id)

    def __iter__(self) -> Iterator[ConversationItem]:
        item = self.first
        while item is not None:
            yield item
            item = item._after

    def item(self, item_id: str | None, at_ms: float | None) -> ConversationItem | None:
        """The item, new at the end if need be; None for one that is gone, or has no id."""
        if not isinstance(item_id, str):
            return None
        item = self.by_id.get(item_id)
        if item is None and item_id not in self._gone:
            item = self.by_id[item_id] = ConversationItem(item_id, at_ms)
            waiting = [self.by_id[name] for name in self._waiting.pop(item_id, ()) if name in self.by_id]
            self._link(item, waiting[0]._before if waiting else self._last)
            for follower in waiting:
                self._move(follower, item)
        return item

    def place(
        self, item_id: str | None, previous: str | None, at_ms: float | None
    ) -> ConversationItem | None:
        """The item, behind its predecessor; an item that is told again stays where it is."""
        item = self.item(item_id, at_ms)
        if item is None or item.placed:
            return item
        if item.id in self._roots:
            del self._roots[item.id]
            item.placed = True
            self._move(item, None)
        elif previous is not None and previous != item.id:
            before = self.by_id.get(previous)
            if before is not None and before.previous == item.id:
                return item  # each behind the other: the first word holds
            item.placed, item.previous = True, previous
            if before is not None:
                self._move(item, before)
            elif previous not in self._gone:
                self._waiting.setdefault(previous, []).append(item.id)
                bound(self._waiting)
        return item

    def put_first(self, item_id: str) -> None:
        """Where this item is to stand when it comes."""
        self._roots[item_id] = None
        bound(self._roots)

    def remove(self, item: ConversationItem) -> None:
        """It is gone, and does not come back."""
        self._unlink(item)
        del self.by_id[item.id]
        self._gone[item.id] = None
        bound(self._gone)

    def _move(self, item: ConversationItem, before: ConversationItem | None) -> None:
        """The item, and those that follow it because they said so, to behind `before`."""
        follower: ConversationItem | None = item
        while follower is not None and follower is not before:
            after, name = follower._after, follower.id
            self._unlink(follower)
            self._link(follower, before)
            before, follower = follower, after if after is not None and after.previous == name else None

    def _link(self, item: ConversationItem, before: ConversationItem | None) -> None:
        item._before = before
        item._after = self.first if before is None else before._after
        if before is None:
            self.first = item
        else:
            before._after = item
        if item._after is None:
            self._last = item
        else:
            item._after._before = item

    def _unlink(self, item: ConversationItem) -> None:
        if item._before is None:
            self.first = item._after
        else:
            item._before._after = item._after
        if item._after is None:
            self._last = item._before
        else:
            item._after._before = item._before


def bound(table: dict[str, Any]) -> None:
    """Forgets the oldest entry of a table that has become too long."""
    if len(table) > MAX_WAITING:
        del table[next(iter(table))]
