"""What a loopback server is as a load target: calls that one core of it carries, by examples/load.py.

A server in a process of its own, called over sockets in real time, its answers as they are spoken. Every run is
checked: nothing may be lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent / "examples" / "load.py"


def calls_per_core(ptime_ms: int, *, calls: int = 100, seconds: float = 8.0) -> float:
    """Seconds of calls for each second of the server's CPU."""
    asked = {"--calls": calls, "--seconds": seconds, "--ramp": seconds / 4, "--ptime": ptime_ms}
    words = [str(word) for pair in asked.items() for word in pair]
    done = subprocess.run([sys.executable, PROGRAM, *words, "--json"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr + done.stdout)
    return float(json.loads(done.stdout)["calls_per_core"])


class LoopbackServer:
    """100 calls at once, G.711."""

    params = (["realtime"], ["20 ms", "100 ms"])
    param_names = ("by", "ptime")
    timeout = 120

    def track_calls_per_core(self, by: str, ptime: str) -> float:
        return calls_per_core(int(ptime.split()[0]))

    track_calls_per_core.unit = "calls"  # type: ignore[attr-defined]
