"""Items of the beta dialect: one flat Struct for all of them, and the events that carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import UNSET

from ..base import ClientSide, Flat, Maybe, ServerSide
from ..items import KnownPart, Part, Role, Status, UnknownItem, UnknownPart

if TYPE_CHECKING:
    ItemName = Literal["message", "function_call", "function_call_output", "item_reference"] | str
else:
    # Closed, so that another name gets the second look that keeps it whole.
    ItemName = Literal["message", "function_call", "function_call_output", "item_reference"]


# --- Items ---------------------------------------------------------------------------


class ItemReferencePart(Part, tag="item_reference", kw_only=True):
    """In the input of a response: content of the item `id` that the conversation already has."""


KnownContentPart = KnownPart | ItemReferencePart
if TYPE_CHECKING:
    ContentPart = KnownContentPart | UnknownPart
else:
    ContentPart = KnownContentPart


class ConversationItem(Flat, kw_only=True):
    """An item of any type; which fields it has depends on `type`."""

    unknown = UnknownItem
    types = frozenset({"message", "function_call", "function_call_output", "item_reference"})

    id: Maybe[str] = UNSET
    type: Maybe[ItemName] = UNSET
    status: Maybe[Status] = UNSET
    role: Maybe[Role] = UNSET
    content: Maybe[list[ContentPart]] = UNSET
    call_id: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    arguments: Maybe[str] = UNSET
    output: Maybe[str] = UNSET
    object: Maybe[str] = UNSET


if TYPE_CHECKING:
    Item = ConversationItem | UnknownItem
else:
    Item = ConversationItem


class ConversationItemCreate(ClientSide, tag="conversation.item.create", kw_only=True):
    """Adds an item after `previous_item_id` ("root": at the beginning; absent: at the end)."""

    previous_item_id: Maybe[str] = UNSET
    item: Item


class ConversationItemCreated(ServerSide, tag="conversation.item.created", kw_only=True):
    """An item was added, after `previous_item_id` (null: the first)."""

    previous_item_id: str | None = None
    item: Item


class ConversationItemRetrieved(ServerSide, tag="conversation.item.retrieved", kw_only=True):
    """The answer to a retrieve."""

    item: Item
