"""The events that a client adds to those of the server: connections, calls of tools, outcomes, limits."""

from __future__ import annotations

from collections import deque
from typing import Any, TypeAlias

from msgspec import Struct

from ..events import ErrorDetail
from ..events.live import LiveErrorDetail, LiveUsage
from ..state import FunctionCall, Interruption, SessionDifference


class Connected(Struct, frozen=True):
    """A session is ready: its settings are in effect. `connections` counts those that became ready."""

    connections: int
    session: Any = None


class SettingsDiffer(Struct, frozen=True):
    """The server reports settings that were not requested."""

    differences: tuple[SessionDifference, ...]


class Reconnecting(Struct, frozen=True):
    """The connection has ended, and a new one is opened after `delay_s`.

    Do not play what is queued of `interruption`: it is part of an answer that begins again after the words that
    were heard.
    """

    reason: str
    delay_s: float
    attempt: int
    interruption: Interruption | None = None


class Resumed(Struct, frozen=True):
    """A new session has been sent what the last one knew.

    `items` is the number of items that were restored. The texts of the items `estimated` are estimates of the
    words that were heard. `skipped` are items that could not be restored, as (item id, reason). `resent_ms` is
    audio of the user that had not been committed, which is sent again. The server's positions (`audio_start_ms`,
    `audio_end_ms`) now count from `origin_ms` of the user's audio.
    """

    items: int
    estimated: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    resent_ms: float = 0.0
    origin_ms: float = 0.0


class ToolCalled(Struct, frozen=True):
    """The model's complete call of a function. Send `call.output(result)`; a session with a `Toolbox` does.

    A call of a response that is not part of the conversation (`is_outside`) takes no output, and no tool is run.
    """

    call: FunctionCall
    is_outside: bool = False


class Interrupted(Struct, frozen=True):
    """The user speaks, or `interrupt` was called: stop the loudspeaker and drop what is queued for it."""

    interruption: Interruption


class ResponseOutcome(Struct, frozen=True):
    """The end of a response, after its response.done.

    `status` is the server's: "completed", "cancelled", "incomplete" or "failed". The `reason` of a response that
    ended with its connection, and is not requested again, is "connection_lost". `request_id` is the event_id of
    the request, None for a response that turn detection began. `reason` and `error` are those of the server.
    """

    response_id: str
    status: str
    request_id: str | None = None
    text: str = ""
    reason: str | None = None
    error: Any = None
    is_interrupted: bool = False


class ResponseDelayed(Struct, frozen=True):
    """A response failed for a reason that passes, such as a rate limit. It is requested again after `delay_s`."""

    response_id: str
    code: str
    delay_s: float


class RequestFailed(Struct, frozen=True):
    """The server refused `request`, an event that was sent. Follows the server's `error`."""

    request: Any
    error: ErrorDetail | LiveErrorDetail


class Overflow(Struct, frozen=True):
    """Something did not fit: events that were not read, or audio that waited too long for a connection."""

    events: int = 0
    audio_ms: float = 0.0


class Undecodable(Struct, frozen=True):
    """A frame of the server that could not be decoded, and was ignored."""

    reason: str
    event_type: str = ""


class Expiring(Struct, frozen=True):
    """The server ends the session in `seconds`. A new session is opened at the next quiet moment."""

    seconds: float


class SessionEnded(Struct, frozen=True):
    """The end of a Live session, the last one or one that is replaced.

    `is_confirmed`: the server has reported the `reason` and the final `usage`. Otherwise the session may have gone
    on, and `usage` is the last one reported.
    """

    is_confirmed: bool
    reason: str | None = None
    usage: LiveUsage | None = None


ClientNotice: TypeAlias = (
    Connected
    | SettingsDiffer
    | Reconnecting
    | Resumed
    | ToolCalled
    | Interrupted
    | ResponseOutcome
    | ResponseDelayed
    | RequestFailed
    | Overflow
    | Undecodable
    | Expiring
    | SessionEnded
)


class EventQueue:
    """Events that wait to be read, at most `limit`. More are dropped and counted in an `Overflow`.

    A `ClientNotice` is dropped only if there are twice as many.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Any] = deque()
        self._dropped = 0

    def put(self, event: Any) -> None:
        """Add an event."""
        limit = self._limit if event.__class__ not in _NOTICES else 2 * self._limit
        if len(self._events) < limit:
            self._events.append(event)
        else:
            self._dropped += 1

    def take(self) -> list[Any]:
        """Remove and return all events."""
        if not (self._events or self._dropped):
            return []
        found = [*self._events]
        self._events.clear()
        if self._dropped:
            found.append(self.get())
        return found

    def get(self) -> Any:
        """Remove and return the oldest event; None if there is none."""
        if self._events:
            return self._events.popleft()
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            return Overflow(events=dropped)
        return None


_NOTICES = frozenset(ClientNotice.__args__)
