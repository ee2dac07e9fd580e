"""SessionState: the state of one session of the server, which is lost with it. ClientProtocol has one at a time.

Ids, positions and formats of a session are not valid in another; `restore` carries over what is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from .._bounded import BoundedDict
from .._provider import Provider
from ..format import AudioFormat
from ..state import Conversation, FunctionCalls, Playback, Usage
from .restore import Cut
from .uplink import TurnAudio

# The events with audio of the assistant, of GA and of beta.
AUDIO_DELTAS: Final = frozenset({"response.output_audio.delta", "response.audio.delta"})
# Events that were sent and may still be refused, and responses whose events may still come.
MAX_SENT: Final = 256
MAX_RESPONSES: Final = 64
_MAX_ITEMS: Final = 10_000


@dataclass(slots=True, eq=False)
class Answer:
    """One response of a session.

    Attributes:
        request: the request for it, None if turn detection began it.
        messages: the ids of its messages.
        covers: the user's messages that it answers.
        has_all_audio: nothing of its messages is missing, as far as is known.
        is_interrupted: the user, or the client, has ended it.
    """

    id: str
    request: Any = None
    messages: dict[str, None] = field(default_factory=dict)
    covers: tuple[str, ...] = ()
    has_calls: bool = False
    has_all_audio: bool = False
    is_interrupted: bool = False

    @property
    def is_outside(self) -> bool:
        """True for a response that is not part of the conversation."""
        return is_outside(self.request)


class Delayed(NamedTuple):
    """A request for a response that is sent later. Not `is_requested`: turn detection began the first one."""

    due: float
    create: Any
    is_requested: bool


class SessionState:
    """The state of one session of the server."""

    def __init__(
        self, provider: Provider, output_format: AudioFormat, opened_at: float, max_turn_nbytes: int
    ) -> None:
        self.opened_at = opened_at
        self.conversation, self.usage = Conversation(provider=provider), Usage(provider)
        self.playback = Playback(output_format, provider=provider)
        self.calls = FunctionCalls(wait_for_response=False)
        self.session: Any = None
        self.hello_id: str | None = None
        self.is_restored = False
        self.turn_audio = TurnAudio(max_turn_nbytes)
        self.cuts: BoundedDict[str, Cut] = BoundedDict(MAX_SENT)
        self.answers: BoundedDict[str, Answer] = BoundedDict(MAX_RESPONSES)  # those that are not done
        self.unanswered: BoundedDict[str, None] = BoundedDict(MAX_SENT)
        self.unconfirmed: BoundedDict[str, None] = BoundedDict(_MAX_ITEMS)  # not announced by the server
        self.audio_done: BoundedDict[str, None] = BoundedDict(MAX_SENT)
        self.restored: BoundedDict[str, None] = BoundedDict(_MAX_ITEMS)
        # Responses that are not part of the conversation, and their items.
        self.outside_ids: BoundedDict[str, None] = BoundedDict(MAX_RESPONSES)
        self.outside = Conversation(max_items=MAX_SENT, provider=provider)
        self.awaits_reply = False  # turn detection owes a response
        self.turn_start: int | None = None
        self.turn_end: int | None = None
        self.refused_commits: set[str] = set()
        self.requests: list[Any] = []  # of responses that broke off: to be requested again
        self.is_expiring = False

    @property
    def detection(self) -> Any:
        """The turn detection in effect, None if it is off."""
        settings = self.session
        found = get(get(get(settings, "audio"), "input"), "turn_detection")
        return get(settings, "turn_detection") if found is None else found

    def heard(self, item_id: str) -> Cut:
        """Return how much of an answer was played."""
        heard_ms = self.playback.played_ms(item_id)
        format = self.playback.audio_format
        total = self.playback.received_bytes(item_id) * 1000 / format.bytes_per_second
        return Cut(heard_ms, total if item_id in self.audio_done else None)


# --- Members of events that may be missing ---------------------------------------------


def get(owner: Any, name: str) -> Any:
    """Return a member; None if it is absent or null, or if there is no such member."""
    value = getattr(owner, name, None)
    return None if value is msgspec.UNSET else value


def number(event: Any, name: str) -> float:
    """Return a member that is a number; 0 if it is none, or too large for a position."""
    value = get(event, name)
    return float(value) if isinstance(value, (int, float)) and abs(value) < 1e12 else 0.0


def event_id_of(request: Any) -> str | None:
    """Return the event_id of a request, if there is one."""
    return get(request, "event_id")  # type: ignore[no-any-return]


def is_outside(request: Any) -> bool:
    """Return True for a request for a response that is not part of the conversation."""
    return bool(get(get(request, "response"), "conversation") == "none")
