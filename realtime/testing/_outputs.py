"""The items of a response, each told in the server's order: a message in voice or text, a function call.

`begin`, then `step` until `finished`, then `end`; ending early leaves what was sent of it. Where
an item stands, in the response and in the conversation, is `_answer`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypedDict

import msgspec

from .. import spec
from ..events import (
    Audio,
    ContentPart,
    FunctionCallItem,
    MessageItem,
    OutputAudio,
    OutputText,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ServerEvent,
    Text,
)
from ..format import AudioFormat
from ._history import Held, Tokens, audio_tokens, text_tokens

if TYPE_CHECKING:
    from .script import Call


class Place(TypedDict):
    """Where in a response something happens."""

    response_id: str
    item_id: str
    output_index: int


class Message:
    """A message of the assistant, spoken or written.

    Attributes: `held`, the item; `audio`, empty where it is written; `cut_short`, whether the token
    limit left something out.
    """

    def __init__(
        self,
        item_id: str,
        text: str,
        audio: bytes | None,
        fmt: AudioFormat,
        ptime_ms: float,
        most: int | None,
    ) -> None:
        item = MessageItem(
            id=item_id, object="realtime.item", status="in_progress", role="assistant", content=[]
        )
        self.held = Held(item, fmt)
        self.is_written = audio is None
        self.audio = (audio or b"")[:most]
        self.cut_short = len(self.audio) < len(audio or b"")
        self._text = text
        self._sent = 0
        self._chunk_bytes = fmt.chunk_bytes(ptime_ms)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to say."""
        return self._sent >= len(self.audio)

    def begin(self, place: Place) -> Iterator[ServerEvent]:
        """The events up to the first audio; the words go ahead of the voice."""
        yield ResponseContentPartAdded(part=self._part(""), content_index=0, **place)
        delta = ResponseOutputTextDelta if self.is_written else ResponseOutputAudioTranscriptDelta
        for word in words(self._text):
            yield delta(delta=word, content_index=0, **place)

    def step(self, place: Place) -> Iterator[ServerEvent]:
        """The next chunk of audio."""
        chunk = self.audio[self._sent : self._sent + self._chunk_bytes]
        self._sent += len(chunk)
        if chunk:
            yield ResponseOutputAudioDelta(delta=chunk, content_index=0, **place)

    def end(self, place: Place) -> Iterator[ServerEvent]:
        """The events after the last audio."""
        if self.is_written:
            yield ResponseOutputTextDone(text=self._text, content_index=0, **place)
        else:
            yield ResponseOutputAudioDone(content_index=0, **place)
            yield ResponseOutputAudioTranscriptDone(transcript=self._text, content_index=0, **place)
        yield ResponseContentPartDone(part=self._part(self._text), content_index=0, **place)

    def settle(self, status: str) -> None:
        """Make the item what was said of it so far."""
        assert isinstance(self.held.item, MessageItem)
        part = OutputText(text=self._text) if self.is_written else OutputAudio(transcript=self._text)
        if isinstance(part, OutputAudio):
            part.audio = self.audio[: self._sent]
        self.held.item = msgspec.structs.replace(self.held.item, content=[part], status=status)

    def cut(self, nbytes: int) -> None:
        """Say no more than the first `nbytes` of the audio: the client heard no more."""
        self.audio = self.audio[:nbytes]

    def tokens(self) -> Tokens:
        """What was said of it costs."""
        said = min(self._sent, len(self.audio))
        per = spec.ASSISTANT_AUDIO_MS_PER_TOKEN
        return Tokens(text_tokens(self._text), audio_tokens(said, self.held.format, per))

    def _part(self, text: str) -> ContentPart:
        return Text(text=text) if self.is_written else Audio(transcript=text)


class FunctionCall:
    """A call of one of the client's functions, whose arguments come in pieces."""

    finished = True
    cut_short = False

    def __init__(self, item_id: str, call: Call, call_id: str, fmt: AudioFormat) -> None:
        self._item = FunctionCallItem(
            id=item_id,
            object="realtime.item",
            status="in_progress",
            call_id=call_id,
            name=call.name,
            arguments="",
        )
        self.held = Held(self._item, fmt)
        self._call_id, self._name, self._arguments = call_id, call.name, call.json

    def begin(self, place: Place) -> Iterator[ServerEvent]:
        """The arguments, in pieces."""
        for piece in words(self._arguments):
            yield ResponseFunctionCallArgumentsDelta(delta=piece, call_id=self._call_id, **place)

    def step(self, place: Place) -> Iterator[ServerEvent]:
        """Nothing: all was told at the beginning."""
        return iter(())

    def end(self, place: Place) -> Iterator[ServerEvent]:
        """The arguments, whole."""
        yield ResponseFunctionCallArgumentsDone(
            call_id=self._call_id, name=self._name, arguments=self._arguments, **place
        )

    def settle(self, status: str) -> None:
        """Make the item what was told of it."""
        self.held.item = msgspec.structs.replace(self._item, arguments=self._arguments, status=status)

    def cut(self, nbytes: int) -> None:
        """Nothing: there is no audio."""

    def tokens(self) -> Tokens:
        """What was told of it costs."""
        return Tokens(text_tokens(self._arguments), 0)


def words(text: str) -> list[str]:
    """`text` in pieces that join to it again, a word each with the space after it."""
    pieces = text.split(" ")
    return [piece + " " for piece in pieces[:-1]] + [piece for piece in pieces[-1:] if piece]
