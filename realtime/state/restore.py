"""A conversation brought back in a new session: a pure function from what is known to what to send.

After a reconnect, send the events of a `Restoration` in their order; its audio that still
waits is to be dropped. The server takes no audio of the assistant's and none of the user's
transcripts, so both come back as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from .. import spec
from ..events import (
    ClientEvent,
    ContentPart,
    ConversationItemCreate,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputText,
    MessageItem,
    OutputText,
    SessionUpdate,
)
from .conversation import Conversation, ConversationItem

# Source: the API reference of conversation.item.create. Read 2026-11-24.
_MAX_ID_CHARS: Final = 32
# By role: how its words come back.
_WORDS: Final[dict[str, type[InputText] | type[OutputText]]] = {
    "user": InputText, "system": InputText, "assistant": OutputText,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Restoration:
    """What brings a conversation back.

    `events` are to be sent in this order. `dropped_audio` are the items of answers that were
    under way: what waits of their audio is not to be played, as the new session knows nothing
    of them. `left_out` are items that cannot be restored, each with the reason.
    `pending_calls` are ids of calls whose output the model still waits for.
    """

    events: tuple[ClientEvent, ...]
    dropped_audio: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    pending_calls: tuple[str, ...]


def restoration(conversation: Conversation) -> Restoration:
    """What to send to a new session so that it knows what the old one knew.

    The settings are those that the caller asked for, if the session.update was fed to the
    conversation, or else those that the server told.
    """
    under_way = set(conversation.responses_under_way)
    dropped = tuple(item.id for item in conversation if item.response_id in under_way)
    events: list[ClientEvent] = []
    left_out: list[tuple[str, str]] = []
    settings = conversation.asked if conversation.asked is not None else conversation.told
    if settings is not None:
        events.append(SessionUpdate(session=settings))
    for item in conversation:
        made = "its answer was under way" if item.id in dropped else _made(item)
        if isinstance(made, str):
            left_out.append((item.id, made))
        else:
            events.append(ConversationItemCreate(item=made))
    pending = tuple(str(call.call_id) for call in conversation.pending_calls if call.id not in dropped)
    return Restoration((*events,), dropped, (*left_out,), pending)


def seconds_left(conversation: Conversation, now: float, started: float | None = None) -> float | None:
    """Seconds until the server ends the session, at Unix time `now`; None where it is not known.

    The server tells its end in session.created; without that it is 60 minutes after `started`.
    """
    end = conversation.expires_at
    if end is None and started is not None:
        end = started + spec.MAX_SESSION_SECONDS
    return None if end is None else end - now


def _made(item: ConversationItem) -> Any:
    """The item to create, or a str that says why it cannot be."""
    item_id = {"id": item.id} if 0 < len(item.id) <= _MAX_ID_CHARS else {}
    if item.type == "message":
        kind = _WORDS.get(item.role or "")
        if kind is None:
            return f"messages of the role {item.role!r} are not known"
        content: list[ContentPart] = []
        for part in item.contents:
            if part.image is not None:
                content.append(part.image)
            elif part.text:
                content.append(kind(text=part.text))
        if not content:
            return "nothing of it is text"
        return MessageItem(role=str(item.role), content=content, **item_id)
    if item.type == "function_call" and item.name and item.call_id:
        return FunctionCallItem(call_id=item.call_id, name=item.name, arguments=item.arguments, **item_id)
    if item.type == "function_call_output" and item.call_id:
        return FunctionCallOutputItem(call_id=item.call_id, output=item.output or "", **item_id)
    return f"items of the type {item.type!r} cannot be created again"
