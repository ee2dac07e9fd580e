"""Output of the demo's call while it runs: WAV files, a log, and problems.

Every write goes to the file at once and leaves it valid, so that an interrupted call can be played
and inspected. Files of an earlier call are overwritten once this one is connected.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..audio import WavWriter
from ..format import AudioFormat
from ..recording import Recorder
from .text import Progress

PHONE: Final = AudioFormat.G711_ULAW
FILES: Final = ("caller.wav", "agent.wav", "session.jsonl")
# A hostile server can send any number of event types and error codes.
MAX_NAMES: Final = 100
_SHOWN_NAMES: Final = 5


class CallRecord:
    """The files of a call in the folder `out`, which is created if it is missing.

    They are opened, and those of an earlier call replaced, with the first frame that is sent.

    Attributes: `out`; `caller` and `agent`, the WAV writers, 8 kHz mu-law, after the first frame.

    Raises:
        OSError: the folder cannot be created.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self._files = contextlib.ExitStack()
        self._log: Recorder | None = None

    def sent(self, frame: bytes) -> None:
        """Log a frame of the client. Raises OSError if a file cannot be written."""
        self._open().sent(frame)

    def received(self, frame: bytes) -> None:
        """Log a frame of the server. Raises OSError if a file cannot be written."""
        self._open().received(frame)

    def _open(self) -> Recorder:
        if self._log is None:
            caller, agent, log = (self.out / name for name in FILES)
            self.caller = self._files.enter_context(WavWriter(caller, PHONE))
            self.agent = self._files.enter_context(WavWriter(agent, PHONE))
            self._log = self._files.enter_context(Recorder(log, mode="w", header=False))
        return self._log

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()


class Incidents:
    """Problems that did not end the call, counted by kind ("errors") and name (an error's code)."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.counts: dict[str, Counter[str]] = {}

    def record(self, kind: str, name: str, line: str) -> None:
        """Count an incident. The first of each kind and name is printed on stderr as `line`."""
        names = self.counts.setdefault(kind, Counter())
        if name not in names:
            if len(names) >= MAX_NAMES:
                name = "others"
            else:
                self._progress.note(line)
        names[name] += 1

    def lines(self) -> Iterator[str]:
        """Yield a line of the report for each kind."""
        for kind, names in self.counts.items():
            shown = [f"{name} ({count})" for name, count in names.most_common(_SHOWN_NAMES)]
            if len(names) == 1:
                shown = [*names]
            elif len(names) > _SHOWN_NAMES:
                shown.append("...")
            yield f"{kind:<14}{names.total()}: {', '.join(shown)}"
