"""Makes a stereo WAV file of a recorded call: the caller left, the assistant right.

Both lie on the time line of the log: sample 0 is its start. What was interrupted ends where the
caller stopped hearing it. A rotated log is named by its last file, and read from its first part.
"""

from __future__ import annotations

import argparse
import os

HELP = "a stereo WAV file of a recorded call: the caller left, the assistant right"
_ENDINGS = (".gz", ".zst", ".jsonl", ".ndjson", ".log")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `wav`."""
    parser.add_argument(
        "log", metavar="LOG", help="a log as `Recorder` and `demo` write it (.jsonl, .gz, .zst)"
    )
    parser.add_argument("-o", "--out", metavar="OUT", help="the WAV file (default: LOG with .wav at its end)")
    parser.add_argument(
        "--rate",
        type=int,
        choices=(8000, 16000, 24000, 48000),
        metavar="HZ",
        help="samples a second (default: 24000, or 8000 where all audio is G.711)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say what is in it."""
    from ..recording import log_files, stereo_wav

    log = arguments.log
    out = arguments.out or default_out(log)
    call = stereo_wav(log_files(log) or [log], out, sample_rate=arguments.rate)
    print(f"{out}: {call.duration_ms / 1000:.2f} s, stereo, {call.sample_rate} Hz")
    print(f"left, the caller      {call.caller_ms / 1000:.2f} s of audio")
    print(f"right, the assistant  {call.assistant_ms / 1000:.2f} s of audio, cut short {call.cuts} times")
    if call.broken:
        print(f"{call.broken} lines of the log could not be read")
    return 0


def default_out(log: str) -> str:
    """The name of the WAV file of a log: its own, less what says that it is a log."""
    folder, name = os.path.split(log)
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return os.path.join(folder, f"{name}.wav")
