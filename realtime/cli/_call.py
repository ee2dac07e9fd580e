"""A call as a client sees it, over all its sessions and without I/O: what to say, and what to hear.

The caller is a phone: 8 kHz mu-law in frames of 20 ms. Each session has the format that it tells;
what comes back is converted to the phone's again. Read `_hear` for what the server's events do,
`_session` for one session, `_dialogue` for what belongs together, `_reconnect` for what a new session is
told; `_client` has the connections.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

from msgspec import UNSET

from ..audio import chunks, convert
from ..build import create_session_config
from ..codec import encode, encode_append
from ..events import ClientEvent, InputAudioBufferClear, InputAudioBufferCommit, SessionUpdate
from ..format import AudioFormat
from ..state import Conversation, Usage
from ._dialogue import Answer, Dialogue, Turn
from ._ear import Ear
from ._hear import hear
from ._incidents import Incidents
from ._peer import peer_text
from ._progress import Progress
from ._reconnect import Unanswered, resumption
from ._record import Record
from ._session import Session
from ._uplink import PHONE, PTIME_MS, Uplink

# Said after the recording, so that the server hears the last turn end.
LAST_SILENCE_MS: Final = 1000

R = TypeVar("R")


class Call:
    """One call that says `recording` (8 kHz mu-law) and asks for sessions of the format `asked`.

    A `manual` one finds the caller's turns itself, commits each and asks for its answer.

    Attributes: `dialogue`; `incidents`; `usage`, of the sessions that are over; `spoken`, how many bytes the
    phone has sent; `codec_ns`, the time that decoding and encoding took; `session`, the present one.
    """

    def __init__(
        self,
        asked: AudioFormat,
        recording: bytes,
        record: Record,
        progress: Progress,
        *,
        manual: bool = False,
    ) -> None:
        self.asked, self.manual = asked, manual
        self.dialogue, self.incidents, self.usage = Dialogue(), Incidents(progress), Usage()
        self.spoken = self.heard = self.codec_ns = 0
        self.again_ms, self._untold = 0.0, 0
        self.recording_ms = PHONE.duration_ms(len(recording))
        self.record, self.progress = record, progress
        self.ear = Ear(PTIME_MS)
        self.uplink = Uplink(self._speech(recording + PHONE.silence(LAST_SILENCE_MS)))
        config = create_session_config(format=asked, turn_detection=None if manual else UNSET)
        self._memory = Conversation()
        self._memory.feed(SessionUpdate(session=config))
        self._unanswered: list[Turn] = []
        self._requests = 0
        self.session = Session(SessionUpdate(session=config), asked)

    def _speech(self, speech: bytes) -> Iterator[bytes]:
        for frame in chunks(speech, PHONE, PTIME_MS):
            self.spoken += len(frame)
            self.record.caller.write(frame)
            self.ear.hear(bytes(frame))
            yield bytes(frame)

    # --- Where it stands ---

    @property
    def awaited(self) -> str:
        """What the server is to do; "" where nothing is waited for."""
        session = self.session
        if not session.is_ready:
            return "accept the session's settings"
        if session.is_ending and not session.has_heard_all:
            return "answer"
        return "take a turn" if session.is_committing else "finish its answers" if self.is_owed else ""

    @property
    def is_owed(self) -> bool:
        """Whether an answer is under way or waited for."""
        return bool(self.dialogue.under_way or self.dialogue.owed)

    @property
    def is_over(self) -> bool:
        """Whether all was said, heard and answered."""
        return self.session.has_heard_all and not self.is_owed

    @property
    def is_turn_over(self) -> bool:
        """Whether the caller has just ended a turn that is to be committed by hand."""
        return self.manual and self.ear.is_turn_over and self.uplink.is_at_its_end

    @property
    def answered(self) -> int:
        """How many turns have had their answers; what was never said is no turn, whatever a server tells."""
        return sum(turn.is_answered and bool(turn.spoken) for turn in self.dialogue.turns)

    @property
    def untold(self) -> int:
        """How many of the caller's turns were taken and never told in words."""
        return self._untold + len(self.session.untold)

    # --- A session begins, and ends too early ---

    def begin(self) -> ClientEvent:
        """What a new session is told first."""
        hello = resumption(self._memory)[0]
        self.session = Session(hello, self.asked)
        return hello

    def resume(self) -> tuple[ClientEvent, ...]:
        """What a session is told once it is ready; then `say` says again what the last one did not take."""
        self.session.is_resumed = True
        unanswered = [self._said(turn) for turn in self._unanswered]
        self.again_ms += PHONE.duration_ms(self.uplink.begin_again())
        return resumption(self._memory, unanswered)[1:]

    def _said(self, turn: Turn) -> Unanswered:
        fmt, item = self.session.format_in, self._memory.get(turn.item_id)
        if turn.format is not fmt:
            turn.format, turn.sent = fmt, convert(turn.spoken, PHONE, fmt)
        answer = turn.answer or Answer()
        transcript = item.text if item is not None else ""
        return Unanswered(turn.item_id, turn.sent, transcript, answer.item_id, answer.words, answer.is_whole)

    def lost(self) -> None:
        """The session is over; what still comes of its answers is late."""
        session = self.session
        session.playback.interrupt()
        for answer in session.answers.values():
            session.settle_words(answer)
            if answer.is_whole and not answer.is_over:
                self.tell(answer)
        self.usage += session.usage
        self._untold += len(session.untold)
        unanswered = self.dialogue.session_ended()
        if session.is_resumed:  # or else the one before it is still to be brought back
            self._memory, self._unanswered = session.conversation, unanswered

    # --- What the caller says ---

    def say(self) -> bytes | None:
        """The next 20 ms in the session's format, perhaps empty; None where all was said."""
        frame = self.uplink.next()
        return None if frame is None else self._to_session(self.session.uplink.process(frame))

    def end_of_speech(self) -> bytes:
        """What the converter withholds."""
        return self._to_session(self.session.uplink.flush())

    def _to_session(self, audio: bytes) -> bytes:
        self.session.sent.add(audio)
        return audio

    def append(self, audio: bytes) -> bytes:
        """The frame that sends `audio`."""
        return self.timed(encode_append, audio)

    def request(self, event: ClientEvent) -> bytes:
        """The frame of an event, which is given an id, so that an error can name it."""
        self._requests += 1
        event_id = f"client_{self._requests}"
        event.event_id = event_id  # type: ignore[union-attr]
        self.session.asked(event_id, event)
        return self.timed(encode, event)

    def commit(self) -> ClientEvent:
        """The turn that has just ended is to be taken."""
        self.session.is_committing, self.session.is_refused = True, False
        return InputAudioBufferCommit()

    def give_up_turn(self) -> None:
        """The server does not take what was said since the last turn."""
        self.ear.taken()
        self.uplink.committed(self.uplink.position)

    def ask_the_end(self) -> ClientEvent:
        """All was said: the answer to this comes after all that the server had to say to what came before."""
        self.session.is_ending = True
        return InputAudioBufferClear()

    def sent_again(self, nbytes: int) -> None:
        """So many bytes of the session's audio went to it once more."""
        self.again_ms += self.session.format_in.duration_ms(nbytes)

    # --- What the server says ---

    def hear(self, frame: bytes) -> bool:
        """A frame of the server; whether it gets the call on. What cannot be read costs no more than itself.

        Raises:
            CallFailed: the server will have no more of this call.
            SessionLost: it says that the session is over.
        """
        return hear(self, frame)

    def tell(self, answer: Answer) -> None:
        """An answer has come to its end."""
        seconds = len(answer.heard) / PHONE.bytes_per_second
        self.progress.note(f"{self.name(answer)}: {seconds:.2f} s came back: {peer_text(answer.words)}")

    def name(self, answer: Answer) -> str:
        """An answer by its number."""
        return f"answer {self.dialogue.answers.index(answer) + 1}"

    def show(self) -> None:
        """Where the call stands, on a terminal."""
        total_s = (self.recording_ms + LAST_SILENCE_MS) / 1000
        sent_s, heard_s = (nbytes / PHONE.bytes_per_second for nbytes in (self.uplink.position, self.heard))
        self.progress.show(f"{sent_s:5.1f} of {total_s:.1f} s sent, {heard_s:.1f} s came back")

    def timed(self, work: Callable[[Any], R], subject: object) -> R:
        """What `work` makes of `subject`; the time that it takes is the codec's."""
        began = time.perf_counter_ns()
        try:
            return work(subject)
        finally:
            self.codec_ns += time.perf_counter_ns() - began
