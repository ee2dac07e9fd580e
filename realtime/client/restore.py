"""Items that restore the conversation of an ended session in a new one. Interrupted answers end where they were heard.

Pure functions of a `Conversation` and of what the client knows beyond it: the user's audio, which servers do not
send back, and the positions at which answers were interrupted. `protocol` decides what is unanswered.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec

from .. import events as ga
from ..audio import convert
from ..errors import AudioError, ConfigError
from ..format import AudioFormat
from ..state import Conversation, ConversationItem
from ..state.restore import MAX_ID_CHARS, restored_item

# The pace of a slow speaker, for answers whose length is not known: with too few words the model repeats one, with
# too many one is lost. Text without spaces is counted by characters.
MS_PER_WORD: Final = 400
MS_PER_CHARACTER: Final = 250


@dataclass(frozen=True, slots=True)
class Cut:
    """The audio of an answer that was heard, in milliseconds. `total_ms` is None if its end never came."""

    heard_ms: float
    total_ms: float | None = None


@dataclass(frozen=True, slots=True)
class UserAudio:
    """The audio of a user's message, and its format."""

    audio: bytes
    format: AudioFormat


@dataclass(frozen=True, slots=True)
class RestoredItem:
    """An item to create in the new session. `is_estimated`: its text is an estimate of what was heard."""

    old_id: str
    item: Any
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Knowledge:
    """Facts that only the client has, beside the conversation.

    Attributes:
        audio: the user's audio by item.
        cuts: answers that were not heard to their end, by item.
        unanswered: the user's messages that await an answer; restored as audio if possible.
        calls: the ids of calls whose output is still to come.
        unconfirmed: items that the server has not announced: they are the last ones.
    """

    audio: Mapping[str, UserAudio]
    cuts: Mapping[str, Cut]
    unanswered: Collection[str]
    calls: Collection[str]
    unconfirmed: Collection[str] = ()


def heard_text(text: str, cut: Cut) -> str:
    """Return the beginning of `text` that is heard in `cut.heard_ms`, in whole words."""
    words = text.split()
    is_spaced = len(words) > 1 or text.isascii()
    total_ms = cut.total_ms or (len(words) * MS_PER_WORD if is_spaced else len(text) * MS_PER_CHARACTER)
    if cut.heard_ms >= total_ms or not text:
        return text
    end = min(int(len(text) * max(0.0, cut.heard_ms) / total_ms), len(text) - 1)
    if not is_spaced or text[end].isspace() or text[:end].endswith((" ", "\n")):
        return text[:end].rstrip()
    pieces = text[:end].rsplit(None, 1)
    return pieces[0] if len(pieces) > 1 else ""


def restored_items(
    conversation: Conversation, known: Knowledge, input_format: AudioFormat
) -> tuple[list[RestoredItem], list[tuple[str, str]]]:
    """Return the items to create, in order, and those that cannot be created, as (item id, reason).

    An answer of which nothing was heard is left out. A call is restored with its output, or if its output is
    still to come; an output only after its call.
    """
    outputs = {item.call_id for item in conversation if item.type == "function_call_output"}
    wanted = {
        item.call_id
        for item in conversation
        if item.type == "function_call" and (item.call_id in outputs or item.call_id in known.calls)
        if item.name and _is_json_object(item.arguments)
    }
    found: list[RestoredItem] = []
    skipped: list[tuple[str, str]] = []
    seen: set[str | None] = set()
    for item in sorted(conversation, key=lambda item: item.id in known.unconfirmed):
        created: Any
        cut = known.cuts.get(item.id)
        if item.type == "function_call":
            if item.call_id not in wanted:
                skipped.append((item.id, "the call was cut off, or has no output"))
                continue
            seen.add(item.call_id)
            created = restored_item(item)
        elif item.type == "function_call_output":
            created = restored_item(item) if item.call_id in seen else "its call is not in the conversation"
        elif item.type == "message" and item.role == "assistant" and cut is not None:
            created = _heard_item(item, cut)
            if created is None:
                continue
        elif item.type == "message" and item.role == "user":
            created = _user_item(item, known, input_format)
        else:
            created = restored_item(item)
        if isinstance(created, str):
            skipped.append((item.id, created))
        else:
            found.append(RestoredItem(item.id, created, cut is not None))
    return [*_with_ids(found)], skipped


def _heard_item(item: ConversationItem, cut: Cut) -> Any:
    """Return the message with the words that were heard; None if there are none."""
    text = heard_text(item.text or item.removed_text, cut)
    if not text:
        return None
    # The status has no effect on the server: it marks the item for who reads a log.
    return ga.MessageItem(
        id=item.id, role="assistant", status="incomplete", content=[ga.OutputText(text=text)]
    )


def _user_item(item: ConversationItem, known: Knowledge, input_format: AudioFormat) -> Any:
    audio = known.audio.get(item.id)
    if audio is None or (item.text and item.id not in known.unanswered):
        return restored_item(item)
    try:
        raw = convert(audio.audio, audio.format, input_format)
    except (AudioError, ConfigError):  # no conversion between these formats
        return restored_item(item)
    part = ga.InputAudio(audio=raw)
    if item.text:
        part.transcript = item.text
    images = [content.image for content in item.contents if content.image is not None]
    return ga.MessageItem(id=item.id, role="user", content=[*images, part])


def _with_ids(items: list[RestoredItem]) -> Iterator[RestoredItem]:
    """Yield the items, with ids of this client's where servers do not accept the old ones."""
    taken = {each.old_id for each in items}
    new_ids = (name for number in itertools.count(1) if (name := f"restored_{number}") not in taken)
    for each in items:
        item_id = each.old_id if 0 < len(each.old_id) <= MAX_ID_CHARS else next(new_ids)
        yield replace(each, item=msgspec.structs.replace(each.item, id=item_id))


def _is_json_object(arguments: str) -> bool:
    """Return True if the arguments of a call are complete. Servers send "" for none."""
    if not arguments.strip():
        return True
    try:
        return isinstance(msgspec.json.decode(arguments), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
