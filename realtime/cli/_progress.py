"""What is shown on stderr while a call runs: one updating line on a terminal, few lines elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self, TextIO


class Progress:
    """`note` says what has happened; `show` says where things stand, on a terminal only."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._updates = self._stream.isatty()
        self._shown = ""

    def note(self, text: str) -> None:
        """A line that stays."""
        self._erase()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def show(self, text: str) -> None:
        """A line that the next one replaces."""
        if self._updates and text != self._shown:
            self._erase()
            self._stream.write(text)
            self._stream.flush()
            self._shown = text

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
