"""What a call leaves behind: caller.wav, agent.wav, session.jsonl, and counts of its frames.

Every write goes to the file at once and leaves it valid, so that an aborted call can be
heard and read up to where it ended.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from .._guard import DEFAULT_MAX_DEPTH, check_depth
from ..audio import WavWriter
from ..errors import DecodeError
from ..format import AudioFormat

Direction = Literal["client", "server"]


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
            self._log = stack.enter_context(open(out / "session.jsonl", "wb", buffering=0))
            self._files = stack.pop_all()
        self._began = time.monotonic()

    def frame(self, direction: Direction, kind: str, frame: bytes) -> None:
        """A frame of the type `kind` that was sent or received just now."""
        self.counts[direction][kind] += 1
        time_ms = (time.monotonic() - self._began) * 1000
        head = f'{{"direction":"{direction}","time_ms":{time_ms:.3f},"frame":'
        self._log.write(b"%b%b}\n" % (head.encode(), one_line(frame)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()


def one_line(frame: bytes) -> bytes:
    """`frame` as one line of JSON: as it is, but for line ends; as a string where it is no JSON."""
    try:
        check_depth(frame, DEFAULT_MAX_DEPTH)
        frame.decode()
        msgspec.json.decode(frame, type=msgspec.Raw)
        return msgspec.json.format(frame, indent=-1) if b"\n" in frame or b"\r" in frame else frame
    except (DecodeError, msgspec.DecodeError, UnicodeError):
        return msgspec.json.encode(frame.decode("utf-8", "replace"))
