"""What any carrier tells of a call, in one vocabulary: what a bridge needs to know and no more.

Each carrier's messages give these by `as_call()`; what is a carrier's own affair gives None.
Values of this process, which never cross a wire.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .media import MediaFormat


@dataclass(frozen=True, slots=True)
class CallStarted:
    """The stream begins.

    `stream_id` is what commands to the carrier are addressed to ("" where they are not);
    `format` is None where the start does not tell it; `parameters` are the caller's own,
    as the carrier hands them on.
    """

    stream_id: str
    call_id: str | None = None
    format: MediaFormat | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallAudio:
    """What the caller says: raw audio in the stream's format.

    `sequence` is the carrier's number of the message, `timestamp_ms` the carrier's clock;
    None where it sends none.
    """

    audio: bytes
    sequence: int | None = None
    timestamp_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CallDigit:
    """The caller pressed a key: one of 0-9, *, # and, on some carriers, A-D."""

    digit: str
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class CallMark:
    """What was sent before the mark `name` was played, or was cleared where the carrier tells both alike."""

    name: str


@dataclass(frozen=True, slots=True)
class CallCleared:
    """The carrier has emptied its playback queue."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The stream ends; nothing more is sent or played."""


@dataclass(frozen=True, slots=True)
class CallFailed:
    """The carrier complains, of something it got or of itself. The stream may go on."""

    reason: str
    code: int | str | None = None


CallEvent = CallStarted | CallAudio | CallDigit | CallMark | CallCleared | CallEnded | CallFailed
