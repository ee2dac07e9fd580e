"""Calls per core of a loopback server, measured by examples/load.py.

The server runs in a process of its own and is called over sockets in real time. Every run
verifies that nothing is lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent / "examples" / "load.py"


def calls_per_core(ptime_ms: int, *, calls: int = 100, seconds: float = 8.0) -> float:
    """Return seconds of calls per second of the server's CPU time."""
    options = {"--calls": calls, "--seconds": seconds, "--ramp": seconds / 4, "--ptime": ptime_ms}
    words = [str(word) for pair in options.items() for word in pair]
    done = subprocess.run([sys.executable, PROGRAM, *words, "--json"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr + done.stdout)
    return float(json.loads(done.stdout)["calls_per_core"])


class LoopbackServer:
    """100 simultaneous calls, G.711."""

    params = (["realtime"], ["20 ms", "100 ms"])
    param_names = ("by", "ptime")
    timeout = 120

    def track_calls_per_core(self, by: str, ptime: str) -> float:
        return calls_per_core(int(ptime.split()[0]))

    track_calls_per_core.unit = "calls"  # type: ignore[attr-defined]
