"""A log understood, beside what it takes others only to parse its frames. Read `peers` first.

Ours reads the file, measures and adds up; the others are given frames that are in memory already.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from realtime.analysis import inspect_log

from .analysis import FORMATS, frames, log
from .common import Calls, Timed, absent
from .peers import PARSERS


def _parse(parse: Callable[[bytes], Any], all_frames: list[bytes]) -> None:
    for frame in all_frames:
        parse(frame)


class Inspect(Timed):
    """A call of three turns: 20 ms appends, audio deltas of up to 200 ms, transcripts, responses."""

    params = (["realtime", "openai", "msgspec untyped", "orjson", "json", "nothing"], list(FORMATS))
    param_names = ("by", "session")
    calls: ClassVar[Calls] = {
        (by, name): (
            partial(inspect_log, log(name)) if by == "realtime" else partial(_parse, parse, frames(name))
        )
        for name in FORMATS
        for by, parse in PARSERS.items()
        if by != "msgspec"  # plain Structs for every event would be a library of their own
    }
    skip_params = absent(calls, params)

    def time_inspect(self, by: str, session: str) -> None:
        self.calls[by, session]()
