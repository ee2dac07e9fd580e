"""Printing for all commands: wrapped and quoted lines, errors, URLs, and a status line.

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

from .._text import one_line

WIDTH: Final = 100
MAX_QUOTE_CHARS: Final = 400
# The longest message of a server that is printed.
MAX_MESSAGE_CHARS: Final = 300


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
    """Return the message of `error` on one line, with the file it is about if it names one."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def format_url(url: str) -> str:
    """Return `url` without its user, password, query and fragment, which may be credentials."""
    base = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, separator, rest = base.rpartition("://")
    return one_line(scheme + separator + rest.rpartition("@")[2])


# --- Output ----------------------------------------------------------------------------


def print_text(text: str) -> None:
    """Print `text`. Characters that the encoding of stdout lacks are escaped."""
    try:
        print(text)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding
        print(text.encode(encoding, "backslashreplace").decode(encoding))


def print_json(line: str) -> None:
    """Print a line of JSON, in ASCII if the encoding of stdout lacks one of its characters."""
    try:
        print(line)
    except UnicodeEncodeError:
        print(json.dumps(json.loads(line), separators=(",", ":")))


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
