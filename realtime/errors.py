"""The errors of this library, grouped by whose fault they report.

    RealtimeError
    ├── DecodeError         (also ValueError)  the peer's bytes
    │   └── ArgumentsError  (realtime.state)   the arguments of a model's call
    ├── EncodeError         (also ValueError)  the user's event
    ├── AudioError          (also ValueError)  the user's audio
    └── ConfigError         (also ValueError)  the user's configuration
        └── ModelNotFoundError

An argument of a wrong type is a plain TypeError. Errors carry fields; the sentence is made in
``__str__``. No message has more than `SNIPPET_CHARS` characters of a payload, or a credential.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._text import excerpt, shorten

SNIPPET_CHARS = 80
# Paths consist of the protocol's field names; user-defined keys in them are shortened.
PATH_CHARS = 200


def snippet(payload: object) -> str:
    """Return at most `SNIPPET_CHARS` printable characters of `payload`, without credentials."""
    if isinstance(payload, (bytes, bytearray)):
        text = bytes(payload[: SNIPPET_CHARS * 8]).decode("utf-8", "backslashreplace")
    else:
        text = str(payload)
    return shorten(excerpt(text, SNIPPET_CHARS), SNIPPET_CHARS)


def reason_of(error: BaseException, frame: bytes | None = None) -> str:
    """Return a sentence for the exception of a decoder (of `frame`) or an encoder."""
    if frame is not None and (not frame or frame.isspace()):
        return "an empty frame"
    if isinstance(error, RecursionError):
        return "too deeply nested"
    if isinstance(error, UnicodeError):
        return "the text is not valid Unicode"
    return snippet(error)


class RealtimeError(Exception):
    """The base class of every error that this library raises on purpose."""


class DecodeError(RealtimeError, ValueError):
    """A frame from the peer that does not fit its type, or that is not JSON.

    Attributes: `reason` (one sentence), `event_type` ("" if it could not be read), `path` (JSON
    path, "$" for the frame itself), `expected` (a type or field, or ""), `payload` (the head of
    the frame, at most 80 characters).
    """

    def __init__(
        self, reason: str, *, event_type: str = "", path: str = "$", expected: str = "", payload: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason = snippet(reason)
        self.event_type = snippet(event_type)
        self.path = shorten(path, PATH_CHARS)
        self.expected = snippet(expected)
        self.payload = snippet(payload)

    def __str__(self) -> str:
        where = f" at `{self.path}`" if self.path != "$" else ""
        what = f" in {self.event_type!r}" if self.event_type else ""
        head = f": {self.payload}" if self.payload else ""
        return f"{self.reason}{where}{what}{head}"


class EncodeError(RealtimeError, ValueError):
    """An event that cannot be encoded as a frame. Attributes: `reason`, `event_type`."""

    def __init__(self, reason: str, *, event_type: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.event_type = event_type

    def __str__(self) -> str:
        return f"{self.reason} in {self.event_type!r}" if self.event_type else self.reason


class AudioError(RealtimeError, ValueError):
    """Audio that contradicts its format: an odd length, an unsupported rate, an invalid header."""


class ConfigError(RealtimeError, ValueError):
    """A setting that the protocol does not allow.

    Attributes: `problems`, a tuple of (path, sentence) pairs, one for each problem found;
    `field`, the path of the first ("" if there is none).
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
    """A model that this library does not know, or whose price it does not know. Attribute: `model`."""

    def __init__(self, model: str, *, problems: Sequence[tuple[str, str]] = (), reason: str = "") -> None:
        super().__init__(reason or f"unknown realtime model: {snippet(repr(model))}", problems=problems)
        self.model = model

    def __str__(self) -> str:
        return self.reason

    def __reduce__(self) -> tuple[type[ModelNotFoundError], tuple[str], dict[str, object]]:
        return type(self), (self.model,), self.__dict__
