"""Calls on file: logs of every frame with its direction and time, one line of JSON each.

`Recorder` writes a log and `read_log` reads it, whatever is in it. No sockets; clocks are arguments.
"""

from __future__ import annotations

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
