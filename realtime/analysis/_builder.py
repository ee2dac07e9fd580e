"""ReportBuilder: a report under construction, with every list, text and name bounded.

All limits are applied and all credentials removed here, so no other module has to. What did not
fit is counted in `Report.left_out`. The limits themselves stand in `report`.
"""

from __future__ import annotations

import contextlib
import copy
import os
from collections.abc import Generator
from typing import Any, Final

from .._secrets import without_keys
from .._text import shorten
from ..errors import SNIPPET_CHARS, snippet
from ..recording import BrokenLine, Direction
from ..recording.log import MAX_TIME_MS
from . import report as _report
from .report import LIMITS, MAX_NAMES, OTHERS, FrameCount, Report

MAX_NAME_CHARS: Final = 200
# A text is searched for credentials up to this length and then truncated.
MAX_READ_CHARS: Final = 16_000
# A message is searched for credentials up to this length; only its beginning is shown.
_MAX_MESSAGE_CHARS: Final = 16 * SNIPPET_CHARS
_ELLIPSIS: Final = "..."
# Larger than in any call, and within what a float and a JSON reader can represent.
_MAX_POSITION_MS: Final = 1e12
_MAX_COUNT: Final = 1 << 62
# The members to which Live's turns are added when a report is written, and the lists among them.
_WRITTEN: Final = ("turn_count", "response_count", "latency", "live", "left_out")
_WRITTEN_LISTS: Final = ("turns", "gaps")


class TextBudget:
    """The characters that one text, which may still grow, takes from the report's total."""

    __slots__ = ("is_truncated", "nchars")

    def __init__(self) -> None:
        self.nchars, self.is_truncated = 0, False


class ReportBuilder:
    """Builds a `Report`. Attributes: `report`, its current state."""

    def __init__(self) -> None:
        self.report = Report()
        self._sizes = dict.fromkeys(LIMITS, 0)
        self._nchars = 0
        # The state of each budget before a snapshot changed it; None outside of a snapshot.
        self._undo: list[tuple[TextBudget, int, bool]] | None = None
        self._frames: dict[tuple[Direction, str], FrameCount] = {}

    def add(self, name: str, item: Any, into: list[Any] | None = None) -> bool:
        """Append `item` to the report's list `name`, or to `into`. Returns False if the list is full."""
        if self._sizes[name] >= LIMITS[name]:
            self.leave_out(name, 1)
            return False
        self._sizes[name] += 1
        (getattr(self.report, name) if into is None else into).append(item)
        return True

    def add_line(self, name: str, line: BrokenLine) -> None:
        """Append `line` to the report's list `name`, without credentials."""
        self.add(name, BrokenLine(line.line, without_keys(line.reason), without_keys(line.snippet)))

    def text(self, text: str, budget: TextBudget) -> str:
        """Return as much of `text` as the report has room for, in place of its previous version."""
        text, others = remove_keys(text), self._nchars - budget.nchars
        room = min(_report.MAX_TEXT_CHARS, _report.MAX_TOTAL_CHARS - others)
        is_truncated = len(text) > room
        if is_truncated:
            text = (text[: max(0, room - len(_ELLIPSIS))] + _ELLIPSIS)[:room]
        if is_truncated != budget.is_truncated:
            self.leave_out("texts", 1 if is_truncated else -1)
        if self._undo is not None:
            self._undo.append((budget, budget.nchars, budget.is_truncated))
        self._nchars, budget.nchars, budget.is_truncated = others + len(text), len(text), is_truncated
        return text

    @contextlib.contextmanager
    def snapshot(self) -> Generator[None, None, None]:
        """Restore the text budget and the lists that `write` extends, so that an interim report changes neither."""
        report, nchars, sizes = self.report, self._nchars, dict(self._sizes)
        added = {name: copy.deepcopy(getattr(report, name)) for name in _WRITTEN}
        lengths = {name: len(getattr(report, name)) for name in _WRITTEN_LISTS}
        self._undo = []
        try:
            yield
        finally:
            for budget, budget_nchars, is_truncated in reversed(self._undo):
                budget.nchars, budget.is_truncated = budget_nchars, is_truncated
            self._undo = None
            self._nchars, self._sizes = nchars, sizes
            for name, value in added.items():
                setattr(report, name, value)
            for name, length in lengths.items():
                del getattr(report, name)[length:]

    def frame_count(self, direction: Direction, type: str) -> FrameCount:
        """Return the report's count of a frame type. Types beyond `MAX_NAMES` share one."""
        found = self._frames.get((direction, type))
        if found is None:
            type = type if len(self._frames) < MAX_NAMES and len(type) <= MAX_NAME_CHARS else OTHERS
            found = self._frames.get((direction, type))
        if found is None:
            found = self._frames[direction, type] = FrameCount(direction=direction, type=without_keys(type))
            self.report.frames.append(found)
        return found

    def count(self, name: str, key: str) -> None:
        """Add 1 to `key` in the report's dict `name`. Keys beyond `MAX_NAMES` are counted as `OTHERS`."""
        counts: dict[str, int] = getattr(self.report, name)
        key = without_keys(key)
        if key not in counts and len(counts) >= MAX_NAMES:
            key = OTHERS
        counts[key] = counts.get(key, 0) + 1

    def leave_out(self, name: str, number: int) -> None:
        """Count what the report does not hold of `name`."""
        left_out = self.report.left_out
        left_out[name] = left_out.get(name, 0) + number
        if not left_out[name]:
            del left_out[name]


def as_name(value: object) -> str | None:
    """Return an id or a name, shortened if it is too long; None if `value` is not a str."""
    if not isinstance(value, str):
        return None
    return value if len(value) <= MAX_NAME_CHARS else shorten(value, MAX_NAME_CHARS)


def as_id(value: object) -> str | None:
    """Return an id as `as_name` does; None if it is empty, as those are that a frame lacked."""
    return as_name(value) or None


def as_code(value: object) -> str | None:
    """Return a code, status or reason without credentials. Ids are not passed through here."""
    name = as_name(value)
    return None if name is None else without_keys(name)


def as_message(value: object) -> str:
    """Return at most 80 printable characters of a message, without credentials."""
    return snippet(without_keys(value[:_MAX_MESSAGE_CHARS])) if isinstance(value, str) else ""


def as_object(value: object) -> dict[str, Any]:
    """Return a JSON object, an empty one if `value` is none."""
    return value if isinstance(value, dict) else {}


def as_position(ms: float) -> float:
    """Return an audio position sent by a peer, limited to a valid range."""
    return float(min(max(ms, 0), _MAX_POSITION_MS))


def as_time(ms: float) -> float:
    """Return a time of the log within 0 and `MAX_TIME_MS`, so that sums are finite; NaN becomes 0."""
    return float(min(max(0.0, ms), MAX_TIME_MS))


def as_count(value: int | None) -> int | None:
    """Return a count sent by a peer, limited to a valid range."""
    return None if value is None else min(max(value, -_MAX_COUNT), _MAX_COUNT)


def file_name(path: str | os.PathLike[str]) -> str:
    """Return `path` as a str that JSON can hold: bytes that are not UTF-8 are escaped."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode()


def remove_keys(text: str) -> str:
    """Return the beginning of `text` without credentials. It may be longer than a report allows."""
    found = without_keys(text[:MAX_READ_CHARS])
    return found if len(text) <= MAX_READ_CHARS else found + _ELLIPSIS
