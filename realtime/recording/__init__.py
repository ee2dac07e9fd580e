"""Calls on file: logs of every frame with its direction and time, one line of JSON each.

`Recorder` writes a log and `read_log` reads it, whatever is in it. `replay` gives the frames again
at their times, `replay_frames` sends them, `feed_all` feeds them to `realtime.state`'s objects, and
`stereo_wav` (numpy) makes them a recording to listen to. No sockets; clocks are arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._files import log_files as log_files
from ._frames import one_line as one_line
from .log import (
    BrokenLine as BrokenLine,
    Direction as Direction,
    Entry as Entry,
    read_log as read_log,
    read_metadata as read_metadata,
)
from .recorder import Recorder as Recorder, RecordingError as RecordingError
from .replay import (
    FeedCount as FeedCount,
    Replay as Replay,
    feed_all as feed_all,
    replay as replay,
    replay_frames as replay_frames,
)

if TYPE_CHECKING:
    from .stereo import StereoCall as StereoCall, stereo_wav as stereo_wav
else:
    # numpy is imported when these are first named.
    def __getattr__(name):
        if name in {"StereoCall", "stereo_wav"}:
            from . import stereo

            return getattr(stereo, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
