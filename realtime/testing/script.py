"""What the loopback server is to answer: replies written down, or a function of what the caller said.

A reply is made of parts, in order: `Say` a message, `Call` a function, `Fail` the response. Without a
script, and where it has nothing (more) to say, the caller's own turn is played back. What no event can carry
is an error where it is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, TypeAlias

import msgspec

from ..append import octets
from ..audio import convert
from ..errors import ConfigError
from ..format import AudioFormat
from ._history import Turn

# The voice of words that come without audio: this long a silence for each of them.
MS_PER_WORD: Final = 300
NOTHING_HEARD: Final = "I have heard nothing yet."


class Say:
    """A message of the assistant: `text`, and how it sounds.

    `audio` is any buffer, in `format` (any spelling of `AudioFormat.of`); it goes out in the response's own
    format. Without it words are 300 ms of silence each. A response of text alone has only the text.

    Raises:
        AudioError: half a sample.
        ConfigError: an unknown format, or a text that no UTF-8 can be made of.
        TypeError: `text` is no str, or `audio` no buffer.
    """

    __slots__ = ("audio", "format", "text")

    def __init__(self, text: str = "", audio: Any = None, format: object = AudioFormat.PCM16) -> None:
        self.text = _text("text", text)
        self.format = AudioFormat.of(format)
        if isinstance(audio, str):
            raise TypeError("audio is a buffer, not str: base64 is for the wire")
        self.audio = None if audio is None else bytes(octets(audio))
        if self.audio is not None:
            self.format.duration_ms(len(self.audio))  # refuses half a sample

    def voice(self, fmt: AudioFormat) -> bytes:
        """How it sounds in `fmt`."""
        if self.audio is None:
            return fmt.silence(MS_PER_WORD * len(self.text.split()))
        return convert(self.audio, self.format, fmt)

    def __repr__(self) -> str:
        sound = "" if self.audio is None else f", <{len(self.audio)} bytes>, {self.format.value!r}"
        return f"Say({self.text!r}{sound})"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the function `name`; `arguments` are JSON text, or a dict that becomes it: `json`.

    A str goes out as it is, as models too call functions with what is no JSON.

    Raises:
        ConfigError: a text that no UTF-8 can be made of.
        TypeError: a wrong kind of argument, or a dict that is no JSON.
    """

    name: str
    arguments: str | dict[str, Any] = "{}"
    call_id: str | None = None
    json: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _text("name", self.name)
        if self.call_id is not None:
            _text("call_id", self.call_id)
        if not isinstance(self.arguments, (str, dict)):
            raise TypeError(f"arguments are JSON text or a dict, not {type(self.arguments).__name__}")
        object.__setattr__(self, "json", _json(self.arguments))


@dataclass(frozen=True, slots=True)
class Fail:
    """The end of the response in the status "failed", as a server under load ends it.

    Raises:
        ConfigError: a text that no UTF-8 can be made of.
        TypeError: what is no str.
    """

    code: str = "server_error"
    message: str = "The server had an error while processing your request."
    type: str = "server_error"

    def __post_init__(self) -> None:
        for each in fields(self):
            _text(each.name, getattr(self, each.name))


Part: TypeAlias = "Say | Call | Fail"
Reply: TypeAlias = "str | Part | Sequence[str | Part]"
Script: TypeAlias = "Sequence[Reply] | Callable[[Turn], Reply | None]"
Parts: TypeAlias = tuple[Part, ...]
Player: TypeAlias = Callable[[Turn], Parts]
# Sequences that are no lists of replies or parts. What is no sequence may be endless, or gone once it was read.
_ONE: Final = (str, bytes, bytearray, memoryview)


def echo(turn: Turn) -> Parts:
    """The answer to `turn` where no script has one: the caller's own audio, or words again."""
    if turn.audio:
        seconds = turn.format.duration_ms(len(turn.audio)) / 1000
        return (Say(f"That was {seconds:.2f} seconds of audio.", turn.audio, turn.format),)
    return (Say(turn.text or NOTHING_HEARD),)


def checked(script: Script | None) -> Script | None:
    """`script`, whose replies are all looked at where they are written down.

    Raises:
        TypeError: it is no script, or one of its replies is none.
    """
    if script is None or callable(script):
        return script
    if isinstance(script, _ONE) or not isinstance(script, Sequence):
        raise TypeError(f"a script is a list of replies or a function, not {type(script).__name__}")
    return [_parts(reply) for reply in script]


def player(script: Script | None) -> Player:
    """What one session plays of a script, from its beginning."""
    if script is None:
        return echo
    if callable(script):
        return lambda turn: _told(script(turn), turn)
    replies: Iterator[Reply] = iter(script)
    return lambda turn: _told(next(replies, None), turn)


def _told(reply: Reply | None, turn: Turn) -> Parts:
    return echo(turn) if reply is None else _parts(reply)


def _parts(reply: Any) -> Parts:
    """A reply as its parts; a str is said.

    Raises:
        TypeError: it is no reply.
    """
    is_one = isinstance(reply, _ONE) or not isinstance(reply, Sequence)
    return (_part(reply),) if is_one else tuple(_part(part) for part in reply)


def _part(part: Any) -> Part:
    if isinstance(part, str):
        return Say(part)
    if not isinstance(part, (Say, Call, Fail)):
        raise TypeError(f"a reply is made of Say, Call and Fail, not of {type(part).__name__}")
    return part


def _text(name: str, value: Any) -> str:
    """`value`, if it can go out as it is.

    Raises:
        ConfigError: no UTF-8 can be made of it.
        TypeError: it is no str.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is a str, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as why:
        raise ConfigError(f"{name} is no text of Unicode: {why}") from None
    return value


def _json(arguments: str | dict[str, Any]) -> str:
    if isinstance(arguments, str):
        return _text("arguments", arguments)
    try:
        return msgspec.json.encode(arguments).decode()
    except (UnicodeEncodeError, RecursionError) as why:
        raise ConfigError(f"arguments are no JSON: {why}") from None
