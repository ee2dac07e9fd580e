"""Make realtime/data/caller.wav: two spoken turns of a phone call, 8 kHz mu-law.

Needs espeak-ng and sox; run it from anywhere, then commit the file. The voice is
espeak-ng's British English at 150 words per minute, filtered to the telephone band (so that no
resampler's transition band matters) and set to -22 dBFS RMS, with 2 dB of headroom.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "realtime" / "data" / "caller.wav"
TURNS = (
    "Hello, I would like to book a table for four people, please.",
    "Tomorrow evening at half past seven. Thank you very much.",
)
SECONDS_BEFORE = 0.4
SECONDS_BETWEEN = 1.4
LEVEL_DBFS = -22.0
BAND_HZ = "200-3300"


def run(*command: str) -> str:
    """Run a command. Returns its stderr, where sox writes measurements."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


def rms_dbfs(path: Path) -> float:
    """Return the RMS level of a WAV file."""
    found = re.search(r"^RMS lev dB\s+(\S+)", run("sox", str(path), "-n", "stats"), re.MULTILINE)
    assert found is not None
    return float(found.group(1))


def speak(text: str, folder: Path, name: str) -> Path:
    """Write one turn: synthesised, trimmed, filtered, at the level; 8 kHz PCM16. Returns its path."""
    spoken, filtered, level = (folder / f"{name}.{step}.wav" for step in ("spoken", "filtered", "level"))
    run("espeak-ng", "-v", "en-gb", "-s", "150", "-w", str(spoken), text)
    trim = ("silence", "1", "0.01", "0.5%", "reverse")
    run("sox", "-R", str(spoken), str(filtered), *trim, *trim, "sinc", BAND_HZ, "rate", "-v", "8000")
    run("sox", "-R", "-D", str(filtered), str(level), "gain", f"{LEVEL_DBFS - rms_dbfs(filtered):.3f}")
    return level


def main() -> None:
    """Write the recording."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = []
        for index, text in enumerate(TURNS):
            part = folder / f"part{index}.wav"
            pause = SECONDS_BETWEEN if index else SECONDS_BEFORE
            run("sox", "-D", str(speak(text, folder, str(index))), str(part), "pad", f"{pause}", "0")
            parts.append(str(part))
        TARGET.parent.mkdir(exist_ok=True)
        run("sox", "-D", *parts, "-e", "mu-law", "-r", "8000", "-c", "1", str(TARGET))
    sys.stderr.write(f"{TARGET}: {TARGET.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
