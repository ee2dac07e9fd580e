"""The conversation history: items in order with their audio, what they cost, and their truncation.

The history is bounded: the oldest items are dropped if there are too many of them or too much in them.
Events show items without their audio (`without_audio`); only `conversation.item.retrieved` includes it.
Responses are in `response`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET

from .. import events as ga, spec
from ..format import AudioFormat
from . import refusals
from .script import Turn

MAX_ITEMS: Final = 1000
MAX_BYTES: Final = 256 * 1024 * 1024
CHARS_PER_TOKEN: Final = 4
# The characters of a call_id.
CALL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
# The `previous_item_id` that puts an item at the beginning.
ROOT: Final = "root"

EMPTY_TURN: Final = Turn(b"", AudioFormat.PCM16, "")
_AUDIO_PARTS: Final = (ga.InputAudio, ga.OutputAudio, ga.Audio)
_TEXT_PARTS: Final = (ga.InputText, ga.OutputText, ga.Text)
# The parts of a message by its role. Source: openai-python 3.57, RealtimeConversationItem...MessageParam. Read
# 2026-11-29.
_ROLE_PARTS: Final[dict[str, tuple[type[ga.AnyPart], ...]]] = {
    "user": (ga.InputText, ga.InputAudio, ga.InputImage),
    "assistant": (ga.OutputText, ga.OutputAudio),
    "system": (ga.InputText,),
}


class TokenCount(NamedTuple):
    """Text and audio tokens."""

    text: int = 0
    audio: int = 0

    @classmethod
    def total(cls, counts: Iterable[TokenCount]) -> TokenCount:
        """Return the sum of `counts`."""
        counts = [*counts]
        return cls(sum(count.text for count in counts), sum(count.audio for count in counts))

    def plus(self, other: TokenCount) -> TokenCount:
        """Return the sum of both."""
        return TokenCount(self.text + other.text, self.audio + other.audio)


def text_tokens(text: str) -> int:
    """Estimate the tokens of `text`; the server has no tokenizer."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def audio_tokens(nbytes: int, format: AudioFormat, ms_per_token: int) -> int:
    """Return the tokens of `nbytes` of audio, rounded up."""
    return math.ceil(format.duration_ms(nbytes) / ms_per_token)


@dataclass(slots=True, eq=False)
class StoredItem:
    """A conversation item, and the format of its audio.

    Attributes:
        item: the item.
        format: the format of its audio.
        frame_nbytes: the size of the event that created it, which its texts and images do not exceed.
    """

    item: ga.Item
    format: AudioFormat
    frame_nbytes: int = 0

    @property
    def id(self) -> str:
        """The item's id."""
        return str(getattr(self.item, "id", ""))

    @property
    def parts(self) -> list[ga.ContentPart]:
        """The content of a message; empty for other items."""
        return self.item.content if isinstance(self.item, ga.MessageItem) else []

    @property
    def audio(self) -> bytes:
        """The audio of all parts."""
        return b"".join(part.audio for part in self.parts if isinstance(part, _AUDIO_PARTS) and part.audio)

    @property
    def audio_nbytes(self) -> int:
        """The size of the audio of all parts."""
        return sum(len(part.audio) for part in self.parts if isinstance(part, _AUDIO_PARTS) and part.audio)

    @property
    def nbytes(self) -> int:
        """The memory of the item."""
        return max(self.frame_nbytes, self.audio_nbytes)

    @property
    def text(self) -> str:
        """The text of all parts, the arguments of a function call, or its output."""
        if isinstance(self.item, ga.FunctionCallOutputItem):
            return self.item.output
        if isinstance(self.item, ga.FunctionCallItem):
            return self.item.arguments
        return " ".join(part.text for part in self.parts if isinstance(part, _TEXT_PARTS) and part.text)

    @property
    def is_turn(self) -> bool:
        """True if the item is the user's."""
        is_message = isinstance(self.item, ga.MessageItem) and self.item.role == "user"
        return is_message or isinstance(self.item, ga.FunctionCallOutputItem)

    def turn(self) -> Turn:
        """Return the item as a turn of the user."""
        return Turn(self.audio, self.format, self.text)

    def tokens(self) -> TokenCount:
        """Return the cost of the item: a token per 100 ms of user audio or 50 ms of assistant audio."""
        is_assistant = isinstance(self.item, ga.MessageItem) and self.item.role == "assistant"
        ms_per_token = spec.ASSISTANT_AUDIO_MS_PER_TOKEN if is_assistant else spec.USER_AUDIO_MS_PER_TOKEN
        return TokenCount(text_tokens(self.text), audio_tokens(self.audio_nbytes, self.format, ms_per_token))


def without_audio(item: ga.Item) -> ga.Item:
    """Return `item` as events show it."""
    if not isinstance(item, ga.MessageItem):
        return item
    content = [
        msgspec.structs.replace(part, audio=UNSET) if isinstance(part, _AUDIO_PARTS) else part
        for part in item.content
    ]
    return msgspec.structs.replace(item, content=content)


# --- Items from the client -----------------------------------------------------------


def store_item(item: ga.Item, format: AudioFormat, new_id: str, param: str = "item") -> StoredItem:
    """Return a client's item with the members that the server adds. Its audio is in `format`.

    Raises:
        Refusal: the item, a part or its role is unknown, or its audio contains a partial sample.
    """
    if isinstance(item, ga.Unknown):
        raise refusals.INVALID_VALUE(value=item.type, param=f"{param}.type")
    if isinstance(item, ga.MessageItem):
        _check_message(item, format, param)
    defaults = {"id": new_id, "object": "realtime.item", "status": "completed"}
    members = {name: getattr(item, name) or value for name, value in defaults.items() if hasattr(item, name)}
    return StoredItem(msgspec.structs.replace(item, **members), format)


def resolve_input(item: ga.InputItem, history: History, format: AudioFormat) -> StoredItem:
    """Return an item of a response's own input, which may refer to an item of the conversation.

    Raises:
        Refusal: the referenced item does not exist, or `store_item` rejects the item.
    """
    if isinstance(item, ga.ItemReference):
        return history.find(item.id, "reference")
    return store_item(item, format, "", "response.input")


def check_item(item: object, history: History) -> None:
    """Check the parts and the call of a client's item.

    Raises:
        Refusal: a part belongs to another role, or the item's call_id is malformed or of no call.
    """
    if isinstance(item, ga.MessageItem):
        check_parts(item, "item")
    call_id = getattr(item, "call_id", UNSET)
    if isinstance(call_id, str) and not CALL_ID.fullmatch(call_id):
        raise refusals.CALL_ID_PATTERN(param="item.call_id")
    if isinstance(item, ga.FunctionCallOutputItem) and not history.has_call(item.call_id):
        raise refusals.CALL_NOT_FOUND(value=item.call_id)


def check_parts(item: ga.MessageItem, param: str) -> None:
    """Check that all parts of a client's message are of its role.

    Raises:
        Refusal: one is not.
    """
    allowed = _ROLE_PARTS.get(item.role)
    for index, part in enumerate(item.content):
        if allowed is not None and not isinstance(part, allowed):
            supported = [str(each.__struct_config__.tag) for each in allowed]
            path = f"{param}.content[{index}].type"
            raise refusals.UNSUPPORTED_VALUE(value=part.type, supported=supported, param=path)


def truncate(stored: StoredItem, event: ga.ConversationItemTruncate, *, needs_audio: bool = False) -> int:
    """Truncate the audio of one part and drop its transcript. Returns the bytes that remain.

    Raises:
        Refusal: the item is not the assistant's, the part is no audio or (with `needs_audio`) has none
            yet, or `audio_end_ms` is outside of it.
    """
    if not isinstance(stored.item, ga.MessageItem) or stored.item.role != "assistant":
        raise refusals.TRUNCATE_UNSUPPORTED()
    part = dict(enumerate(stored.item.content)).get(event.content_index)
    if not isinstance(part, _AUDIO_PARTS) or (needs_audio and not part.audio):
        raise refusals.TRUNCATE_UNSUPPORTED()
    audio = part.audio or b""
    audio_ms = stored.format.duration_ms(len(audio))
    if event.audio_end_ms < 0:
        raise refusals.TRUNCATE_NEGATIVE()
    if event.audio_end_ms > audio_ms:
        raise refusals.TRUNCATE_TOO_SHORT(audio_ms=audio_ms, audio_end_ms=event.audio_end_ms)
    remaining = audio[: stored.format.chunk_bytes(event.audio_end_ms)]
    content = [*stored.item.content]
    content[event.content_index] = msgspec.structs.replace(part, audio=remaining, transcript=UNSET)
    # A new item: events that are not sent yet may refer to the old one.
    stored.item = msgspec.structs.replace(stored.item, content=content)
    return len(remaining)


def _check_message(item: ga.MessageItem, format: AudioFormat, param: str) -> None:
    if item.role not in _ROLE_PARTS:
        raise refusals.INVALID_VALUE(value=item.role, param=f"{param}.role")
    for index, part in enumerate(item.content):
        path = f"{param}.content[{index}]"
        if isinstance(part, ga.Unknown):
            raise refusals.INVALID_VALUE(value=part.type, param=f"{path}.type")
        if isinstance(part, _AUDIO_PARTS) and len(part.audio or b"") % format.sample_width:
            raise refusals.ITEM_PARTIAL_SAMPLE(param=f"{path}.audio")


def _call_id(stored: StoredItem) -> str | None:
    """Return the id of a function call, None for other items."""
    return (isinstance(stored.item, ga.FunctionCallItem) and stored.item.call_id) or None


# --- The history ---------------------------------------------------------------------


class _Count(NamedTuple):
    nbytes: int
    tokens: TokenCount


class History:
    """The items of a conversation, in order. The cost of an operation does not grow with their number."""

    def __init__(self) -> None:
        self._items: list[StoredItem] = []
        self._are_turns = bytearray()  # 1 for each of the user's items, which is fast to search
        self._by_id: dict[str, StoredItem] = {}
        self._call_ids: Counter[str | None] = Counter()  # of the function calls
        # The size and the tokens of each item when it was added or last changed, and their sums.
        self._counts: dict[StoredItem, _Count] = {}
        self._nbytes = 0
        self._tokens = TokenCount()

    def __iter__(self) -> Iterator[StoredItem]:
        return iter(self._items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._by_id

    @property
    def tokens(self) -> TokenCount:
        """The tokens of all items."""
        return self._tokens

    def add(self, stored: StoredItem, previous_item_id: str | None = None) -> str | None:
        """Insert an item at the end or after `previous_item_id`. Returns the id of the item before it.

        Raises:
            Refusal: the id is in use, or the previous item does not exist.
        """
        if stored.id in self._by_id:
            raise refusals.ITEM_EXISTS(value=stored.id)
        index = self._index_after(previous_item_id)
        self._items.insert(index, stored)
        self._are_turns.insert(index, stored.is_turn)
        self._by_id[stored.id] = stored
        self._call_ids[_call_id(stored)] += 1
        previous = self._items[index - 1].id if index else None
        self.update(stored)
        return previous

    def update(self, stored: StoredItem) -> None:
        """Count an item that was added or changed, and drop the oldest items beyond the limits."""
        if self._by_id.get(stored.id) is not stored:
            return  # deleted
        self._forget(stored)
        count = self._counts[stored] = _Count(stored.nbytes, stored.tokens())
        self._nbytes += count.nbytes
        self._tokens = self._tokens.plus(count.tokens)
        while len(self._items) > 2 and (len(self._items) > MAX_ITEMS or self._nbytes > MAX_BYTES):
            self.remove(self._items[0])

    def last_turn(self) -> Turn:
        """Return the user's last turn, empty if there is none."""
        index = self._are_turns.rfind(1)
        return EMPTY_TURN if index < 0 else self._items[index].turn()

    def find(self, item_id: str, action: str) -> StoredItem:
        """Return the item `item_id`; `action` is named in the refusal.

        Raises:
            Refusal: the item does not exist.
        """
        stored = self._by_id.get(item_id)
        if stored is None:
            raise refusals.ITEM_NOT_FOUND(value=item_id, action=action)
        return stored

    def has_call(self, call_id: str) -> bool:
        """Return True if one of the items is the call `call_id`."""
        return call_id in self._call_ids

    def remove(self, stored: StoredItem) -> None:
        """Remove an item."""
        index = self._items.index(stored)
        del self._items[index], self._are_turns[index], self._by_id[stored.id]
        self._call_ids[_call_id(stored)] -= 1
        if not self._call_ids[_call_id(stored)]:
            del self._call_ids[_call_id(stored)]
        self._forget(stored)

    def _forget(self, stored: StoredItem) -> None:
        count = self._counts.pop(stored, None)
        if count is not None:
            self._nbytes -= count.nbytes
            self._tokens = self._tokens.plus(TokenCount(-count.tokens.text, -count.tokens.audio))

    def _index_after(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self._items)
        if previous_item_id == ROOT:
            return 0
        if previous_item_id not in self._by_id:
            raise refusals.PREVIOUS_ITEM_NOT_FOUND(value=previous_item_id)
        return self._items.index(self._by_id[previous_item_id]) + 1
