"""Calls on file: logs of every frame with its direction and time, one line of JSON each.

`read_log` reads a log, whatever is in it; it needs the core alone.
"""

from __future__ import annotations

from .log import (
    BrokenLine as BrokenLine,
    Direction as Direction,
    Entry as Entry,
    read_log as read_log,
    read_metadata as read_metadata,
)
