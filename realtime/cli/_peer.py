"""What a peer says, and where it was called, in a line of ours: nothing that a terminal obeys, and no secrets."""

from __future__ import annotations

import re
from typing import Final

from ._words import printable

_MAX_CHARS: Final = 300


def peer_text(text: object) -> str:
    """A peer's text: printable, in one line, of bounded length."""
    line = printable(str(text)[: 4 * _MAX_CHARS])
    return line if len(line) <= _MAX_CHARS else line[: _MAX_CHARS - 3] + "..."


def address(url: str) -> str:
    """A URL without who calls and with which key: neither its user, nor its query."""
    where = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, mark, rest = where.rpartition("://")
    return printable(scheme + mark + rest.rpartition("@")[2])
