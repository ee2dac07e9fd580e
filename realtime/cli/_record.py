"""What a call leaves behind: caller.wav, agent.wav, session.jsonl, and counts of its frames.

Every write goes to the file at once and leaves it valid, so that an aborted call can be
heard and read up to where it ended. Files of an earlier call are overwritten once this one begins.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ..audio import WavWriter
from ..format import AudioFormat
from ..recording import Direction, Recorder

# A hostile server has as many types of events as it likes.
MAX_KINDS: Final = 200


class Record:
    """The three files of a call in the folder `out`, which is made where it is not there.

    Attributes: `out`; `counts`, the frames by direction and type; from `begin` on `caller` and `agent`, the
    WAV files, 8 kHz mu-law.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.counts: dict[Direction, Counter[str]] = {"client": Counter(), "server": Counter()}
        out.mkdir(parents=True, exist_ok=True)
        self._files = contextlib.ExitStack()
        self._has_begun = False

    def begin(self) -> None:
        """The call begins: the files are there from now on, and those of an earlier call are gone.

        Nothing the second time. Until then nothing is written.

        Raises:
            OSError: a file cannot be written.
        """
        if self._has_begun:
            return
        enter, out = self._files.enter_context, self.out
        self.caller = enter(WavWriter(out / "caller.wav", AudioFormat.G711_ULAW))
        self.agent = enter(WavWriter(out / "agent.wav", AudioFormat.G711_ULAW))
        self._log = enter(Recorder(out / "session.jsonl", mode="w", header=False))
        self._has_begun = True

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
