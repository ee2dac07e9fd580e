"""Calls on file: logs of every frame with its direction and time, one line of JSON each.

`Recorder` writes a log, `recorded` has it written by a connection, and `read_log` reads it. `replay` yields the frames at their times, `replay_frames`
sends them, `feed_all` feeds them to the objects of `realtime.state`, and `stereo_wav` makes them a
recording to listen to. No network, no threads; clocks are arguments. Begin with `log`, the format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .connection import recorded
from .log import BrokenLine, Direction, Entry, log_files, read_log, read_metadata
from .player import FeedCount, Replay, feed_all, replay, replay_frames
from .recorder import Recorder, RecordingError
from .redact import one_line

if TYPE_CHECKING:
    from .stereo import StereoCall, stereo_wav

__all__ = [
    "BrokenLine", "Direction", "Entry", "FeedCount", "Recorder", "RecordingError", "Replay", "StereoCall",
    "feed_all", "log_files", "one_line", "read_log", "read_metadata", "recorded", "replay", "replay_frames",
    "stereo_wav",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)


if not TYPE_CHECKING:

    def __getattr__(name):
        # Importing numpy takes longer than the rest of this package, and a recorder does not need it.
        if name in {"StereoCall", "stereo_wav"}:
            from . import stereo

            return getattr(stereo, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
