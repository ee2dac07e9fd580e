"""The events that recreate a conversation in a new session, for a reconnect.

`restoration` is a pure function of a `Conversation`. Send the events of its result in order and
drop the queued audio of the items it lists. The server accepts neither audio of the assistant
nor transcripts of the user, so both are restored as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from msgspec import UNSET

from .. import events as ga, spec
from .conversation import Conversation, ConversationItem

# Source: the API reference of conversation.item.create. Read 2026-11-24.
MAX_ID_CHARS: Final = 32
_TEXT_PARTS: Final[dict[str, type[ga.InputText] | type[ga.OutputText]]] = {
    "user": ga.InputText, "system": ga.InputText, "assistant": ga.OutputText,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Restoration:
    """The events that restore a conversation, and what they do not restore.

    Send `events` in this order. `dropped_audio` are the ids of the items of unfinished
    responses: do not play what is queued of their audio, the new session does not know them.
    `skipped` are the items that cannot be restored, as (item id, reason). `pending_calls` are
    the call ids of function calls that the model still expects an output for.
    """

    events: tuple[ga.ClientEvent, ...]
    dropped_audio: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    pending_calls: tuple[str, ...]


def restoration(conversation: Conversation) -> Restoration:
    """Return the events that give a new session the settings and items of `conversation`.

    The settings are those of the last session.update that was fed to the conversation; if there
    was none, those that the server reported.
    """
    unfinished = set(conversation.active_response_ids)
    dropped = dict.fromkeys(item.id for item in conversation if item.response_id in unfinished)
    events: list[ga.ClientEvent] = []
    skipped: list[tuple[str, str]] = []
    settings = conversation.requested_session or conversation.session
    if settings is not None:
        events.append(ga.SessionUpdate(session=settings))
    for item in conversation:
        created = "its response was not finished" if item.id in dropped else restored_item(item)
        if isinstance(created, str):
            skipped.append((item.id, created))
        else:
            events.append(ga.ConversationItemCreate(item=created))
    pending = tuple(str(call.call_id) for call in conversation.pending_calls if call.id not in dropped)
    return Restoration((*events,), (*dropped,), (*skipped,), pending)


def seconds_left(conversation: Conversation, now: float, started: float | None = None) -> float | None:
    """Return the seconds until the server ends the session, or None if that is not known.

    `now` and `started` are Unix times. The server reports the end in session.created; if it did
    not, the session ends 60 minutes after `started`.
    """
    end = conversation.expires_at
    if end is None and started is not None:
        end = started + spec.MAX_SESSION_SECONDS
    return None if end is None else end - now


def restored_item(item: ConversationItem) -> Any:
    """Return the item to create in a new session, or a str with the reason why it cannot be created."""
    item_id = {"id": item.id} if item.has_id and len(item.id) <= MAX_ID_CHARS else {}
    if item.type == "message":
        text_part = _TEXT_PARTS.get(str(item.role))
        if text_part is None:
            return f"unknown role {item.role!r}"
        content: list[ga.ContentPart] = []
        for part in item.contents:
            if part.image is not None:
                content.append(part.image)
            elif part.text:
                content.append(text_part(text=part.text))
        if not content:
            return "it has no text"
        phase = UNSET if item.phase is None else item.phase
        return ga.MessageItem(role=str(item.role), content=content, phase=phase, **item_id)
    if item.type == "function_call" and item.name and item.call_id:
        return ga.FunctionCallItem(call_id=item.call_id, name=item.name, arguments=item.arguments, **item_id)
    if item.type == "function_call_output" and item.call_id:
        return ga.FunctionCallOutputItem(call_id=item.call_id, output=item.output or "", **item_id)
    return f"items of type {item.type!r} cannot be created by a client"
