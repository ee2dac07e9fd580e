"""What a client does to items: creates them, refers to them, cuts their audio.

Each function checks what the server would, and refuses before anything is changed.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET

from ..events import ConversationItemTruncate, InputItem, Item, ItemReference, MessageItem, Unknown
from ..format import AudioFormat
from ._history import AUDIO_PARTS, Held, History
from ._refusal import Refusal

_ROLES: Final = frozenset({"user", "assistant", "system"})


def made_item(item: Item, fmt: AudioFormat, new_id: str, param: str = "item") -> Held:
    """A client's item, with what the server fills in; its audio is of `fmt`.

    Raises:
        Refusal: an item or a part of an unknown type, an unknown role, half a sample.
    """
    if isinstance(item, Unknown):
        raise Refusal("invalid_value", f"Invalid value: '{item.type}'.", f"{param}.type")
    if isinstance(item, MessageItem):
        _check_message(item, fmt, param)
    return Held(msgspec.structs.replace(item, **_filled_in(item, new_id)), fmt)


def referred(item: InputItem, history: History, fmt: AudioFormat) -> Held:
    """An item of a response's own input: one of the conversation's, or one that came with it.

    Raises:
        Refusal: a reference to nothing, and what `made_item` refuses.
    """
    if isinstance(item, ItemReference):
        return history.find(item.id, "reference")
    return made_item(item, fmt, "", "response.input")


def truncate(held: Held, event: ConversationItemTruncate) -> int:
    """Cut the audio of one part, whose transcript then goes; how many bytes are left.

    Raises:
        Refusal: not the assistant's, no audio there, or an end beyond the audio's.
    """
    if not isinstance(held.item, MessageItem) or held.item.role != "assistant":
        raise Refusal("invalid_value", "Only the assistant's messages can be truncated.", "item_id")
    part = dict(enumerate(held.item.content)).get(event.content_index)
    if not isinstance(part, AUDIO_PARTS):
        raise Refusal("invalid_value", "There is no audio at this content_index.", "content_index")
    audio = part.audio or b""
    has_ms = held.format.duration_ms(len(audio))
    if event.audio_end_ms < 0:
        raise Refusal("invalid_value", "Invalid 'audio_end_ms': must not be negative.", "audio_end_ms")
    if event.audio_end_ms > has_ms:
        message = f"Audio content of {has_ms}ms is already shorter than {event.audio_end_ms}ms"
        raise Refusal("invalid_value", message, "audio_end_ms")
    left = audio[: held.format.chunk_bytes(event.audio_end_ms)]
    content = [*held.item.content]
    content[event.content_index] = msgspec.structs.replace(part, audio=left, transcript=UNSET)
    # A new item: the old one may still be on its way out in an event.
    held.item = msgspec.structs.replace(held.item, content=content)
    return len(left)


def _check_message(item: MessageItem, fmt: AudioFormat, param: str) -> None:
    if item.role not in _ROLES:
        raise Refusal("invalid_value", f"Invalid value: '{item.role}'.", f"{param}.role")
    for index, part in enumerate(item.content):
        where = f"{param}.content[{index}]"
        if isinstance(part, Unknown):
            raise Refusal("invalid_value", f"Invalid value: '{part.type}'.", f"{where}.type")
        if isinstance(part, AUDIO_PARTS) and len(part.audio or b"") % fmt.sample_width:
            raise Refusal("invalid_value", "Invalid audio: it ends within a sample.", f"{where}.audio")


def _filled_in(item: Any, new_id: str) -> dict[str, str]:
    values = {"id": new_id, "object": "realtime.item", "status": "completed"}
    return {
        name: getattr(item, name) or value for name, value in values.items() if name in item.__struct_fields__
    }
