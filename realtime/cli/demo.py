"""Makes a phone call through the library and back, and tells what went through.

A recording is sent to a loopback server over a real WebSocket, 20 ms at a time; each turn
comes back as the answer. What goes wrong on the way (--fault) is survived, over new connections
where need be. Written as the call goes on: caller.wav (what was said), agent.wav (what came
back), session.jsonl (every frame, its direction and its time).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import AudioError, ConfigError
from ..format import AudioFormat
from ._faults import add_fault

if TYPE_CHECKING:
    from ..testing import LoopbackServer
    from ._client import Client

DEFAULT_PATIENCE_SECONDS = 20.0
DEFAULT_RETRIES = 3
HELP = "make a phone call through the library: real speech in, events over a WebSocket, speech out"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `demo`."""
    parser.add_argument(
        "--format",
        choices=[fmt.value for fmt in AudioFormat],
        default=AudioFormat.PCM16.value,
        help="the session's audio format (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo-out"),
        metavar="DIR",
        help="where the files go (default: %(default)s)",
    )
    parser.add_argument("--fast", action="store_true", help="send as fast as possible, not as it is spoken")
    parser.add_argument(
        "--wav",
        type=Path,
        metavar="FILE",
        help="send this recording (WAV; PCM16, mu-law or A-law) instead of the one in the package",
    )
    parser.add_argument(
        "--manual",
        action="store_true",
        help="find the caller's turns here, not on the server: commit each, and ask for its answer",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=DEFAULT_PATIENCE_SECONDS,
        metavar="SECONDS",
        help="how long the server may say nothing of what it is waited for (default: %(default)g)",
    )
    parser.add_argument(
        "--retries",
        type=int,
        default=DEFAULT_RETRIES,
        metavar="N",
        help="new connections that are tried in a row before the call is given up (default: %(default)s)",
    )
    add_fault(parser)
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--port", type=int, default=0, metavar="N", help="the loopback server's port (default: a free one)"
    )
    where.add_argument("--url", help="call this server instead, such as ws://127.0.0.1:8080/v1/realtime")


def run(arguments: argparse.Namespace) -> int:
    """Make the call and print the report."""
    from ._call import Call
    from ._client import Client
    from ._progress import Progress
    from ._record import Record
    from ._report import report
    from ._say import say

    _check(arguments)
    recording = load(arguments.wav)
    where = _server(arguments) if arguments.url is None else str(arguments.url)
    with Progress() as progress, Record(arguments.out) as record:
        call = Call(AudioFormat(arguments.format), recording, record, progress, manual=arguments.manual)
        client = Client(
            call, paced=not arguments.fast, patience=arguments.patience, retries=arguments.retries
        )
        asyncio.run(_make(client, where))
    for line in report(call, record):
        say(line)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not 0 < arguments.patience < float("inf"):
        raise ConfigError(f"--patience is more than 0 seconds, got {arguments.patience:g}")
    if arguments.retries < 0:
        raise ConfigError(f"--retries is not negative, got {arguments.retries}")
    if arguments.url is not None and arguments.fault:
        raise ConfigError("--fault is for the demo's own server; a URL asks for one by ?fault=NAME")


def _server(arguments: argparse.Namespace) -> LoopbackServer:
    from ..testing import LoopbackServer

    return LoopbackServer(arguments.port, faults=arguments.fault)


async def _make(client: Client, where: LoopbackServer | str) -> None:
    if isinstance(where, str):
        await client.make(where)
        return
    async with where:
        await client.make(where.url)


def load(path: Path | None) -> bytes:
    """A recording as 8 kHz mu-law, what a phone line carries.

    Raises:
        AudioError: not such a WAV file, truncated, or empty; it names the file.
        OSError: it cannot be opened.
    """
    if path is None:
        with _shipped() as file:
            return _as_ulaw(file)
    with open(path, "rb") as file:
        try:
            return _as_ulaw(file)
        except AudioError as error:
            raise AudioError(f"{path}: {error}") from None


def _shipped() -> BinaryIO:
    package = __name__.removesuffix(".cli.demo")
    return (importlib.resources.files(package) / "data" / "caller.wav").open("rb")  # type: ignore[return-value]


def _as_ulaw(file: BinaryIO) -> bytes:
    from ..audio import read_wav

    audio = read_wav(file).to(AudioFormat.G711_ULAW)
    if not audio:
        raise AudioError("there is no audio in it")
    return audio
