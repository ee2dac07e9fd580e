"""LiveClientProtocol: a Live session that outlives its connections, without I/O and without a clock.

The states, attempts and queues are those of `protocol`. This module has the differences of Live: the settings are
fixed at the start, a replacement session gets the transcript, calls come from delegations, most errors do not end the
session, and the server confirms its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from .. import events as ga, spec
from .._bounded import BoundedDict
from ..codec import encode_json
from ..errors import AudioError, ConfigError, EncodeError
from ..events import live
from ..format import AudioFormat, session_format
from ..state import FunctionCall, Interruption, Toolbox, session_differences
from ..state.delegations import Delegations, append_pieces
from ..state.live import STOP_SPEAKING, CommandResult, LiveCall, SpeechGate, estimated_tokens, input_message
from .dialect import LIVE_PATHS, LiveDialect, with_live_tools, with_live_update
from .errors import SessionClosed, SessionLost, SessionRefused, error_text
from .events import Connected, RequestFailed, Resumed, SessionEnded, ToolCalled
from .policy import Decision, decide, decide_on_error
from .protocol import ClientProtocol, ClientState, GiveUp
from .session_state import SessionState, get
from .uplink import Uplink

# A tool of this name does the work of client delegations.
CLIENT_TOOL: Final = "delegate"
# The input is the session's clock: audio that waited longer would delay the rest of the call.
_MAX_WAITING_MS: Final = 5_000.0
# The user has finished speaking after so long without a word.
_QUIET_MS: Final = 2_000.0
_MAX_CALLS: Final = 256
_MAX_INSTRUCTIONS: Final = 32
_APPENDS: Final = (live.SessionCommentaryAppend, live.SessionThinkingAppend, live.SessionInstructionsAppend)


class LiveClientProtocol(ClientProtocol, settings=live.LiveSession):
    """A `ClientProtocol` that speaks Live. Made by ``ClientProtocol(session=live.LiveSession(...))``.

    A session that is lost or expires is replaced by one that knows the transcript (`Resumed`). Texts that were
    appended and not acknowledged are appended again. The output of a call that belongs to a lost session, or that its
    backend has not processed, is appended as commentary. Keep appending audio, silence too: without input the server does nothing.

    Calls of client delegations are of the tool "delegate", whose argument is `delegation_id`; the user's words are
    in `transcript`. Other tools need a `live.ResponsesDelegation`, to whose body they are added.

    Args:
        session: the settings, with the model.
        tools: as in `ClientProtocol`.
        max_uplink_ms: as in `ClientProtocol`, 5 s at most.
        options: as in `ClientProtocol`. ``restores=False`` is for a connection that is attached to a session, and
            neither starts nor closes it.

    Attributes:
        call: the state of the present session, or of the last one; None before the first.
        speech: the audible output of the present session.

    Raises:
        ConfigError: as `ClientProtocol`, and tools that the delegation cannot call.
    """

    close_wait_s: ClassVar[float] = 10.0

    def __init__(
        self,
        *,
        session: live.LiveSession,
        tools: Toolbox | Sequence[Any] = (),
        max_uplink_ms: float = _MAX_WAITING_MS,
        **options: Any,
    ) -> None:
        super().__init__(session=None, max_uplink_ms=min(max_uplink_ms, _MAX_WAITING_MS), **options)
        self._dialect = LiveDialect()
        self.toolbox = tools if isinstance(tools, Toolbox) else None
        self._requested = with_live_tools(session, tools, CLIENT_TOOL)
        self._dialect.encode(live.SessionStart(session=self._requested))  # raises if they cannot be sent
        self._output_format = session_format(session, "output") or AudioFormat.PCM16
        waiting_ms = min(max_uplink_ms, _MAX_WAITING_MS)
        self._uplink = Uplink(self._output_format, max_ms=waiting_ms, quiet_ms=waiting_ms)
        self.call: LiveCall | None = None
        self.speech = SpeechGate(self._output_format)
        self._work = Delegations(client_tool=CLIENT_TOOL, token=f"work_{self._token}")
        self._lost_calls: BoundedDict[str, FunctionCall] = BoundedDict(_MAX_CALLS)
        self._instructions: deque[str] = deque(maxlen=_MAX_INSTRUCTIONS)
        self._resend: list[Any] = []
        self._ending = ""  # "close" or "handover", once the end of the session was requested
        # Audio was sent after the last event that was received, and a tick has noted it.
        self._is_output_owed = self._is_owed_noted = False
        self._is_muted = False
        self._restored = 0  # messages that restore the sessions before
        self._user_end_ms = 0

    # --- Reading ---

    @property
    def session(self) -> live.LiveSessionInfo | None:
        """The session that the server reported last, None before it."""
        return None if self.call is None else self.call.session

    @property
    def open_calls(self) -> tuple[FunctionCall, ...]:
        """The model's calls that have no output yet."""
        return self._work.open_calls

    # --- Connections ---

    def address(
        self, model: str, *, url: str | None = None, host: str = "", call_id: str | None = None
    ) -> str:
        """Return the address of new sessions, or of the session `call_id` to attach to; `url` replaces it.

        Raises:
            ConfigError: the provider does not speak Live, or has no host of its own, and none is given.
        """
        if url is not None:
            return url
        path = LIVE_PATHS.get(self.provider.name)
        if path is None:
            raise ConfigError(f"{self.provider.name} does not speak Live; {', '.join(LIVE_PATHS)} do")
        place = urlsplit(self.provider.url("", host=host))
        path = f"{path}/{quote(call_id, safe='')}/attach" if call_id else path
        return urlunsplit((place.scheme, place.netloc, path, "", ""))

    def connected(self, now: float) -> None:
        """Note that a connection is open. Its first frame is the session.start."""
        if self.is_connected:
            self._end_session(now)
        if not self._move("connected"):
            return
        self._frames.clear()
        self._current = SessionState(self.provider, self._output_format, now, self._max_turn_nbytes)
        self.call = LiveCall(is_attached=not self._restores)
        self._last_progress = now
        if not self._restores:
            self._become_ready(None, now)
            return
        for update in self._updates.values():
            self._requested = with_live_update(self._requested, update)
        self._updates.clear()
        settings, self._restored = self._start_settings()
        self._send_event(live.SessionStart(session=settings, event_id=self._next_id()))

    def _start_settings(self) -> tuple[live.LiveSession, int]:
        """Return the settings of the next session, and the number of messages that restore the ones before it."""
        own = get(self._requested, "input") or []
        restored: list[live.InputMessage] = [input_message("developer", text) for text in self._instructions]
        used = sum(estimated_tokens(encode_json(message).decode()) for message in (*own, *restored))
        restored += self.transcript.history(
            max_messages=spec.MAX_LIVE_INPUT_MESSAGES - len(own) - len(restored),
            max_tokens=spec.MAX_LIVE_INPUT_TOKENS - used,
        )
        if not restored:
            return self._requested, 0
        return msgspec.structs.replace(self._requested, input=[*own, *restored]), len(restored)

    def _become_ready(self, event: Any, now: float) -> None:
        session, call = self._current, self.call
        if session is None or call is None or not self._move("ready"):
            return
        session.is_restored = True
        format = session_format(call.session, "output") or self._output_format
        try:
            self._uplink.restart(format)
        except (AudioError, ConfigError) as error:
            reason = f"the session's format is not supported: {error}"
            self._give_up(now, GiveUp(reason, SessionRefused(reason)))
            return
        self._output_format = format
        self._connections += 1
        self._events.put(Connected(self._connections, call.session))
        if self._connections > 1 and self._restores:
            self._events.put(Resumed(items=self._restored))
        if self._is_muted:
            self._send_event(live.SessionInputAudioMute(event_id=self._next_id()))
        for append in self._resend:
            self._send_event(append)
        self._resend.clear()
        self._send_audio()
        while self._outbox and self._state is ClientState.RUNNING:
            self._dispatch(self._outbox.popleft(), now)
        self._last_progress = now

    def request_close(self, now: float) -> bool:
        """Request the end of the session. Returns False if there is none to be confirmed: then call `close`.

        The state is closed once the server confirms the end; call `close` after `close_wait_s`.
        """
        if self._state is not ClientState.RUNNING or not self._restores:
            return False
        self._request_end("close")
        return True

    def _request_end(self, ending: str) -> None:
        if not self._ending:
            self._send_event(live.SessionClose(event_id=self._next_id()))
        self._ending = ending

    def _begin_handover(self, reason: str, now: float) -> None:
        if not self._ending:
            self._request_end("handover")

    def _end_session(self, now: float) -> Interruption | None:
        """Collect the texts and calls for the next session."""
        session, self._current, call = self._current, None, self.call
        self._frames.clear()
        self._ending = ""
        self._is_output_owed = self._is_owed_noted = False
        if session is None or call is None:
            return None
        call.connection_lost()
        if not session.is_restored:
            return None
        self._ended_usage = self._ended_usage + session.usage
        self._events.put(SessionEnded(call.is_final, call.reason, call.usage))
        for command in call.pending:
            if isinstance(command, _APPENDS[:2]):  # instructions are part of the next start
                self._resend.append(msgspec.structs.replace(command, delegation_id=None))
        if self._restores:  # else the session and its backend live on
            for output in self._work.unprocessed_outputs:
                self._resend += [
                    live.SessionCommentaryAppend(delegation_id=None, content=piece, event_id=self._next_id())
                    for piece in append_pieces(output)
                ]
        for lost in self._work.open_calls:
            self._lost_calls[lost.call_id] = lost
            self._work.drop_call(lost.call_id)
        self._work.events_to_send()
        self._is_muted = call.is_muted
        return None

    def tick(self, now: float) -> None:
        """Do what the time requires, as `ClientProtocol.tick`."""
        if self._is_output_owed and not self._is_owed_noted:
            self._is_owed_noted, self._last_progress = True, now
        super().tick(now)

    def _lose(self, now: float, error: Any, decision: Decision, retry_after_s: float | None = None) -> None:
        if self._ending == "close":
            self._give_up(now, GiveUp("closed by the client"))
        else:
            super()._lose(now, error, decision, retry_after_s)

    def _awaited(self) -> str:
        if self._state is ClientState.OPENING:
            return "start the session"
        if self._state is not ClientState.RUNNING:
            return ""
        if self._ending:
            return "close the session"
        if self._updates:
            return "answer a session.update"
        return "send audio" if self._is_output_owed else ""

    def _is_only_reply_awaited(self, current: SessionState) -> bool:
        return False

    def _expires_at(self, current: SessionState) -> float | None:
        return None if self.session is None else self.session.expires_at

    def _is_quiet(self, current: SessionState) -> bool:
        is_listening = self.speech.position_ms - self._user_end_ms < _QUIET_MS
        return not (self.speech.is_speaking or is_listening or self._updates or self.open_calls)

    # --- The user's side ---

    def _check_open(self) -> None:
        super()._check_open()
        if self._ending == "close":
            raise SessionClosed("the session is closing")

    def update(self, settings: Any, now: float) -> str:
        """Change `delegation` or `triggers`, by a `live.LiveSessionUpdate`, for later sessions too. Raises what `send` raises."""
        return super().update(settings, now)

    def say(self, text: str, now: float) -> None:
        """Have the model speak a text almost verbatim: a greeting, or an announcement. Raises what `send` raises.

        Raises:
            ConfigError: the text is empty.
        """
        if not text.strip():
            raise ConfigError("the text is empty")
        for piece in append_pieces(text):
            self.send(live.SessionCommentaryAppend(delegation_id=None, content=piece), now)

    def interrupt(self, now: float) -> Interruption:
        """Ask the model to stop speaking. Drop what is queued for the loudspeaker: the server sends no more of it."""
        self._check_open()
        if self._state is ClientState.RUNNING:
            self._send_event(
                live.SessionInstructionsAppend(
                    delegation_id=None, content=STOP_SPEAKING, event_id=self._next_id()
                )
            )
        return Interruption()

    def _send_event(self, event: Any) -> None:
        self._frames.append(self._dialect.encode(event))
        if self.call is not None:
            self.call.feed(event)

    def _send_audio(self, end: int | None = None) -> None:
        if self._ending:
            return
        for part in self._uplink.unsent_parts(end):
            self._frames.append(self._dialect.encode_append(part))
            self._is_output_owed = True
        self._uplink.committed(self._uplink.end)

    def _pass_on(self, audio: object, format: AudioFormat | None) -> None:
        self._uplink.append(audio, format)
        self._send_audio()

    def _send_work(self) -> None:
        for event in self._work.events_to_send():
            self._send_event(event)

    def _dispatch(self, event: Any, now: float) -> None:
        handler = None if isinstance(event, ga.Unknown) else _OUTGOING.get(event.type)
        if handler is None:
            self._send_event(event)
        else:
            handler(self, event)

    def _on_user_append(self, event: live.SessionInputAudioAppend) -> None:
        self.append(event.audio)

    def _on_user_update(self, event: live.SessionUpdate) -> None:
        self._updates[str(event.event_id)] = event.session
        self._send_event(event)

    def _on_user_instructions(self, event: live.SessionInstructionsAppend) -> None:
        self._instructions.append(event.content)
        self._send_event(event)

    def _on_user_close(self, event: live.SessionClose) -> None:
        self._ending = "close"
        self._send_event(event)

    def _on_output(self, event: ga.ConversationItemCreate) -> None:
        item: Any = event.item
        is_lost = not self._work.answer(event) and self._lost_calls.pop(item.call_id, None) is not None
        if is_lost and item.output.strip():
            self._work.append(None, item.output)
        self._send_work()

    # --- The server's side ---

    def receive_event(self, event: Any, now: float) -> None:
        """Process an event of the server that was decoded already."""
        call, session = self.call, self._current
        if call is None or session is None or not self.is_connected:
            return
        self._last_progress = now
        self._is_output_owed = self._is_owed_noted = False
        if isinstance(event, ga.Unknown):
            self._events.put(event)
            return
        if event.type == "error":
            self._on_live_error(call, event, now)
            return
        self.transcript.feed(event)
        self.speech.feed(event)
        session.usage.feed(event)
        result = call.feed(event)
        calls = self._work.feed(event)
        self._events.put(event)
        for each in calls:
            self._events.put(ToolCalled(each))
        if (handler := _INCOMING.get(event.type)) is not None:
            handler(self, event, result, now)
        if self._current is not None:
            self._send_work()

    def _on_started(self, event: live.SessionStarted, result: CommandResult | None, now: float) -> None:
        self._user_end_ms = 0
        self._compare_with(event.session)
        self._become_ready(event, now)

    def _on_updated(self, event: live.SessionUpdated, result: CommandResult | None, now: float) -> None:
        update = self._updates.pop(str(result.command.event_id), None) if result else None
        if update is not None:
            self._requested = with_live_update(self._requested, update)
        self._compare_with(event.session)

    def _compare_with(self, reported: live.LiveSessionInfo | None) -> None:
        """Report the settings that differ. What the server does not report may be in effect all the same."""
        settings = msgspec.structs.replace(self._requested, input=msgspec.UNSET)
        try:
            found = session_differences(settings, reported)
        except (EncodeError, TypeError):
            return
        self._note_differences(*(each for each in found if each.actual is not msgspec.UNSET))

    def _on_words(
        self, event: live.SessionInputTranscriptDelta, result: CommandResult | None, now: float
    ) -> None:
        self._user_end_ms = event.end_ms
        self._backoff.reset()

    def _on_usage(self, event: Any, result: CommandResult | None, now: float) -> None:
        self._check_spend(now)

    def _on_closed(self, event: live.SessionClosed, result: CommandResult | None, now: float) -> None:
        if self._ending == "handover" and self._reconnect:
            super()._begin_handover("the session expires", now)
            return
        decision = decide("closed", event.reason)
        reason = f"the server ended the session: {event.reason}"
        self._lose(now, SessionLost(reason, is_retryable=decision is Decision.RETRY), decision)

    def _on_live_error(self, call: LiveCall, event: live.Error, now: float) -> None:
        error = event.error
        is_starting = self._state is ClientState.OPENING
        is_crossed, is_fatal = self._work.is_crossed(event), call.is_fatal(event)
        result = call.feed(event)
        self._work.feed(event)
        if is_crossed:
            self._send_work()
            return
        self._events.put(event)
        decision = decide_on_error(error, "start" if is_starting and is_fatal else "error")
        is_of_session = result is None or is_starting
        if is_of_session and decision is Decision.RETRY:
            reason = f"the session ended: {error_text(error)}"
            self._lose(now, SessionLost(reason, is_retryable=True), decision)
        elif is_of_session and (is_fatal or decision is Decision.GIVE_UP):
            reason = f"the server refused the session: {error_text(error)}"
            self._give_up(now, GiveUp(reason, SessionRefused(reason, error=error)))
        elif result is not None:
            self._note_refused_command(result.command)
            self._events.put(RequestFailed(result.command, error))
            self._send_work()

    def _note_refused_command(self, command: Any) -> None:
        self._updates.pop(str(command.event_id), None)
        if command.type == "session.instructions.append" and command.content in self._instructions:
            self._instructions.remove(command.content)
        if command.type == "session.close":
            self._ending = ""


# --- Tables --------------------------------------------------------------------------

# The effect of each event that the user sends; others are sent as they are.
_OUTGOING: Final[dict[str, Callable[[LiveClientProtocol, Any], None]]] = {
    "session.input_audio.append": LiveClientProtocol._on_user_append,
    "session.update": LiveClientProtocol._on_user_update,
    "session.instructions.append": LiveClientProtocol._on_user_instructions,
    "session.close": LiveClientProtocol._on_user_close,
    "conversation.item.create": LiveClientProtocol._on_output,
}
# The effect of each event of the server, in addition to that on the state objects.
_INCOMING: Final[dict[str, Callable[[LiveClientProtocol, Any, CommandResult | None, float], None]]] = {
    "session.started": LiveClientProtocol._on_started,
    "session.updated": LiveClientProtocol._on_updated,
    "session.input_transcript.delta": LiveClientProtocol._on_words,
    "session.usage.updated": LiveClientProtocol._on_usage,
    "session.closed": LiveClientProtocol._on_closed,
}
