"""What clients are expected to notice of each fault, and where a framework differs, with the reason.

A row of `DIFFERENCES` describes a framework as it is, in the version of requirements.txt or package.json. Its
reason says where in the framework the difference comes from. Everything else follows `STANDARD`.
"""

from __future__ import annotations

from typing import NamedTuple

from .driver import Outcome


class Difference(NamedTuple):
    """What a framework notices in place of `STANDARD`, and why; `is_race` if only sometimes."""

    outcome: Outcome
    reason: str
    is_race: bool = False


GOES_ON = Outcome("whole", (), "goes on")

# What a client that reports everything notices.
STANDARD: dict[str, Outcome] = {
    "session_expired": Outcome("part", ("server: session_expired",), "ended"),
    "disconnect": Outcome("part", (), "ended"),
    "beta_disabled": Outcome("none", ("server: beta_api_shape_disabled",), "ended"),
    "stalled_frame": Outcome("part", (), "silent"),
    "truncated_frame": Outcome("part", ("own: JSONDecodeError",), "goes on"),
    "cut_off": Outcome("part", (), "ended"),
    "error_without_event_id": Outcome("whole", ("server: server_error",), "goes on"),
    "big_frame": GOES_ON,
    "unknown_events": GOES_ON,
    "unknown_fields": GOES_ON,
    "null_usage": GOES_ON,
    "late_transcripts": GOES_ON,
    "missing_transcripts": GOES_ON,
    "odd_deltas": GOES_ON,
    "other_format": GOES_ON,
    "commit_refused": GOES_ON,
    "slow_reader": GOES_ON,
    "close_unanswered": GOES_ON,
    "silent_semantic_vad": GOES_ON,
}

_COMMITS = Difference(
    Outcome("other", ("server: input_audio_buffer_commit_empty",), "goes on"),
    "the application commits its audio, so the fault occurs",
)
_WAITS_TO_CLOSE = Difference(
    Outcome("whole", (), "waits to close"), "websockets waits ten seconds for the answer (close_timeout)"
)
_ENDS_AT_BROKEN_JSON = Difference(
    Outcome("part", ("own: JSONDecodeError",), "ended"),
    "iteration raises the error of the JSON parser and cannot be continued",
)
_IGNORES_THE_FORMAT = Difference(
    Outcome("none", (), "goes on"),
    "the application goes on sending PCM, in which the server's VAD finds no pause",
)
_LIVEKIT: dict[str, Difference] = {
    "session_expired": Difference(
        Outcome("part", ("server: session_expired",), "reconnects"), "it reconnects by itself"
    ),
    "disconnect": Difference(Outcome("part", (), "reconnects"), "it reconnects by itself"),
    "cut_off": Difference(Outcome("part", (), "reconnects"), "it reconnects by itself"),
    "beta_disabled": Difference(
        Outcome("none", ("server: beta_api_shape_disabled",), "keeps reconnecting"),
        "a connection that opens resets its count of retries, and the error is none of those it gives up for",
    ),
    "truncated_frame": Difference(
        Outcome("part", ("own: JSONDecodeError",), "ended"),
        "the error of the JSON parser ends the session as not recoverable",
    ),
    "odd_deltas": Difference(
        Outcome("none", (), "goes on"),
        "an AudioFrame needs whole samples: each delta that ends within one is logged and dropped",
    ),
    "other_format": _IGNORES_THE_FORMAT,
}  # fmt: skip

# By client and fault.
DIFFERENCES: dict[str, dict[str, Difference]] = {
    "openai-python (async)": {
        "commit_refused": _COMMITS,
        "truncated_frame": _ENDS_AT_BROKEN_JSON,
        "close_unanswered": _WAITS_TO_CLOSE,
    },
    "openai-python (sync)": {
        "commit_refused": _COMMITS,
        "truncated_frame": _ENDS_AT_BROKEN_JSON,
        "close_unanswered": _WAITS_TO_CLOSE,
    },
    "openai-agents": {
        "truncated_frame": _ENDS_AT_BROKEN_JSON,
        "close_unanswered": _WAITS_TO_CLOSE,
        "beta_disabled": Difference(
            Outcome("none", (), "ended"),
            "iteration raises the close without the error event before it, if that has not been read yet",
            is_race=True,
        ),
        "unknown_events": Difference(
            Outcome("whole", ("own: ValidationError",), "goes on"),
            "each event of an unknown type is reported as an error, with the ValidationError of its union",
        ),
        "null_usage": Difference(
            Outcome("whole", ("own: ValidationError",), "goes on"),
            "openai-python's model of a finished transcription requires its usage",
        ),
        "other_format": _IGNORES_THE_FORMAT,
    },
    "pipecat-ai": {
        "session_expired": Difference(
            Outcome("part", ("server: session_expired",), "silent"),
            "after the ErrorFrame its receive loop returns, and the next turn waits for the end of the response",
        ),
        "disconnect": Difference(
            Outcome("part", (), "silent"),
            "its receive loop ends without an ErrorFrame, and the next turn waits for the end of the response",
        ),
        "cut_off": Difference(
            Outcome("part", (), "silent"),
            "its receive loop ends without an ErrorFrame, and the next turn waits for the end of the response",
        ),
        "truncated_frame": Difference(
            Outcome("part", (), "silent"),
            "the error of the JSON parser ends its receive loop without an ErrorFrame",
        ),
        "beta_disabled": Difference(
            Outcome("none", ("server: beta_api_shape_disabled",), "ends at the next turn"),
            "after the ErrorFrame its receive loop returns; sending fails",
        ),
        "error_without_event_id": Difference(
            Outcome("none", ("server: server_error",), "silent"),
            "every error but three ends its receive loop, while the connection stays open",
        ),
        "big_frame": Difference(
            Outcome("none", (), "ends at the next turn"),
            "it connects with the 1 MiB limit of websockets, which closes the connection; sending fails",
        ),
        "other_format": _IGNORES_THE_FORMAT,
    },
    "livekit-agents": _LIVEKIT,
    "livekit-agents (Azure)": _LIVEKIT,
    "livekit-agents (Azure, dated)": _LIVEKIT,
    "npm openai": {
        "commit_refused": _COMMITS,
        "truncated_frame": Difference(
            Outcome("part", ("own: SyntaxError",), "goes on"), "the JSON parser of JavaScript has another error"
        ),
    },
    "npm @openai/agents": {
        "truncated_frame": Difference(Outcome("part", (), "goes on"), "what it cannot parse is dropped without a word"),
        "other_format": _IGNORES_THE_FORMAT,
    },
}  # fmt: skip


# Where a framework hides the server's error or reports one of its own making, by client and fault.
NOT_THE_SERVERS_ERROR = {
    ("openai-agents", "beta_disabled"),
    ("openai-agents", "unknown_events"),
    ("openai-agents", "null_usage"),
}


def allowed(client: str, fault: str) -> tuple[Outcome, ...]:
    """Return what a client may notice of a fault."""
    found = DIFFERENCES[client].get(fault)
    if found is None:
        return (STANDARD[fault],)
    return (STANDARD[fault], found.outcome) if found.is_race else (found.outcome,)
