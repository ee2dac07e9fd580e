"""What went wrong in a call that goes on: told once on stderr, counted for the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from ._progress import Progress

# A hostile server has as many codes and types as it likes.
MAX_NAMES: Final = 100
_OTHERS: Final = "others"
_SHOWN: Final = 5


class Incidents:
    """Counts by kind ("errors") and name (an error's code); the first of each is a line on stderr."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.counts: dict[str, Counter[str]] = {}

    def happened(self, kind: str, name: str, line: str) -> None:
        """Once more."""
        names = self.counts.setdefault(kind, Counter())
        if name not in names:
            if len(names) >= MAX_NAMES:
                name = _OTHERS
            else:
                self._progress.note(line)
        names[name] += 1

    def lines(self) -> Iterator[str]:
        """A line of the report for each kind."""
        for kind, names in self.counts.items():
            most = [f"{name} ({count})" for name, count in names.most_common(_SHOWN)]
            rest = ["..."] if len(names) > _SHOWN else []
            told = [*names] if len(names) == 1 else most + rest
            yield f"{kind:<14}{names.total()}: {', '.join(told)}"
