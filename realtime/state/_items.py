"""One item of a conversation as it grows: pieces are collected, and joined only when asked for."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from ..format import AudioFormat


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
