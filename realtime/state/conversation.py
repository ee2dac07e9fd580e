"""What was said, in its order, however the events came: one `feed` for all of them.

Every event is O(1): items are a linked list, texts are collected in pieces. Nothing that a
server sends raises; what names no item is passed over. Read `_items` for one item, `restore`
for the events that bring a conversation back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

from ..errors import ConfigError
from ..format import AudioFormat
from ._feed import no_frame
from ._items import ConversationItem
from ._once import Once
from ._order import Order, bound

AudioChoice = Literal["count", "keep", "drop"]


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
        self._seen = Once()
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
        if isinstance(event_id, str) and not self._seen.is_new(event_id):
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
