"""ClientProtocol: a session that outlives its connections, without I/O and without a clock.

Frames, ends of connections and the time go in; events, frames to send and the next action come out. The states
and their transitions are one table here, and so is the effect of each server event. `policy` decides what an end
means, `restore` what a new session is sent, `uplink` which audio; `connection` runs a ClientProtocol on a WebSocket.
"""

from __future__ import annotations

import enum
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeAlias
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from .. import events as ga
from .._bounded import BoundedDict
from .._provider import Provider, ProviderLike, get_provider
from .._text import format_url
from ..errors import AudioError, ConfigError, DecodeError, EncodeError, snippet
from ..format import AudioFormat, AudioFormatLike
from ..state import (
    Conversation,
    FunctionCall,
    Interruption,
    Playback,
    ResponseGate,
    SessionDifference,
    Toolbox,
    Usage,
    price_of,
    session_differences,
)
from ..state.cost import Price
from ..state.gate import METADATA_KEY
from ..state.live import LiveTranscript
from .dialect import Dialect, merged, with_tools
from .errors import (
    ClientError,
    ConnectFailed,
    SendQueueFull,
    SessionClosed,
    SessionLost,
    SessionRefused,
    SpendLimitReached,
    error_text,
)
from .events import (
    Connected,
    EventQueue,
    Expiring,
    Interrupted,
    Overflow,
    Reconnecting,
    RequestFailed,
    ResponseDelayed,
    ResponseOutcome,
    Resumed,
    SettingsDiffer,
    ToolCalled,
    Undecodable,
)
from .policy import Backoff, Decision, RetryPolicy, decide, decide_on_error, wait_in_message
from .restore import Cut, Knowledge, RestoredItem, heard_text, restored_items
from .session_state import MAX_SENT, Answer, Delayed, SessionState, event_id_of, get, is_outside, number
from .uplink import Uplink

if TYPE_CHECKING:
    from .._guard import Frame

_MAX_CALLS: Final = 256
# Events of the user that wait for a connection.
MAX_OUTBOX: Final = 1000
# Audio that was sent and not committed while nobody speaks: a server is not further behind than this.
_QUIET_MS: Final = 30_000.0
# A session whose lifetime is shorter is handed over in the last tenth of it.
_MIN_LIFETIME_S: Final = 1.0
_HANDOVER_SHARE: Final = 0.1
# How often a response is requested again after a rate limit refused it; the delay if the server states none.
_MAX_DELAYS: Final = 3
_FIRST_DELAY_S: Final = 1.0
# A connection that has lasted so long does not count as a failed attempt.
_STABLE_S: Final = 60.0
_COMMIT_EMPTY: Final = "input_audio_buffer_commit_empty"


# --- States --------------------------------------------------------------------------


class ClientState(enum.Enum):
    """The states of a client."""

    DISCONNECTED = "a connection is to be opened"
    WAITING = "a connection is to be opened later"
    OPENING = "the server has not accepted the settings yet"
    RUNNING = "the session is ready"
    CLOSED = "the session has ended"


_D, _W, _O, _R, _C = ClientState
# Other triggers change nothing: frames and ends of a connection that was replaced, anything after the end.
_TRANSITIONS: Final[dict[tuple[ClientState, str], ClientState]] = {
    (_D, "connected"): _O, (_W, "connected"): _O, (_O, "connected"): _O, (_R, "connected"): _O,
    (_O, "ready"): _R,
    (_D, "lost"): _W, (_O, "lost"): _W, (_R, "lost"): _W,
    (_W, "due"): _D,
    (_R, "handover"): _D,
    (_D, "close"): _C, (_W, "close"): _C, (_O, "close"): _C, (_R, "close"): _C,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Connect:
    """Close the connection, if there is one, and open a new one."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Close the connection, if there is one, and ask again in `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Run:
    """Go on with the connection; call `tick` in `tick_in` seconds."""

    tick_in: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The session has ended: close the connection. `error` is None if the client closed it."""

    reason: str
    error: ClientError | None = None


Action: TypeAlias = Connect | Wait | Run | GiveUp


# --- The protocol --------------------------------------------------------------------


class ClientProtocol:
    """The client side of a session that may span several connections. Does no I/O and reads no clock.

    Ask `next_action` what to do. When a connection is open, call `connected`; give each frame to `receive` and each
    end to `connection_lost`; send `frames_to_send` as text messages, in order, and take `events`.
    `now` is a Unix time in seconds everywhere; it must not go back.

    Args:
        session: the settings to request, as `create_session_config` makes them; None requests none.
        tools: a `Toolbox`, or declarations, to add to the settings.
        provider: the server, by name or as a `Provider`.
        reconnect: False ends the session with its first connection.
        retry: the limits of attempts.
        restores: False for a session that the server keeps while no connection is open (``call_id``).
        reports_playback: True if you call `played`. Otherwise audio counts as played when it is received, and
            an interruption cannot know what was heard.
        barge_in: True to stop the playback when the server's turn detection interrupts a response.
        patience_s: how long the server may make no progress while something is awaited.
        handover_s: how long before its end a session is replaced, at the first quiet moment.
        spend_limit_usd: the cost of responses at which the session ends, by the usage that the server reports.
            Needs `price`.
        price: the model's name or its price.
        max_events: events that are not read; more are dropped and counted in an `Overflow`.
        max_uplink_ms: audio of the user that is not committed.
        max_turn_nbytes: audio of the user's messages, for those without a transcript.
        random: gives numbers from 0 to 1, for the jitter.

    With the settings of another dialect, its subclass is made: a `live.LiveSession` gives a `LiveClientProtocol`.

    Attributes:
        transcript: the words of both speakers, of a Live session.

    Raises:
        ConfigError: an unknown provider or format, a limit that is not positive, a spend limit without a price.
    """

    close_wait_s: ClassVar[float] = 0.0
    """Seconds that the server may take to confirm the end of a session, after `request_close`."""
    _BY_SETTINGS: ClassVar[dict[type, type[ClientProtocol]]] = {}

    def __init_subclass__(cls, *, settings: type | None = None) -> None:
        if settings is not None:
            cls._BY_SETTINGS[settings] = cls

    def __new__(cls, *_args: Any, **options: Any) -> Self:
        """Make a client for the dialect that the settings belong to."""
        kinds = type(options.get("session")).__mro__ if cls is ClientProtocol else ()
        found = (cls._BY_SETTINGS[kind] for kind in kinds if kind in cls._BY_SETTINGS)
        return super().__new__(next(found, cls))  # type: ignore[return-value]

    def __init__(
        self,
        *,
        session: Any = None,
        tools: Toolbox | Sequence[Any] = (),
        provider: ProviderLike = "openai",
        reconnect: bool = True,
        retry: RetryPolicy | None = None,
        restores: bool = True,
        reports_playback: bool = False,
        barge_in: bool = True,
        patience_s: float = 30.0,
        handover_s: float = 180.0,
        spend_limit_usd: float | None = None,
        price: Price | None = None,
        max_events: int = 10_000,
        max_uplink_ms: float = 300_000.0,
        max_turn_nbytes: int = 32 * 1024 * 1024,
        random: Callable[[], float] = random.random,
    ) -> None:
        for name, limit in (
            ("patience_s", patience_s), ("handover_s", handover_s), ("max_events", max_events),
            ("max_uplink_ms", max_uplink_ms), ("max_turn_nbytes", max_turn_nbytes),
        ):  # fmt: skip
            if not 0 < limit < math.inf:
                raise ConfigError(f"{name} must be positive and finite, got {limit}")
        if spend_limit_usd is not None and price is None:
            raise ConfigError("a spend limit needs the price of the model")
        if spend_limit_usd is not None and price is not None:
            price_of(price)
        self.provider: Provider = get_provider(provider)
        self.gate = ResponseGate()
        self.toolbox = tools if isinstance(tools, Toolbox) else None
        self._dialect = Dialect(self.provider.codec, is_beta=self.provider.base == "beta")
        self._requested = with_tools(session, tools)
        if self._requested is not None:
            self._dialect.encode(
                self._dialect.session_update(self._requested, "client_0")
            )  # raises if they cannot be sent
        self._updates: dict[str, Any] = {}  # session.update events that are not answered, by their ids
        self._reconnect, self._restores = reconnect, restores
        self._reports_playback, self._barge_in = reports_playback, barge_in
        self._patience_s, self._handover_s = patience_s, handover_s
        self._spend_limit_usd, self._price = spend_limit_usd, price
        self._max_turn_nbytes = max_turn_nbytes
        self._retry = retry or RetryPolicy()
        self._backoff = Backoff(self._retry, random)
        formats = [*self.provider.input_formats, AudioFormat.PCM16]
        input_format = formats[0] if session is None else self.provider.session_format(session, "input")
        self._uplink = Uplink(input_format, max_ms=max_uplink_ms, quiet_ms=min(_QUIET_MS, max_uplink_ms))
        self._output_format = (
            AudioFormat.PCM16 if session is None else self.provider.session_format(session, "output")
        )
        self._state = ClientState.DISCONNECTED
        self._due = self._last_progress = 0.0
        self._end: GiveUp | None = None
        self._current: SessionState | None = None
        self._previous: SessionState | None = None  # a session that ended and was not restored yet
        self._earlier: list[Playback] = []  # of sessions that ended, with audio that is still played
        self._connections = 0
        self._ended_usage = Usage()
        self._frames: list[bytes] = []
        self._events = EventQueue(max_events)
        self._reported_lost = 0
        self._outbox: deque[Any] = deque()
        self._sent: BoundedDict[str, Any] = BoundedDict(MAX_SENT)
        self._requests: BoundedDict[str, Any] = BoundedDict(MAX_SENT)  # for responses that have not begun
        self._outside: BoundedDict[str, Any] = BoundedDict(MAX_SENT)  # and not done
        self._is_tagged = False
        self._open_calls: BoundedDict[str, FunctionCall] = BoundedDict(_MAX_CALLS)
        self._dropped_calls: BoundedDict[str, None] = BoundedDict(_MAX_CALLS)
        self._delayed: list[Delayed] = []
        self._delays: BoundedDict[str, int] = BoundedDict(MAX_SENT)
        self._differences: tuple[SessionDifference, ...] = ()
        self.transcript = LiveTranscript()
        # Another client of the same session must not use the same ids.
        self._token = f"{int(min(max(random(), 0.0), 1.0) * 0xFFFFFF):06x}"
        self._count = 0

    # --- Reading ---

    @property
    def state(self) -> ClientState:
        """The state of the client."""
        return self._state

    @property
    def is_connected(self) -> bool:
        """True while the connection is to be used."""
        return self._current is not None

    @property
    def conversation(self) -> Conversation:
        """The conversation of the present session, which has the restored items of those before it."""
        current = self._current
        if current is None or (not current.is_restored and self._previous is not None):
            current = self._previous or current
        return Conversation() if current is None else current.conversation

    @property
    def usage(self) -> Usage:
        """The usage of all sessions so far."""
        return self._ended_usage if self._current is None else self._ended_usage + self._current.usage

    @property
    def session(self) -> Any:
        """The session that the server reported last, None before it."""
        return None if self._current is None else self._current.session

    @property
    def input_format(self) -> AudioFormat:
        """The format of the audio that is sent."""
        return self._uplink.format

    @property
    def output_format(self) -> AudioFormat:
        """The format of the audio that is received."""
        return self._output_format

    @property
    def open_calls(self) -> tuple[FunctionCall, ...]:
        """The model's calls that have no output yet."""
        return (*self._open_calls.values(),)

    @property
    def unsent_ms(self) -> float:
        """Milliseconds of the user's audio that wait for a session."""
        unsent = self._uplink.unsent
        return unsent and unsent * 1000 / self._uplink.format.bytes_per_second

    @property
    def queued_ms(self) -> float:
        """Milliseconds of received audio that `played` has not reported."""
        playing = [*self._earlier, *([self._current.playback] if self._current else [])]
        return sum(playback.queued_ms for playback in playing)

    @property
    def pending_updates(self) -> tuple[str, ...]:
        """The event_ids of the session.update events that are not answered."""
        return (*self._updates,)

    @property
    def pending_commits(self) -> tuple[str, ...]:
        """The event_ids of the commits that are not answered."""
        return tuple(event_id for _, event_id in self._uplink.commits)

    def request_id_of(self, response_id: str) -> str | None:
        """Return the event_id of the request for a response in progress; None if turn detection began it."""
        answer = None if self._current is None else self._current.answers.get(response_id)
        return None if answer is None else event_id_of(answer.request)

    # --- Output ---

    def next_event(self) -> Any:
        """Remove and return the next event, of the server or a `ClientNotice`; None if there is none."""
        return self._events.get()

    def events(self) -> list[Any]:
        """Remove and return all events."""
        return self._events.take()

    def frames_to_send(self) -> list[bytes]:
        """Remove and return the frames to send on the present connection, as text messages."""
        frames, self._frames = self._frames, []
        return frames

    def next_action(self, now: float) -> Action:
        """Return what to do now."""
        match self._state:
            case ClientState.DISCONNECTED:
                return Connect()
            case ClientState.WAITING:
                return Wait(max(0.0, self._due - now)) if self._due > now else Connect()
            case ClientState.CLOSED:
                return self._end or GiveUp("closed")
            case _:
                return Run(max(0.0, self._next_tick(now) - now))

    # --- Connections ---

    def address(
        self, model: str, *, url: str | None = None, host: str = "", call_id: str | None = None
    ) -> str:
        """Return the address of a session with `model`, or of the call to join; `url` replaces the provider's.

        Raises:
            ConfigError: `url` is no address, or the provider has no host of its own, and none is given.
        """
        row = self.provider
        if url is None:
            return row.url("", host=host, call_id=call_id) if call_id else row.url(model, host=host)
        try:
            query = parse_qs(urlsplit(url).query)
        except ValueError as error:
            raise ConfigError(f"cannot connect to {format_url(url)}: {error}") from None
        name, value = ("call_id", call_id) if call_id else (row.model_parameter, model)
        if not name or not value or name in query:
            return url
        return f"{url}{'&' if '?' in url else '?'}{name}={quote(value)}"

    def connected(self, now: float) -> None:
        """Note that a connection is open. Its first frame is the session.update."""
        if self.is_connected:
            self._end_session(now)
        if not self._move("connected"):
            return
        self._frames.clear()
        self._current = current = SessionState(self.provider, self._output_format, now, self._max_turn_nbytes)
        self._last_progress = now
        settings = self._requested
        for update in self._updates.values():
            settings = merged(settings, update)
        if settings is not None:
            self._requested = settings
            self._updates.clear()
            current.hello_id = self._next_id()
            self._send_event(self._dialect.session_update(settings, current.hello_id))

    def connection_lost(
        self,
        now: float,
        *,
        code: int | None = None,
        status: int | None = None,
        error: BaseException | None = None,
        reason: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        """Note that a connection ended, or could not be opened.

        Give the `code` of a close frame (1006 without one), the `status` of a refused handshake, or the exception.
        A network that cannot be reached is tried again only after a connection has been ready once.
        """
        if self._state not in (ClientState.DISCONNECTED, ClientState.OPENING, ClientState.RUNNING):
            return
        reason = reason or (str(error) if error is not None else "") or "the connection ended"
        failure: ClientError
        if status is not None:
            decision = decide("status", status)
            failure = ConnectFailed(
                reason, status=status, retry_after_s=retry_after_s, is_retryable=decision is Decision.RETRY
            )
        elif code is not None:
            decision = decide("close", code)
            failure = SessionLost(reason, code=code, is_retryable=decision is Decision.RETRY)
        else:
            is_permanent = isinstance(error, (ValueError, TypeError)) and not isinstance(error, UnicodeError)
            decision = Decision.GIVE_UP if is_permanent else Decision.RETRY
            if isinstance(error, ClientError):
                failure, decision = error, Decision.RETRY if error.is_retryable else Decision.GIVE_UP
            else:
                failure = ConnectFailed(reason, is_retryable=not is_permanent)
            if not self._connections and self._state is ClientState.DISCONNECTED:
                decision = Decision.GIVE_UP
        self._lose(now, failure, decision, retry_after_s)

    def request_close(self, now: float) -> bool:
        """Request the end of the session. Returns False if its server confirms none: then call `close`.

        Otherwise the state is closed once it is confirmed; call `close` after `close_wait_s`.
        """
        return False

    def close(self, now: float) -> None:
        """End the session: nothing is sent any more, and `next_action` is `GiveUp`."""
        self._give_up(now, GiveUp("closed by the client"))

    def tick(self, now: float) -> None:
        """Do what the time requires: waits that are over, silence of the server, the session's end."""
        if self._state is ClientState.WAITING and now >= self._due:
            self._move("due")
        current = self._current
        if current is None or not self.is_connected:
            return
        awaited = self._awaited()
        if not awaited:
            self._last_progress = now
        elif now - self._last_progress >= self._patience_s and self._is_only_reply_awaited(current):
            # The reply need not come: a server may find nothing to respond to. Its answer to this shows that it is alive.
            current.awaits_reply, self._last_progress = False, now
            self.update(type(self._requested or ga.RealtimeSession())(), now)
        elif now - self._last_progress >= self._patience_s:
            reason = f"the server did not {awaited} in {self._patience_s:g} s"
            self._lose(now, SessionLost(reason, is_retryable=True), Decision.RETRY)
            return
        if self._state is ClientState.RUNNING:
            self._request_delayed(now)
            self._watch_expiry(current, now)

    def _move(self, trigger: str) -> bool:
        state = _TRANSITIONS.get((self._state, trigger))
        if state is None:
            return False
        self._state = state
        return True

    def _next_tick(self, now: float) -> float:
        times = [now + self._patience_s]
        if self._awaited():
            times.append(self._last_progress + self._patience_s)
        if self._current is not None and (begin := self._handover_from(self._current)) is not None:
            # From then on, look for a quiet moment.
            times.append(begin if begin > now else now + 0.5)
        times += [each.due for each in self._delayed]
        return min(times)

    def _awaited(self) -> str:
        """Return the action of the server that is awaited, "" if there is none."""
        current = self._current
        if self._state is ClientState.OPENING:
            return "accept the session's settings"
        if current is None or self._state is not ClientState.RUNNING:
            return ""
        if self._uplink.commits:
            return "commit the audio"
        if self._updates:
            return "answer a session.update"
        return "finish its response" if self.gate.is_responding or current.awaits_reply else ""

    def _is_only_reply_awaited(self, current: SessionState) -> bool:
        is_more_awaited = self.gate.is_responding or self._updates or self._uplink.commits
        return current.awaits_reply and self._state is ClientState.RUNNING and not is_more_awaited

    def _lose(
        self, now: float, error: ClientError, decision: Decision, retry_after_s: float | None = None
    ) -> None:
        """End the connection, and open another one later unless that is of no use."""
        current = self._current
        if current is not None and current.is_restored and now - current.opened_at >= _STABLE_S:
            self._backoff.reset()
        delay = None
        if decision is Decision.RETRY and self._reconnect:
            delay = self._backoff.next_delay(retry_after_s)
            if delay is None:
                error.reason = (
                    f"{error.reason}; no attempts are left" if self._backoff.attempts else error.reason
                )
                error.args = (error.reason,)
        if delay is None:
            self._give_up(now, GiveUp(error.reason, error))
            return
        interruption = self._end_session(now)
        self._move("lost")
        self._due = now + delay
        self._events.put(Reconnecting(error.reason, delay, self._backoff.attempts, interruption))

    def _give_up(self, now: float, end: GiveUp) -> None:
        if self._state is ClientState.CLOSED:
            return
        self._end_session(now)
        self._move("close")
        self._end = end
        self._outbox.clear()
        self._delayed.clear()

    def _watch_expiry(self, current: SessionState, now: float) -> None:
        begin = self._handover_from(current)
        if begin is None or now < begin:
            return
        left_s = max(0.0, (self._expires_at(current) or 0.0) - now)
        if not current.is_expiring:
            current.is_expiring = True
            self._events.put(Expiring(left_s))
        if self._reconnect and self._restores and self._is_quiet(current):
            self._begin_handover(f"the session expires in {left_s:.0f} s", now)

    def _begin_handover(self, reason: str, now: float) -> None:
        self._end_session(now)
        self._move("handover")
        self._events.put(Reconnecting(reason, 0.0, 0))

    def _expires_at(self, current: SessionState) -> float | None:
        """Return the Unix time at which the server ends the session; None if it is not known."""
        return current.conversation.expires_at

    def _handover_from(self, current: SessionState) -> float | None:
        """Return the time from which the session may be replaced; None if its end is not known."""
        end = self._expires_at(current)
        lifetime = 0.0 if end is None else end - current.opened_at
        if end is None or not lifetime > _MIN_LIFETIME_S:
            return None
        return float(end) - min(self._handover_s, lifetime * _HANDOVER_SHARE)

    def _is_quiet(self, current: SessionState) -> bool:
        return not (
            self._awaited()
            or self._uplink.is_speaking
            or self._open_calls
            or self.gate.pending
            or self._delayed
            or current.playback.is_playing
            or any(playback.is_playing for playback in self._earlier)
        )

    # --- The end of a session, and the next one ---

    def _end_session(self, now: float) -> Interruption | None:
        """Collect what the next session needs. Returns the playback that was interrupted."""
        current, self._current = self._current, None
        self._frames.clear()
        if current is None:
            return None
        self._ended_usage = self._ended_usage + current.usage
        if not current.is_restored:  # the session before it is still to be restored
            return None
        interruption = None
        must_reply = current.awaits_reply
        for answer in current.answers.values():
            if answer.is_outside:
                continue
            if answer.has_all_audio and not answer.is_interrupted:
                for item_id in answer.covers:
                    current.unanswered.pop(item_id, None)
                self._put_outcome(current, answer, "completed")
                continue
            interruption = interruption or self._stop_playback(current)
            for item_id in answer.messages:
                if item_id not in current.cuts:
                    current.cuts[item_id] = current.heard(item_id)
            if answer.is_interrupted or answer.has_calls:
                self._put_outcome(current, answer, "cancelled" if answer.is_interrupted else "incomplete")
                continue
            if answer.request is not None:
                current.requests.append(answer.request)
            else:
                must_reply = True
        answered = {item.call_id for item in current.conversation if item.type == "function_call_output"}
        answered.update(self._open_calls)
        for item in current.conversation:
            if item.type == "function_call" and item.call_id not in answered:
                self.gate.drop_call(item.call_id or "")
        self.gate.reset()
        pending = {create.event_id for create in self.gate.pending}
        current.requests += [
            request for request_id, request in self._outside.items() if request_id not in pending
        ]
        self._outside.clear()
        for request_id, request in self._requests.items():
            if request_id not in pending:  # it was to be cancelled
                self._put_outcome(current, Answer("", request), "cancelled")
        is_asked = bool(current.requests or self.gate.pending or self._delayed)
        if must_reply and not (is_asked or self._uplink.is_speaking):
            current.requests.append(ga.ResponseCreate(event_id=self._next_id()))
        if current.playback.is_playing:
            self._earlier.append(current.playback)
            del self._earlier[:-4]
        self._sent.clear()
        self._requests.clear()
        if self._restores:
            self._previous = current
        return interruption

    def _stop_playback(self, current: SessionState) -> Interruption:
        """Stop what is queued. The positions stay known."""
        interruption = current.playback.interrupt()
        for item_id in (
            *interruption.unplayed_item_ids,
            *([interruption.truncate.item_id] if interruption.truncate else ()),
        ):
            current.cuts[item_id] = current.heard(item_id)
        return interruption

    def _become_ready(self, event: Any, now: float) -> None:
        current = self._current
        if current is None or not self._move("ready"):
            return
        current.is_restored = True
        previous, self._previous = self._previous, None
        self._connections += 1
        resumed = None if previous is None else self._restore(previous, current)
        for position, event_id in self._uplink.commits:
            self._send_audio(position)
            self._send_event(ga.InputAudioBufferCommit(event_id=event_id))
        self._send_all(self.gate.feed(event))
        for create in () if previous is None else previous.requests:
            self._request(create)
        self._send_audio()
        self._events.put(Connected(self._connections, current.session))
        if resumed is not None:
            self._events.put(resumed)
        while self._outbox and self._state is ClientState.RUNNING:
            self._dispatch(self._outbox.popleft(), now)
        self._last_progress = now

    def _restore(self, previous: SessionState, current: SessionState) -> Resumed:
        """Send the items of the conversation of `previous`. Its audio waits in the uplink."""
        known = Knowledge(
            previous.turn_audio.by_item,
            previous.cuts,
            previous.unanswered,
            self._open_calls.keys(),
            previous.unconfirmed,
        )
        found, skipped = restored_items(previous.conversation, known, self._uplink.format)
        items: list[RestoredItem] = []
        for each in found:
            try:
                self._send_event(ga.ConversationItemCreate(event_id=self._next_id(), item=each.item))
            except (ConfigError, EncodeError) as error:
                skipped.append((each.old_id, str(error)))
                continue
            items.append(each)
            current.restored[str(each.item.id)] = None
            self._keep_audio(current, each, previous)
        calls = {each.item.call_id for each in items if each.item.type == "function_call"}
        for call_id in [call_id for call_id in self._open_calls if call_id not in calls]:
            del self._open_calls[call_id]
            self._dropped_calls[call_id] = None
            self._send_all(self.gate.drop_call(call_id))
        return Resumed(
            items=len(items),
            estimated=tuple(str(each.item.id) for each in items if each.is_estimated),
            skipped=(*skipped,),
            resent_ms=self._uplink.resent_ms,
            origin_ms=self._uplink.origin_ms,
        )

    def _keep_audio(self, current: SessionState, each: RestoredItem, previous: SessionState) -> None:
        item_id = str(each.item.id)
        audio = previous.turn_audio.by_item.get(each.old_id)
        if audio is not None:
            current.turn_audio.store(item_id, audio.audio, audio.format)
        if each.old_id in previous.unanswered:
            current.unanswered[item_id] = None

    # --- The user's side ---

    def append(self, audio: object, format: AudioFormatLike | None = None) -> None:
        """Send audio of the user, in the session's input format or in `format`, split anywhere.

        Audio that the server has not committed is retained for a new session. Before the session is ready it
        waits; if there is too much of it, the oldest is lost and an `Overflow` reports it.

        Raises:
            AudioError, ConfigError: the format cannot be converted.
            TypeError: `audio` is no buffer of samples.
            SessionClosed: the session has ended.
        """
        self._check_open()
        uplink, format = self._uplink, None if format is None else AudioFormat.of(format)
        if self._state is ClientState.RUNNING:
            self._pass_on(audio, format)
        else:
            uplink.append(audio, format)
        if uplink.lost_nbytes > self._reported_lost:
            lost = uplink.lost_nbytes - self._reported_lost
            self._reported_lost = uplink.lost_nbytes
            self._events.put(Overflow(audio_ms=lost * 1000 / uplink.format.bytes_per_second))

    def send(self, event: Any, now: float) -> str:
        """Send a client event as soon as possible. Returns its event_id, which is added if it has none.

        A `ResponseCreate` waits for the response in progress, an output of a function call requests the
        response that follows, and a `SessionUpdate` holds for later sessions too.

        Raises:
            EncodeError, ConfigError: the event cannot be encoded for this server.
            SendQueueFull: too many events wait for a session.
            SessionClosed: the session has ended.
        """
        self._check_open()
        event = self._with_id(event)
        if not isinstance(event, ga.InputAudioBufferAppend):
            self._dialect.encode(event)  # raises now if it cannot be sent
        if self._state is ClientState.RUNNING:
            self._dispatch(event, now)
        elif len(self._outbox) >= MAX_OUTBOX:
            raise SendQueueFull(f"{MAX_OUTBOX} events wait for a session")
        else:
            self._outbox.append(event)
        return getattr(event, "event_id", "") or ""

    def update(self, settings: Any, now: float) -> str:
        """Change settings, of GA or of the server's own classes, for later sessions too. Raises what `send` raises."""
        return self.send(self._dialect.session_update(settings, self._next_id()), now)

    def say(self, text: str, now: float) -> None:
        """Have the model speak a text almost verbatim. Live only. Raises what `send` raises."""
        raise ConfigError("only Live speaks given text: request a response with instructions")

    def answer(self, call: FunctionCall, result: object, now: float) -> str:
        """Send the output of a function call, a str as it is and anything else as JSON. Raises what `send` raises."""
        return self.send(call.output(result), now)

    def new_event_id(self, event: Any) -> str:
        """Return the event_id of `event`, or one that `send` would give it."""
        return get(event, "event_id") or self._next_id()

    def cancel_request(self, request_id: str, now: float) -> bool:
        """Cancel the response to a request, by its event_id. Returns True if nothing was requested of the server yet."""
        waiting = [event for event in self._outbox if getattr(event, "event_id", None) == request_id]
        delayed = [each for each in self._delayed if each.create.event_id == request_id]
        self._outbox = deque(event for event in self._outbox if event not in waiting)
        self._delayed = [each for each in self._delayed if each not in delayed]
        again = [] if self._previous is None else self._previous.requests
        broken_off = [request for request in again if request.event_id == request_id]
        for request in broken_off:
            again.remove(request)
        if waiting or delayed or broken_off or self.gate.withdraw(request_id):
            self._outside.pop(request_id, None)
            self._requests.pop(request_id, None)
            return True
        current = self._current
        if current is None or self._state is not ClientState.RUNNING:
            return False
        answer = next(
            (each for each in current.answers.values() if event_id_of(each.request) == request_id), None
        )
        if answer is not None and answer.is_outside:
            answer.is_interrupted = True
            self._send_event(self._with_id(ga.ResponseCancel(response_id=answer.id)))
        elif answer is not None or request_id in self._requests:
            self.interrupt(now)
        return False

    def interrupt(self, now: float) -> Interruption:
        """Stop the response in progress and its playback. Returns what must not be played any more."""
        self._check_open()
        current = self._current
        if current is None or self._state is not ClientState.RUNNING:
            return Interruption()
        self._send_all(self.gate.interrupt())  # first: the end of a response completes its transcript
        return self._interrupt_playback(current)

    def played(
        self,
        samples: float | None = None,
        *,
        ms: float | None = None,
        nbytes: int | None = None,
        sample_rate: int | None = None,
    ) -> None:
        """Report what the loudspeaker played, as to `Playback.played`. Needs ``reports_playback=True``.

        Raises:
            ConfigError: the client does not report playback.
            AudioError: it is negative or not finite, or `sample_rate` is not positive and finite.
            TypeError: not exactly one of the three is given.
        """
        if not self._reports_playback:
            raise ConfigError("played() needs reports_playback=True")
        if samples is not None and ms is None and nbytes is None:
            ms = samples * 1000 / (sample_rate or self._output_format.sample_rate)
            samples = None
        current = Playback(self._output_format) if self._current is None else self._current.playback
        for playback in (*self._earlier, current):
            before = playback.queued_ms
            played = playback.played(samples, ms=ms, nbytes=nbytes, sample_rate=sample_rate)
            if ms is not None:
                ms -= min(ms, before)
            elif nbytes is not None:
                nbytes -= played
        self._earlier = [playback for playback in self._earlier if playback.is_playing]

    def _check_open(self) -> None:
        if self._state is ClientState.CLOSED:
            raise SessionClosed(f"the session has ended: {self._end.reason if self._end else 'closed'}")

    # --- Sending ---

    def _next_id(self) -> str:
        self._count += 1
        return f"client_{self._token}_{self._count}"

    def _with_id(self, event: Any) -> Any:
        """Return a copy of `event` with an event_id, and with an id of its new item."""
        if isinstance(event, ga.Unknown) or not isinstance(event, msgspec.Struct):
            return event
        event = msgspec.structs.replace(event, event_id=get(event, "event_id") or self._next_id())
        item = get(event, "item")
        if event.type == "conversation.item.create" and hasattr(item, "id") and not get(item, "id"):
            event.item = msgspec.structs.replace(item, id=f"item_{self._token}_{self._count}")
        return event

    def _send_all(self, events: Sequence[Any]) -> None:
        for event in events:
            self._send_event(event)

    def _send_event(self, event: Any) -> None:
        """Put the frame of an event into the queue, and note what it changes."""
        self._frames.append(self._dialect.encode(event))
        current = self._current
        event_id = getattr(event, "event_id", None)
        if not isinstance(event_id, str) or current is None:
            return
        self._sent[event_id] = event
        kind = event.type
        if kind == "conversation.item.create":
            # Part of the conversation even if the server's echo is lost with the connection.
            previous = get(event, "previous_item_id")
            if previous is None:
                current.unconfirmed[str(event.item.id)] = None
            current.conversation.feed(event)
            current.conversation.feed(
                ga.ConversationItemAdded(
                    previous_item_id=None if previous == "root" else previous, item=event.item
                )
            )
            if getattr(event.item, "role", None) == "user":
                self._note_user_item(current, event.item)
        elif kind == "response.create":
            (self._outside if is_outside(event) else self._requests)[event_id] = event

    def _note_user_item(self, current: SessionState, item: Any) -> None:
        current.unanswered[item.id] = None
        audio = b"".join(get(part, "audio") or b"" for part in item.content)
        if audio:
            current.turn_audio.store(item.id, audio, self._uplink.format)

    def _send_audio(self, end: int | None = None) -> None:
        for part in self._uplink.unsent_parts(end):
            self._frames.append(self._dialect.encode_append(part))

    def _pass_on(self, audio: object, format: AudioFormat | None) -> None:
        """Send audio of the user at once, after what is unsent."""
        for part in self._uplink.pass_on(audio, format):
            self._frames.append(self._dialect.encode_append(part))

    def _request(self, create: Any) -> None:
        self._send_all(self.gate.request(create))

    def _dispatch(self, event: Any, now: float) -> None:
        """Send an event of the user."""
        self._last_progress = now
        kind = "" if isinstance(event, ga.Unknown) else event.type
        handler = _OUTGOING.get(kind)
        if handler is None:
            self._send_event(event)
        else:
            handler(self, event)

    def _on_user_append(self, event: Any) -> None:
        self.append(event.audio)

    def _on_user_commit(self, event: Any) -> None:
        self._uplink.flush()
        self._send_audio()
        self._uplink.commit(event.event_id)
        self._send_event(event)

    def _on_user_clear(self, event: Any) -> None:
        self._uplink.clear()
        self._send_event(event)

    def _on_user_item(self, event: Any) -> None:
        item = event.item
        if getattr(item, "type", "") != "function_call_output" or not item.call_id:
            self._send_event(event)
            return
        self._open_calls.pop(item.call_id, None)
        if item.call_id not in self._dropped_calls:
            self._send_all(self.gate.answer(event))

    def _on_user_update(self, event: Any) -> None:
        self._updates[event.event_id] = event.session
        self._send_event(event)

    def _on_user_cancel(self, event: Any) -> None:
        current = self._current
        if current is not None and (answer := current.answers.get(self.gate.response_id or "")) is not None:
            answer.is_interrupted = True
        self._send_all(self.gate.interrupt())

    def _on_user_truncate(self, event: Any) -> None:
        self._send_event(event)
        self._note_truncated(event)

    def _on_user_delete(self, event: Any) -> None:
        self._send_event(event)
        self._note_deleted(event.item_id)

    def _note_truncated(self, event: Any) -> None:
        """Note a truncation now: its confirmation may be lost with the connection."""
        if self._current is not None:
            total = self._current.heard(event.item_id).total_ms
            self._current.cuts[event.item_id] = Cut(event.audio_end_ms, total)
            self._current.conversation.feed(
                ga.ConversationItemTruncated(
                    item_id=event.item_id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
                )
            )

    def _note_deleted(self, item_id: str) -> None:
        if self._current is not None:
            self._current.conversation.feed(ga.ConversationItemDeleted(item_id=item_id))
            self._current.turn_audio.discard(item_id)
            self._current.unanswered.pop(item_id, None)

    # --- Interruptions ---

    def _interrupt_playback(self, current: SessionState) -> Interruption:
        """Stop playback; truncate what was played in part, delete what was not played at all.

        Items of a response in progress are deleted when it is done, with those that are announced until then.
        """
        active = current.answers.get(self.gate.response_id or "")
        if active is not None:
            active.is_interrupted = True
        results = [self._interrupt_earlier(current, playback) for playback in self._earlier]
        self._earlier.clear()
        interruption = self._stop_playback(current)
        truncate = interruption.truncate
        if truncate is not None and self._may_truncate(current, truncate.item_id):
            self._on_user_truncate(self._with_id(truncate))
        for item_id in interruption.unplayed_item_ids:
            if active is None or item_id not in active.messages:
                self._delete(current, item_id)
        return Interruption(
            interruption.truncate,
            interruption.unplayed_item_ids,
            interruption.discarded_bytes + sum(each.discarded_bytes for each in results),
            interruption.discarded_ms + sum(each.discarded_ms for each in results),
            tuple(mark for each in (*results, interruption) for mark in each.marks),
        )

    def _may_truncate(self, current: SessionState, item_id: str) -> bool:
        item = current.conversation.get(item_id)
        return bool(item_id) and item is not None and item.truncated_ms is None

    def _interrupt_earlier(self, current: SessionState, playback: Playback) -> Interruption:
        """Stop the playback of an earlier session, whose answers this one has as text."""
        interruption = playback.interrupt()
        truncate = interruption.truncate
        cuts = dict.fromkeys(interruption.unplayed_item_ids, 0.0)
        if truncate is not None:
            cuts[truncate.item_id] = truncate.audio_end_ms
        for item_id, heard_ms in cuts.items():
            item = current.conversation.get(item_id)
            if item is None or item_id not in current.restored:
                continue
            total_ms = playback.received_bytes(item_id) * 1000 / playback.audio_format.bytes_per_second
            text = heard_text(item.text, Cut(heard_ms, total_ms))
            if text:
                shorter = ga.MessageItem(
                    role="assistant", status="incomplete", content=[ga.OutputText(text=text)]
                )
                self._send_event(
                    self._with_id(ga.ConversationItemCreate(previous_item_id=item_id, item=shorter))
                )
            self._delete(current, item_id)
        return interruption

    def _delete(self, current: SessionState, item_id: str) -> None:
        if item_id and current.conversation.get(item_id) is not None:  # GLM's audio has no item id
            self._on_user_delete(self._with_id(ga.ConversationItemDelete(item_id=item_id)))

    def _delete_unheard(self, current: SessionState, answer: Answer) -> None:
        """Delete the messages of an interrupted response of which nothing was heard."""
        for item_id in answer.messages:
            item = current.conversation.get(item_id)
            if item is None or item.truncated_ms is not None or current.playback.played_ms(item_id):
                continue
            types = {getattr(part, "type", "") for part in getattr(item.wire_item, "content", None) or ()}
            if not types & _TEXT_PARTS:
                self._delete(current, item_id)

    # --- The server's side ---

    def receive(self, frame: Frame, now: float) -> None:
        """Process a frame of the server. A malformed one is ignored, and reported as `Undecodable`."""
        current = self._current
        if current is None:
            return
        try:
            event = self._dialect.decode(frame)
        except DecodeError as error:
            self._events.put(Undecodable(str(error), error.event_type))
            return
        self.receive_event(event, now)

    def receive_event(self, event: Any, now: float) -> None:
        """Process an event of the server that was decoded already."""
        current = self._current
        if current is None:
            return
        if isinstance(event, ga.Unknown):
            self._events.put(event)
            return
        nbytes = current.playback.feed(event)
        if nbytes is not None:
            if nbytes:  # else it is late: it must not be played
                self._receive_audio(current, event, nbytes, now)
            return
        kind = event.type
        if kind == "response.created":
            self._begin_answer(current, event)
        self._conversation_of(current, event).feed(event)
        current.usage.feed(event)
        if kind == "error":
            self._on_error(event, now)
            return
        self._events.put(event)
        handler = _INCOMING.get(kind)
        if handler is not None:
            handler(self, event, now)
        if handler is not None or kind.startswith("response."):
            self._last_progress = now
        if self._current is current and self._state is ClientState.RUNNING:
            for call in current.calls.feed(event):
                self._on_call(current, call)
            if kind not in _SESSION_EVENTS or current.is_restored:
                self._feed_gate(current, event)
        if kind in _USAGE_EVENTS:
            self._check_spend(now)

    def _receive_audio(self, current: SessionState, event: Any, nbytes: int, now: float) -> None:
        self._conversation_of(current, event).feed(event)
        if not self._reports_playback:
            current.playback.played(nbytes=nbytes)
        self._events.put(event)
        self._last_progress = now

    def _conversation_of(self, current: SessionState, event: Any) -> Conversation:
        """Return the conversation that an event belongs to: responses may be requested outside of it."""
        if not current.outside_ids:
            return current.conversation
        response_id = getattr(event, "response_id", None) or get(get(event, "response"), "id")
        return current.outside if response_id in current.outside_ids else current.conversation

    def _feed_gate(self, current: SessionState, event: Any) -> None:
        events = self.gate.feed(event)
        if event.type == "response.created" and any(each.type == "response.cancel" for each in events):
            answer = current.answers.get(self.gate.response_id or "")
            if answer is not None:
                answer.is_interrupted = True
        self._send_all(events)

    def _on_call(self, current: SessionState, call: FunctionCall) -> None:
        if call.response_id in current.outside_ids:
            self._dropped_calls[call.call_id] = None
            self._events.put(ToolCalled(call, is_outside=True))
            return
        self._open_calls[call.call_id] = call
        answer = current.answers.get(call.response_id or "")
        if answer is not None:
            answer.has_calls = True
        self._events.put(ToolCalled(call))

    # --- Events of the server ---

    def _on_item(self, event: Any, now: float) -> None:
        if self._current is not None:
            self._current.unconfirmed.pop(get(event.item, "id") or "", None)

    def _on_session_created(self, event: Any, now: float) -> None:
        current = self._session(event)
        if current is not None and current.hello_id is None:
            self._use_formats(current, now)
            self._become_ready(event, now)

    def _on_session_updated(self, event: Any, now: float) -> None:
        current = self._session(event)
        if current is None:
            return
        if self._updates and self._state is ClientState.RUNNING:
            self._requested = merged(self._requested, self._updates.pop(next(iter(self._updates))))
        self._use_formats(current, now)
        self._compare(current)
        if self._state is ClientState.OPENING:
            self._become_ready(event, now)

    def _session(self, event: Any) -> SessionState | None:
        if self._current is not None:
            self._current.session = event.session or self._current.session
        return self._current

    def _use_formats(self, current: SessionState, now: float) -> None:
        """Use the formats that the server reports."""
        input_format = self._uplink.format
        if current.session:
            input_format = self.provider.session_format(current.session, "input")
            self._output_format = self.provider.session_format(current.session, "output")
            current.playback.audio_format = self._output_format
        self._uplink.has_detection = current.detection is not None
        try:
            if current.is_restored:
                self._uplink.change_format(input_format)
            else:
                self._uplink.restart(input_format)
        except (AudioError, ConfigError) as error:
            self._give_up(
                now, GiveUp(f"the session's format is not supported: {error}", SessionRefused(str(error)))
            )

    def _compare(self, current: SessionState) -> None:
        if self._requested is None:
            return
        try:
            requested = getattr(
                self._dialect.wire(self._dialect.session_update(self._requested, "")), "session", None
            )
            found = session_differences(requested, current.session)
        except (ConfigError, EncodeError, TypeError):
            return
        self._note_differences(*found)

    def _note_differences(self, *found: SessionDifference) -> None:
        if found != self._differences:
            self._differences = found
            if found:
                self._events.put(SettingsDiffer(found))

    @property
    def differences(self) -> tuple[SessionDifference, ...]:
        """The differences between the settings that were requested and those that the server reported last."""
        return self._differences

    def _on_speech_started(self, event: Any, now: float) -> None:
        current = self._current
        if current is None:
            return
        self._uplink.is_speaking = True
        current.turn_start, current.turn_end = self._uplink.position_of(number(event, "audio_start_ms")), None
        # The response to the present speech answers those turns too.
        self._delayed = [each for each in self._delayed if each.is_requested]
        if get(current.detection, "interrupt_response") is not False:
            if (active := current.answers.get(self.gate.response_id or "")) is not None:
                active.is_interrupted = True
            if self._barge_in:
                self._events.put(Interrupted(self._interrupt_playback(current)))

    def _on_speech_stopped(self, event: Any, now: float) -> None:
        if self._current is not None:
            end_ms = number(event, "audio_end_ms")
            # GLM sends no position: the turn ended within the audio that was sent so far.
            self._current.turn_end = self._uplink.position_of(end_ms) if end_ms else self._uplink.sent

    def _on_timeout(self, event: Any, now: float) -> None:
        current = self._current
        if current is not None:
            current.turn_start = self._uplink.position_of(number(event, "audio_start_ms"))
            current.turn_end = self._uplink.position_of(number(event, "audio_end_ms"))

    def _on_committed(self, event: Any, now: float) -> None:
        current, uplink = self._current, self._uplink
        if current is None:
            return
        start, end = current.turn_start, current.turn_end
        commit = uplink.next_commit()
        uplink.is_speaking = False
        is_detected = end is not None or commit is None
        if commit is not None and not is_detected:
            committed_to = commit[0]
            audio = uplink.slice(0, committed_to)
            uplink.drop_commit()
        else:
            start = start or 0
            audio = uplink.slice(start, uplink.end if end is None else end)
            # Without the end of the turn: sending too much again is better than losing audio.
            committed_to = start if end is None else end
        uplink.committed(committed_to)
        current.turn_start = current.turn_end = None
        current.turn_audio.store(event.item_id, audio, uplink.format)
        current.unanswered[event.item_id] = None
        detection = current.detection
        current.awaits_reply = (
            is_detected
            and detection is not None
            and get(detection, "create_response") is not False
            and getattr(current.session, "type", "realtime") != "transcription"
            and self.gate.response_id is None
        )

    def _on_cleared(self, event: Any, now: float) -> None:
        self._uplink.is_speaking = False
        if self._current is not None:
            self._current.turn_start = self._current.turn_end = None

    def _on_transcription(self, event: Any, now: float) -> None:
        self._backoff.reset()

    def _begin_answer(self, current: SessionState, event: Any) -> None:
        response_id = str(get(event.response, "id") or "")
        answer = current.answers[response_id] = Answer(response_id, self._request_of(event.response))
        if answer.is_outside:
            current.outside_ids[response_id] = None
        else:
            current.awaits_reply = False
            answer.covers = (*current.unanswered,)

    def _request_of(self, response: Any) -> Any:
        """Return the request for a response, by the tag in its metadata or else the oldest one."""
        metadata = get(response, "metadata")
        tag = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
        if isinstance(tag, str):
            self._is_tagged = True
            return self._requests.pop(tag, None) or self._outside.get(tag)
        if self._is_tagged:
            return None
        return self._requests.pop(next(iter(self._requests)), None) if self._requests else None

    def _on_item_added(self, event: Any, now: float) -> None:
        current, item = self._current, event.item
        answer = None if current is None else current.answers.get(get(event, "response_id") or "")
        item_id = get(item, "id")
        if current is not None and answer is not None:
            answer.has_all_audio = False
            if (
                get(item, "type") == "message"
                and isinstance(item_id, str)
                and len(answer.messages) < MAX_SENT
            ):
                answer.messages[item_id] = None

    def _on_part_added(self, event: Any, now: float) -> None:
        answer = None if self._current is None else self._current.answers.get(get(event, "response_id") or "")
        if answer is not None:
            answer.has_all_audio = False

    def _on_part_done(self, event: Any, now: float) -> None:
        current = self._current
        if current is None:
            return
        answer = current.answers.get(get(event, "response_id") or "")
        item_id = get(event, "item_id")
        is_whole = answer is None or not answer.is_interrupted  # else the transcript is ahead of the audio
        if isinstance(item_id, str) and item_id and is_whole:
            current.audio_done[item_id] = None
        if answer is not None:
            answer.has_all_audio = True

    def _on_response_done(self, event: Any, now: float) -> None:
        current, response = self._current, event.response
        if current is None:
            return
        response_id = str(get(response, "id") or "")
        answer = current.answers.pop(response_id, None) or Answer(response_id, self._request_of(response))
        for item in get(response, "output") or ():
            if get(item, "type") == "message" and isinstance(item_id := get(item, "id"), str):
                answer.messages[item_id] = None
        status = str(get(response, "status") or "completed")
        details = get(response, "status_details")
        error = get(details, "error")
        self._outside.pop(event_id_of(answer.request) or "", None)
        if not answer.is_outside:
            if answer.is_interrupted:
                self._delete_unheard(current, answer)
            if status == "failed" and self._delay_response(answer, error, now):
                return
            for covered in answer.covers:
                current.unanswered.pop(covered, None)
                item = current.conversation.get(covered)
                if item is not None and item.text:
                    current.turn_audio.discard(covered)
        if status == "completed":
            self._backoff.reset()
        self._put_outcome(current, answer, status, get(details, "reason"), error)

    def _put_outcome(
        self,
        current: SessionState,
        answer: Answer,
        status: str,
        reason: Any = "connection_lost",
        error: Any = None,
    ) -> None:
        conversation = current.outside if answer.is_outside else current.conversation
        items = (conversation.get(item_id) for item_id in answer.messages)
        text = " ".join(item.text or item.removed_text for item in items if item is not None)
        request_id = event_id_of(answer.request)
        self._events.put(
            ResponseOutcome(answer.id, status, request_id, text, reason, error, answer.is_interrupted)
        )

    def _delay_response(self, answer: Answer, error: Any, now: float) -> bool:
        """Request a response again later if it failed for a reason that passes. Returns True if so."""
        code = get(error, "code") or ""
        request = answer.request or ga.ResponseCreate(event_id=self._next_id())
        request_id = str(request.event_id)
        count = self._delays.get(request_id, 0)
        wait_s = wait_in_message(get(error, "message"))
        delay_s = _FIRST_DELAY_S * 2.0**count if wait_s is None else wait_s
        if (
            decide("response", code) is not Decision.RETRY
            or count >= _MAX_DELAYS
            or delay_s > self._retry.max_retry_after_s
        ):
            return False
        self._delays[request_id] = count + 1
        self._delayed.append(Delayed(now + delay_s, request, answer.request is not None))
        self._events.put(ResponseDelayed(answer.id, snippet(code), delay_s))
        return True

    def _request_delayed(self, now: float) -> None:
        due = [each for each in self._delayed if each.due <= now]
        self._delayed = [each for each in self._delayed if each.due > now]
        for each in due:
            self._request(each.create)

    def _on_error(self, event: Any, now: float) -> None:
        current, error = self._current, event.error
        if current is None:
            return
        if self.gate.is_crossed(event):
            for answer in current.answers.values():
                if event_id_of(answer.request) == error.event_id:
                    answer.request = None  # it is the response that crossed the request
            self._feed_gate(current, event)
            return
        if self._retry_commit(current, error):
            return
        request = self._sent.get(error.event_id or "")
        is_hello = error.event_id is not None and error.event_id == current.hello_id
        # Before a server has reported its session, an error is about all that was requested.
        is_early = current.session is None and error.type == "invalid_request_error"
        decision = decide_on_error(error)
        if is_hello or is_early or (decision is Decision.GIVE_UP and request is None):
            what = "the session's settings" if is_hello else "the session"
            reason = f"the server refused {what}: {error_text(error)}"
            self._events.put(event)
            self._give_up(now, GiveUp(reason, SessionRefused(reason, error=error)))
            return
        self._events.put(event)
        if decision is Decision.RETRY:
            reason = f"the session ended: {error_text(error)}"
            self._lose(now, SessionLost(reason, is_retryable=True), decision)
            return
        self._feed_gate(current, event)
        if request is not None:
            self._note_refused(current, request)
            self._events.put(RequestFailed(request, error))

    def _note_refused(self, current: SessionState, request: Any) -> None:
        self._updates.pop(request.event_id, None)
        self._requests.pop(request.event_id, None)
        self._outside.pop(request.event_id, None)
        self._uplink.drop_commit(request.event_id)
        if request.type == "conversation.item.create":
            self._note_deleted(str(getattr(request.item, "id", "")))

    def _retry_commit(self, current: SessionState, error: Any) -> bool:
        """Send the audio of a commit again, once, if the server reports an empty buffer that is not empty."""
        uplink = self._uplink
        commit = uplink.next_commit()
        # The event_id is missing in reports of such errors: it is that of the oldest commit then.
        if commit is None or error.code != _COMMIT_EMPTY or error.event_id not in (None, commit[1]):
            return False
        position, event_id = commit
        has_audio = len(uplink.slice(0, position)) >= uplink.format.min_commit_bytes
        if current.detection is not None or event_id in current.refused_commits or not has_audio:
            uplink.drop_commit()
            error.event_id = event_id
            return False
        current.refused_commits.add(event_id)
        # If the server has audio all the same, it must not get it twice.
        self._send_event(ga.InputAudioBufferClear(event_id=self._next_id()))
        uplink.rewind()
        self._send_audio(position)
        self._send_event(ga.InputAudioBufferCommit(event_id=event_id))
        self._send_audio()
        return True

    def _spent_usd(self, price: Price) -> Decimal:
        """Return the cost of the usage that the server has reported."""
        parts = (self._ended_usage, *([self._current.usage] if self._current else ()))
        return sum((usage.cost(price) for usage in parts), Decimal(0))

    def _check_spend(self, now: float) -> None:
        if self._spend_limit_usd is None or self._price is None:
            return
        try:
            spent = self._spent_usd(self._price)
        except ConfigError as error:
            self._give_up(now, GiveUp(str(error), SpendLimitReached(f"the cost is not known: {error}")))
            return
        if spent >= self._spend_limit_usd:
            reason = f"the spend limit of ${self._spend_limit_usd:g} is reached"
            self._give_up(now, GiveUp(reason, SpendLimitReached(reason)))


# --- Tables --------------------------------------------------------------------------

_TEXT_PARTS: Final = frozenset({"output_text", "text"})
_SESSION_EVENTS: Final = frozenset({"session.created", "session.updated"})
_USAGE_EVENTS: Final = frozenset({"response.done", "conversation.item.input_audio_transcription.completed"})
# The effect of each event that the user sends; others are sent as they are.
_OUTGOING: Final[dict[str, Callable[[ClientProtocol, Any], None]]] = {
    "input_audio_buffer.append": ClientProtocol._on_user_append,
    "input_audio_buffer.commit": ClientProtocol._on_user_commit,
    "input_audio_buffer.clear": ClientProtocol._on_user_clear,
    "conversation.item.create": ClientProtocol._on_user_item,
    "conversation.item.truncate": ClientProtocol._on_user_truncate,
    "conversation.item.delete": ClientProtocol._on_user_delete,
    "session.update": ClientProtocol._on_user_update,
    "response.create": ClientProtocol._request,
    "response.cancel": ClientProtocol._on_user_cancel,
}
# The effect of each event of the server, of GA and of beta.
_INCOMING: Final[dict[str, Callable[[ClientProtocol, Any, float], None]]] = {
    "session.created": ClientProtocol._on_session_created,
    "session.updated": ClientProtocol._on_session_updated,
    "input_audio_buffer.speech_started": ClientProtocol._on_speech_started,
    "input_audio_buffer.speech_stopped": ClientProtocol._on_speech_stopped,
    "input_audio_buffer.timeout_triggered": ClientProtocol._on_timeout,
    "input_audio_buffer.committed": ClientProtocol._on_committed,
    "input_audio_buffer.cleared": ClientProtocol._on_cleared,
    "conversation.item.input_audio_transcription.completed": ClientProtocol._on_transcription,
    "conversation.item.added": ClientProtocol._on_item,
    "conversation.item.created": ClientProtocol._on_item,
    "response.output_item.added": ClientProtocol._on_item_added,
    "response.content_part.added": ClientProtocol._on_part_added,
    "response.output_audio.done": ClientProtocol._on_part_done,
    "response.audio.done": ClientProtocol._on_part_done,
    "response.output_text.done": ClientProtocol._on_part_done,
    "response.text.done": ClientProtocol._on_part_done,
    "response.done": ClientProtocol._on_response_done,
}
