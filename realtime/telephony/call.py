"""The events of a phone call, the same for every carrier.

Each message of a carrier has `as_call()`, which returns one of these, or None if a bridge does not
need the message (see `carrier`). They are values of this process and never cross a wire.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from .media import MediaFormat


class CallStarted(Struct, frozen=True):
    """The stream has started.

    `stream_id` is the address of commands to the carrier ("" if it uses none); `format` is None if
    the start does not state one; `parameters` are the user's own, as the carrier passes them on.
    """

    stream_id: str
    call_id: str | None = None
    format: MediaFormat | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


class CallAudio(Struct, frozen=True, gc=False):
    """Raw audio of the caller, in the stream's format.

    `sequence` is the carrier's number of the message and `timestamp_ms` the carrier's clock;
    None if it sends none.
    """

    audio: bytes
    sequence: int | None = None
    timestamp_ms: int | None = None


class CallDigit(Struct, frozen=True, gc=False):
    """A key that the caller pressed: one of 0-9, *, # and, on some carriers, A-D."""

    digit: str
    duration_ms: int | None = None


class CallMark(Struct, frozen=True, gc=False):
    """The mark `name` was reached: the audio before it was played.

    Some carriers report cleared audio in the same way.
    """

    name: str


class CallCleared(Struct, frozen=True, gc=False):
    """The carrier has emptied its playback queue."""


class CallEnded(Struct, frozen=True, gc=False):
    """The stream has ended. Nothing more is sent or played."""


class CallFault(Struct, frozen=True, gc=False):
    """An error that the carrier reported. The stream may go on."""

    reason: str
    code: int | str | None = None


CallEvent = CallStarted | CallAudio | CallDigit | CallMark | CallCleared | CallEnded | CallFault
