"""Makes a phone call through the library and back, and tells what went through.

A recording is sent to a loopback server over a real WebSocket, 20 ms at a time; each turn
comes back as the answer. Written as the call goes on: caller.wav (what was sent),
agent.wav (what came back), session.jsonl (every frame, its direction and its time).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import AudioError
from ..format import AudioFormat

if TYPE_CHECKING:
    from ._call import Call

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
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--port", type=int, default=0, metavar="N", help="the loopback server's port (default: a free one)"
    )
    where.add_argument("--url", help="call this server instead, such as ws://127.0.0.1:8080/v1/realtime")


def run(arguments: argparse.Namespace) -> int:
    """Make the call and print the report."""
    from ._call import Call
    from ._progress import Progress
    from ._record import Record
    from ._report import report

    recording = load(arguments.wav)
    with Progress() as progress, Record(arguments.out) as record:
        call = Call(AudioFormat(arguments.format), record, progress, paced=not arguments.fast)
        asyncio.run(_make(call, recording, arguments.port, arguments.url))
    for line in report(call, record):
        print(line)
    return 0


async def _make(call: Call, recording: bytes, port: int, url: str | None) -> None:
    from ..testing import LoopbackServer

    async with contextlib.AsyncExitStack() as stack:
        if url is None:
            server = await stack.enter_async_context(LoopbackServer(port))
            url = server.url
        await call.make(url, recording)


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
