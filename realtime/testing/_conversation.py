"""Items created, shown, deleted and cut by the client: what that does to a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..events import (
    ConversationItemAdded,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemRetrieve,
    ConversationItemRetrieved,
    ConversationItemTruncate,
    ConversationItemTruncated,
    Tagged,
)
from ._history import Held, outline, taken_id
from ._items import made_item, truncate
from ._session import Session


def tell_item(session: Session, held: Held, before: str | None) -> None:
    """Say that `held` is in the conversation, after the item `before`."""
    item = outline(held.item)
    session.send(ConversationItemAdded(previous_item_id=before, item=item))
    session.send(ConversationItemDone(previous_item_id=before, item=item))


def create(session: Session, event: ConversationItemCreate) -> None:
    """An item of the client's own."""
    held = made_item(event.item, session.input.format, session.new_id("item"))
    if session.is_promised(held.id):
        raise taken_id(held.id)
    before = session.history.add(held, event.previous_item_id or None)
    tell_item(session, held, before)


def retrieve(session: Session, event: ConversationItemRetrieve) -> None:
    """An item as it is, its audio too."""
    session.send(ConversationItemRetrieved(item=session.history.find(event.item_id, "retrieve").item))


def delete(session: Session, event: ConversationItemDelete) -> None:
    """An item that is to be forgotten."""
    held = session.history.find(event.item_id, "delete")
    session.history.remove(held)
    session.send(ConversationItemDeleted(item_id=held.id))


def cut(session: Session, event: ConversationItemTruncate) -> None:
    """An item of the assistant's of which the client heard less."""
    held = session.history.find(event.item_id, "truncate")
    under_way = session.answer.output_of(held) if session.answer is not None else None
    if under_way is not None:
        under_way.settle("in_progress")
    nbytes = truncate(held, event)
    if under_way is not None:
        under_way.cut(nbytes)
    session.send(
        ConversationItemTruncated(
            item_id=held.id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
        )
    )


HANDLERS: Final[dict[type[Tagged], Callable[[Session, Any], None]]] = {
    ConversationItemCreate: create,
    ConversationItemRetrieve: retrieve,
    ConversationItemDelete: delete,
    ConversationItemTruncate: cut,
}
