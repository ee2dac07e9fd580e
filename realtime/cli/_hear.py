"""What the server's events do to a call: frames in, and `Call` is told.

Nothing that can arrive ends a call, but an error that says that the call, or its session, is over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..codec import decode_server
from ..errors import DecodeError, snippet
from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionFailed,
    Error,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ServerEvent,
    SessionUpdated,
    StatusDetails,
    UnknownEvent,
)
from ._dialogue import Answer, Turn
from ._peer import peer_text
from ._reconnect import CallFailed, Means, SessionLost, of_error
from ._uplink import PHONE

if TYPE_CHECKING:
    from ._call import Call

_COMMIT_EMPTY: Final = "input_audio_buffer_commit_empty"
# Why a response is cancelled where the caller speaks on.
_INTERRUPTED: Final = "turn_detected"


def hear(call: Call, frame: bytes) -> bool:
    """A frame of the server; whether it gets the call on. What cannot be read costs no more than itself.

    Raises:
        CallFailed: the server will have no more of this call.
        SessionLost: it says that the session is over.
    """
    try:
        event = call.timed(decode_server, frame)
    except DecodeError as why:
        call.record.frame("server", "(undecodable)", frame)
        call.incidents.happened(
            "undecodable", why.event_type or "frames", f"a frame is lost: {peer_text(why)}"
        )
        return False
    call.record.frame("server", event.type, frame)
    if isinstance(event, UnknownEvent):
        name = snippet(event.type)
        call.incidents.happened("unknown", name, f"an event of an unknown type, {name}, is passed over")
    was_ready, is_due = call.session.is_ready, call.session.feed(event)
    handler = _HANDLERS.get(type(event))
    if handler is not None and is_due != 0:
        handler(call, event)
    return _gets_on(event, was_ready)


def _ready(call: Call, event: SessionUpdated) -> None:
    call.session.settle(event.session)


def _error(call: Call, event: Error) -> None:
    error = event.error
    text = peer_text(f"{error.code or error.type}: {error.message}")
    means = of_error(error)
    if means is Means.GIVE_UP:
        raise CallFailed(f"the server refused the call: {text}")
    if means is Means.RECONNECT:
        raise SessionLost(f"the session is over: {text}")
    if call.session.request(error.event_id) == "session.update":
        raise CallFailed(f"the server refused the session's settings: {text}")
    if error.code == _COMMIT_EMPTY and call.session.is_committing:
        call.session.is_committing, call.session.is_refused = False, True
    call.incidents.happened("errors", snippet(error.code or error.type), f"the server tells an error: {text}")


def _turn_started(call: Call, event: InputAudioBufferSpeechStarted) -> None:
    call.dialogue.start(call.uplink.position_of(event.audio_start_ms)).item_id = event.item_id


def _turn_ended(call: Call, event: InputAudioBufferSpeechStopped) -> None:
    turn = call.dialogue.speaking or call.dialogue.start(call.uplink.committed_to)
    _take(call, turn, call.uplink.position_of(event.audio_end_ms), event.item_id)


def _committed(call: Call, event: InputAudioBufferCommitted) -> None:
    speaking = call.dialogue.speaking
    if call.session.is_committing:
        call.session.is_committing = False
        call.ear.taken()
        _take(call, call.dialogue.start(call.uplink.committed_to), call.uplink.position, event.item_id)
    elif speaking is not None and speaking.item_id == event.item_id:
        # The frame that told its end was lost. Rather is too much said again than too little.
        _take(call, speaking, call.uplink.position, event.item_id, settled=speaking.start)


def _take(call: Call, turn: Turn, end: int, item_id: str, settled: int | None = None) -> None:
    session, uplink = call.session, call.uplink
    turn.end, turn.item_id, turn.is_taken = end, item_id, True
    turn.spoken = uplink.kept.span(turn.start, end)
    turn.format, turn.sent = session.format_in, session.sent_of(uplink.origin, turn.start, end)
    uplink.committed(end if settled is None else settled)
    session.settle_sent(uplink.origin, uplink.committed_to)
    if session.wants_transcripts:
        session.untold[item_id] = None
    seconds = " to ".join(f"{at / PHONE.bytes_per_second:.2f}" for at in (turn.start, end))
    call.progress.note(f"turn {len(call.dialogue.turns)}: the server took {seconds} s")


def _answer_began(call: Call, event: ResponseCreated) -> None:
    _begin_answer(call, str(event.response.id))


def _begin_answer(call: Call, response_id: str) -> Answer:
    call.session.downlink.reset()
    answer = call.dialogue.answer(response_id, call.session.format_out)
    call.session.answers[response_id] = answer
    return answer


def _answer_sounds(call: Call, event: ResponseOutputAudioDelta) -> None:
    answer = call.session.answers.get(event.response_id) or _begin_answer(call, event.response_id)
    answer.audio += event.delta
    answer.item_id = event.item_id
    _let_hear(call, answer, call.session.to_phone(event.delta))
    # What is written to agent.wav is what was heard.
    call.session.playback.played(nbytes=len(event.delta))


def _answer_is_whole(call: Call, event: ResponseOutputAudioDone) -> None:
    answer = call.session.answers.get(event.response_id)
    if answer is not None and not answer.is_over:
        answer.is_whole = True
        _let_hear(call, answer, call.session.rest_to_phone())


def _answer_ended(call: Call, event: ResponseDone) -> None:
    response = event.response
    answer = call.session.answers.get(str(response.id)) or _begin_answer(call, str(response.id))
    if answer.is_over:
        return
    _let_hear(call, answer, call.session.rest_to_phone())
    answer.words = call.session.words(answer)
    call.dialogue.over(answer)
    details = (
        response.status_details if isinstance(response.status_details, StatusDetails) else StatusDetails()
    )
    answer.is_interrupted, failure = details.reason == _INTERRUPTED, details.error
    if failure is not None:
        text = peer_text(f"{failure.code or failure.type}: {failure.message}")
        call.incidents.happened(
            "failed", snippet(failure.code or failure.type), f"{call.name(answer)} failed: {text}"
        )
    call.tell(answer)


def _let_hear(call: Call, answer: Answer, audio: bytes) -> None:
    answer.heard += audio
    call.heard += len(audio)
    call.record.agent.write(audio)


def _transcript_told(call: Call, event: Any) -> None:
    call.session.untold.pop(event.item_id, None)


def _all_heard(call: Call, event: InputAudioBufferCleared) -> None:
    call.session.has_heard_all = call.session.is_ending


# What the caller minds; all else is only recorded and added up.
_HANDLERS: Final[dict[type[ServerEvent], Callable[[Call, Any], None]]] = {
    SessionUpdated: _ready,
    Error: _error,
    InputAudioBufferSpeechStarted: _turn_started,
    InputAudioBufferSpeechStopped: _turn_ended,
    InputAudioBufferCommitted: _committed,
    InputAudioBufferCleared: _all_heard,
    ConversationItemInputAudioTranscriptionCompleted: _transcript_told,
    ConversationItemInputAudioTranscriptionFailed: _transcript_told,
    ResponseCreated: _answer_began,
    ResponseOutputAudioDelta: _answer_sounds,
    ResponseOutputAudioDone: _answer_is_whole,
    ResponseDone: _answer_ended,
}


# What gets the call on where the server is waited for: all of a response, and what the caller minds. The rest
# may come as often as a server likes: it is no sign that the awaited will.
_NEWS: Final = frozenset(_HANDLERS.keys() - {Error, SessionUpdated})


def _gets_on(event: ServerEvent, was_ready: bool) -> bool:
    if isinstance(event, SessionUpdated):
        return not was_ready
    return type(event) in _NEWS or (
        event.type.startswith("response.") and not isinstance(event, UnknownEvent)
    )
