"""Make a phone call through the library and back, and report what was sent and received.

A recording is sent to a loopback server over a WebSocket, 20 ms at a time; each turn is played back
as the answer. Faults (--fault) do not end the call: the client reconnects where it must. The call
is written to caller.wav (sent), agent.wav (received) and session.jsonl (every frame with its time).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.resources
from pathlib import Path
from typing import BinaryIO, Final

from ..audio import read_wav
from ..errors import AudioError, ConfigError
from ..format import OPENAI_FORMATS, AudioFormat
from ..testing import LoopbackServer
from .demo_call import CallOptions, DemoCall, make_call
from .demo_record import PHONE, CallRecord
from .demo_report import report_lines
from .serve import add_fault_argument
from .text import Progress, print_text

DEFAULT_PATIENCE_SECONDS: Final = 20.0
DEFAULT_RETRIES: Final = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `demo`."""
    parser.add_argument(
        "--format",
        choices=[format.encoding for format in OPENAI_FORMATS],
        default=AudioFormat.PCM16.encoding,
        help="the session's audio format (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo-out"),
        metavar="DIR",
        help="the folder for the files (default: %(default)s)",
    )
    parser.add_argument("--fast", action="store_true", help="send as fast as possible, not in real time")
    parser.add_argument(
        "--wav",
        type=Path,
        metavar="FILE",
        help="send this recording (WAV; PCM16, mu-law or A-law) instead of the one in the package",
    )
    parser.add_argument(
        "--manual",
        action="store_true",
        help="turn server VAD off: detect the caller's turns here, commit each and request its answer",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=DEFAULT_PATIENCE_SECONDS,
        metavar="SECONDS",
        help="how long to wait for the server before reconnecting (default: %(default)g)",
    )
    parser.add_argument(
        "--retries",
        type=int,
        default=DEFAULT_RETRIES,
        metavar="N",
        help="attempts to reconnect in a row before the call fails (default: %(default)s)",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="report the number of frames of each type"
    )
    add_fault_argument(parser)
    server = parser.add_mutually_exclusive_group()
    server.add_argument(
        "--port", type=int, default=0, metavar="N", help="the loopback server's port (default: a free one)"
    )
    server.add_argument("--url", help="call this server instead, such as ws://127.0.0.1:8080/v1/realtime")


def run(arguments: argparse.Namespace) -> int:
    """Make the call and print the report."""
    _check(arguments)
    recording = load_recording(arguments.wav)
    url: str | None = arguments.url
    server = LoopbackServer(arguments.port, faults=arguments.fault) if url is None else url
    options = CallOptions(
        format=AudioFormat.of(arguments.format),
        is_manual=arguments.manual,
        is_paced=not arguments.fast,
        patience_s=arguments.patience,
        max_retries=arguments.retries,
    )
    with Progress() as progress, CallRecord(arguments.out) as record:
        call = DemoCall(recording, record, progress)
        asyncio.run(_run(call, options, server))
    for line in report_lines(call, options.format, is_verbose=arguments.verbose):
        print_text(line)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not 0 < arguments.patience < float("inf"):
        raise ConfigError(f"--patience must be more than 0 seconds, got {arguments.patience:g}")
    if arguments.retries < 0:
        raise ConfigError(f"--retries must not be negative, got {arguments.retries}")
    if arguments.url is not None and arguments.fault:
        raise ConfigError("--fault needs the demo's own server; with --url, add ?fault=NAME to the URL")


async def _run(call: DemoCall, options: CallOptions, server: LoopbackServer | str) -> None:
    if isinstance(server, str):
        await make_call(server, call, options)
        return
    async with server:
        await make_call(server.url, call, options)


# --- The recording ---------------------------------------------------------------------


def load_recording(path: Path | None) -> bytes:
    """Return a recording as 8 kHz mu-law, the format of a phone line. None returns the package's own.

    Raises:
        AudioError: the file is not a supported WAV file, or truncated, or empty.
        OSError: it cannot be opened.
    """
    if path is None:
        with _packaged_recording() as file:
            return _read_ulaw(file)
    with open(path, "rb") as file:
        try:
            return _read_ulaw(file)
        except AudioError as error:
            raise AudioError(f"{path}: {error}") from None


def _packaged_recording() -> BinaryIO:
    package = __name__.removesuffix(".cli.demo")
    return (importlib.resources.files(package) / "data" / "caller.wav").open("rb")  # type: ignore[return-value]


def _read_ulaw(file: BinaryIO) -> bytes:
    audio = read_wav(file).to(PHONE)
    if not audio:
        raise AudioError("the file has no audio")
    return audio
