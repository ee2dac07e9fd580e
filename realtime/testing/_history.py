"""The conversation as the server keeps it: items in order, their audio, and their tokens.

Bounded: the oldest items go when there are too many or too much audio. Events show items
without their audio (`outline`); only a retrieve shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
from msgspec import UNSET

from .. import spec
from ..events import (
    Audio,
    ContentPart,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputAudio,
    InputText,
    Item,
    MessageItem,
    OutputAudio,
    OutputText,
    Text,
)
from ..format import AudioFormat
from ._refusal import Refusal

MAX_ITEMS: Final = 1000
MAX_AUDIO_BYTES: Final = 256 * 1024 * 1024
CHARS_PER_TOKEN: Final = 4

AUDIO_PARTS: Final = (InputAudio, OutputAudio, Audio)
_TEXT_PARTS: Final = (InputText, OutputText, Text)
ROOT: Final = "root"


class Tokens(NamedTuple):
    """Tokens by kind."""

    text: int = 0
    audio: int = 0

    @classmethod
    def sum(cls, each: Iterable[Tokens]) -> Tokens:
        """All of them together."""
        all_of = [*each]
        return cls(sum(tokens.text for tokens in all_of), sum(tokens.audio for tokens in all_of))


@dataclass(frozen=True, slots=True)
class Turn:
    """What the caller said last: audio of `format`, or `text` where there is none."""

    audio: bytes
    format: AudioFormat
    text: str


@dataclass(slots=True)
class Held:
    """An item, and the format that its audio is in."""

    item: Item
    format: AudioFormat

    @property
    def id(self) -> str:
        """The item's id."""
        return str(getattr(self.item, "id", ""))

    @property
    def parts(self) -> list[ContentPart]:
        """The content of a message; other items have none."""
        return self.item.content if isinstance(self.item, MessageItem) else []

    @property
    def audio(self) -> bytes:
        """All audio of all parts."""
        return b"".join(part.audio for part in self.parts if isinstance(part, AUDIO_PARTS) and part.audio)

    @property
    def audio_bytes(self) -> int:
        """How much audio that is."""
        return sum(len(part.audio) for part in self.parts if isinstance(part, AUDIO_PARTS) and part.audio)

    @property
    def text(self) -> str:
        """All text: of the parts, of a call's arguments, of a function's output."""
        if isinstance(self.item, FunctionCallOutputItem):
            return self.item.output
        if isinstance(self.item, FunctionCallItem):
            return self.item.arguments
        return " ".join(part.text for part in self.parts if isinstance(part, _TEXT_PARTS) and part.text)

    def turn(self) -> Turn | None:
        """The item as a turn of the caller, None where it is not one."""
        is_message = isinstance(self.item, MessageItem) and self.item.role == "user"
        if is_message or isinstance(self.item, FunctionCallOutputItem):
            return Turn(self.audio, self.format, self.text)
        return None

    def tokens(self) -> Tokens:
        """What the item costs: one per 100 ms of the user's audio, one per 50 ms of the assistant's."""
        assistant = isinstance(self.item, MessageItem) and self.item.role == "assistant"
        per = spec.ASSISTANT_AUDIO_MS_PER_TOKEN if assistant else spec.USER_AUDIO_MS_PER_TOKEN
        return Tokens(text_tokens(self.text), audio_tokens(self.audio_bytes, self.format, per))


def text_tokens(text: str) -> int:
    """About how many tokens `text` has; this server has no tokenizer."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def audio_tokens(nbytes: int, fmt: AudioFormat, ms_per_token: int) -> int:
    """How many tokens `nbytes` of audio are; a begun one counts."""
    return math.ceil(fmt.duration_ms(nbytes) / ms_per_token)


def outline(item: Item) -> Item:
    """`item` as events show it: without its audio."""
    if not isinstance(item, MessageItem):
        return item
    content = [
        msgspec.structs.replace(part, audio=UNSET) if isinstance(part, AUDIO_PARTS) else part
        for part in item.content
    ]
    return msgspec.structs.replace(item, content=content)


def taken_id(item_id: str) -> Refusal:
    """The refusal of an item whose id another one has, or will have."""
    return Refusal("invalid_value", f"The item with id '{item_id}' already exists.", "item.id")


class History:
    """The items of a conversation, in order."""

    def __init__(self) -> None:
        self._items: list[Held] = []
        self._by_id: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._items)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._by_id

    def add(self, held: Held, after: str | None = None) -> str | None:
        """Put `held` at the end, or after the item `after`; the id of the one before it.

        Raises:
            Refusal: there is such an item already, or none called `after`.
        """
        if held.id in self._by_id:
            raise taken_id(held.id)
        index = self._index_after(after)
        self._items.insert(index, held)
        self._by_id[held.id] = held
        before = self._items[index - 1].id if index else None
        self.trim()
        return before

    def find(self, item_id: str, doing: str) -> Held:
        """The item `item_id`.

        Raises:
            Refusal: there is none; it says what was being done.
        """
        found = self._by_id.get(item_id)
        if found is None:
            raise Refusal(
                f"item_{doing}_invalid_item_id",
                f"Item {doing} failed: the item with id '{item_id}' does not exist.",
                "item_id",
            )
        return found

    def remove(self, held: Held) -> None:
        """Take `held` out."""
        self._items.remove(held)
        del self._by_id[held.id]

    def trim(self) -> None:
        """Forget the oldest items where there is too much."""
        audio_bytes = sum(held.audio_bytes for held in self._items)
        while len(self._items) > 2 and (len(self._items) > MAX_ITEMS or audio_bytes > MAX_AUDIO_BYTES):
            audio_bytes -= self._items[0].audio_bytes
            self.remove(self._items[0])

    def _index_after(self, after: str | None) -> int:
        if after is None:
            return len(self._items)
        if after == ROOT:
            return 0
        for index, held in enumerate(self._items):
            if held.id == after:
                return index + 1
        raise Refusal(
            "item_create_invalid_previous_item_id",
            f"Item create failed: the previous item with id '{after}' does not exist.",
            "previous_item_id",
        )


def last_turn(items: Iterable[Held]) -> Turn:
    """The caller's last turn; one of neither audio nor text where there was none."""
    turns = [turn for held in items if (turn := held.turn())]
    return turns[-1] if turns else Turn(b"", AudioFormat.PCM16, "")
