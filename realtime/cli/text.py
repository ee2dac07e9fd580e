"""Printing for all commands: wrapped and quoted lines, JSON, errors, URLs, and a status line.

Text that comes from a log or a server passes through `realtime._text.one_line` before it is
printed, so that it holds nothing that a terminal interprets. Imports no numpy: `doctor` prints too.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self, TextIO

from .._secrets import without_keys
from .._text import one_line

WIDTH: Final = 100
MAX_QUOTE_CHARS: Final = 400
# The longest message of a server that is printed.
MAX_MESSAGE_CHARS: Final = 300
# In JSON on one line these occur only in strings.
_NOT_ASCII: Final = re.compile("[^ -~]+")


def format_nbytes(number: int) -> str:
    """Format a number of bytes in the largest unit that it fills: 5.1 MB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B"


def wrap(text: str, indent: str, first: str | None = None) -> Iterator[str]:
    """Yield `text` in indented lines of at most `WIDTH` characters; `first` starts the first line."""
    start = indent if first is None else first
    yield from textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=indent) or [start.rstrip()]


def quote(text: str, indent: str) -> Iterator[str]:
    """Yield `text` in quotation marks, in indented lines, shortened to `MAX_QUOTE_CHARS`."""
    yield from wrap(f'"{one_line(text, MAX_QUOTE_CHARS)}"', indent)


def format_error(error: Exception) -> str:
    """Return the message of `error` on one printable line, with the file it is about if it names one."""
    if isinstance(error, OSError) and error.strerror:
        return one_line(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
    return one_line(without_keys(str(error))) or type(error).__name__


# --- Output ----------------------------------------------------------------------------


def print_text(text: str, stream: TextIO | None = None) -> None:
    """Print `text` to `stream` (default: stdout). Characters that its encoding lacks are escaped."""
    out: TextIO = sys.stdout if stream is None else stream
    try:
        print(text, file=out)
    except UnicodeEncodeError:
        print(text.encode(out.encoding, "backslashreplace").decode(out.encoding), file=out)


def print_json(line: str) -> None:
    """Print a line of JSON with unprintable characters escaped; all but ASCII if stdout's encoding lacks one."""
    if not line.isprintable():
        line = "".join(c if c.isprintable() else _escape_json(c) for c in line)
    try:
        print(line)
    except UnicodeEncodeError:
        print(_NOT_ASCII.sub(lambda found: _escape_json(found[0]), line))


def _escape_json(text: str) -> str:
    """Return characters of a string of JSON in escaped form."""
    return json.dumps(text)[1:-1]


class Progress:
    """Progress on stderr: lines that stay (`note`), and on a terminal one that is updated (`show`)."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._is_terminal = self._stream.isatty()
        self._shown = ""

    def note(self, line: str) -> None:
        """Print a line that stays."""
        self._erase()
        self._stream.write(f"{line}\n")
        self._stream.flush()

    def show(self, status: str) -> None:
        """Replace the status line. Does nothing if stderr is not a terminal."""
        if self._is_terminal and status != self._shown:
            self._erase()
            self._stream.write(status)
            self._stream.flush()
            self._shown = status

    def _erase(self) -> None:
        if self._shown:
            self._stream.write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._erase()
        self._stream.flush()
