"""What a fault is: a value that says what goes wrong, and what it does to one connection.

Frames go in and `Action`s come out; closing, stalling and cutting are carried out by the connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from ..errors import ConfigError

# The audio deltas of every dialect.
AUDIO: Final = frozenset(
    {"response.output_audio.delta", "response.audio.delta", "session.output_audio.delta"}
)
# What is struck where there is nothing to strike.
_NOW: Final = b'{"type":"session.updated","session":{}}'

read = msgspec.json.Decoder().decode
write = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is closed with a code and a reason."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stall:
    """This much of a message goes out and then nothing more, while the connection stays open."""

    part: bytes


@dataclass(frozen=True, slots=True)
class Cut:
    """A frame of the WebSocket begins with this, and the connection breaks off in the middle of it."""

    part: bytes


Action: TypeAlias = "bytes | Close | Stall | Cut"


class Strike:
    """What a fault does to one connection; this one does nothing.

    Attributes: `read_seconds`, how long the server waits before each frame that it reads.
    """

    read_seconds = 0.0

    def sending(self, kind: str, frame: bytes) -> Iterable[Action]:
        """What goes out in the place of a frame of the type `kind`."""
        return (frame,)

    def receiving(self, kind: str) -> bytes | None:
        """What answers a client's frame in the session's place; None to let the session have it."""
        return None

    def now(self) -> Iterable[Action]:
        """What goes out at once where the fault is brought into a call."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong. `times` is how many connections it strikes; None is all of them."""

    source: ClassVar[str] = ""

    times: int | None = None

    def begin(self) -> Strike:
        """The fault of one connection."""
        return _Changed(self)

    def options(self) -> dict[str, Any]:
        """What a session has to be told for it (arguments of `Loopback`)."""
        return {}

    def change(self, kind: str, frame: bytes) -> bytes | None:
        """`frame` as it goes out; None where it does not."""
        return frame


class _Changed(Strike):
    """Each frame by itself."""

    def __init__(self, fault: Fault) -> None:
        self._change = fault.change

    def sending(self, kind: str, frame: bytes) -> Iterable[Action]:
        changed = self._change(kind, frame)
        return () if changed is None else (changed,)


# --- Once in a connection ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Once(Fault):
    """Something that goes wrong at the `nth` event whose type is in `at`; with None, at once."""

    at: str | Iterable[str] | None = AUDIO
    nth: int = 1
    times: int | None = 1

    def __post_init__(self) -> None:
        if self.nth < 1:
            raise ConfigError(f"nth counts from 1, got {self.nth}")

    def begin(self) -> Strike:
        """The fault of one connection."""
        return _OnceOnly(self)

    def actions(self, frame: bytes) -> Iterable[Action]:
        """What goes out in the place of the frame that is struck."""
        raise NotImplementedError


class _OnceOnly(Strike):
    """Counts up to the one frame that is struck."""

    def __init__(self, fault: Once) -> None:
        self._fault = fault
        self._left = fault.nth
        self._at = frozenset((fault.at,)) if isinstance(fault.at, str) else frozenset(fault.at or ())

    def sending(self, kind: str, frame: bytes) -> Iterable[Action]:
        if kind in self._at:
            self._left -= 1
            if self._left == 0:
                return self._fault.actions(frame)
        return (frame,)

    def now(self) -> Iterable[Action]:
        return () if self._at else self._fault.actions(_NOW)


def error(kind: str, code: str | None, message: str) -> bytes:
    """An error about no event of the client's; it has no event_id itself."""
    detail = {"type": kind, "code": code, "message": message, "param": None, "event_id": None}
    return write({"type": "error", "error": detail})
