"""Function calls of a log: their arguments, their outputs, and what went wrong with each.

A call is found in its response's events and answered by an item of the client, or, if it is a call of
an MCP tool, by the server. Nothing here reads a frame: `_call` decodes events and calls these methods.
Problems are in the report from the moment they are known; "no_output" is removed once an output comes.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import msgspec

from .._bounded import BoundedDict, SeenSet
from .._guard import DEFAULT_MAX_DEPTH, check_depth
from .._text import did_you_mean
from ..errors import DecodeError, snippet
from ..state import ArgumentsError, FunctionCall
from ._builder import ReportBuilder, TextBudget, as_id, as_message, as_name
from ._session import SessionTracker
from .report import MAX_CALL_CHARS, CallProblem, CallReport, OutputReport, ProblemKind

# Calls that can still be answered, and outputs that can still be refused.
_MAX_CALLS: Final = 256
_MAX_WITHOUT_ID: Final = 32
# A limit of this library, as that of arguments: longer outputs are not searched for an error.
_MAX_OUTPUT_CHARS: Final = 1 << 20
# Members of a JSON output that report an error: those of this library's tools and of most others, and
# of MCP's CallToolResult (modelcontextprotocol.io/specification/2025-06-18/server/tools).
_ERROR_MEMBERS: Final = ("error", "errors", "isError", "is_error")
# Outputs that frameworks send if a tool raises: openai-agents 0.24.0 (agents/tool.py) and livekit-agents
# 1.8.9 (livekit/agents/llm/utils.py), read 2026-11-29.
_ERROR_TEXTS: Final = ("An error occurred while running the tool", "An internal error occurred")
_LATER_RESPONSE: Final = "a later response began without it"
_decode_json = msgspec.json.Decoder().decode


def read_call(
    name: object, call_id: str | None, arguments: object, at_ms: float, server: str | None = None
) -> CallReport:
    """Return the report of a call as one event has it, with the problem of its arguments, if any."""
    call = CallReport(name=as_name(name) or "", call_id=call_id, server=server, at_ms=at_ms)
    if isinstance(arguments, str) and arguments:
        call.arguments = snippet(arguments, MAX_CALL_CHARS)
        try:
            FunctionCall("", "", arguments).decode(dict[str, msgspec.Raw])
        except ArgumentsError as error:
            call.problems = [CallProblem(kind="bad_arguments", detail=as_message(error.reason))]
    return call


def error_of(output: str) -> str | None:
    """Return the error that an output reports, in at most 80 characters; None if it reports none."""
    text = output.strip() if len(output) <= _MAX_OUTPUT_CHARS else ""
    if text.startswith(_ERROR_TEXTS):
        return as_message(text)
    if not text.startswith("{"):
        return None
    try:
        raw = text.encode()
        check_depth(raw, DEFAULT_MAX_DEPTH)
        value = _decode_json(raw)
    except (DecodeError, ValueError, RecursionError):
        return None
    error = next((value[name] for name in _ERROR_MEMBERS if value.get(name)), None)
    return None if error is None else _message_of(error, text)


def _message_of(error: Any, text: str) -> str:
    message = error.get("message") if isinstance(error, dict) else error
    return as_message(message if isinstance(message, str) and message else text)


class _Call:
    """A call that can still be answered."""

    __slots__ = ("budgets", "is_answered", "is_listed", "is_restored", "report")

    def __init__(self, report: CallReport, *, is_listed: bool) -> None:
        self.report, self.is_listed = report, is_listed
        self.is_answered = self.is_restored = False
        self.budgets = TextBudget(), TextBudget()


class ToolTracker:
    """Tracks the function calls and MCP calls of a log."""

    def __init__(self, builder: ReportBuilder, sessions: SessionTracker) -> None:
        self._builder, self._report, self._sessions = builder, builder.report, sessions
        self._calls: BoundedDict[str, _Call] = BoundedDict(_MAX_CALLS)
        self._without_id: deque[_Call] = deque(maxlen=_MAX_WITHOUT_ID)
        # The calls since the latest response began.
        self._recent: deque[_Call] = deque(maxlen=_MAX_CALLS)
        # Ids to which an output may refer, of calls that are no longer tracked or were restored, too.
        self._known = SeenSet()
        self._sent: BoundedDict[str, _Call | OutputReport] = BoundedDict(_MAX_CALLS)

    # --- Calls ---

    def add(self, call: CallReport, into: list[CallReport]) -> None:
        """Add a call whose arguments are complete to the calls of its response. Repeated events count once."""
        known = self._calls.get(call.call_id or "")
        if known is None:
            known = self._begin(call, into)
        else:
            self._merge(known, call)
        if known.is_listed and known.report.arguments is not None:
            known.report.arguments = self._builder.text(known.report.arguments, known.budgets[0])

    def _begin(self, call: CallReport, into: list[CallReport]) -> _Call:
        self._report.call_count += 1
        problems, call.problems = call.problems, []
        found = _Call(call, is_listed=self._builder.add("calls", call, into))
        for each in problems:
            self._add_problem(call, each.kind, each.detail)
        self._check_name(call)
        self._add_problem(call, "no_output")
        self._recent.append(found)
        if call.call_id is None:
            self._without_id.append(found)
        else:
            self._calls[call.call_id] = found
            self._known.add(call.call_id)
        return found

    def _merge(self, known: _Call, call: CallReport) -> None:
        """Add what an event has that the events before it lacked."""
        report = known.report
        report.server = report.server or call.server
        if not report.name and call.name:
            report.name = call.name
            self._check_name(report)
        if report.arguments is None and call.arguments is not None:
            report.arguments = call.arguments
            for each in call.problems:
                self._add_problem(report, each.kind, each.detail)

    def _check_name(self, call: CallReport) -> None:
        names = self._sessions.tools.names
        if call.server is None and call.name and names and call.name not in names:
            detail = did_you_mean(call.name, names).removeprefix("; ")
            self._add_problem(call, "unknown_name", as_message(detail))

    def restored(self, call_id: str | None) -> None:
        """Record that the client or another connection added a call to the conversation."""
        if call_id is not None:
            self._known.add(call_id)
            if (known := self._calls.get(call_id)) is not None:
                known.is_restored = True

    def incomplete(self, call_id: str | None) -> None:
        """Record that a call was cut off, if it is known."""
        if (known := self._calls.get(call_id or "")) is not None:
            self._cut_off(known.report)

    def response_ended(self, calls: list[CallReport]) -> None:
        """Record that a response ended early: its calls without complete arguments were cut off."""
        for call in calls:
            if any(each.kind == "bad_arguments" for each in call.problems):
                self._cut_off(call)

    def _cut_off(self, call: CallReport) -> None:
        self._remove_problem(call, "bad_arguments")
        self._remove_problem(call, "no_output")
        self._add_problem(call, "incomplete")

    def response_began(self) -> None:
        """Record that a response begins, without the outputs that are not there yet."""
        for call in self._recent:
            for each in call.report.problems:
                if each.kind == "no_output":
                    each.detail = _LATER_RESPONSE
        self._recent.clear()

    # --- Outputs ---

    def add_output(self, call_id: str | None, output: object, event_id: str | None, time_ms: float) -> None:
        """Add an output that the client sent."""
        call, text = self._find(call_id), output if isinstance(output, str) else ""
        sent: _Call | OutputReport
        if call is not None:
            sent = call
            if not call.is_answered:
                self._answer(call, text, error_of(text), time_ms)
            elif not call.is_restored:
                self._add_problem(call.report, "repeated_output")
        elif self._known.add(call_id):
            sent = self._add_stray(call_id, text, time_ms)
        else:
            return
        if event_id is not None:
            self._sent[event_id] = sent

    def add_echo(self, call_id: str | None, output: object, time_ms: float) -> None:
        """Add an output as the server reports it, which another connection may have sent."""
        call, text = self._calls.get(call_id or ""), output if isinstance(output, str) else ""
        if call is not None and not call.is_answered:
            self._answer(call, text, error_of(text), time_ms)

    def finish(self, call_id: str | None, output: object, error: object, time_ms: float) -> None:
        """Record the end of an MCP call: its output, its error, or neither if the event has none of them."""
        call = self._calls.get(call_id or "")
        if call is None:
            return
        is_failed = bool(error)
        message = as_message(getattr(error, "message", None))
        text = output if isinstance(output, str) else message
        if not call.is_answered:
            self._answer(call, text, message if is_failed else None, time_ms)
            return
        if text and call.report.output is None:
            self._set_output(call, text)
        if is_failed:
            self._fail(call.report, message)

    def refused(self, event_id: str | None, code: str | None, message: str) -> None:
        """Record that the server refused an event of the client, if that was an output."""
        sent = self._sent.pop(event_id, None) if event_id is not None else None
        if sent is None:
            return
        if isinstance(sent, _Call):
            sent.is_answered = False
        report = sent.report if isinstance(sent, _Call) else sent
        self._add_problem(report, "refused", ": ".join(filter(None, (code, message))))

    def _find(self, call_id: str | None) -> _Call | None:
        """Return the call of an output. If its id is not known, it is that of a call for which no event has one."""
        call = self._calls.get(call_id or "")
        if call is None and self._without_id:
            call = self._without_id.popleft()
            if call_id is not None:
                self._calls[call_id] = call
        return call

    def _answer(self, call: _Call, text: str, error: str | None, time_ms: float) -> None:
        report, is_first = call.report, call.report.output_ms is None
        call.is_answered = True
        self._remove_problem(report, "no_output")
        report.output_ms = time_ms
        report.took_ms = max(0.0, time_ms - report.at_ms)
        if is_first:
            self._report.call_time.add(report.took_ms)
        if text:
            self._set_output(call, text)
        if error is not None:
            self._fail(report, error)

    def _set_output(self, call: _Call, text: str) -> None:
        if call.is_listed:
            call.report.output = self._builder.text(snippet(text, MAX_CALL_CHARS), call.budgets[1])

    def _fail(self, report: CallReport, detail: str) -> None:
        report.failed = True
        self._add_problem(report, "failed", detail)
        for each in report.problems:
            if each.kind == "failed":
                each.detail = each.detail or detail

    def _add_stray(self, call_id: str | None, text: str, time_ms: float) -> OutputReport:
        found = OutputReport(call_id=call_id, at_ms=time_ms)
        if self._builder.add("stray_outputs", found):
            found.output = self._builder.text(snippet(text, MAX_CALL_CHARS), TextBudget())
        self._add_problem(found, "unknown_call")
        return found

    # --- Problems ---

    def _add_problem(self, report: CallReport | OutputReport, kind: ProblemKind, detail: str = "") -> None:
        """Add a problem, unless there is one of its kind."""
        if all(each.kind != kind for each in report.problems):
            report.problems.append(CallProblem(kind=kind, detail=detail))
            self._builder.count("call_problems", kind)

    def _remove_problem(self, report: CallReport, kind: ProblemKind) -> None:
        remaining = [each for each in report.problems if each.kind != kind]
        if len(remaining) < len(report.problems):
            report.problems, counts = remaining, self._report.call_problems
            counts[kind] -= 1
            if not counts[kind]:
                del counts[kind]


def output_id(item: Any) -> str | None:
    """Return the id of the call that an item is or answers."""
    return as_id(getattr(item, "call_id", None))
