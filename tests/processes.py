"""What a process prints, without what depends on the speed of the machine."""

from __future__ import annotations

import re


def without_delays(log: str) -> str:
    """Remove the lines of asyncio's debug mode about callbacks over 0.1 s: on a busy machine any callback is one."""
    return re.sub(r"^.*Executing <.* took [\d.]+ seconds\n", "", log, flags=re.MULTILINE)
