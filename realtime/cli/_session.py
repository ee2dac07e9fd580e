"""One session as its client sees it: what it said of itself, and what its events add up to.

A new connection has a new one of these: ids, positions and formats are a session's own. No I/O.
"""

from __future__ import annotations

from typing import Any, Final

from ..audio import Converter
from ..errors import AudioError
from ..events import ClientEvent, ConversationItemAdded, ConversationItemCreate, ServerEvent
from ..format import AudioFormat
from ..state import Conversation, Playback, Usage
from ._dialogue import Answer
from ._peer import peer_text
from ._reconnect import CallFailed, words_heard
from ._uplink import KEPT_MS, PHONE, Track

# An error comes soon after what it is about.
MAX_REQUESTS: Final = 256


class Session:
    """What is known of a session.

    Attributes:
        is_ready: whether it has told its settings; `format_in` and `format_out`, which they say.
        wants_transcripts: whether the caller's words are to come; `untold`, the items whose words have not.
        sent: the audio that went to it since its last commit; `commits`, how many were sent.
        is_committing: whether a commit waits for its answer; `is_refused`, whether that was no.
        is_resumed: whether it was told what the one before it knew.
        is_ending: whether it was asked if it has heard all; `has_heard_all`, whether it has.
        answers: by the ids of their responses.
    """

    def __init__(self, hello: ClientEvent, asked: AudioFormat) -> None:
        self.conversation, self.playback, self.usage = Conversation(), Playback(), Usage()
        self.conversation.feed(hello)
        self.is_ready = self.is_resumed = self.wants_transcripts = False
        self.is_committing = self.is_refused = False
        self.is_ending = self.has_heard_all = False
        self.untold: dict[str, None] = {}
        self.answers: dict[str, Answer] = {}
        self._asked = asked
        self._requests: dict[str, str] = {}
        self.format_in = asked
        self.sent = Track(0)
        self._speak(asked, asked)

    def settle(self, told: Any) -> None:
        """The session has told its settings.

        Raises:
            CallFailed: one of its audio formats is none of this wire.
        """
        audio = getattr(told, "audio", None)
        sides = getattr(audio, "input", None), getattr(audio, "output", None)
        formats = [self._format(getattr(side, "format", None)) for side in sides]
        self.wants_transcripts = bool(getattr(sides[0], "transcription", None))
        if not self.is_ready or [self.format_in, self.format_out] != formats:
            self._speak(*formats)
        self.is_ready = True

    def _speak(self, format_in: AudioFormat, format_out: AudioFormat) -> None:
        per_byte = _per_phone_byte(format_in)
        said = self.sent.end * per_byte // _per_phone_byte(self.format_in)
        self.sent = Track(PHONE.chunk_bytes(KEPT_MS) * per_byte, said)
        self.format_in, self.format_out = format_in, format_out
        self.uplink, self.downlink = Converter(PHONE, format_in), Converter(format_out, PHONE)

    def _format(self, told: object) -> AudioFormat:
        try:
            return AudioFormat.of(told) if told else self._asked
        except (TypeError, ValueError) as why:
            raise CallFailed(f"the session speaks a format that is not known: {peer_text(why)}") from None

    # --- Events ---

    def feed(self, event: ServerEvent) -> int | None:
        """An event of the server; of audio, how much of it is to be heard."""
        self.conversation.feed(event)
        self.usage.feed(event)
        return self.playback.feed(event)

    def asked(self, event_id: str, event: ClientEvent) -> None:
        """The client sends `event`: what it creates is known from now on, whether or not it is told back."""
        self._requests[event_id] = event.type
        if len(self._requests) > MAX_REQUESTS:
            del self._requests[next(iter(self._requests))]
        if isinstance(event, ConversationItemCreate):
            self.conversation.feed(ConversationItemAdded(item=event.item))

    def request(self, event_id: str | None) -> str:
        """The type of the event that the client named so; "" where there was none."""
        return self._requests.get(event_id or "", "")

    def words(self, answer: Answer) -> str:
        """The transcript of an answer so far, or its text."""
        item = self.conversation.get(answer.item_id)
        if item is not None:
            return item.text
        return " ".join(item.text for item in self.conversation if item.response_id == answer.response_id)

    def settle_words(self, answer: Answer) -> None:
        """The session has ended: of an answer that is not whole, what was heard are its words."""
        if not answer.is_over:
            words = self.words(answer)
            heard_ms = self.playback.heard_ms(answer.item_id)
            answer.words = words if answer.is_whole else words_heard(words, heard_ms)

    # --- Audio ---

    def sent_of(self, origin: int, start: int, end: int) -> bytes:
        """What went to it from `start` to `end`, positions of the phone's; its own began at `origin`."""
        per_byte = _per_phone_byte(self.format_in)
        return self.sent.span((start - origin) * per_byte, (end - origin) * per_byte)

    def settle_sent(self, origin: int, before: int) -> None:
        """What went to it before that position is no longer needed."""
        per_byte = _per_phone_byte(self.format_in)
        self.sent.forget((before - origin) * per_byte)

    def to_phone(self, audio: bytes) -> bytes:
        """The session's audio as the phone hears it."""
        return self.downlink.process(audio)

    def rest_to_phone(self) -> bytes:
        """What the converter withholds at the end of an answer; half a sample is not heard."""
        try:
            return self.downlink.flush()
        except AudioError:
            self.downlink.reset()
            return b""


def _per_phone_byte(fmt: AudioFormat) -> int:
    """How many bytes of `fmt` last as long as one of the phone's."""
    return fmt.bytes_per_second // PHONE.bytes_per_second
