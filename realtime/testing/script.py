"""Scripts: the replies that the server gives, as a list or as a function of the user's turn.

A reply consists of parts, in order: `Say` sends a message, `Call` calls a function, `Fail` fails the response.
`Transcribe` and `Delegate` are for Live sessions; others skip them. Without a script, and after its last reply,
the server echoes the user's turn. Values that no event can carry are rejected when the script is created. Read
`response` next: it turns parts into events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias

import msgspec

from ..append import as_bytes_view
from ..audio import convert
from ..errors import ConfigError
from ..format import AudioFormat, AudioFormatLike

# The duration of the silence that stands for a word without audio.
MS_PER_WORD: Final = 300
# The longest silence for a text. A client's text of 30 MiB would be echoed as 50 days of silence.
MAX_SILENCE_MS: Final = 600_000
EMPTY_CONVERSATION_REPLY: Final = "I have heard nothing yet."


@dataclass(frozen=True, slots=True)
class Turn:
    """The user's last turn: audio in `format`, or `text` if the turn has no audio."""

    audio: bytes
    format: AudioFormat
    text: str


class Say:
    """A message of the assistant, with its text and optionally its audio.

    The audio is converted to the output format of the response. Without audio each word becomes 300 ms
    of silence, ten minutes at most. A text response contains only the text.

    Args:
        text: the message, or the transcript of its audio.
        audio: a buffer of audio in `format`; None for silence.
        format: the format of `audio`, in any spelling that `AudioFormat.of` accepts.

    Raises:
        AudioError: `audio` is not a whole number of samples.
        ConfigError: the format is unknown, or the text cannot be encoded as UTF-8.
        TypeError: `text` is not a str, or `audio` is not a buffer.
    """

    __slots__ = ("audio", "format", "text")

    def __init__(
        self, text: str = "", audio: Any = None, format: AudioFormatLike = AudioFormat.PCM16
    ) -> None:
        self.text = _check_text("text", text)
        self.format = AudioFormat.of(format)
        if isinstance(audio, str):
            raise TypeError("audio must be a buffer of raw audio, not base64 text")
        self.audio = None if audio is None else bytes(as_bytes_view(audio))
        if self.audio is not None:
            self.format.duration_ms(len(self.audio))  # raises AudioError for a partial sample

    def render(self, format: AudioFormat) -> bytes:
        """Return the audio of the message in `format`."""
        if self.audio is None:
            limit = MAX_SILENCE_MS // MS_PER_WORD
            return format.silence(MS_PER_WORD * min(limit, len(self.text.split(None, limit))))
        return convert(self.audio, self.format, format)

    def __repr__(self) -> str:
        audio = "" if self.audio is None else f", <{len(self.audio)} bytes>, {self.format.encoding!r}"
        return f"Say({self.text!r}{audio})"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the client's function `name`.

    `arguments` is JSON text, or a dict that is encoded as JSON; `json` is the resulting text. A str is
    sent unchanged, even if it is not valid JSON, because models produce such calls too.

    Raises:
        ConfigError: a text cannot be encoded as UTF-8.
        TypeError: an argument has the wrong type, or the dict cannot be encoded as JSON.
    """

    name: str
    arguments: str | dict[str, Any] = "{}"
    call_id: str | None = None
    json: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_text("name", self.name)
        if self.call_id is not None:
            _check_text("call_id", self.call_id)
        if not isinstance(self.arguments, (str, dict)):
            raise TypeError(f"arguments must be JSON text or a dict, not {type(self.arguments).__name__}")
        object.__setattr__(self, "json", _encode_arguments(self.arguments))


@dataclass(frozen=True, slots=True)
class Fail:
    """The end of the response with the status "failed", as an overloaded server ends it.

    Raises:
        ConfigError: a text cannot be encoded as UTF-8.
        TypeError: an argument is not a str.
    """

    code: str = "server_error"
    message: str = "The server had an error while processing your request."
    type: str = "server_error"

    def __post_init__(self) -> None:
        for each in fields(self):
            _check_text(each.name, getattr(self, each.name))


@dataclass(frozen=True, slots=True)
class Transcribe:
    """The transcript of the user's turn that the reply answers. Only Live sessions send it.

    Raises:
        ConfigError: the text cannot be encoded as UTF-8.
        TypeError: the text is not a str.
    """

    text: str

    def __post_init__(self) -> None:
        _check_text("text", self.text)


@dataclass(frozen=True, slots=True)
class Delegate:
    """A delegation of a Live session: to the client, or to a backend that answers with `text`.

    With client delegation, `text` is not used: the client appends the text to be spoken.

    Raises:
        ConfigError: the text cannot be encoded as UTF-8.
        TypeError: the text is not a str.
    """

    text: str = ""

    def __post_init__(self) -> None:
        _check_text("text", self.text)


Part: TypeAlias = "Say | Call | Fail | Transcribe | Delegate"
Reply: TypeAlias = "str | Part | Sequence[str | Part]"
Script: TypeAlias = "Sequence[Reply] | Callable[[Turn], Reply | None]"
Parts: TypeAlias = tuple[Part, ...]
ReplySource: TypeAlias = Callable[[Turn], Parts]
# Sequences that are not lists of replies or parts. An iterator is rejected as well: it may be
# endless, and the second session would find it exhausted.
_PARTS: Final = (Say, Call, Fail, Transcribe, Delegate)
_NOT_LISTS: Final = (str, bytes, bytearray, memoryview)


def echo(turn: Turn) -> Parts:
    """Return the reply that repeats the user's audio or text."""
    if turn.audio:
        seconds = turn.format.duration_ms(len(turn.audio)) / 1000
        return (Say(f"That was {seconds:.2f} seconds of audio.", turn.audio, turn.format),)
    return (Say(turn.text or EMPTY_CONVERSATION_REPLY),)


def check_script(script: Script | None) -> Script | None:
    """Return `script` with every reply of a list validated.

    Raises:
        TypeError: `script` or one of its replies has the wrong type.
    """
    if script is None or callable(script):
        return script
    if isinstance(script, _NOT_LISTS) or not isinstance(script, Sequence):
        raise TypeError(f"script must be a list of replies or a function, not {type(script).__name__}")
    return [_parts(reply) for reply in script]


def reply_source(script: Script | None) -> ReplySource:
    """Return a function that gives the replies of `script` to one session, from the first on."""
    if script is None:
        return echo
    if callable(script):
        return lambda turn: _reply_or_echo(script(turn), turn)
    replies: Iterator[Reply] = iter(script)
    return lambda turn: _reply_or_echo(next(replies, None), turn)


def _reply_or_echo(reply: Reply | None, turn: Turn) -> Parts:
    return echo(turn) if reply is None else _parts(reply)


def _parts(reply: Any) -> Parts:
    """Return the parts of a reply.

    Raises:
        TypeError: `reply` is not a reply.
    """
    is_single = isinstance(reply, _NOT_LISTS) or not isinstance(reply, Sequence)
    return (_part(reply),) if is_single else tuple(_part(part) for part in reply)


def _part(part: Any) -> Part:
    if isinstance(part, str):
        return Say(part)
    if not isinstance(part, _PARTS):
        raise TypeError(f"a reply must consist of str, Say, Call and Fail, not of {type(part).__name__}")
    return part


def _check_text(name: str, value: Any) -> str:
    """Return `value` if it can be sent as text.

    Raises:
        ConfigError: `value` cannot be encoded as UTF-8.
        TypeError: `value` is not a str.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as why:
        raise ConfigError(f"{name} cannot be encoded as UTF-8: {why}") from None
    return value


def _encode_arguments(arguments: str | dict[str, Any]) -> str:
    if isinstance(arguments, str):
        return _check_text("arguments", arguments)
    try:
        return msgspec.json.encode(arguments).decode()
    except (UnicodeEncodeError, RecursionError) as why:
        raise ConfigError(f"arguments cannot be encoded as JSON: {why}") from None
