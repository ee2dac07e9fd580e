"""What a fault is: a value that says what goes wrong, and what it does to one connection.

Frames go in and `Action`s come out; closing, stalling and cutting are carried out by the connection.
What a fault may be told is in `_CHECKS`, by the names of its fields.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

import msgspec

from ..errors import ConfigError
from ..format import AudioFormat

# The audio deltas of every dialect.
AUDIO: Final = frozenset(
    {"response.output_audio.delta", "response.audio.delta", "session.output_audio.delta"}
)
# What is struck where there is nothing to strike.
_NOTHING: Final = b'{"type":"session.hologram.updated","frames":[]}'
# RFC 6455, section 5.5: a control frame carries 125 bytes, a close's code is two of them.
_MAX_REASON_BYTES: Final = 123
# RFC 6455, section 7.4, and IANA's registry: those that may stand in a close frame; from 3000 on they are free.
_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})

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
        """What goes out at once: where a connection has begun, or the fault is brought into a call."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong. `times` is how many connections it strikes; None is all of them.

    Raises:
        ConfigError: a number, a format or a code that cannot be.
        TypeError: a wrong kind of argument.
    """

    source: ClassVar[str] = ""

    times: int | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check = _CHECKS.get(field.name)
            if check is not None:
                check(field.name, getattr(self, field.name))

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
    """Something that goes wrong at the `nth` event whose type is in `at`.

    With None it goes wrong at once: after the session's first events, or when it is brought into a call. Types
    that no event has are taken too (tomorrow's servers have others), and strike nothing.
    """

    at: str | Iterable[str] | None = AUDIO
    nth: int = 1
    times: int | None = 1

    def __post_init__(self) -> None:
        Fault.__post_init__(self)  # dataclasses with slots have no super()
        if self.at is not None and not isinstance(self.at, str):
            object.__setattr__(self, "at", _types(self.at))

    def begin(self) -> Strike:
        """The fault of one connection."""
        return OnceOnly(self)

    def actions(self, frame: bytes) -> Iterable[Action]:
        """What goes out in the place of the frame that is struck."""
        raise NotImplementedError

    def alone(self) -> Iterable[Action]:
        """What goes out at once, where there is no frame to strike: as if it were an event nobody knows."""
        return self.actions(_NOTHING)


class OnceOnly(Strike):
    """Counts up to the one frame that is struck; `may_strike` is asked there whether it still is to be."""

    def __init__(self, fault: Once) -> None:
        self._fault = fault
        self._left = fault.nth
        self._at = frozenset((fault.at,)) if isinstance(fault.at, str) else frozenset(fault.at or ())
        self.may_strike: Callable[[], bool] = lambda: True

    def sending(self, kind: str, frame: bytes) -> Iterable[Action]:
        if kind in self._at:
            self._left -= 1
            if self._left == 0 and self.may_strike():
                return self._fault.actions(frame)
        return (frame,)

    def now(self) -> Iterable[Action]:
        return self._fault.alone() if self._fault.at is None and self.may_strike() else ()


def error(kind: str, code: str | None, message: str) -> bytes:
    """An error about no event of the client's; it has no event_id itself."""
    detail = {"type": kind, "code": code, "message": message, "param": None, "event_id": None}
    return write({"type": "error", "error": detail})


# --- What cannot be ------------------------------------------------------------------


def _types(at: Any) -> frozenset[str]:
    if not isinstance(at, Iterable) or isinstance(at, bytes):
        raise TypeError(f"at is a type of event, or types, not {type(at).__name__}")
    found = frozenset(at)
    for each in found:
        _text("at", each)
    return found


def _at_least(least: int) -> Callable[[str, Any], None]:
    def check(name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} is an int, not {type(value).__name__}")
        if value < least:
            raise ConfigError(f"{name} is at least {least}, got {value}")

    return check


def _times(name: str, value: Any) -> None:
    if value is not None:
        _at_least(0)(name, value)


def _seconds(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a number, not {type(value).__name__}")
    if not 0 <= value < math.inf:
        raise ConfigError(f"{name} is at least 0 and finite, got {value}")


def _text(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} is a str, not {type(value).__name__}")


def _reason(name: str, value: Any) -> None:
    _text(name, value)
    if len(value.encode("utf-8", "surrogatepass")) > _MAX_REASON_BYTES or not value.isprintable():
        raise ConfigError(f"{name} is printable, and at most {_MAX_REASON_BYTES} bytes")


def _code(name: str, value: Any) -> None:
    _at_least(0)(name, value)
    if value not in _CLOSE_CODES:
        raise ConfigError(f"{name} is one that a close frame may carry, got {value}")


def _format(name: str, value: Any) -> None:
    AudioFormat.of(value)


# By the names of the fields, which mean the same in every fault.
_CHECKS: Final[dict[str, Callable[[str, Any], None]]] = {
    "times": _times,
    "nth": _at_least(1),
    "code": _code,
    "reason": _reason,
    "nbytes": _at_least(0),
    "every": _at_least(1),
    "until": _text,
    "format": _format,
    "count": _at_least(0),
    "seconds": _seconds,
}
