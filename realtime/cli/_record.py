"""What a call leaves behind: caller.wav, agent.wav, session.jsonl, and counts of its frames.

Every write goes to the file at once and leaves it valid, so that an aborted call can be
heard and read up to where it ended.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..audio import WavWriter
from ..format import AudioFormat
from ..recording import Direction, Recorder, one_line as one_line

# A hostile server has as many types of events as it likes.
MAX_KINDS: Final = 200


class Record:
    """The three files of a call in the folder `out`, which is made where it is not there.

    Attributes: `out`; `counts`, the frames by direction and type; `caller` and `agent`, the
    WAV files, 8 kHz mu-law.

    Raises:
        OSError: a file cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.counts: dict[Direction, Counter[str]] = {"client": Counter(), "server": Counter()}
        out.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            self.caller = stack.enter_context(WavWriter(out / "caller.wav", AudioFormat.G711_ULAW))
            self.agent = stack.enter_context(WavWriter(out / "agent.wav", AudioFormat.G711_ULAW))
            self._log = stack.enter_context(Recorder(out / "session.jsonl", mode="w", header=False))
            self._files = stack.pop_all()

    def frame(self, direction: Direction, kind: str, frame: bytes) -> None:
        """A frame of the type `kind` that was sent or received just now."""
        counts = self.counts[direction]
        counts[kind if kind in counts or len(counts) < MAX_KINDS else "(others)"] += 1
        self._log.record(direction, frame)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()
