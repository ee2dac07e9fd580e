"""What happened in a call: the Structs of a `Report`, which msgspec writes as JSON and reads again.

Nothing here computes. Times ending in `_ms` that say when something was are milliseconds of the
log's time line; None is what did not happen, or what the log does not tell. docs/inspect.md says
what each figure means.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct, field

from ..recording import BrokenLine, Direction
from ..state import Tokens
from .histogram import Histogram

REPORT_VERSION = 1

# How what the user said came: speech that the server detected, audio that the client committed, text.
# In dialects without turns, a run of transcript is speech.
InputKind: TypeAlias = Literal["speech", "audio", "text"]
# What made a response begin: the server's turn detection, its idle timeout, a client's
# response.create, or one that came after the output of a function. "unknown": nothing that was seen.
AskedBy: TypeAlias = Literal["speech", "timeout", "client", "function", "unknown"]
# From where a latency runs: the end of the user's speech, the client's commit, its response.create,
# or the server's idle timeout.
LatencyFrom: TypeAlias = Literal["speech_end", "commit", "response_create", "timeout"]
# Who cut a response: the user's speech, the client by itself, or the server by itself.
InterruptedBy: TypeAlias = Literal["speech", "client", "server"]


# --- The session -----------------------------------------------------------------------


class SessionReport(Struct, kw_only=True):
    """A session of the log; after a reconnect there is another.

    `input_format` and `output_format` are names of `AudioFormat`, as they were in the end; so are
    `turn_detection` (None: the client decides), `voice` and `transcription_model`.
    """

    at_ms: float
    id: str | None = None
    dialect: str = "ga"
    model: str | None = None
    voice: str | None = None
    input_format: str = "pcm16"
    input_rate: int = 24_000
    output_format: str = "pcm16"
    output_rate: int = 24_000
    turn_detection: str | None = None
    silence_duration_ms: float | None = None
    transcription_model: str | None = None


class FrameCount(Struct, kw_only=True):
    """The frames of one direction and type, and their bytes."""

    direction: Direction
    type: str
    frames: int = 0
    nbytes: int = 0


class RateLimitReport(Struct, kw_only=True):
    """A rate limit when the least of it was left."""

    name: str
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None
    at_ms: float = 0.0


# --- Turns -----------------------------------------------------------------------------


class UserInput(Struct, kw_only=True):
    """What the user said or wrote in a turn.

    `start_ms` and `end_ms` lie on the log's time line: where the audio was sent that the server says
    the speech begins and ends in. `audio_ms` is how much audio it is. `transcript_ms` is when its
    transcript was complete.
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


class CallReport(Struct, kw_only=True):
    """A function call (or, with a `server`, a call of an MCP tool).

    `at_ms` is when it was whole, `output_ms` when its output came, `took_ms` what lies between.
    """

    name: str
    call_id: str | None = None
    server: str | None = None
    at_ms: float = 0.0
    output_ms: float | None = None
    took_ms: float | None = None
    failed: bool = False


class ResponseReport(Struct, kw_only=True):
    """A response: what asked for it, when its parts came, how much of it was heard.

    `asked_ms` is when `asked_by` did so: of "speech", its end. `latency_ms` runs from what `latency_from`
    names to the first audio, `created_latency_ms` from response.created. `heard_ms` is None where nothing
    tells it.
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


class Turn(Struct, kw_only=True):
    """What the user said (None: nothing, the assistant speaks first) and the responses to it."""

    number: int
    at_ms: float
    user: UserInput | None = None
    responses: list[ResponseReport] = []


# --- What went wrong -------------------------------------------------------------------


class InterruptionReport(Struct, kw_only=True):
    """A response that was cut: when, by whom, how far in.

    `into_ms` is the time since its first audio (None where none had come), `audio_ms` what had come by
    then, `heard_ms` what of it was heard, as a truncate told it.
    """

    at_ms: float
    by: InterruptedBy
    turn: int
    response_id: str | None = None
    into_ms: float | None = None
    audio_ms: float = 0.0
    heard_ms: float | None = None


class GapReport(Struct, kw_only=True):
    """Within a response, all audio that had come was over at `at_ms`, and for `gap_ms` no more came."""

    at_ms: float
    gap_ms: float
    turn: int
    response_id: str | None = None
    played_ms: float = 0.0


class ErrorReport(Struct, kw_only=True):
    """An error: of an event "error", of a "response" that failed, or of a "transcription".

    `message` has 80 characters at most. `event_id` is that of the client event at fault.
    """

    at_ms: float
    source: Literal["error", "response", "transcription"]
    code: str | None = None
    type: str | None = None
    message: str = ""
    event_id: str | None = None


# --- What it took ----------------------------------------------------------------------


class UsageReport(Struct, kw_only=True):
    """What the server counted, by kind of token; see `realtime.state.Usage`."""

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
    """What one use of one model cost in USD; None where that is not known, and `problem` says why.

    "backend" is what Live delegates to; "unreported" stands for usage that the server left out.
    """

    use: Literal["responses", "sessions", "transcription", "backend", "unreported"]
    model: str | None = None
    usd: Decimal | None = None
    problem: str | None = None


class CostReport(Struct, kw_only=True):
    """What the call cost in USD. `usd` is None where anything has no price; `known_usd` is the rest."""

    usd: Decimal | None = Decimal(0)
    known_usd: Decimal = Decimal(0)
    items: list[CostItem] = []


# --- All of it -------------------------------------------------------------------------


class Report(Struct, kw_only=True):
    """What a log tells of its call.

    Lists are bounded: `left_out` counts what they do not hold, by their names ("turns", "errors").
    Counts, sums and histograms are of everything, whatever was left out.

    Attributes:
        logs: the files.
        started_ms, ended_ms: times of the first and the last frame.
        nbytes: bytes of all frames.
        broken: lines that are no entries; `broken_lines` shows the first of them.
        undecodable: frames that the dialect's decoder refuses; audio and text deltas are not decoded.
            `undecodable_frames` shows the first of them.
        user_audio_ms, assistant_audio_ms: how much audio was sent and received.
        statuses: how responses ended, and how often. `interrupted_by`, `error_codes`: the same of cuts
            and of errors.
        interruptions, gaps, errors: see their Structs; `interruption_count`, `gap_count`, `error_count`.
        unknown_types: event types that this version does not know, and how often they came.
        latency: first audio, in milliseconds; `created_latency` the same from response.created.
        call_time: how long function calls took; `gap_time`: how long gaps were.
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

    @property
    def duration_ms(self) -> float:
        """From the first frame to the last."""
        return self.ended_ms - self.started_ms

    @property
    def session_id(self) -> str | None:
        """The id of the first session that has one."""
        return next((session.id for session in self.sessions if session.id), None)

    @property
    def model(self) -> str | None:
        """The model of the last session that names one."""
        return next((session.model for session in reversed(self.sessions) if session.model), None)

    @property
    def dialects(self) -> list[str]:
        """The dialects that were spoken, in their order."""
        return [*dict.fromkeys(session.dialect for session in self.sessions)]
