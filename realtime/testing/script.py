"""What the loopback server is to answer: replies written down, or a function of what the caller said.

A reply is made of parts, in order: `Say` a message, `Call` a function, `Fail` the response. Without a
script, and where it has nothing (more) to say, the caller's own turn is played back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from ..append import octets
from ..audio import convert
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
        ConfigError: an unknown format.
        TypeError: `text` is no str, or `audio` no buffer.
    """

    __slots__ = ("audio", "format", "text")

    def __init__(self, text: str = "", audio: Any = None, format: object = AudioFormat.PCM16) -> None:
        if not isinstance(text, str):
            raise TypeError(f"text is a str, not {type(text).__name__}")
        self.text = text
        self.format = AudioFormat.of(format)
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
    """A call of the function `name`; `arguments` are JSON text, or a dict that becomes it."""

    name: str
    arguments: str | dict[str, Any] = "{}"
    call_id: str | None = None

    def __post_init__(self) -> None:
        for value, kinds in ((self.name, str), (self.arguments, (str, dict))):
            if not isinstance(value, kinds):
                raise TypeError("a Call has a name, and arguments that are JSON text or a dict")

    @property
    def json(self) -> str:
        """The arguments as JSON text."""
        if isinstance(self.arguments, str):
            return self.arguments
        return msgspec.json.encode(self.arguments).decode()


@dataclass(frozen=True, slots=True)
class Fail:
    """The end of the response in the status "failed", as a server under load ends it."""

    code: str = "server_error"
    message: str = "The server had an error while processing your request."
    type: str = "server_error"


Part: TypeAlias = "Say | Call | Fail"
Reply: TypeAlias = "str | Part | Iterable[str | Part]"
Script: TypeAlias = "Iterable[Reply] | Callable[[Turn], Reply | None]"
Parts: TypeAlias = tuple[Part, ...]
Player: TypeAlias = Callable[[Turn], Parts]


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
    if isinstance(script, (str, bytes)) or not isinstance(script, Iterable):
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
    is_one = isinstance(reply, (str, bytes)) or not isinstance(reply, Iterable)
    return (_part(reply),) if is_one else tuple(_part(part) for part in reply)


def _part(part: Any) -> Part:
    if isinstance(part, str):
        return Say(part)
    if not isinstance(part, (Say, Call, Fail)):
        raise TypeError(f"a reply is made of Say, Call and Fail, not of {type(part).__name__}")
    return part
