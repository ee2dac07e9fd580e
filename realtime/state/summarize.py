"""One line for each event, fit for a log: bounded, printable, and without what must not be there.

The laws: audio is a duration and a format ("200 ms audio/pcm"), or bytes where the format is
not known; instructions and credentials are lengths or `<redacted>`; other texts are cut;
what is of an unknown type is its type and size. Any event of any dialect has a line, whatever
its fields hold: nothing here raises for an event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Raw, UnsetType

from .._secrets import REDACTED, is_secret, without_keys
from ..errors import ConfigError
from ..events import (
    FunctionTool,
    McpTool,
    McpToolDescription,
    ResponseUsage,
    TokenUsage,
    Unknown,
    UnknownEvent,
    beta,
    live,
    translation,
)
from ..events.base import ServerSide, Tagged, Wire
from ..events.session import AnyFormat
from ..format import AudioFormat

MAX_CHARS = 200
MAX_TEXT_CHARS = 60
_MAX_ITEMS = 3
_MAX_DEPTH = 6
_MORE = "..."

# Nothing that a log is read for.
_LEFT_OUT = frozenset({"object", "obfuscation", "logprobs", "conversation_id"})
# Instructions by whatever name, of whom a log is told no more than the length.
_INSTRUCTIONS = frozenset({"instructions", "prompt"})
_INSTRUCTING_ROLES = frozenset({"system", "developer"})
_LENGTHS = frozenset({"image_url", "file_data", "file_url"})
# What a reader looks for comes first, since lines are cut.
_FIRST = {
    name: place
    for place, name in enumerate((
        "id", "model", "status", "status_details", "usage",
        "audio", "input_audio_format", "output_audio_format", "output",
    ))
}  # fmt: skip
# Of these no more than this.
_ONLY: dict[type, frozenset[str]] = {
    FunctionTool: frozenset({"name"}),
    McpTool: frozenset({"server_label"}),
    McpToolDescription: frozenset({"name"}),
    beta.RealtimeFunction: frozenset({"name"}),
    ResponseUsage: frozenset({"input_tokens", "output_tokens"}),
    TokenUsage: frozenset({"input_tokens", "output_tokens"}),
}


class Pace(NamedTuple):
    """A format and how much of it is a second."""

    name: str
    bytes_per_second: int


class Summarizer:
    """Makes the lines of one connection's events; audio formats are learnt from its sessions.

    Before the first session was told, audio is in `format`, or in `input_format` and
    `output_format`, in any spelling of `AudioFormat.of`; where none is known, in bytes.

    Raises:
        ConfigError: a format that is none of this wire.
    """

    def __init__(
        self, format: object = None, *, input_format: object = None, output_format: object = None
    ) -> None:
        input_format = format if input_format is None else input_format
        output_format = format if output_format is None else output_format
        self._input = None if input_format is None else _known_pace(AudioFormat.of(input_format))
        self._output = None if output_format is None else _known_pace(AudioFormat.of(output_format))

    def __call__(self, event: object) -> str:
        """The line for `event`, and what a session tells of its formats for the next ones.

        Raises:
            TypeError: `event` is no event.
        """
        if isinstance(event, ServerSide):
            self._learn(getattr(event, "session", None))
        return _line(event, self._input, self._output)

    def _learn(self, session: object) -> None:
        audio = getattr(session, "audio", None)
        both = getattr(audio, "format", None)
        for name, beta_name in (("input", "input_audio_format"), ("output", "output_audio_format")):
            format = both or getattr(getattr(audio, name, None), "format", None)
            pace = _pace(format or getattr(session, beta_name, None))
            if pace is not None:
                setattr(self, f"_{name}", pace)


def summary(
    event: object, format: object = None, *, input_format: object = None, output_format: object = None
) -> str:
    """One line of at most `MAX_CHARS` printable characters for an event of any dialect.

    Audio is told in milliseconds where its `format` is given (in any spelling; both ways, or one
    for each), else in bytes. A `Summarizer` learns the formats from the session.

    Raises:
        ConfigError: a format that is none of this wire.
        TypeError: `event` is no event.
    """
    return Summarizer(format, input_format=input_format, output_format=output_format)(event)


# --- The line ------------------------------------------------------------------------


def _line(event: object, input: Pace | None, output: Pace | None) -> str:
    if isinstance(event, UnknownEvent):
        return f"{_printable(event.type)} <unknown, {_size(event)}>"
    if not isinstance(event, Tagged):
        raise TypeError(f"an event is needed, not {type(event).__name__}")
    line = event.type
    for part in _Fields(event, input, output).of_event():
        if len(line) > MAX_CHARS:
            break
        line = f"{line} {part}"
    return line if len(line) <= MAX_CHARS else line[: MAX_CHARS - len(_MORE)] + _MORE


class _Fields:
    """The fields of one event, as they stand in its line."""

    def __init__(self, event: Tagged, input: Pace | None, output: Pace | None) -> None:
        self._event = event
        self._is_instructing = False
        self._paces = {"input": input, "output": output}
        if isinstance(event, translation.SessionInputAudioBufferAppend):
            self._paces["input"] = _pace(AudioFormat.PCM16)
        elif isinstance(event, translation.SessionOutputAudioDelta):
            rate = event.sample_rate or AudioFormat.PCM16.sample_rate
            self._paces["output"] = _pace({"type": event.format or "pcm16", "rate": rate})

    def of_event(self) -> Iterator[str]:
        """What stands behind the event's type."""
        skipped = "event_id" if isinstance(self._event, ServerSide) else ""
        content = "content" if isinstance(self._event, live.SessionInstructionsAppend) else ""
        for name, default in _fields(type(self._event)):
            value = getattr(self._event, name)
            if value is default or name == skipped:
                continue
            shown = _length(value) if name == content else self._field(name, value, self._event, 1)
            yield f"{name}={shown}"

    def _field(self, name: str, value: Any, owner: Any, depth: int) -> str:
        """The value of a field, which its name may forbid to show."""
        if is_secret(name):
            return "null" if value is None else REDACTED
        if isinstance(value, str):
            if name == "audio" or name == getattr(owner, "audio_field", ""):
                return self._audio(len(value) // 4 * 3, owner)  # base64, as it came or was given
            if name in _INSTRUCTIONS or name in _LENGTHS or (name == "text" and self._is_instructing):
                return _length(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._audio(_nbytes(value), owner)
        return self._value(value, depth)

    def _value(self, value: Any, depth: int) -> str:
        simple = _SIMPLE.get(type(value))
        if simple is not None:
            return simple(value)
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, Unknown):
            return f"{_printable(value.type)} <unknown, {_size(value)}>"
        if isinstance(value, AnyFormat):
            pace = _pace(value)
            return pace.name if pace else value.type
        if depth > _MAX_DEPTH:
            return _MORE
        if isinstance(value, Wire):
            return self._struct(value, depth)
        if isinstance(value, dict):
            pairs = (
                f"{_printable(str(key))}={self._field(str(key), item, None, depth + 1)}"
                for key, item in value.items()
            )
            return f"{{{_some(pairs, len(value), ' ')}}}"
        if isinstance(value, (list, tuple)):
            items = (self._value(item, depth + 1) for item in value)
            return f"[{_some(items, len(value), ', ')}]"
        return f"<{_printable(type(value).__name__)}>"

    def _struct(self, struct: Wire, depth: int) -> str:
        tag = [struct.type] if isinstance(struct, Tagged) else []
        outside, role = self._is_instructing, getattr(struct, "role", "")
        self._is_instructing = outside or (isinstance(role, str) and role in _INSTRUCTING_ROLES)
        parts = [
            f"{name}={self._field(name, getattr(struct, name), struct, depth + 1)}"
            for name, default in _fields(type(struct))
            if getattr(struct, name) is not default
        ]
        self._is_instructing = outside
        return f"{{{' '.join([*tag, *parts])}}}" if parts or not tag else tag[0]

    def _audio(self, nbytes: int, owner: Any) -> str:
        side = "input" if isinstance(owner, Tagged) and "input" in owner.type else "output"
        pace = self._paces[side] if isinstance(owner, Tagged) else None
        if pace is None:
            return f"<{nbytes} bytes of audio>"
        ms = f"{nbytes * 1000 / pace.bytes_per_second:.1f}".removesuffix(".0")
        return f"<{ms} ms {pace.name}>"


# --- Small things --------------------------------------------------------------------


@cache
def _fields(struct: type[Wire]) -> tuple[tuple[str, Any], ...]:
    """The names of the fields that are shown, and the defaults that are not worth a word."""
    only = _ONLY.get(struct)
    found = [
        (field.name, field.default)
        for field in msgspec.structs.fields(struct)
        if field.name not in _LEFT_OUT and (only is None or field.name in only)
    ]
    return tuple(sorted(found, key=lambda field: _FIRST.get(field[0], len(_FIRST))))


def _some(parts: Iterator[str], count: int, between: str) -> str:
    """The first few of `count` parts, and how many more there are."""
    shown = [*islice(parts, _MAX_ITEMS)]
    return between.join([*shown, f"+{count - _MAX_ITEMS} more"] if count > _MAX_ITEMS else shown)


def _printable(text: str, most: int = MAX_TEXT_CHARS) -> str:
    """The beginning of `text` without keys, line breaks or what else a terminal would obey."""
    # Cut twice: a key that the second cut leaves a part of was whole for the search.
    text = without_keys(text[: most * 8])
    if len(text) > most:
        text = text[: most - len(_MORE)] + _MORE
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _text(value: str) -> str:
    """A text in quotes; what can only be an id or a name, without."""
    shown = _printable(value)
    if _BARE.fullmatch(shown):
        return shown
    quote = "'" if '"' in shown and "'" not in shown else '"'
    return quote + shown.replace(quote, "\\" + quote) + quote


def _length(value: Any) -> str:
    return f"<redacted, {len(value)} characters>" if isinstance(value, str) else REDACTED


def _size(unknown: Unknown) -> str:
    return f"{len(unknown.raw)} bytes"


def _nbytes(value: bytes | bytearray | memoryview) -> int:
    try:
        return memoryview(value).nbytes
    except ValueError:  # released
        return 0


def _integer(value: int) -> str:
    # Python refuses to write integers of thousands of digits, and no log wants them.
    return str(value) if value.bit_length() <= 64 else f"<integer of {value.bit_length()} bits>"


_BARE = re.compile(r"[\w.:/+-]+", re.ASCII)
_SIMPLE: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    UnsetType: lambda _: "absent",
    bool: lambda value: str(value).lower(),
    int: _integer,
    float: repr,
    Raw: lambda value: f"<{len(value)} bytes of JSON>",
}


def _pace(format: Any) -> Pace | None:
    """The pace of a format in any spelling, PCM and G.711 of other rates than this wire's too."""
    if format is None or format is UNSET:
        return None
    try:
        return _known_pace(AudioFormat.of(format))
    except (ConfigError, TypeError):
        return _other_pace(format)


def _known_pace(format: AudioFormat) -> Pace:
    return Pace(format.ga_type, format.bytes_per_second)


def _other_pace(format: Any) -> Pace | None:
    """Live's rates: a format of this wire, but for its rate."""
    kind = format.get("type") if isinstance(format, dict) else getattr(format, "type", None)
    rate = format.get("rate") if isinstance(format, dict) else getattr(format, "rate", None)
    if not isinstance(kind, str) or type(rate) is not int or rate <= 0:
        return None
    try:
        known = AudioFormat.of(kind)
    except ConfigError:
        return None
    return Pace(f"{known.ga_type} {_integer(rate)} Hz", rate * known.sample_width)
