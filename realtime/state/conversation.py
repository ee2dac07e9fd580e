"""What was said, in its order, however the events came: one `feed` for all of them.

Every event is O(1): items are a linked list, texts are collected in pieces. Nothing that a
server sends raises; what names no item is passed over. Read `_items` for one item, `restore`
for the events that bring a conversation back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from msgspec import UNSET

from .._bounded import SeenSet
from ..errors import ConfigError
from ..format import AudioFormat
from ._common import no_frame

AudioChoice = Literal["count", "keep", "drop"]
# Items that wait for a predecessor, and ids that are gone: more than this are forgotten.
MAX_WAITING: Final = 256


class Content:
    """One content part: its text or transcript, and its audio, kept or only counted."""

    __slots__ = ("_audio", "_text", "_whole", "audio_bytes", "format", "image", "removed", "truncated_ms")

    def __init__(self, format: AudioFormat) -> None:
        self._text: list[str] = []
        self._whole = False
        self._audio: list[bytes] = []
        self.audio_bytes = 0
        self.format = format
        self.image: Any = None
        self.removed: str | None = None
        self.truncated_ms: int | None = None

    @property
    def text(self) -> str:
        if len(self._text) > 1:
            self._text = ["".join(self._text)]
        return self._text[0] if self._text else ""

    @property
    def audio(self) -> bytes:
        if len(self._audio) > 1:
            self._audio = [b"".join(self._audio)]
        return self._audio[0] if self._audio else b""

    def add_text(self, delta: str | None) -> int:
        """One more piece; of a text that is whole or was cut, nothing. Returns the growth."""
        if not delta or self._whole:
            return 0
        self._text.append(delta)
        return len(delta)

    def set_text(self, text: str | None) -> int:
        """The whole text, whatever its pieces were. Returns the growth."""
        if text is None or self.truncated_ms is not None:
            return 0
        before = sum(map(len, self._text))
        self._text, self._whole = [text], True
        return len(text) - before

    def add_audio(self, delta: bytes, keeps: bool) -> int:
        """One more piece, kept or counted. Returns the growth of what is kept."""
        if self.truncated_ms is not None:
            return 0
        self.audio_bytes += len(delta)
        if keeps:
            self._audio.append(delta)
            return len(delta)
        return 0

    def truncate(self, end_ms: int) -> int:
        """What the server does: audio up to `end_ms`, and no transcript. Returns the growth, negative."""
        if self.truncated_ms is None:
            self.removed = self.text
        before = len(self.audio) + len(self.text)
        self.truncated_ms, self._whole, self._text = end_ms, True, []
        most = end_ms * self.format.sample_rate // 1000 * self.format.sample_width
        self.audio_bytes = min(self.audio_bytes, most)
        self._audio = [self.audio[:most]] if self._audio else []
        return len(self.audio) - before


class ConversationItem:
    """An item in its place, to be read: all of it that has come so far.

    `type`, `role`, `status`, `name`, `call_id` and `output` are as the wire says them, "" or
    None where it has not yet. `failed` is what a failed transcription says.
    """

    __slots__ = (
        "_after",
        "_arguments",
        "_arguments_whole",
        "_before",
        "at_ms",
        "call_id",
        "failed",
        "id",
        "kept_bytes",
        "name",
        "output",
        "parts",
        "placed",
        "previous",
        "raw",
        "response_id",
        "role",
        "status",
        "type",
    )

    def __init__(self, item_id: str, at_ms: float | None) -> None:
        self.id = item_id
        self.type = ""
        self.role: str | None = None
        self.status: str | None = None
        self.name: str | None = None
        self.call_id: str | None = None
        self.output: str | None = None
        self.response_id: str | None = None
        self.failed: Any = None
        self.raw: Any = None
        self.at_ms = at_ms
        self.kept_bytes = 0
        self.placed = False
        self.previous: str | None = None
        self.parts: dict[int, Content] = {}
        self._arguments: list[str] = []
        self._arguments_whole = False
        self._before: ConversationItem | None = None
        self._after: ConversationItem | None = None

    def __repr__(self) -> str:
        return f"<ConversationItem {self.id!r} {self.type} {self.role or self.name or ''} {self.text[:60]!r}>"

    @property
    def contents(self) -> list[Content]:
        """The content parts, in order."""
        return [self.parts[index] for index in sorted(self.parts)]

    @property
    def text(self) -> str:
        """Texts and transcripts of all parts; of a truncated part none, as on the server."""
        return "".join(part.text for part in self.contents)

    @property
    def removed_text(self) -> str:
        """What truncation removed: not all of it was heard."""
        return "".join(part.removed or "" for part in self.contents)

    @property
    def audio(self) -> bytes:
        """The audio, where the conversation keeps it."""
        return b"".join(part.audio for part in self.contents)

    @property
    def audio_ms(self) -> int:
        """Whole milliseconds of audio that came, kept or only counted."""
        return sum(
            part.audio_bytes // part.format.sample_width * 1000 // part.format.sample_rate
            for part in self.parts.values()
        )

    @property
    def truncated_ms(self) -> int | None:
        """Where the item was truncated, or None."""
        return next((p.truncated_ms for p in self.parts.values() if p.truncated_ms is not None), None)

    @property
    def arguments(self) -> str:
        """A function call's arguments, JSON, as far as they have come."""
        if len(self._arguments) > 1:
            self._arguments = ["".join(self._arguments)]
        return self._arguments[0] if self._arguments else ""

    def content(self, index: int | None, format: AudioFormat) -> Content:
        """The part of this index, new if need be."""
        index = index or 0
        part = self.parts.get(index)
        if part is None:
            part = self.parts[index] = Content(format)
        return part

    def add_arguments(self, delta: str | None) -> int:
        """One more piece, unless they are whole. Returns the growth."""
        if not delta or self._arguments_whole:
            return 0
        self._arguments.append(delta)
        return len(delta)

    def set_arguments(self, arguments: str | None) -> int:
        """The whole arguments, whatever the pieces were. Returns the growth."""
        if arguments is None:
            return 0
        before = sum(map(len, self._arguments))
        self._arguments, self._arguments_whole = [arguments], True
        return len(arguments) - before

    def take(self, item: Any, format: AudioFormat, keeps_audio: bool) -> int:
        """What an item as a whole says of this one. Returns the growth."""
        self.raw, self.type = item, item.type
        self.role = _told(item, "role") or self.role
        self.status = _told(item, "status") or self.status
        self.name = _told(item, "name") or self.name
        self.call_id = _told(item, "call_id") or self.call_id
        self.output = _told(item, "output") or self.output
        growth = 0
        arguments = _told(item, "arguments")
        if arguments and not self._arguments_whole:
            growth += self.set_arguments(arguments)
        for index, part in enumerate(_told(item, "content") or ()):
            growth += self.take_part(index, part, format, keeps_audio)
        return growth

    def take_part(self, index: int | None, part: Any, format: AudioFormat, keeps_audio: bool) -> int:
        """What a part as a whole says: its text, its audio, its image. Returns the growth."""
        held = self.content(index, format)
        text = _told(part, "text") or _told(part, "transcript")
        growth = held.set_text(text) if text else 0
        audio = _told(part, "audio")
        if audio and not held.audio_bytes:
            growth += held.add_audio(audio, keeps_audio)
        if part.type == "input_image":
            held.image = part
        return growth


def _told(struct: Any, name: str) -> Any:
    """A field's value, or None where it is absent, null, or the struct has none of that name."""
    value = getattr(struct, name, None)
    return None if value is UNSET else value


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


class Conversation:
    """Accumulates a session's events into ordered items.

    `audio` is kept, counted or dropped. The oldest items go once there are more than
    `max_items`, once texts and kept audio are more than `max_bytes` (characters count as
    bytes), or once an item is older than `max_age_ms` by the caller's own clock, given to
    `feed` as `at_ms`. `evicted` counts what went.

    An item stands behind its previous_item_id; if that is not known yet, at the end until it
    comes. Without one it stands at the end, but for a client's create that asked for "root".

    Raises:
        ConfigError: a bound is less than 1, or `audio` is none of the three.
    """

    def __init__(
        self,
        *,
        audio: AudioChoice = "count",
        max_items: int = 10_000,
        max_bytes: int = 256 * 1024 * 1024,
        max_age_ms: float | None = None,
    ) -> None:
        if audio not in ("count", "keep", "drop"):
            raise ConfigError(f'audio must be "count", "keep" or "drop", not {audio!r}')
        for name, most in (("max_items", max_items), ("max_bytes", max_bytes), ("max_age_ms", max_age_ms)):
            if most is not None and most < 1:
                raise ConfigError(f"{name} must be at least 1, got {most}")
        self._audio = audio
        self._max_items, self._max_bytes, self._max_age_ms = max_items, max_bytes, max_age_ms
        self._order = Order()
        self._seen = SeenSet()
        self._under_way: dict[str, None] = {}
        self._at_ms: float | None = None
        self._input_format = self._output_format = AudioFormat.PCM16
        self.kept_bytes = 0
        self.evicted = 0
        self.asked: Any = None
        self.told: Any = None

    # --- Reading ---

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[ConversationItem]:
        return iter(self._order)

    @property
    def items(self) -> list[ConversationItem]:
        """The items, in order."""
        return [*self]

    def get(self, item_id: str) -> ConversationItem | None:
        """The item of this id, or None."""
        return self._order.by_id.get(item_id)

    def transcript(self) -> list[tuple[str, str]]:
        """(role, text) of every message that has text, in order."""
        return [(item.role or "", item.text) for item in self if item.type == "message" and item.text]

    @property
    def responses_under_way(self) -> tuple[str, ...]:
        """Ids of responses that have begun and not ended."""
        return (*self._under_way,)

    @property
    def pending_calls(self) -> list[ConversationItem]:
        """Whole function calls whose output is not there yet."""
        answered = {item.call_id for item in self if item.type == "function_call_output"}
        return [
            item for item in self
            if item.type == "function_call" and item.status != "in_progress" and item.call_id not in answered
        ]  # fmt: skip

    @property
    def expires_at(self) -> float | None:
        """Unix seconds at which the server ends the session, if it said so."""
        return getattr(self.told, "expires_at", None) or None

    # --- Events ---

    def feed(self, event: object, /, *, at_ms: float | None = None) -> ConversationItem | None:
        """Takes an event of the server, or one that the client sent; the item that it changed, or None.

        `at_ms` is the caller's clock, for `max_age_ms`; it is never read here.

        Raises:
            TypeError: `event` is a frame.
        """
        try:
            handle = _HANDLERS[type(event)]
        except KeyError:
            no_frame(event)
            tag = getattr(getattr(event, "__struct_config__", None), "tag", None)
            handle = _HANDLERS[type(event)] = _BY_TYPE.get(tag or "")
        if at_ms is not None:
            self._at_ms = at_ms
        if handle is None:
            return None
        event_id = getattr(event, "event_id", None)
        if isinstance(event_id, str) and not self._seen.add(event_id):
            return None
        item = handle(self, event)
        if (
            len(self._order) > self._max_items
            or self.kept_bytes > self._max_bytes
            or self._max_age_ms is not None
        ):
            self._evict()
        return item

    # --- Inside ---

    def _item(self, item_id: str | None) -> ConversationItem | None:
        return self._order.item(item_id, self._at_ms)

    def _place(self, item_id: str | None, previous: str | None) -> ConversationItem | None:
        return self._order.place(item_id, previous, self._at_ms)

    def _remove(self, item: ConversationItem) -> None:
        self._order.remove(item)
        self.kept_bytes -= item.kept_bytes

    def _evict(self) -> None:
        oldest = None
        if self._max_age_ms is not None and self._at_ms is not None:
            oldest = self._at_ms - self._max_age_ms
        while self._order.first is not None and (
            len(self._order) > self._max_items
            or (self.kept_bytes > self._max_bytes and len(self._order) > 1)
            or (
                oldest is not None
                and self._order.first.at_ms is not None
                and self._order.first.at_ms < oldest
            )
        ):
            self._remove(self._order.first)
            self.evicted += 1

    def _grow(self, item: ConversationItem, growth: int) -> ConversationItem:
        item.kept_bytes += growth
        self.kept_bytes += growth
        return item

    def _format_of(self, item: ConversationItem) -> AudioFormat:
        return self._input_format if item.role == "user" else self._output_format

    # --- Handlers ---

    def _on_item(self, event: Any) -> ConversationItem | None:
        item = self._place(_id_of(event.item), getattr(event, "previous_item_id", None))
        return self._take(item, event.item, getattr(event, "response_id", None))

    def _take(self, item: ConversationItem | None, told: Any, response_id: Any) -> ConversationItem | None:
        if item is None:
            return None
        if isinstance(response_id, str):
            item.response_id = response_id
        item.role = getattr(told, "role", None) or item.role
        keeps = self._audio == "keep"
        return self._grow(item, item.take(told, self._format_of(item), keeps))

    def _on_create(self, event: Any) -> ConversationItem | None:
        """A client's wish; the item itself comes back from the server."""
        if event.previous_item_id == "root" and isinstance(item_id := _id_of(event.item), str):
            self._order.put_first(item_id)
        return None

    def _on_committed(self, event: Any) -> ConversationItem | None:
        item = self._place(event.item_id, event.previous_item_id)
        if item is not None:
            item.type, item.role = item.type or "message", item.role or "user"
        return item

    def _on_part(self, event: Any) -> ConversationItem | None:
        item = self._item(event.item_id)
        if item is None:
            return None
        growth = item.take_part(event.content_index, event.part, self._format_of(item), self._audio == "keep")
        return self._grow(item, growth)

    def _on_text_delta(self, event: Any) -> ConversationItem | None:
        item = self._order.by_id.get(event.item_id) or self._item(event.item_id)
        if item is None:
            return None
        part = item.parts.get(event.content_index or 0)
        if part is None:
            part = item.content(event.content_index, self._format_of(item))
        return self._grow(item, part.add_text(event.delta))

    def _on_text_done(self, event: Any) -> ConversationItem | None:
        item = self._item(event.item_id)
        if item is None:
            return None
        text = getattr(event, "transcript", None)
        if text is None:
            text = getattr(event, "text", None)
        part = item.content(event.content_index, self._format_of(item))
        return self._grow(item, part.set_text(text))

    def _on_transcription_failed(self, event: Any) -> ConversationItem | None:
        item = self._item(event.item_id)
        if item is not None:
            item.failed = event.error
        return item

    def _on_audio(self, event: Any) -> ConversationItem | None:
        item = self._item(event.item_id)
        if item is None or self._audio == "drop":
            return item
        part = item.content(event.content_index, self._output_format)
        return self._grow(item, part.add_audio(event.delta, self._audio == "keep"))

    def _on_arguments_delta(self, event: Any) -> ConversationItem | None:
        item = self._call(event)
        return None if item is None else self._grow(item, item.add_arguments(event.delta))

    def _on_arguments_done(self, event: Any) -> ConversationItem | None:
        item = self._call(event)
        return None if item is None else self._grow(item, item.set_arguments(event.arguments))

    def _call(self, event: Any) -> ConversationItem | None:
        item = self._item(event.item_id)
        if item is not None:
            item.type = item.type or ("function_call" if hasattr(event, "call_id") else "mcp_call")
            item.call_id = getattr(event, "call_id", None) or item.call_id
            item.name = getattr(event, "name", None) or item.name
        return item

    def _on_truncated(self, event: Any) -> ConversationItem | None:
        item = self._order.by_id.get(event.item_id)
        if item is None:
            return None
        part = item.content(event.content_index, self._output_format)
        return self._grow(item, part.truncate(event.audio_end_ms or 0))

    def _on_deleted(self, event: Any) -> None:
        item = self._order.by_id.get(event.item_id)
        if item is not None:
            self._remove(item)

    def _on_response_created(self, event: Any) -> None:
        if isinstance(response_id := getattr(event.response, "id", None), str):
            self._under_way[response_id] = None
            bound(self._under_way)

    def _on_response_done(self, event: Any) -> None:
        response_id = getattr(event.response, "id", None)
        self._under_way.pop(str(response_id), None)
        for told in getattr(event.response, "output", None) or ():
            item_id = _id_of(told)
            # An answer outside the conversation has items that no other event has placed there.
            if item_id in self._order.by_id or getattr(event.response, "conversation_id", None):
                self._take(self._item(item_id), told, response_id)

    def _on_asked(self, event: Any) -> None:
        self.asked = event.session

    def _on_told(self, event: Any) -> None:
        self.told = event.session
        audio = getattr(event.session, "audio", None)
        for name in ("input", "output"):
            told = getattr(getattr(audio, name, None), "format", None)
            told = told or getattr(event.session, f"{name}_audio_format", None)
            try:
                setattr(self, f"_{name}_format", AudioFormat.of(told))
            except (TypeError, ValueError):
                continue  # not told, or one of tomorrow's: the last one holds


def _id_of(item: Any) -> Any:
    return getattr(item, "id", None)


Handler = Callable[[Conversation, Any], "ConversationItem | None"]
# By the wire's names, of GA and of beta; classes are added as they are met.
_BY_TYPE: Final[dict[Any, Handler]] = {
    "session.created": Conversation._on_told,
    "session.updated": Conversation._on_told,
    "session.update": Conversation._on_asked,
    "conversation.item.create": Conversation._on_create,
    "conversation.item.created": Conversation._on_item,
    "conversation.item.added": Conversation._on_item,
    "conversation.item.done": Conversation._on_item,
    "conversation.item.retrieved": Conversation._on_item,
    "response.output_item.added": Conversation._on_item,
    "response.output_item.done": Conversation._on_item,
    "response.content_part.added": Conversation._on_part,
    "response.content_part.done": Conversation._on_part,
    "input_audio_buffer.committed": Conversation._on_committed,
    "conversation.item.input_audio_transcription.delta": Conversation._on_text_delta,
    "conversation.item.input_audio_transcription.completed": Conversation._on_text_done,
    "conversation.item.input_audio_transcription.failed": Conversation._on_transcription_failed,
    "response.output_text.delta": Conversation._on_text_delta,
    "response.output_text.done": Conversation._on_text_done,
    "response.text.delta": Conversation._on_text_delta,
    "response.text.done": Conversation._on_text_done,
    "response.output_audio_transcript.delta": Conversation._on_text_delta,
    "response.output_audio_transcript.done": Conversation._on_text_done,
    "response.audio_transcript.delta": Conversation._on_text_delta,
    "response.audio_transcript.done": Conversation._on_text_done,
    "response.output_audio.delta": Conversation._on_audio,
    "response.audio.delta": Conversation._on_audio,
    "response.function_call_arguments.delta": Conversation._on_arguments_delta,
    "response.function_call_arguments.done": Conversation._on_arguments_done,
    "response.mcp_call_arguments.delta": Conversation._on_arguments_delta,
    "response.mcp_call_arguments.done": Conversation._on_arguments_done,
    "conversation.item.truncated": Conversation._on_truncated,
    "conversation.item.deleted": Conversation._on_deleted,
    "response.created": Conversation._on_response_created,
    "response.done": Conversation._on_response_done,
}
_HANDLERS: dict[type, Handler | None] = {}
