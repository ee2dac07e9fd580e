"""Live sessions: their turns, and the delegations with their steps.

A turn begins with the user's speech; a response is speech of the model without a long pause. As
transcripts arrive late, turns are made when a report is written, or the session ends. The times of speech
are in `_live_speech`. `HANDLERS` are added to those of `_call`, which decodes the events.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from msgspec import Struct, UnsetType, field

from .._bounded import BoundedDict
from ..events.live import FunctionCallOutput
from ..recording import Direction
from ..state.live import SpeechGate
from ..validate_live import json_object
from ._builder import ReportBuilder, TextBudget, as_code, as_id, as_message, as_name, as_object, as_position
from ._live_speech import Covered, LiveSpeech, Speech
from ._session import SessionTracker, ms_per_byte
from ._tools import ToolTracker, read_call
from .report import (
    LIMITS,
    MAX_STEPS,
    AskedBy,
    DelegationReport,
    DelegationStep,
    GapReport,
    LiveReport,
    ResponseReport,
    Turn,
    UserInput,
)

_MAX_OPEN: Final = 256
# Times of a transcript are those of frames of 200 ms, and approximate.
_TOLERANCE_MS: Final = 200.0
_FINAL_TYPES: Final = frozenset({"response.completed", "response.failed", "response.incomplete"})
# Output items that are no step: the words are spoken, the reasoning is not shown.
_SILENT_ITEMS: Final = frozenset({"message", "reasoning"})


class _Delegation(Struct, eq=False):
    """A delegation that may still change. `calls` are the ids of its calls without an output."""

    report: DelegationReport
    calls: set[str] = field(default_factory=set)


class LiveTracker:
    """The speech and the delegations of Live sessions."""

    def __init__(
        self, builder: ReportBuilder, sessions: SessionTracker, tools: ToolTracker, gap_ms: float
    ) -> None:
        self._builder, self._report = builder, builder.report
        self._sessions, self._tools, self._gap_ms = sessions, tools, gap_ms
        self._speech = LiveSpeech()
        self._forget()
        self._begin()

    def _begin(self) -> None:
        self._speech.begin()
        self._gate = SpeechGate()
        self._playback_end_ms, self._was_audible = 0.0, False
        self._delegations: BoundedDict[str, _Delegation] = BoundedDict(_MAX_OPEN)
        # The delegation of each call without an output, and those with an output since the last response.create.
        self._callers: BoundedDict[str, _Delegation] = BoundedDict(_MAX_OPEN)
        self._answered: BoundedDict[str, _Delegation] = BoundedDict(_MAX_OPEN)

    def _forget(self) -> None:
        self._speech.forget()
        self._begun: list[DelegationReport] = []
        self._gaps: list[tuple[float, float]] = []
        self._requests: list[tuple[float, AskedBy]] = []

    def reset(self) -> None:
        """End the session: its turns do not change any more."""
        self.write()
        self._forget()
        self._begin()

    def _make_room(self, limit: float = 2.0) -> None:
        """Make turns early if much is stored."""
        delegations, gaps = len(self._begun) / LIMITS["delegations"], len(self._gaps) / LIMITS["gaps"]
        requests = len(self._requests) / LIMITS["responses"]
        if max(self._speech.fill, delegations, gaps, requests) > limit:
            self.write()
            self._forget()

    @property
    def _live(self) -> LiveReport:
        if isinstance(self._report.live, UnsetType):
            self._report.live = LiveReport()
        return self._report.live

    # --- Speech ---

    def add_input(self, nbytes: int, time_ms: float) -> None:
        """Add audio of the user."""
        self._speech.add_input(nbytes * ms_per_byte(self._sessions.input), time_ms)

    def add_output(self, audio: bytes, nbytes: int, start_ms: float | None, time_ms: float) -> None:
        """Add audio of the model: `nbytes`. `audio` is empty if it was left out of the log."""
        coding = self._sessions.output
        if self._gate.format != coding.format:
            self._gate = SpeechGate(coding.format)
        ms, is_audible = nbytes * ms_per_byte(coding), self._gate.is_audible(audio)
        self._report.assistant_audio_ms += ms
        self._speech.add_output(ms, start_ms, time_ms, is_audible=is_audible)
        self._play(ms, time_ms, is_audible=is_audible)
        self._make_room()

    def _play(self, ms: float, time_ms: float, *, is_audible: bool) -> None:
        """Play audio as it arrives. Audible audio that comes late after audible audio is a gap."""
        end_ms = self._playback_end_ms
        if time_ms - end_ms >= self._gap_ms and is_audible and self._was_audible:
            self._report.gap_count += 1
            self._report.gap_time.add(time_ms - end_ms)
            self._gaps.append((end_ms, time_ms - end_ms))
        self._playback_end_ms, self._was_audible = max(end_ms, time_ms) + ms, is_audible

    def add_user_words(self, event: Any, time_ms: float) -> None:
        """Add a piece of the user's transcript."""
        self._make_room(1.0)  # between two turns, mostly
        self._speech.add_words(event, time_ms, is_user=True)

    def add_model_words(self, event: Any, time_ms: float) -> None:
        """Add a piece of the model's transcript."""
        self._speech.add_words(event, time_ms, is_user=False)
        self._make_room()

    # --- Delegations ---

    def begin_delegation(self, event: Any, time_ms: float) -> None:
        """Add a delegation."""
        found = self._delegation(event.delegation.id, time_ms).report
        found.target = as_name(event.delegation.target) or found.target
        found.offset_ms = as_position(event.offset_ms)

    def _delegation(self, id: object, time_ms: float, target: str | None = None) -> _Delegation:
        """Return a delegation. If its session.delegation.created is not in the log, it begins now."""
        name = as_id(id) or ""
        found = self._delegations.get(name)
        if found is None:
            found = _Delegation(DelegationReport(id=name or None, target=target, at_ms=time_ms))
            self._delegations[name] = found
            self._live.delegation_count += 1
            self._begun.append(found.report)
            self._make_room()
        return found

    def add_response_event(self, event: Any, time_ms: float) -> None:
        """Add an event of the Responses API."""
        inner = json_object(event.event)
        type = as_name(inner.get("type")) or ""
        if type == "response.output_item.done":
            self._add_item(event.delegation_id, as_object(inner.get("item")), time_ms)
        elif type == "response.created" or type in _FINAL_TYPES:
            found = self._delegation(event.delegation_id, time_ms, "responses")
            status = as_object(inner.get("response")).get("status")
            _add_step(found.report, type, "" if status == "completed" else status, time_ms)
            if type != "response.completed":
                found.calls.clear()  # a new response, or one whose calls are dropped
            if type in _FINAL_TYPES and not found.calls:
                _set_done(found.report, time_ms)

    def _add_item(self, id: object, item: dict[str, Any], time_ms: float) -> None:
        kind, call_id = as_name(item.get("type")) or "", as_id(item.get("call_id"))
        if kind in _SILENT_ITEMS:
            return
        found = self._delegation(id, time_ms, "responses")
        _add_step(found.report, "response.output_item.done", item.get("name") or kind, time_ms)
        if kind == "function_call" and item.get("status") in (None, "completed"):
            call = read_call(item.get("name"), call_id, item.get("arguments"), time_ms)
            self._tools.add(call, found.report.calls)
            if call_id is not None and len(found.calls) < _MAX_OPEN:
                found.calls.add(call_id)
                self._callers[call_id] = found

    def add_decision_event(self, event: Any, time_ms: float) -> None:
        """Add an event of the Decisions API, unless it belongs to no delegation."""
        if as_id(event.delegation_id) is None:
            return
        found = self._delegation(event.delegation_id, time_ms, "decisions")
        type = as_name(event.event.type) or ""
        _add_step(found.report, type, "", time_ms)
        if type == "decision.completed":
            _set_done(found.report, time_ms)

    def add_text(self, event: Any, time_ms: float) -> None:
        """Add a text that the client sent, for a delegation or without one."""
        if (id := as_id(event.delegation_id)) is not None:
            found = self._delegation(id, time_ms, "client").report
            _add_step(found, event.type, event.content, time_ms)
            _set_done(found, time_ms)
        else:
            self._request("client", time_ms)

    def add_client_item(self, event: Any, time_ms: float) -> None:
        """Add an item that the client sent, if it is the output of a call."""
        if not isinstance(event.item, FunctionCallOutput):
            return
        call_id = as_id(event.item.call_id)
        self._tools.add_output(call_id, event.item.output, as_id(event.event_id), time_ms)
        found = self._callers.pop(call_id or "", None)
        if found is not None:
            found.calls.discard(call_id or "")
            _add_step(found.report, event.type, call_id, time_ms)
            self._answered[found.report.id or ""] = found

    def request_response(self, event: Any, time_ms: float) -> None:
        """Add the client's response.create, by which all delegations with outputs continue."""
        self._request("function" if self._answered else "client", time_ms)
        for found in self._answered.values():
            _add_step(found.report, event.type, "", time_ms)
        self._answered.clear()

    def _request(self, by: AskedBy, time_ms: float) -> None:
        self._requests.append((time_ms, by))
        self._make_room()

    # --- The session ---

    def add_usage(self, event: Any, time_ms: float) -> None:
        """Record the used share of the context window."""
        if event.context_window is not None and 0 <= event.context_window.usage_ratio <= 1:
            used = event.context_window.usage_ratio
            self._live.context_used = max(self._live.context_used or 0.0, used)

    def close(self, event: Any, time_ms: float) -> None:
        """Record why the session ended."""
        self._sessions.now.closed = as_code(event.reason)

    # --- Turns ---

    def write(self) -> None:
        """Add the turns of the session so far to the report."""
        users, answers = self._speech.read()
        others_ms = [answer.start_ms for answer in answers] or [each.at_ms for each in self._begun]
        turns: list[Turn] = []
        if others_ms and not (users and users[0].start_ms <= others_ms[0]):
            turns.append(self._begin_turn(others_ms[0], None))
        turns += [self._begin_turn(user.start_ms, user) for user in users]
        if turns:
            self._add_to(_Turns(turns), Covered([(user.start_ms, user.end_ms) for user in users]), answers)

    def _begin_turn(self, at_ms: float, user: Speech | None) -> Turn:
        self._report.turn_count += 1
        turn = Turn(number=self._report.turn_count, at_ms=at_ms, delegations=[])
        if user is not None and user.segment is not None:
            turn.user = UserInput(
                kind="speech", start_ms=user.start_ms, end_ms=user.end_ms, transcript_ms=user.words_ms,
                audio_ms=float(user.segment.end_ms - user.segment.start_ms),
                transcript=self._builder.text(user.segment.text, TextBudget()) or None,
            )  # fmt: skip
        self._builder.add("turns", turn)
        return turn

    def _add_to(self, turns: _Turns, users: Covered, answers: list[Speech]) -> None:
        live, requests = self._live, [time_ms for time_ms, _ in self._requests]
        live.speech_ms += self._speech.audible_ms
        responses, previous_ms = list[ResponseReport](), 0.0
        for answer in answers:
            response = self._response(answer, sum(users.between(*span) for span in answer.spans))
            responses.append(response)
            live.overlap_ms += response.overlap_ms or 0.0
            live.overlap_count += bool(response.overlap_ms)
            turn = turns.at(answer.start_ms)
            index = bisect_right(requests, answer.start_ms) - 1
            if turns.is_answer(turn, answer.start_ms):
                self._set_latency(response, turn, answer.start_ms)
            elif index >= 0 and requests[index] >= previous_ms:
                response.asked_ms, response.asked_by = self._requests[index]
            self._builder.add("responses", response, turn.responses)
            previous_ms = answer.start_ms
        begins = [answer.start_ms for answer in answers]
        for at_ms, gap_ms in self._gaps:
            index = max(0, bisect_right(begins, at_ms) - 1)
            responses[index].gaps += 1
            gap = GapReport(at_ms=at_ms, gap_ms=gap_ms, turn=turns.at(begins[index]).number)
            gap.played_ms = max(0.0, at_ms - begins[index])
            self._builder.add("gaps", gap)
        starts = sorted(start for answer in answers for start, _ in answer.spans)
        for delegation in self._begun:
            self._add_delegation(delegation, turns.at(delegation.at_ms), starts)

    def _response(self, answer: Speech, overlap_ms: float) -> ResponseReport:
        self._report.response_count += 1
        response = ResponseReport(overlap_ms=overlap_ms)
        if answer.parts:
            response.first_audio_ms = answer.start_ms
            response.last_audio_ms = max(part.last_ms for part in answer.parts)
            response.audio_ms = sum(part.end_ms - part.start_ms for part in answer.parts)
        else:
            response.first_text_ms = answer.start_ms
        if answer.segment is not None:
            response.transcript = self._builder.text(answer.segment.text, TextBudget()) or None
        return response

    def _set_latency(self, response: ResponseReport, turn: Turn, start_ms: float) -> None:
        """Set the time from the user's last word."""
        response.asked_by = "speech"
        response.asked_ms = None if turn.user is None else turn.user.end_ms
        if response.first_audio_ms is not None:
            response.latency_from = "speech_end"
            response.latency_ms = max(0.0, start_ms - (response.asked_ms or 0.0))
            self._report.latency.add(response.latency_ms)

    def _add_delegation(self, delegation: DelegationReport, turn: Turn, starts: list[float]) -> None:
        if delegation.took_ms is not None:
            self._live.delegation_time.add(delegation.took_ms)
            index = bisect_left(starts, delegation.done_ms or 0.0)
            delegation.spoken_ms = starts[index] if index < len(starts) else None
        if not isinstance(turn.delegations, UnsetType):
            self._builder.add("delegations", delegation, turn.delegations)


class _Turns:
    """The turns of a session in order of time. There is at least one."""

    def __init__(self, turns: list[Turn]) -> None:
        self._turns, self._starts = turns, [turn.at_ms for turn in turns]
        self._answered: set[int] = set()

    def at(self, time_ms: float) -> Turn:
        """Return the last turn that began by `time_ms`, or the first one."""
        return self._turns[max(0, bisect_right(self._starts, time_ms) - 1)]

    def is_answer(self, turn: Turn, start_ms: float) -> bool:
        """Return True for the first speech in a turn that begins once the user has ended."""
        end_ms = turn.user.end_ms if turn.user is not None else None
        if end_ms is None or start_ms < end_ms - _TOLERANCE_MS or turn.number in self._answered:
            return False
        self._answered.add(turn.number)
        return True


def _add_step(delegation: DelegationReport, type: str, text: object, time_ms: float) -> None:
    delegation.step_count += 1
    if len(delegation.steps) < MAX_STEPS:
        delegation.steps.append(DelegationStep(at_ms=time_ms, type=type, text=as_message(text)))


def _set_done(delegation: DelegationReport, time_ms: float) -> None:
    delegation.done_ms, delegation.took_ms = time_ms, max(0.0, time_ms - delegation.at_ms)


LiveHandler: TypeAlias = Callable[[LiveTracker, Any, float], None]
HANDLERS: Final[dict[Direction, dict[str, LiveHandler]]] = {
    "client": {
        "session.instructions.append": LiveTracker.add_text,
        "session.thinking.append": LiveTracker.add_text,
        "session.commentary.append": LiveTracker.add_text,
        "response.item.create": LiveTracker.add_client_item,
        "response.create": LiveTracker.request_response,
    },
    "server": {
        "session.input_transcript.delta": LiveTracker.add_user_words,
        "session.output_transcript.delta": LiveTracker.add_model_words,
        "session.delegation.created": LiveTracker.begin_delegation,
        "response.event": LiveTracker.add_response_event,
        "decision.event": LiveTracker.add_decision_event,
        "session.usage.updated": LiveTracker.add_usage,
        "session.closed": LiveTracker.close,
    },
}
