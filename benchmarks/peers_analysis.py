"""Inspecting a log, against peers that only parse its frames. Read `peers` first.

`inspect_log` reads the file and computes the report; the peers get frames that are in memory already.
"openai" builds the events of each side by that side's union.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from realtime.analysis import inspect_log
from realtime.recording import Direction

from .analysis import FORMATS, frames, log
from .common import Calls, Timed, absent, optional
from .peers import PARSERS

Parse = Callable[[bytes], Any]


def _client_parser() -> Parse | None:
    """Return a parser of client events made of the functions that openai-python's own parser uses."""
    if optional("openai") is None:
        return None
    from openai._models import construct_type
    from openai.types.realtime import RealtimeClientEvent

    return lambda frame: construct_type(value=json.loads(frame), type_=RealtimeClientEvent)


def _parsers() -> dict[str, dict[Direction, Parse]]:
    found: dict[str, dict[Direction, Parse]] = {
        by: {"client": parse, "server": parse}
        for by, parse in PARSERS.items()
        if by not in ("realtime", "msgspec", "openai")
    }
    client = _client_parser()
    if client is not None:
        server = PARSERS["openai"]
        found["openai"] = {"client": client, "server": server}
    return found


def _parse(parsers: dict[Direction, Parse], all_frames: list[tuple[Direction, bytes]]) -> None:
    for direction, frame in all_frames:
        parsers[direction](frame)


class Inspect(Timed):
    """A call of three turns: 20 ms appends, audio deltas of up to 200 ms, transcripts, responses."""

    params = (["realtime", "openai", "msgspec untyped", "orjson", "json", "nothing"], list(FORMATS))
    param_names = ("by", "session")
    calls: ClassVar[Calls] = {
        **{("realtime", name): partial(inspect_log, log(name)) for name in FORMATS},
        **{
            (by, name): partial(_parse, parsers, frames(name))
            for name in FORMATS
            for by, parsers in _parsers().items()
        },
    }
    skip_params = absent(calls, params)

    def time_inspect(self, by: str, session: str) -> None:
        self.calls[by, session]()
