"""What a log's page draws: the sound of the call and its events, on the log's time line.

One pass over the log, in bounded memory whatever is in it. Nothing here knows of HTML; what a call
amounts to, turn by turn, is a `Report`'s.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from ..recording import BrokenLine, read_log
from ..recording._blocks import Path
from ._page_events import EventList
from ._page_sound import MAX_MS, Sound

# A log that was gone on with, and whose first parts are gone, begins late: so does its time line.
_LATE_MS: Final = 60_000.0


class Timeline:
    """The sound and the events of a call. A context manager, as the sound is in temporary files.

    Attributes:
        start_ms, end_ms: of the time line, in the log's milliseconds; it ends with the last frame
            or with the last audio, whichever is later.
        sound: both sides' audio.
        events: the rows of the list of events.
        frames, broken: how many entries were read, and how many lines were none.
        beyond: how many entries lie more than 12 hours after the start; they are rows, and no more.
    """

    def __init__(self, start_ms: float, sound: Sound, events: EventList) -> None:
        self.start_ms = self.end_ms = start_ms
        self.sound, self.events = sound, events
        self.frames = self.broken = self.beyond = 0

    def __enter__(self) -> Timeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.sound.close()


def read_timeline(log: Path | Iterable[Path]) -> Timeline:
    """The time line of a log: a path, or paths to read one after another (`log_files`).

    Raises:
        OSError: a file cannot be read, or a temporary one written.
        ConfigError: a .zst log, and no module for it is installed.
    """
    paths = [log] if isinstance(log, (str, os.PathLike)) else [*log]
    start_ms = _start_of(paths)
    timeline = Timeline(start_ms, Sound(start_ms), EventList())
    try:
        _read(timeline, paths)
    except BaseException:
        timeline.sound.close()
        raise
    return timeline


def _read(timeline: Timeline, paths: list[Path]) -> None:
    for entry in read_log(paths):
        if isinstance(entry, BrokenLine):
            timeline.broken += 1
            timeline.events.add(entry)
            continue
        timeline.frames += 1
        if 0 <= entry.time_ms - timeline.start_ms <= MAX_MS:
            timeline.events.add(entry, timeline.sound.put(entry))
            timeline.end_ms = max(timeline.end_ms, entry.time_ms)
        else:
            timeline.beyond += 1
            timeline.events.add(entry)
    timeline.sound.finish()
    timeline.end_ms = max(timeline.end_ms, timeline.sound.end_ms)


def _start_of(paths: list[Path]) -> float:
    """0, or the time of the first entry where that is late."""
    first = next((entry.time_ms for entry in read_log(paths) if not isinstance(entry, BrokenLine)), 0.0)
    return first if first > _LATE_MS else 0.0
