"""Where what is made of a log may be written: anywhere but over the log itself."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from ..errors import ConfigError
from ._blocks import Path


def spare(logs: Iterable[Path], out: Path) -> None:
    """Make sure that `out` is none of the files to be read, by whatever name or link.

    Raises:
        ConfigError: it is.
    """
    for log in logs:
        with contextlib.suppress(OSError):  # one of them is not there yet, or not at all
            if os.path.samefile(log, out):
                raise ConfigError(f"{os.fspath(out)} is the log that is read: it would be written over")
