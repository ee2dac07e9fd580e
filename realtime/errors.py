"""The errors of this library, grouped by whose fault they report.

    RealtimeError
    ├── DecodeError         (also ValueError)  the peer's bytes
    │   └── ArgumentsError  (realtime.state)   the arguments of a model's call
    ├── EncodeError         (also ValueError)  the user's event
    ├── AudioError          (also ValueError)  the user's audio
    └── ConfigError         (also ValueError)  the user's configuration
        └── ModelNotFoundError

An argument of a wrong type is a plain TypeError. Errors carry fields; the sentence is made in
``__str__``. No message has more than `SNIPPET_CHARS` characters of a payload, a credential, or a
character that a terminal would obey: the constructors take credentials out and escape control
characters, in ``args`` and the fields too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ._text import excerpt, shorten

SNIPPET_CHARS = 80
# Paths consist of the protocol's field names; user-defined keys in them are shortened.
PATH_CHARS = 200
# Sentences are this library's, with snippets in them.
SENTENCE_CHARS = 1000
# Problems that the message of a ConfigError states; all are in its `problems`.
_MAX_STATED_PROBLEMS = 20


def snippet(payload: object, limit: int = SNIPPET_CHARS) -> str:
    """Return at most `limit` printable characters of `payload`, without credentials."""
    if isinstance(payload, (bytes, bytearray)):
        text = bytes(payload[: limit * 8]).decode("utf-8", "backslashreplace")
    else:
        try:
            text = str(payload)
        except ValueError:  # an int of more digits than Python prints
            text = f"<{type(payload).__name__}>"
    return shorten(excerpt(text, limit), limit)


def reason_of(error: BaseException, frame: bytes | None = None) -> str:
    """Return a sentence for the exception of a decoder (of `frame`) or an encoder."""
    if frame is not None and (not frame or frame.isspace()):
        return "an empty frame"
    if isinstance(error, RecursionError):
        return "too deeply nested"
    # msgspec 0.23 has a sentence of its own where 0.22 raised a UnicodeDecodeError.
    if isinstance(error, UnicodeError) or str(error).startswith("Invalid UTF-8"):
        return "the text is not valid Unicode"
    return snippet(error)


def split_path(message: str) -> tuple[str, str]:
    """Split the message of a msgspec.ValidationError into its sentence and its JSON path."""
    reason, mark, path = message.rpartition(" - at `")
    return (reason, path[:-1]) if mark and path.endswith("`") else (message, "$")


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
        self.reason = snippet(reason)
        super().__init__(self.reason)
        self.event_type = snippet(event_type)
        self.path = snippet(path, PATH_CHARS)
        self.expected = snippet(expected)
        self.payload = snippet(payload)

    def __str__(self) -> str:
        where = f" at `{self.path}`" if self.path != "$" else ""
        what = f" in '{self.event_type}'" if self.event_type else ""
        head = f": {self.payload}" if self.payload else ""
        return f"{self.reason}{where}{what}{head}"


class EncodeError(RealtimeError, ValueError):
    """An event that cannot be encoded as a frame. Attributes: `reason`, `event_type`."""

    def __init__(self, reason: str, *, event_type: str = "") -> None:
        self.reason = snippet(reason, SENTENCE_CHARS)
        super().__init__(self.reason)
        self.event_type = snippet(event_type)

    def __str__(self) -> str:
        return f"{self.reason} in '{self.event_type}'" if self.event_type else self.reason


class AudioError(RealtimeError, ValueError):
    """Audio that contradicts its format: an odd length, an unsupported rate, an invalid header."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(snippet(reason, SENTENCE_CHARS))


class ConfigError(RealtimeError, ValueError):
    """A setting that the protocol does not allow.

    Attributes: `problems`, a tuple of (path, sentence) pairs, one for each problem found;
    `field`, the path of the first ("" if there is none); `reason`, the message, which is made from
    the first problems if it is not given.
    """

    def __init__(self, reason: str = "", *, problems: Sequence[tuple[str, str]] = ()) -> None:
        self.problems = tuple(
            (snippet(path, PATH_CHARS), snippet(sentence, SENTENCE_CHARS)) for path, sentence in problems
        )
        self.reason = snippet(reason, SENTENCE_CHARS) or "; ".join(self._stated_problems())
        super().__init__(self.reason)

    def __str__(self) -> str:
        return self.reason

    def _stated_problems(self) -> Iterator[str]:
        for path, sentence in self.problems[:_MAX_STATED_PROBLEMS]:
            yield f"{path}: {sentence}"
        more = len(self.problems) - _MAX_STATED_PROBLEMS
        if more > 0:
            yield f"and {more:,} more"

    @property
    def field(self) -> str:
        """The path of the first problem."""
        return self.problems[0][0] if self.problems else ""


class ModelNotFoundError(ConfigError):
    """A model that this library does not know, or whose price it does not know.

    Attributes: those of ConfigError, and `model`, at most 80 characters of its name.
    """

    def __init__(self, model: str, *, problems: Sequence[tuple[str, str]] = (), reason: str = "") -> None:
        self.model = snippet(model)
        super().__init__(reason or f"unknown realtime model: '{self.model}'", problems=problems)

    def __reduce__(self) -> tuple[type[ModelNotFoundError], tuple[str], dict[str, object]]:
        return type(self), (self.model,), self.__dict__
