"""One printable, bounded line for any event, for logs.

Audio is shown as a duration and a format ("200 ms audio/pcm"), or in bytes if the format is not
known. Instructions and credentials are replaced by their length or by `<redacted>`, other texts
are shortened, and values of unknown types are shown as their type and size. Any event of any
dialect has a line, whatever its fields contain: nothing here raises for an event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw, UnsetType

from .. import events as ga
from .._base64 import decoded_nbytes
from .._provider import ProviderLike, get_provider
from .._secrets import REDACTED, is_secret
from .._text import excerpt, shorten
from ..errors import ConfigError
from ..events import beta, live, translation
from ..events.base import ServerSide, Tagged, Wire
from ..events.session import AnyFormat
from ..format import AudioFormat, AudioFormatLike, Side
from ._common import stated_format

MAX_CHARS: Final = 200
MAX_TEXT_CHARS: Final = 60
_MAX_ITEMS = 3
_MAX_DEPTH = 6
_MORE = "..."

# Fields that no reader of a log looks for.
_HIDDEN = frozenset({"object", "obfuscation", "logprobs", "conversation_id"})
# Fields and roles of instructions, of which only the length is shown.
_INSTRUCTIONS = frozenset({"instructions", "prompt"})
_INSTRUCTION_ROLES = frozenset({"system", "developer"})
_TEXTS = frozenset({"text", "content"})
_DATA_URLS = frozenset({"image_url", "file_data", "file_url"})
# The most informative fields come first, because lines are shortened.
_FIRST = {
    name: place
    for place, name in enumerate((
        "id", "model", "status", "status_details", "usage",
        "audio", "input_audio_format", "output_audio_format", "output",
    ))
}  # fmt: skip
# The only fields shown of these types.
_ONLY: dict[type, frozenset[str]] = {
    ga.FunctionTool: frozenset({"name"}),
    ga.McpTool: frozenset({"server_label"}),
    ga.McpToolDescription: frozenset({"name"}),
    live.FunctionTool: frozenset({"name"}),
    live.CustomTool: frozenset({"name"}),
    live.McpTool: frozenset({"server_label"}),
    beta.RealtimeFunction: frozenset({"name"}),
    ga.ResponseUsage: frozenset({"input_tokens", "output_tokens"}),
    ga.TokenUsage: frozenset({"input_tokens", "output_tokens"}),
}


class _Rate(NamedTuple):
    """The name of an audio format, and its bytes per second."""

    name: str
    bytes_per_second: int


class Summarizer:
    """Makes the lines of one connection's events, with the audio formats of its sessions.

    Until a server event states the session's formats, audio is taken to be in `format`, or in
    `input_format` and `output_format`; where none is given, it is shown in bytes. `provider`, a name or
    value, is the server whose spellings of formats are used.

    Raises:
        ConfigError: a format is not a format of this wire, or `provider` is not known.
        TypeError: a format is not a str, a mapping or an object with a `type`.
    """

    def __init__(
        self,
        format: AudioFormatLike | None = None,
        *,
        input_format: AudioFormatLike | None = None,
        output_format: AudioFormatLike | None = None,
        provider: ProviderLike | None = None,
    ) -> None:
        self._provider = None if provider is None else get_provider(provider)
        input_format = format if input_format is None else input_format
        output_format = format if output_format is None else output_format
        self._rates: dict[Side, _Rate | None] = {
            "input": None if input_format is None else _wire_rate(AudioFormat.of(input_format)),
            "output": None if output_format is None else _wire_rate(AudioFormat.of(output_format)),
        }

    def __call__(self, event: object) -> str:
        """Return the line for `event`. A session in a server event sets the formats for the next lines.

        Raises:
            TypeError: `event` is not an event.
        """
        session = getattr(event, "session", None) if isinstance(event, ServerSide) else None
        if session is not None:
            for side in self._rates:
                stated = stated_format(session, side, self._provider)
                if stated is not None:
                    self._rates[side] = _wire_rate(stated)
        return _line(event, self._rates)


def summary(
    event: object,
    format: AudioFormatLike | None = None,
    *,
    input_format: AudioFormatLike | None = None,
    output_format: AudioFormatLike | None = None,
) -> str:
    """Return one line of at most `MAX_CHARS` printable characters for an event of any dialect.

    Audio is shown in milliseconds if its format is given (`format` for both directions, or one for
    each), else in bytes. Use a `Summarizer` to take the formats from the session.

    Raises:
        ConfigError: a format is not a format of this wire.
        TypeError: `event` is not an event.
    """
    return Summarizer(format, input_format=input_format, output_format=output_format)(event)


# --- The line ------------------------------------------------------------------------


def _line(event: object, rates: dict[Side, _Rate | None]) -> str:
    if isinstance(event, ga.UnknownEvent):
        return _unknown(event)
    if not isinstance(event, Tagged):
        raise TypeError(f"expected an event, got {type(event).__name__}")
    line = event.type
    for part in _EventFields(event, rates).parts():
        if len(line) > MAX_CHARS:
            break
        line = f"{line} {part}"
    return shorten(line, MAX_CHARS)


class _EventFields:
    """The fields of one event as text."""

    def __init__(self, event: Tagged, rates: dict[Side, _Rate | None]) -> None:
        self._event = event
        self._is_in_instructions = False
        self._rates = dict(rates)
        if isinstance(event, translation.SessionInputAudioBufferAppend):
            self._rates["input"] = _wire_rate(AudioFormat.PCM16)
        elif isinstance(event, translation.SessionOutputAudioDelta):
            sample_rate = event.sample_rate or AudioFormat.PCM16.sample_rate
            self._rates["output"] = _rate_of({"type": event.format or "pcm16", "rate": sample_rate})

    def parts(self) -> Iterator[str]:
        """Yield ``name=value`` for each field that is shown."""
        skipped = "event_id" if isinstance(self._event, ServerSide) else ""
        content = "content" if isinstance(self._event, live.SessionInstructionsAppend) else ""
        for name, default in _shown_fields(type(self._event)):
            value = getattr(self._event, name)
            if value is default or name == skipped:
                continue
            text = _length(value) if name == content else self._field(name, value, self._event, 1)
            yield f"{name}={text}"

    def _field(self, name: str, value: Any, owner: Any, depth: int) -> str:
        """Return the value of a field as text, hiding it if its name requires it."""
        if is_secret(name):
            return "null" if value is None else REDACTED
        if isinstance(value, str):
            if name == "audio" or name == getattr(owner, "audio_field", ""):
                # Base64, as it was received or given.
                return self._audio(decoded_nbytes(value.encode("ascii", "replace")), owner)
            is_instruction = name in _INSTRUCTIONS or (name in _TEXTS and self._is_in_instructions)
            if is_instruction or name in _DATA_URLS:
                return _length(value)
        if isinstance(value, list) and name in _INSTRUCTIONS:
            return REDACTED
        if isinstance(value, (bytes, bytearray, memoryview)):
            return self._audio(_nbytes(value), owner)
        return self._value(value, depth)

    def _value(self, value: Any, depth: int) -> str:
        simple = _SIMPLE.get(type(value))
        if simple is not None:
            return simple(value)
        if isinstance(value, str):
            return _text(value)
        if isinstance(value, ga.Unknown):
            return _unknown(value)
        if isinstance(value, AnyFormat):
            rate = _rate_of(value)
            return rate.name if rate else value.type
        if depth > _MAX_DEPTH:
            return _MORE
        if isinstance(value, Wire):
            return self._struct(value, depth)
        if isinstance(value, dict):
            pairs = (
                f"{_excerpt(str(key))}={self._field(str(key), item, None, depth + 1)}"
                for key, item in value.items()
            )
            return f"{{{_first_few(pairs, len(value), ' ')}}}"
        if isinstance(value, (list, tuple)):
            items = (self._value(item, depth + 1) for item in value)
            return f"[{_first_few(items, len(value), ', ')}]"
        return f"<{_excerpt(type(value).__name__)}>"

    def _struct(self, struct: Wire, depth: int) -> str:
        tag = [struct.type] if isinstance(struct, Tagged) else []
        outside, role = self._is_in_instructions, getattr(struct, "role", "")
        self._is_in_instructions = outside or (isinstance(role, str) and role in _INSTRUCTION_ROLES)
        parts = [
            f"{name}={self._field(name, getattr(struct, name), struct, depth + 1)}"
            for name, default in _shown_fields(type(struct))
            if getattr(struct, name) is not default
        ]
        self._is_in_instructions = outside
        return f"{{{' '.join([*tag, *parts])}}}" if parts or not tag else tag[0]

    def _audio(self, nbytes: int, owner: Any) -> str:
        side: Side = "input" if isinstance(owner, Tagged) and "input" in owner.type else "output"
        rate = self._rates[side] if isinstance(owner, Tagged) else None
        if rate is None:
            return f"<{nbytes} bytes of audio>"
        ms = f"{nbytes * 1000 / rate.bytes_per_second:.1f}".removesuffix(".0")
        return f"<{ms} ms {rate.name}>"


# --- Values --------------------------------------------------------------------------


@cache
def _shown_fields(struct: type[Wire]) -> tuple[tuple[str, Any], ...]:
    """Return the names of the fields to show, each with the default that is omitted."""
    only = next((_ONLY[base] for base in struct.__mro__ if base in _ONLY), None)
    found = [
        (field.name, field.default)
        for field in msgspec.structs.fields(struct)
        if field.name not in _HIDDEN and (only is None or field.name in only)
    ]
    return tuple(sorted(found, key=lambda field: _FIRST.get(field[0], len(_FIRST))))


def _first_few(parts: Iterator[str], count: int, between: str) -> str:
    """Join the first of `count` parts, and the number of the others."""
    shown = [*islice(parts, _MAX_ITEMS)]
    return between.join([*shown, f"+{count - _MAX_ITEMS} more"] if count > _MAX_ITEMS else shown)


def _excerpt(text: str) -> str:
    return excerpt(text, MAX_TEXT_CHARS)


def _text(value: str) -> str:
    """Return a text in quotes, or without if it can only be an id or a name."""
    shown = _excerpt(value)
    if _BARE.fullmatch(shown):
        return shown
    quote = "'" if '"' in shown and "'" not in shown else '"'
    return quote + shown.replace(quote, "\\" + quote) + quote


def _length(value: Any) -> str:
    return f"<redacted, {len(value)} characters>" if isinstance(value, str) else REDACTED


def _unknown(value: ga.Unknown) -> str:
    # Escapes may have made the excerpt ten times as long; the size must still fit into the line.
    type_text = shorten(_excerpt(value.type), 2 * MAX_TEXT_CHARS)
    return f"{type_text} <unknown, {len(value.raw)} bytes>"


def _nbytes(value: bytes | bytearray | memoryview) -> int:
    try:
        return memoryview(value).nbytes
    except ValueError:  # a released memoryview
        return 0


def _integer(value: int) -> str:
    # Python refuses to print integers of thousands of digits.
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


def _rate_of(format: Any) -> _Rate | None:
    """Return the rate of a format, or None."""
    try:
        return _wire_rate(AudioFormat.of(format))
    except (ConfigError, TypeError):
        return None


def _wire_rate(format: AudioFormat) -> _Rate:
    usual = AudioFormat.of(format.encoding).sample_rate
    name = format.ga_type if format.sample_rate == usual else f"{format.ga_type} {format.sample_rate} Hz"
    return _Rate(name, format.bytes_per_second)
