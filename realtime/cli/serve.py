"""Serve the Realtime protocol on 127.0.0.1 and play each caller's turns back.

Prints one line, the address, once it accepts connections. SIGINT and SIGTERM end it.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from types import FrameType

from ..testing import FAULTS, LoopbackServer
from ..testing.settings import PTIME_MS
from .text import print_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `serve`."""
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="the port to listen on (default: a free one)"
    )
    parser.add_argument(
        "--ptime",
        type=int,
        default=PTIME_MS,
        metavar="MS",
        help="the duration of one audio delta (default: %(default)s)",
    )
    parser.add_argument(
        "--pace",
        type=float,
        default=None,
        metavar="X",
        help="send answers X times as fast as real time (1: in real time; default: all at once)",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="accept web pages of this host, and requests under its name; may be repeated "
        "(default: this machine only)",
    )
    add_fault_argument(parser)


def add_fault_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--fault NAME``, which may be repeated. `demo` has it too."""
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help=f"inject this fault into the server; may be repeated. One of: {', '.join(FAULTS)}",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal arrives."""
    server = LoopbackServer(
        arguments.port,
        ptime_ms=arguments.ptime,
        pace=arguments.pace,
        faults=arguments.fault,
        allowed_hosts=arguments.allow_host,
    )
    asyncio.run(_serve(server))
    return 0


async def _serve(server: LoopbackServer) -> None:
    stop = asyncio.Event()
    _on_signals(asyncio.get_running_loop(), stop)
    async with server:
        print_text(server.url)
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
