"""What a report keeps: lists, texts and names, each no more than a limit, and counts of what was left out.

A call of an hour is far within the limits, so that only what is no call, or hostile, is cut. What looks
like a key is taken out of whatever is a text.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from typing import Any, Final

from .._secrets import without_keys
from ..errors import SNIPPET_CHARS, snippet
from ..recording import BrokenLine, Direction
from ..recording._blocks import Path
from .report import FrameCount, Report

# How much of each is kept, by the names of `Report.left_out`. The densest hour so far had 900 turns.
LIMITS: Final = {
    "turns": 2_000,
    "responses": 5_000,
    "calls": 5_000,
    "interruptions": 2_000,
    "gaps": 2_000,
    "errors": 1_000,
    "sessions": 100,
    "broken_lines": 20,
    "undecodable_frames": 20,
    "rate_limits": 16,
}
MAX_TEXT_CHARS: Final = 4_000
# Keys are looked for in so much of a text, and then it is cut.
MAX_READ_CHARS: Final = 4 * MAX_TEXT_CHARS
# Of all texts together: an hour of talk has under 100,000 characters.
MAX_ALL_CHARS: Final = 2_000_000
MAX_NAME_CHARS: Final = 200
MAX_NAMES: Final = 200
# Past any call, short of what a float or a reader of JSON cannot take.
_MOST_MS: Final = 1e12
_MOST_COUNT: Final = 1 << 62
OTHERS: Final = "(others)"
_MORE: Final = "..."
# A message is looked through this far for what is to be taken out of its beginning.
_MESSAGE_CHARS: Final = 16 * SNIPPET_CHARS


class Tally:
    """How many frames of a type there were, and of how many bytes."""

    __slots__ = ("frames", "kind", "nbytes")

    def __init__(self, kind: str) -> None:
        self.kind, self.frames, self.nbytes = kind, 0, 0


class Share:
    """What one text, which may go on, takes of all characters that may be kept; whether it was cut."""

    __slots__ = ("chars", "is_cut")

    def __init__(self) -> None:
        self.chars, self.is_cut = 0, False


class Kept:
    """A report as it grows."""

    def __init__(self) -> None:
        self.report = Report()
        self._counts = dict.fromkeys(LIMITS, 0)
        self._chars = 0
        # The shares that texts had before they were kept for now.
        self._before: list[tuple[Share, int, bool]] | None = None
        self._tallies: dict[tuple[Direction, str], Tally] = {}

    def add(self, name: str, item: Any, into: list[Any] | None = None) -> bool:
        """Keep `item` in the report's list of this name, or in `into`; whether there was room."""
        if self._counts[name] >= LIMITS[name]:
            self.leave_out(name)
            return False
        self._counts[name] += 1
        (getattr(self.report, name) if into is None else into).append(item)
        return True

    def leave_out(self, name: str, number: int = 1) -> None:
        """Count things that the report does not hold; less than nothing takes back what was counted."""
        left = self.report.left_out
        left[name] = left.get(name, 0) + number
        if not left[name]:
            del left[name]

    def broken(self, name: str, line: BrokenLine) -> None:
        """Keep a line in the report's list of this name."""
        self.add(name, BrokenLine(line.line, without_keys(line.reason), without_keys(line.snippet)))

    def text(self, text: str, share: Share) -> str:
        """As much of a text as may be kept, in place of what was kept of it before."""
        text, others = beginning_of(text), self._chars - share.chars
        room = min(MAX_TEXT_CHARS, MAX_ALL_CHARS - others)
        is_cut = len(text) > room
        if is_cut:
            text = (text[: max(0, room - len(_MORE))] + _MORE)[:room]
        if is_cut != share.is_cut:
            self.leave_out("texts", 1 if is_cut else -1)
        if self._before is not None:
            self._before.append((share, share.chars, share.is_cut))
        self._chars, share.chars, share.is_cut = others + len(text), len(text), is_cut
        return text

    @contextlib.contextmanager
    def for_now(self) -> Generator[None, None, None]:
        """What is kept within will be kept again: it takes nothing of what may be, and counts nowhere."""
        chars, left_out = self._chars, dict(self.report.left_out)
        self._before = []
        try:
            yield
        finally:
            for share, share_chars, is_cut in reversed(self._before):
                share.chars, share.is_cut = share_chars, is_cut
            self._before = None
            self._chars, self.report.left_out = chars, left_out

    def tally_of(self, direction: Direction, kind: str) -> Tally:
        """Where frames of a type are counted; beyond so many types, in one place."""
        found = self._tallies.get((direction, kind))
        if found is None:
            kind = kind if len(self._tallies) < MAX_NAMES and len(kind) <= MAX_NAME_CHARS else OTHERS
            found = self._tallies.setdefault((direction, kind), Tally(kind))
        return found

    def frames(self) -> list[FrameCount]:
        """The counts of all frames."""
        return [
            FrameCount(direction=direction, type=without_keys(kind), frames=tally.frames, nbytes=tally.nbytes)
            for (direction, kind), tally in self._tallies.items()
        ]

    def tally(self, name: str, key: str) -> None:
        """Count `key` among the report's names of this kind."""
        counts: dict[str, int] = getattr(self.report, name)
        key = without_keys(key)
        if key not in counts and len(counts) >= MAX_NAMES:
            key = OTHERS
        counts[key] = counts.get(key, 0) + 1


def name_of(value: object) -> str | None:
    """An id, a name or a code, if `value` can be one; cut where it is longer than any."""
    if not isinstance(value, str):
        return None
    return value if len(value) <= MAX_NAME_CHARS else value[: MAX_NAME_CHARS - len(_MORE)] + _MORE


def name_of_file(path: Path) -> str:
    """A file's name as a report has it: bytes that are no UTF-8, which JSON cannot hold, are escaped."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode()


def beginning_of(text: str) -> str:
    """More of a text than is kept, without keys."""
    found = without_keys(text[:MAX_READ_CHARS])
    return found if len(text) <= MAX_READ_CHARS else found + _MORE


def code_of(value: object) -> str | None:
    """A name that nothing is found by, without keys: a code, a status, a reason."""
    name = name_of(value)
    return None if name is None else without_keys(name)


def message_of(value: object) -> str:
    """At most 80 printable characters of a message."""
    return snippet(without_keys(value[:_MESSAGE_CHARS])) if isinstance(value, str) else ""


def position_of(ms: float) -> float:
    """A position in audio, as a peer tells it: a number of any size."""
    return float(min(max(ms, 0), _MOST_MS))


def count_of(value: int | None) -> int | None:
    """A count, as a peer tells it."""
    return None if value is None else min(max(value, -_MOST_COUNT), _MOST_COUNT)
