"""Rules for a session that ends in mid-call: retry or give up, when, and what the new session is sent.

No I/O and no clock: the client reports how a connection ended, waits, and sends `resume_events`. The
caller's audio since the last commit is not here: `demo_audio.CallerUplink` sends it again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from .. import events as ga
from ..errors import RealtimeError
from ..state import Conversation, restoration

# The pace of a slow speaker: with too few words the model repeats one, with too many one is lost.
MS_PER_WORD: Final = 400
# Source: the API reference of conversation.item.create. Read 2026-11-24.
_MAX_ID_CHARS: Final = 32


class CallFailed(RealtimeError):
    """The call ended early, and a new session would fail in the same way."""


class SessionLost(RealtimeError):
    """The session ended early; the call may continue in a new one."""


# --- Retry or give up ------------------------------------------------------------------


class RetryDecision(enum.Enum):
    """The action after an error, a close or a refused handshake."""

    CONTINUE = "the session is still up"
    RECONNECT = "a new session may succeed"
    GIVE_UP = "a new session would fail in the same way"


# By code or type of an error. Source: the guide to error codes, and the reports that realtime.testing.faults
# names. Read 2026-11-25.
_BY_ERROR: Final[dict[str | None, RetryDecision]] = {
    "session_expired": RetryDecision.RECONNECT,
    "beta_api_shape_disabled": RetryDecision.GIVE_UP,
    "invalid_api_key": RetryDecision.GIVE_UP,
    "authentication_error": RetryDecision.GIVE_UP,
    "permission_error": RetryDecision.GIVE_UP,
    "insufficient_quota": RetryDecision.GIVE_UP,
    "billing_hard_limit_reached": RetryDecision.GIVE_UP,
    "model_not_found": RetryDecision.GIVE_UP,
    "invalid_model": RetryDecision.GIVE_UP,
}
# Closes that are not the client's fault. The other codes report a mistake of the client, and those from
# 3000 on follow an error event with the reason. Source: RFC 6455, section 7.4, and IANA's registry.
RETRYABLE_CLOSE_CODES: Final = frozenset({1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014})
# Request Timeout and Too Many Requests: RFC 9110, section 15.5.9, and RFC 6585, section 4. 5xx are retried too.
RETRYABLE_STATUS: Final = frozenset({408, 429})


def decide_on_error(error: ga.ErrorDetail) -> RetryDecision:
    """Decide what to do after an `error` event."""
    return _BY_ERROR.get(error.code) or _BY_ERROR.get(error.type, RetryDecision.CONTINUE)


def decide_on_close(code: int) -> RetryDecision:
    """Decide what to do after a close. Pass 1006 if there was no close frame."""
    return RetryDecision.RECONNECT if code in RETRYABLE_CLOSE_CODES else RetryDecision.GIVE_UP


def decide_on_status(status: int) -> RetryDecision:
    """Decide what to do after a handshake that was refused with an HTTP status."""
    is_retryable = status >= 500 or status in RETRYABLE_STATUS
    return RetryDecision.RECONNECT if is_retryable else RetryDecision.GIVE_UP


class RetryBackoff:
    """Exponential backoff. `attempts` counts the delays since `reset`, at most `max_attempts`."""

    def __init__(self, max_attempts: int, first_seconds: float = 0.25, max_seconds: float = 8.0) -> None:
        self.max_attempts = max_attempts
        self.attempts = 0
        self._first_seconds, self._max_seconds = first_seconds, max_seconds

    def next_delay(self) -> float | None:
        """Return the seconds to wait before the next attempt, None if no attempts are left."""
        if self.attempts >= self.max_attempts:
            return None
        self.attempts += 1
        return min(self._first_seconds * 2.0 ** min(self.attempts - 1, 32), self._max_seconds)

    def reset(self) -> None:
        """Allow `max_attempts` again: the call has made progress."""
        self.attempts = 0


# --- What a new session is sent --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnansweredTurn:
    """A turn that was committed in a session that ended before the answer did.

    Attributes:
        item_id: the id of the turn's item.
        audio: the turn, in the new session's input format.
        transcript: its transcript, if it arrived.
        answer_id: the id of the answer's item.
        played_words: the words of the answer that were played.
        is_answered: True if all of the answer was played and only its response.done is missing.
    """

    item_id: str
    audio: bytes
    transcript: str = ""
    answer_id: str = ""
    played_words: str = ""
    is_answered: bool = False


def words_played(transcript: str, played_ms: float) -> str:
    """Return the words of an answer that fit into `played_ms`; the transcript is ahead of the audio."""
    return " ".join(transcript.split()[: int(played_ms // MS_PER_WORD)])


def resume_events(
    conversation: Conversation, unanswered: Sequence[UnansweredTurn] = ()
) -> tuple[ga.ClientEvent, ...]:
    """Return the events to send to a new session, in this order, before any audio.

    These are the settings and the items of `realtime.state.restoration`, except that turns without an
    answer are sent as audio, each followed by the played words of its answer as text. A response to the
    last of them is then requested; it continues after the words that were played.
    """
    as_audio = {turn.item_id: turn for turn in unanswered}
    events: list[ga.ClientEvent] = []
    for event in restoration(conversation).events:
        item_id = getattr(event.item, "id", None) if isinstance(event, ga.ConversationItemCreate) else None
        turn = as_audio.pop(item_id, None) if isinstance(item_id, str) else None
        events += [event] if turn is None else _turn_events(turn)
    for turn in as_audio.values():
        events += _turn_events(turn)
    if unanswered and not unanswered[-1].is_answered:
        events.append(ga.ResponseCreate())
    return (*events,)


def _turn_events(turn: UnansweredTurn) -> Iterator[ga.ClientEvent]:
    part = ga.InputAudio(audio=turn.audio)
    if turn.transcript:
        part.transcript = turn.transcript
    yield ga.ConversationItemCreate(item=_with_id(ga.MessageItem(role="user", content=[part]), turn.item_id))
    if turn.played_words:
        message = ga.MessageItem(role="assistant", content=[ga.OutputText(text=turn.played_words)])
        yield ga.ConversationItemCreate(item=_with_id(message, turn.answer_id))


def _with_id(item: ga.MessageItem, item_id: str) -> ga.MessageItem:
    """Set the id that the item had, if the server accepts it back."""
    if 0 < len(item_id) <= _MAX_ID_CHARS:
        item.id = item_id
    return item
