"""The types of a report: msgspec Structs, which can be written as JSON and read back.

The inspector fills them; nothing is computed here. `LIMITS` bounds the lists of a report.
Fields ending in `_ms` that name a moment are milliseconds on the log's time line; None means that
it did not happen or is not in the log. docs/inspect.md defines each figure; `summary` adds reports up.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType, field

from ..recording import BrokenLine, Direction
from ..state import Tokens
from .histogram import Histogram

REPORT_VERSION = 1

# The most that a report holds of each list, by the names used in `Report.left_out`. The densest hour
# recorded so far had 900 turns and fewer than 100,000 characters of text.
LIMITS: Final = {
    "turns": 2_000,
    "responses": 5_000,
    "calls": 5_000,
    "stray_outputs": 1_000,
    "delegations": 5_000,
    "interruptions": 2_000,
    "gaps": 2_000,
    "errors": 1_000,
    "sessions": 100,
    "broken_lines": 20,
    "undecodable_frames": 20,
    "rate_limits": 16,
}
# The most characters of one text, and of all texts of a report together.
MAX_TEXT_CHARS: Final = 4_000
MAX_TOTAL_CHARS: Final = 2_000_000
# The most characters of a call's arguments, or of an output.
MAX_CALL_CHARS: Final = 1_000
# The steps of one delegation that a report lists.
MAX_STEPS: Final = 50
# The differences of one session that a report lists; all are counted.
MAX_DIFFERENCES: Final = 50
# Names of one kind that are counted separately; all further ones are counted as OTHERS.
MAX_NAMES: Final = 200
OTHERS: Final = "(others)"

# How the user's input arrived: as speech that the server detected, as audio that the client committed,
# or as text. In dialects without turns, a run of transcript counts as speech.
InputKind: TypeAlias = Literal["speech", "audio", "text"]
# The cause of a response: the server's turn detection, its idle timeout, a client's response.create, or
# a response.create that followed the output of a function. "unknown": the log shows no cause.
AskedBy: TypeAlias = Literal["speech", "timeout", "client", "function", "unknown"]
# The start of a latency: the end of the user's speech, the client's commit, its response.create, or the
# server's idle timeout.
LatencyFrom: TypeAlias = Literal["speech_end", "commit", "response_create", "timeout"]
# The cause of an interruption: the user's speech, the client on its own, or the server on its own.
InterruptedBy: TypeAlias = Literal["speech", "client", "server"]
# A problem of a function call or of an output: see `PROBLEMS`.
ProblemKind: TypeAlias = Literal[
    "bad_arguments", "incomplete", "unknown_name", "no_output", "failed", "repeated_output", "refused",
    "unknown_call",
]  # fmt: skip
PROBLEMS: Final[dict[ProblemKind, str]] = {
    "bad_arguments": "the arguments are not a JSON object",
    "incomplete": "the call was cut off",
    "unknown_name": "the session declares no tool of this name",
    "no_output": "no output",
    "failed": "the output is an error",
    "repeated_output": "the client sent more than one output",
    "refused": "the server refused the output",
    "unknown_call": "the log has no call with this id",
}


# --- The session -----------------------------------------------------------------------


class DifferenceReport(Struct, kw_only=True):
    """A setting that the client requested and that the server's session does not have.

    Both values are JSON texts of at most 80 characters, without credentials. `actual` is None if the
    server does not report the setting.
    """

    path: str
    requested: str
    actual: str | None = None


class SessionReport(Struct, kw_only=True):
    """A session of the log. A log has several if the client reconnected.

    `provider` is the name of the server if it is known. Formats, `turn_detection` (None: the
    client decides), `voice` and `transcription_model` are the last ones that were in effect.
    `differences` compares what the client requested with the last session that the server reported, audio
    formats first; it has at most 50 of the `difference_count`. `unconfirmed_ms` is the time of the last
    request if no session.updated (in Live: session.started) followed it. Only Live's sessions have `delegation`,
    the kind of delegation, and `closed`, the reason in session.closed (None: the log has no such event).
    """

    at_ms: float
    id: str | None = None
    dialect: str = "ga"
    provider: str | None = None
    model: str | None = None
    voice: str | None = None
    input_format: str = "pcm16"
    input_rate: int = 24_000
    output_format: str = "pcm16"
    output_rate: int = 24_000
    turn_detection: str | None = None
    silence_duration_ms: float | None = None
    transcription_model: str | None = None
    differences: list[DifferenceReport] = []
    difference_count: int = 0
    unconfirmed_ms: float | None = None
    delegation: str | UnsetType | None = UNSET
    closed: str | UnsetType | None = UNSET


class FrameCount(Struct, kw_only=True):
    """Number and total size of the frames of one direction and type."""

    direction: Direction
    type: str
    frames: int = 0
    nbytes: int = 0


class RateLimitReport(Struct, kw_only=True):
    """A rate limit, as reported when the least of it remained."""

    name: str
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None
    at_ms: float = 0.0


# --- Turns -----------------------------------------------------------------------------


class UserInput(Struct, kw_only=True):
    """The user's speech or text in a turn.

    `start_ms` and `end_ms` are when the client sent the audio in which the server detected the start
    and end of speech. `audio_ms` is the length of that audio. `transcript_ms` is when the transcript
    was complete.
    """

    kind: InputKind
    start_ms: float
    end_ms: float | None = None
    committed_ms: float | None = None
    audio_ms: float = 0.0
    item_id: str | None = None
    transcript: str | None = None
    transcript_ms: float | None = None
    transcription_error: str | None = None


class CallProblem(Struct, kw_only=True):
    """A problem of a function call or an output. `PROBLEMS` has a sentence for each kind.

    `detail` has at most 80 characters of the cause, and "" if there is none to add.
    """

    kind: ProblemKind
    detail: str = ""


class CallReport(Struct, kw_only=True):
    """A function call or, if `server` is set, an MCP tool call.

    `at_ms` is when its arguments were complete, `output_ms` when its output was sent, `took_ms` the
    difference. `arguments` and `output` have at most 1,000 printable characters, without credentials.
    `failed` is True if the MCP call failed or the output is an error.
    """

    name: str
    call_id: str | None = None
    server: str | None = None
    at_ms: float = 0.0
    output_ms: float | None = None
    took_ms: float | None = None
    failed: bool = False
    arguments: str | None = None
    output: str | None = None
    problems: list[CallProblem] = []


class OutputReport(Struct, kw_only=True):
    """An output that the client sent for a call that is not in the log."""

    call_id: str | None = None
    at_ms: float = 0.0
    output: str = ""
    problems: list[CallProblem] = []


class ResponseReport(Struct, kw_only=True):
    """A response: its cause, when its parts arrived, and how much of its audio was played.

    `asked_by` is its cause and `asked_ms` the time of that cause (of "speech": its end). `latency_ms`
    is measured from `latency_from` to the first audio, `created_latency_ms` from response.created.
    `heard_ms` is the length of audio that was played, None if no event reports it. In Live, a response is
    speech of the model without a long pause, its audio is the audible part, and `overlap_ms` is the time
    during which the user spoke too.
    """

    id: str | None = None
    status: str | None = None
    reason: str | None = None
    asked_by: AskedBy = "unknown"
    asked_ms: float | None = None
    created_ms: float | None = None
    first_text_ms: float | None = None
    first_audio_ms: float | None = None
    last_audio_ms: float | None = None
    done_ms: float | None = None
    latency_ms: float | None = None
    latency_from: LatencyFrom | None = None
    created_latency_ms: float | None = None
    audio_ms: float = 0.0
    heard_ms: float | None = None
    interrupted_by: InterruptedBy | None = None
    interrupted_ms: float | None = None
    gaps: int = 0
    transcript: str | None = None
    calls: list[CallReport] = []
    tokens: Tokens | None = None
    overlap_ms: float | UnsetType = UNSET


class DelegationStep(Struct, kw_only=True):
    """A step of a delegation: the type of its event, and at most 80 characters of its subject.

    The type of an event inside `response.event` or `decision.event` is that of the inner event.
    """

    at_ms: float
    type: str
    text: str = ""


class DelegationReport(Struct, kw_only=True):
    """Work that a Live model delegated to `target`.

    `offset_ms` is its time on the session's clock. `done_ms` is when its last response ended, or the
    client sent the last text for it; `took_ms` is the time from `at_ms` to there, and `spoken_ms` the next
    start of audible speech. `steps` has at most 50 of the `step_count`.
    """

    id: str | None = None
    target: str | None = None
    at_ms: float = 0.0
    offset_ms: float | None = None
    done_ms: float | None = None
    took_ms: float | None = None
    spoken_ms: float | None = None
    steps: list[DelegationStep] = []
    step_count: int = 0
    calls: list[CallReport] = []


class Turn(Struct, kw_only=True):
    """The user's input and the responses to it. `user` is None if the assistant began.

    Only Live's turns have `delegations`, those that began during the turn.
    """

    number: int
    at_ms: float
    user: UserInput | None = None
    responses: list[ResponseReport] = []
    delegations: list[DelegationReport] | UnsetType = UNSET


# --- What went wrong -------------------------------------------------------------------


class InterruptionReport(Struct, kw_only=True):
    """A response that was interrupted.

    `into_ms` is the time since its first audio (None if there was none), `audio_ms` the audio received
    by then, `heard_ms` the part of it that was played according to a truncate event.
    """

    at_ms: float
    by: InterruptedBy
    turn: int
    response_id: str | None = None
    into_ms: float | None = None
    audio_ms: float = 0.0
    heard_ms: float | None = None


class GapReport(Struct, kw_only=True):
    """A pause within a response: its audio ran out at `at_ms`, and more arrived `gap_ms` later."""

    at_ms: float
    gap_ms: float
    turn: int
    response_id: str | None = None
    played_ms: float = 0.0


class ErrorReport(Struct, kw_only=True):
    """An error from an "error" event, a failed "response" or a failed "transcription".

    `message` has at most 80 characters. `event_id` is the id of the client event at fault.
    """

    at_ms: float
    source: Literal["error", "response", "transcription"]
    code: str | None = None
    type: str | None = None
    message: str = ""
    event_id: str | None = None


# --- Usage and cost --------------------------------------------------------------------


class UsageReport(Struct, kw_only=True):
    """Usage as the server counts it, by kind of token; see `realtime.state.Usage`."""

    responses: Tokens = field(default_factory=Tokens)
    transcriptions: Tokens = field(default_factory=Tokens)
    backend: Tokens = field(default_factory=Tokens)
    transcribed_seconds: float = 0.0
    session_seconds: float = 0.0
    unreported: int = 0

    def __add__(self, other: UsageReport) -> UsageReport:
        if not isinstance(other, UsageReport):
            return NotImplemented
        names = self.__struct_fields__
        return UsageReport(**{name: getattr(self, name) + getattr(other, name) for name in names})


class CostItem(Struct, kw_only=True):
    """Cost in USD of one use of one model. `usd` is None if it is unknown; `problem` is the reason.

    "backend" is usage of models that a Live session delegates to; "unreported" is usage that the
    server did not report; "other" are amounts beside the tokens of which no price is known.
    """

    use: Literal["responses", "sessions", "transcription", "backend", "unreported", "other"]
    model: str | None = None
    usd: Decimal | None = None
    problem: str | None = None


class CostReport(Struct, kw_only=True):
    """Cost of the call in USD. `usd` is None if any item has no price; `known_usd` is the sum of the others."""

    usd: Decimal | None = Decimal(0)
    known_usd: Decimal = Decimal(0)
    items: list[CostItem] = []


# --- The report ------------------------------------------------------------------------


class LiveReport(Struct, kw_only=True):
    """Figures of the Live sessions of a log.

    `speech_ms` is the length of the audible part of the model's audio, which never pauses. `overlap_ms` is
    the time during which both sides spoke, in `overlap_count` places. `context_used` is the greatest
    reported share of the context window.
    """

    speech_ms: float = 0.0
    overlap_ms: float = 0.0
    overlap_count: int = 0
    delegation_count: int = 0
    delegation_time: Histogram = field(default_factory=Histogram)
    context_used: float | None = None

    def __add__(self, other: LiveReport) -> LiveReport:
        if not isinstance(other, LiveReport):
            return NotImplemented
        names = [name for name in self.__struct_fields__ if name != "context_used"]
        used = [each.context_used for each in (self, other) if each.context_used is not None]
        return LiveReport(
            **{name: getattr(self, name) + getattr(other, name) for name in names},
            context_used=max(used, default=None),
        )


class Report(Struct, kw_only=True):
    """Everything that a log shows about its call.

    Lists are bounded by `LIMITS`; `left_out` counts what they do not hold, by their names ("turns",
    "errors"). Counts, sums and histograms always cover the complete log.

    Attributes:
        logs: the files.
        started_ms, ended_ms: times of the first and the last frame.
        nbytes: size of all frames.
        broken: number of lines that are not log entries; `broken_lines` has the first of them.
        undecodable: number of frames that the dialect's decoder rejects; `undecodable_frames` has the
            first of them. The base64 of audio deltas and appends is not checked.
        user_audio_ms, assistant_audio_ms: length of the audio that was sent and received.
        statuses: number of responses by final status. `interrupted_by` and `error_codes` count
            interruptions and errors the same way.
        call_count: number of function calls and MCP calls. `call_problems` counts their problems by kind,
            and those of `stray_outputs`, which belong to no call.
        interruptions, gaps, errors: see their types; `interruption_count`, `gap_count` and
            `error_count` count all of them.
        unknown_types: event types that this version does not know, with their number.
        latency: time to first audio in milliseconds; `created_latency` the same from response.created.
        call_time: time that function calls took; `gap_time`: length of gaps.
        live: figures of Live's sessions; absent if the log has none.
    """

    version: int = REPORT_VERSION
    logs: list[str] = []
    started_ms: float = 0.0
    ended_ms: float = 0.0
    frames: list[FrameCount] = []
    nbytes: int = 0
    broken: int = 0
    broken_lines: list[BrokenLine] = []
    undecodable: int = 0
    undecodable_frames: list[BrokenLine] = []
    sessions: list[SessionReport] = []
    user_audio_ms: float = 0.0
    assistant_audio_ms: float = 0.0
    turns: list[Turn] = []
    turn_count: int = 0
    response_count: int = 0
    statuses: dict[str, int] = {}
    call_count: int = 0
    call_problems: dict[str, int] = {}
    stray_outputs: list[OutputReport] = []
    interruptions: list[InterruptionReport] = []
    interruption_count: int = 0
    interrupted_by: dict[str, int] = {}
    gaps: list[GapReport] = []
    gap_count: int = 0
    errors: list[ErrorReport] = []
    error_count: int = 0
    error_codes: dict[str, int] = {}
    unknown_types: dict[str, int] = {}
    rate_limits: list[RateLimitReport] = []
    latency: Histogram = field(default_factory=Histogram)
    created_latency: Histogram = field(default_factory=Histogram)
    call_time: Histogram = field(default_factory=Histogram)
    gap_time: Histogram = field(default_factory=Histogram)
    usage: UsageReport = field(default_factory=UsageReport)
    cost: CostReport = field(default_factory=CostReport)
    left_out: dict[str, int] = {}
    live: LiveReport | UnsetType = UNSET

    @property
    def duration_ms(self) -> float:
        """Time from the first frame to the last."""
        return self.ended_ms - self.started_ms

    @property
    def session_id(self) -> str | None:
        """Id of the first session that has one."""
        return next((session.id for session in self.sessions if session.id), None)

    @property
    def model(self) -> str | None:
        """Model of the last session that names one."""
        return next((session.model for session in reversed(self.sessions) if session.model), None)

    @property
    def dialects(self) -> list[str]:
        """Dialects of the sessions, each once, in order."""
        return [*dict.fromkeys(session.dialect for session in self.sessions)]
