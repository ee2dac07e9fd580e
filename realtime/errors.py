"""The errors of this library, by who is to blame.

    RealtimeError
    ├── DecodeError         (also ValueError)  the peer's bytes
    │   └── ArgumentsError  (realtime.state)   the arguments of a model's call
    ├── EncodeError         (also ValueError)  our caller's event
    ├── AudioError          (also ValueError)  our caller's audio
    └── ConfigError         (also ValueError)  our caller's configuration
        └── ModelNotFoundError

A wrong kind of argument is a plain TypeError. Errors carry data; the sentence is made
in ``__str__``. No message holds more than `SNIPPET_CHARS` characters of a payload.
"""

from __future__ import annotations

from collections.abc import Sequence

SNIPPET_CHARS = 80
# Paths name fields of the protocol; where they name a caller's own keys, those are cut.
PATH_CHARS = 200


def snippet(payload: object) -> str:
    """At most `SNIPPET_CHARS` printable characters of `payload`, for a message."""
    if isinstance(payload, (bytes, bytearray)):
        text = bytes(payload[:SNIPPET_CHARS]).decode("utf-8", "backslashreplace")
    else:
        text = str(payload)
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return text if len(text) <= SNIPPET_CHARS else text[: SNIPPET_CHARS - 3] + "..."


def reason_of(why: BaseException, frame: bytes | None = None) -> str:
    """A sentence for what a decoder or encoder raised, of `frame` where that was read."""
    if frame is not None and (not frame or frame.isspace()):
        return "an empty frame"
    if isinstance(why, RecursionError):
        return "too deeply nested"
    if isinstance(why, UnicodeError):
        return "the text is not valid Unicode"
    return snippet(why)


class RealtimeError(Exception):
    """The root of every error that this library raises on purpose."""


class DecodeError(RealtimeError, ValueError):
    """A frame from the peer that is not what its type promises, or not JSON at all.

    Attributes: `reason` (one sentence), `event_type` ("" where it could not be read),
    `path` (JSON path, "$" for the frame itself), `expected` ("" where nothing in
    particular was), `payload` (the head of the frame, at most 80 characters).
    """

    def __init__(
        self,
        reason: str,
        *,
        event_type: str = "",
        path: str = "$",
        expected: str = "",
        payload: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason = snippet(reason)
        self.event_type = snippet(event_type)
        self.path = path if len(path) <= PATH_CHARS else path[: PATH_CHARS - 3] + "..."
        self.expected = snippet(expected)
        self.payload = snippet(payload)

    def __str__(self) -> str:
        where = f" at `{self.path}`" if self.path != "$" else ""
        what = f" in {self.event_type!r}" if self.event_type else ""
        head = f": {self.payload}" if self.payload else ""
        return f"{self.reason}{where}{what}{head}"


class EncodeError(RealtimeError, ValueError):
    """An event that cannot be written as a frame. Attributes: `reason`, `event_type`."""

    def __init__(self, reason: str, *, event_type: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.event_type = event_type

    def __str__(self) -> str:
        return f"{self.reason} in {self.event_type!r}" if self.event_type else self.reason


class AudioError(RealtimeError, ValueError):
    """Audio that cannot be what it is said to be: an odd length, an unknown rate, a bad header."""


class ConfigError(RealtimeError, ValueError):
    """A setting the protocol does not allow.

    Attributes: `problems`, a tuple of (path, sentence) pairs, one for each thing found;
    `field`, the path of the first ("" where there is no path).
    """

    def __init__(self, reason: str, *, problems: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.problems = tuple(problems)

    @property
    def field(self) -> str:
        """The path of the first problem."""
        return self.problems[0][0] if self.problems else ""


class ModelNotFoundError(ConfigError):
    """A model name that the facts of this library do not hold, or not all of them. Attribute: `model`."""

    def __init__(self, model: str, *, problems: Sequence[tuple[str, str]] = (), reason: str = "") -> None:
        super().__init__(reason or f"unknown realtime model: {snippet(repr(model))}", problems=problems)
        self.model = model

    def __str__(self) -> str:
        return self.reason

    def __reduce__(self) -> tuple[type[ModelNotFoundError], tuple[str], dict[str, object]]:
        return type(self), (self.model,), self.__dict__
