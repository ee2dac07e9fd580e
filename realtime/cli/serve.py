"""Serves the Realtime protocol on 127.0.0.1 and plays each caller's turns back.

Prints one line, the address, once it accepts connections. SIGINT and SIGTERM end it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

from ..testing._defaults import PTIME_MS
from ._faults import add_fault
from ._say import say

if TYPE_CHECKING:
    from ..testing import LoopbackServer

HELP = "serve the protocol on 127.0.0.1, playing each caller's turns back"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `serve`."""
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="listen on port N (default: a free one)"
    )
    parser.add_argument(
        "--ptime",
        type=int,
        default=PTIME_MS,
        metavar="MS",
        help="duration of one audio delta (default: %(default)s)",
    )
    parser.add_argument(
        "--pace",
        type=float,
        default=None,
        metavar="X",
        help="answer X times as fast as speech (1: in real time; default: all at once)",
    )
    add_fault(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    from ..testing import LoopbackServer

    server = LoopbackServer(
        arguments.port, ptime_ms=arguments.ptime, pace=arguments.pace, faults=arguments.fault
    )
    asyncio.run(_serve(server))
    return 0


async def _serve(server: LoopbackServer) -> None:
    stop = asyncio.Event()
    _on_signals(asyncio.get_running_loop(), stop)
    async with server:
        say(server.url)
        sys.stdout.flush()
        await stop.wait()


def _on_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            signal.signal(number, handle)
