"""What to do when a session ends in mid-call: whether a new one helps, when to try, what it is told.

No I/O and no clock: whoever holds the connection says how it ended, waits, and sends what `resumption`
gives. What the caller said since the last commit is not here: `_uplink` says it again.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import RealtimeError
from ..events import (
    ClientEvent,
    ConversationItemCreate,
    ErrorDetail,
    InputAudio,
    MessageItem,
    OutputText,
    ResponseCreate,
)
from ..state import Conversation, restoration

# A slow speaker's word. Of what was heard rather too little is told than too much: the model says a word twice.
MS_PER_WORD: Final = 400
# Source: the API reference of conversation.item.create. Read 2026-11-24.
_MAX_ID_CHARS: Final = 32


class CallFailed(RealtimeError):
    """The call ended before its end, and a new session would not help; the message says how."""


class SessionLost(RealtimeError):
    """The session is over and the call is not: a new session may do."""


class Means(enum.Enum):
    """What an error, a close or a refusal means for the call."""

    GO_ON = "the session stays up"
    RECONNECT = "a new session may do"
    GIVE_UP = "a new one would end in the same way"


# Codes and types of errors. Source: the guide to error codes, and the reports that realtime.testing.faults
# names. Read 2026-11-25.
_ERRORS: Final[dict[str | None, Means]] = {
    "session_expired": Means.RECONNECT,
    "beta_api_shape_disabled": Means.GIVE_UP,
    "invalid_api_key": Means.GIVE_UP,
    "authentication_error": Means.GIVE_UP,
    "permission_error": Means.GIVE_UP,
    "insufficient_quota": Means.GIVE_UP,
    "billing_hard_limit_reached": Means.GIVE_UP,
    "model_not_found": Means.GIVE_UP,
    "invalid_model": Means.GIVE_UP,
}
# RFC 6455, section 7.4, and IANA's registry: the codes of ends that are nobody's fault, or the server's. The
# others say that what we sent is wrong; those from 3000 on are the server's own, as after an error that says why.
_MAY_DO_AGAIN: Final = frozenset({1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014})
# Request Timeout and Too Many Requests: RFC 9110, section 15.5.9, and RFC 6585, section 4.
_WAITING_MENDS: Final = frozenset({408, 429})


def of_error(error: ErrorDetail) -> Means:
    """What an `error` event means."""
    return _ERRORS.get(error.code) or _ERRORS.get(error.type, Means.GO_ON)


def of_close(code: int) -> Means:
    """What the end of a connection means; 1006 is one without a close frame."""
    return Means.RECONNECT if code in _MAY_DO_AGAIN else Means.GIVE_UP


def of_status(status: int) -> Means:
    """What the HTTP status of a refused handshake means."""
    return Means.RECONNECT if status >= 500 or status in _WAITING_MENDS else Means.GIVE_UP


class Retries:
    """How many new connections may be tried in a row, and how long to wait before each: twice as long each time.

    Attributes: `most`, and `tried`, how many were since the last that `worked`.
    """

    def __init__(self, most: int, first_seconds: float = 0.25, most_seconds: float = 8.0) -> None:
        self.most = most
        self.tried = 0
        self._first_seconds, self._most_seconds = first_seconds, most_seconds

    def next(self) -> float | None:
        """Seconds to wait before the next one; None where it has been enough."""
        if self.tried >= self.most:
            return None
        self.tried += 1
        return min(self._first_seconds * 2.0 ** min(self.tried - 1, 32), self._most_seconds)

    def worked(self) -> None:
        """The call has got on since."""
        self.tried = 0


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A turn that was committed in a session that ended before its answer did.

    Attributes:
        item_id: the turn's item; `audio`, in the new session's input format; `transcript`, if it came.
        answer_id: the answer's item; `heard`, those of its words that were heard.
        is_answered: whether all of the answer was heard, and only its end did not come.
    """

    item_id: str
    audio: bytes
    transcript: str = ""
    answer_id: str = ""
    heard: str = ""
    is_answered: bool = False


def words_heard(words: str, heard_ms: float) -> str:
    """The words that fit into what was heard of an answer; the transcript comes ahead of the voice."""
    return " ".join(words.split()[: int(heard_ms // MS_PER_WORD)])


def resumption(conversation: Conversation, unanswered: Sequence[Unanswered] = ()) -> tuple[ClientEvent, ...]:
    """What to send to a new session, in this order, before any audio.

    The settings, and the conversation as `restoration` brings it back, but for turns without an
    answer: those come back as they were said, with what was heard of their answers behind them as
    text. Then an answer to the last is asked for, from the beginning if nothing of it was heard,
    else from where it broke off. Turns before the last had their chance: the model hears them too.
    """
    as_said = {turn.item_id: turn for turn in unanswered}
    events: list[ClientEvent] = []
    for event in restoration(conversation).events:
        item_id = getattr(event.item, "id", None) if isinstance(event, ConversationItemCreate) else None
        turn = as_said.pop(item_id, None) if isinstance(item_id, str) else None
        events += [event] if turn is None else _said_again(turn)
    for turn in as_said.values():
        events += _said_again(turn)
    if unanswered and not unanswered[-1].is_answered:
        events.append(ResponseCreate())
    return (*events,)


def _said_again(turn: Unanswered) -> Iterator[ClientEvent]:
    part = InputAudio(audio=turn.audio)
    if turn.transcript:
        part.transcript = turn.transcript
    yield ConversationItemCreate(item=_named(MessageItem(role="user", content=[part]), turn.item_id))
    if turn.heard:
        said = MessageItem(role="assistant", content=[OutputText(text=turn.heard)])
        yield ConversationItemCreate(item=_named(said, turn.answer_id))


def _named(item: MessageItem, item_id: str) -> MessageItem:
    """With the name that it had, where the server takes that back."""
    if 0 < len(item_id) <= _MAX_ID_CHARS:
        item.id = item_id
    return item
