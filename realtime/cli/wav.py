"""Write a stereo WAV file of a recorded call: the caller left, the assistant right.

Both channels are placed on the log's time line; sample 0 is its start. Interrupted audio ends
where playback stopped. Name a rotated log by its last file; it is read from its first part.
"""

from __future__ import annotations

import argparse
import os

from .._text import one_line, plural
from ..analysis import inspect_log
from ..errors import ConfigError
from ..recording import log_files, stereo_wav
from ..recording.log import ensure_not_input
from .logs import add_provider_argument
from .text import print_text

_ENDINGS = (".gz", ".zst", ".jsonl", ".ndjson", ".log")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `wav`."""
    parser.add_argument(
        "log", metavar="LOG", help="a log as `Recorder` and `demo` write it (.jsonl, .gz, .zst)"
    )
    parser.add_argument(
        "-o", "--out", metavar="OUT", help="the WAV file (default: LOG with its ending replaced by .wav)"
    )
    add_provider_argument(parser)
    parser.add_argument("--force", action="store_true", help="replace the WAV file if it exists")
    parser.add_argument(
        "--rate",
        type=int,
        choices=(8000, 16000, 24000, 48000),
        metavar="HZ",
        help="8000, 16000, 24000 or 48000 (default: 24000, or 8000 if all audio is G.711)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the file and print its contents."""
    log = arguments.log
    out = arguments.out or default_out(log)
    files = log_files(log) or [log]
    ensure_not_input(files, out)
    if os.path.isfile(out) and not arguments.force:
        raise ConfigError(f"{out} exists: choose another file with --out, or replace it with --force")
    call = stereo_wav(files, out, sample_rate=arguments.rate, provider=arguments.provider)
    # Not `call.truncations`: an interruption truncates nothing if all was played, and twice if the buffer is cleared too.
    interruptions = inspect_log(files, provider=arguments.provider).interruption_count
    print_text(f"{one_line(out)}: {call.duration_ms / 1000:.2f} s, stereo, {call.sample_rate} Hz")
    print_text(f"left, the caller      {call.caller_ms / 1000:.2f} s of audio")
    print_text(
        f"right, the assistant  {call.assistant_ms / 1000:.2f} s of audio, "
        f"interrupted {plural(interruptions, 'time')}"
    )
    if call.broken:
        print_text(f"{plural(call.broken, 'line')} of the log could not be read")
    return 0


def default_out(log: str) -> str:
    """Return the default name of a log's WAV file: the log's name with its ending replaced."""
    folder, name = os.path.split(log)
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return os.path.join(folder, f"{name}.wav")
