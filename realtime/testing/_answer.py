"""One response: the caller's turn played back, as the server's events in the server's order.

`begin`, then `step` until `finished`, then `end`; whoever drives it decides when. Ending
early is a cancelled response, with what was sent of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypedDict

import msgspec

from .. import spec
from ..audio import convert
from ..events import (
    Audio,
    ContentPart,
    ConversationItemAdded,
    ConversationItemDone,
    InputTokenDetails,
    Item,
    MessageItem,
    OutputAudio,
    OutputText,
    OutputTokenDetails,
    RateLimit,
    RateLimitsUpdated,
    Response,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    ResponseUsage,
    ServerEvent,
    StatusDetails,
    Text,
)
from ..format import AudioFormat
from ._history import Held, Tokens, Turn, audio_tokens, outline, text_tokens

NOTHING_HEARD: Final = "I have heard nothing yet."
# The voice of an answer to text: this long a silence for each word.
MS_PER_WORD: Final = 300
# Numbers to show; nothing is limited here.
RATE_LIMITS: Final = (("requests", 1000, 999, 60.0), ("tokens", 50_000, 49_950, 60.0))


def spoken_ms(turn: Turn) -> float:
    """How long the caller's turn is."""
    return turn.format.duration_ms(len(turn.audio))


def transcript_of(turn: Turn) -> str:
    """What the answer to `turn` says in words."""
    if turn.audio:
        return f"That was {spoken_ms(turn) / 1000:.2f} seconds of audio."
    return turn.text or NOTHING_HEARD


def voice_of(turn: Turn, fmt: AudioFormat) -> bytes:
    """What the answer to `turn` sounds like: the caller's own audio, or a silence for words."""
    if turn.audio:
        return convert(turn.audio, turn.format, fmt)
    return fmt.silence(MS_PER_WORD * len(transcript_of(turn).split()))


class Place(TypedDict):
    """Where in a response something happens."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int


@dataclass(slots=True)
class Answer:
    """A response under way.

    Attributes:
        response: as it will be told; `held`: the assistant's item.
        text, audio: what is to be said; `audio` is empty in text responses.
        before_id: the item before this one; `in_conversation`: whether the item goes there.
        cut_short: whether the token limit left something out.
    """

    response: Response
    held: Held
    text: str
    audio: bytes
    ptime_ms: float
    context: Tokens
    before_id: str | None = None
    in_conversation: bool = True
    cut_short: bool = False
    sent: int = field(default=0, init=False)

    @property
    def is_text(self) -> bool:
        """Whether the response is text alone."""
        return self.response.output_modalities == ["text"]

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to say."""
        return self.sent >= len(self.audio)

    def begin(self) -> Iterator[ServerEvent]:
        """The events up to the first audio; the words go ahead of the voice."""
        yield ResponseCreated(response=msgspec.structs.replace(self.response))
        yield RateLimitsUpdated(
            rate_limits=[
                RateLimit(name=name, limit=limit, remaining=remaining, reset_seconds=seconds)
                for name, limit, remaining, seconds in RATE_LIMITS
            ]
        )
        item = self._outline()
        yield ResponseOutputItemAdded(response_id=self._id, output_index=0, item=item)
        if self.in_conversation:
            yield ConversationItemAdded(previous_item_id=self.before_id, item=item)
        yield ResponseContentPartAdded(part=self._part(""), **self._at())
        delta = ResponseOutputTextDelta if self.is_text else ResponseOutputAudioTranscriptDelta
        for word in words(self.text):
            yield delta(delta=word, **self._at())

    def step(self) -> Iterator[ServerEvent]:
        """The next chunk of audio."""
        size = self.held.format.chunk_bytes(self.ptime_ms)
        chunk = self.audio[self.sent : self.sent + size]
        self.sent += len(chunk)
        if chunk:
            yield ResponseOutputAudioDelta(delta=chunk, **self._at())

    def end(self, cancelled: str | None = None) -> Iterator[ServerEvent]:
        """The events after the last audio; `cancelled` is why, where that is early."""
        reason = cancelled or ("max_output_tokens" if self.cut_short else None)
        self.settle("incomplete" if reason else "completed")
        if self.is_text:
            yield ResponseOutputTextDone(text=self.text, **self._at())
        else:
            yield ResponseOutputAudioDone(**self._at())
            yield ResponseOutputAudioTranscriptDone(transcript=self.text, **self._at())
        yield ResponseContentPartDone(part=self._part(self.text), **self._at())
        item = self._outline()
        if self.in_conversation:
            yield ConversationItemDone(previous_item_id=self.before_id, item=item)
        yield ResponseOutputItemDone(response_id=self._id, output_index=0, item=item)
        yield ResponseDone(response=self._done(item, "cancelled" if cancelled else None, reason))

    def cut(self, nbytes: int) -> None:
        """Say no more than the first `nbytes` of the audio: the client heard no more."""
        self.audio = self.audio[:nbytes]

    def settle(self, status: str) -> None:
        """Make the item what was said of it so far."""
        assert isinstance(self.held.item, MessageItem)
        part = OutputText(text=self.text) if self.is_text else OutputAudio(transcript=self.text)
        if isinstance(part, OutputAudio):
            part.audio = self.audio[: self.sent]
        self.held.item = msgspec.structs.replace(self.held.item, content=[part], status=status)

    # --- Parts ---

    @property
    def _id(self) -> str:
        return self.response.id or ""

    def _at(self) -> Place:
        """Where everything happens."""
        return {"response_id": self._id, "item_id": self.held.id, "output_index": 0, "content_index": 0}

    def _part(self, text: str) -> ContentPart:
        return Text(text=text) if self.is_text else Audio(transcript=text)

    def _outline(self) -> Item:
        return outline(self.held.item)

    def _done(self, item: Item, cancelled: str | None, reason: str | None) -> Response:
        status = cancelled or ("incomplete" if reason else "completed")
        details = StatusDetails(type=status, reason=reason) if reason else None
        return msgspec.structs.replace(
            self.response, status=status, status_details=details, output=[item], usage=self._usage()
        )

    def _usage(self) -> ResponseUsage:
        said = Tokens(
            text_tokens(self.text),
            audio_tokens(
                min(self.sent, len(self.audio)), self.held.format, spec.ASSISTANT_AUDIO_MS_PER_TOKEN
            ),
        )
        return ResponseUsage(
            total_tokens=sum(self.context) + sum(said),
            input_tokens=sum(self.context),
            output_tokens=sum(said),
            input_token_details=InputTokenDetails(
                text_tokens=self.context.text,
                audio_tokens=self.context.audio,
                image_tokens=0,
                cached_tokens=0,
            ),
            output_token_details=OutputTokenDetails(text_tokens=said.text, audio_tokens=said.audio),
        )


def words(text: str) -> list[str]:
    """`text` in pieces that join to it again, a word each with the space after it."""
    pieces = text.split(" ")
    return [piece + " " for piece in pieces[:-1]] + [piece for piece in pieces[-1:] if piece]
