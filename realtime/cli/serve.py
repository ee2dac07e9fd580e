"""Serve the Realtime protocol and Live on 127.0.0.1, and play each caller's turns back or follow a script.

Prints the address on stdout once it accepts connections. Connections, HTTP requests and refusals (the error
events that are sent) are reported on stderr, one line each. SIGINT and SIGTERM end it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import ssl
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import Any, Final, get_args

from ..errors import ConfigError
from ..testing import FAULTS, LoopbackServer
from ..testing.connection import BinaryPolicy
from ..testing.settings import PTIME_MS
from .serve_report import ServeObserver
from .serve_script import read_script
from .text import print_text

# The options of `serve`: the arguments of argparse, and an example.
_OPTIONS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "--port": (
        {"type": int, "default": 0, "metavar": "N", "help": "the port to listen on (default: a free one)"},
        "8123",
    ),
    "--ptime": (
        {
            "type": int,
            "default": PTIME_MS,
            "metavar": "MS",
            "help": "the duration of one audio delta (default: %(default)s)",
        },
        "20",
    ),
    "--pace": (
        {
            "type": float,
            "default": None,
            "metavar": "X",
            "help": "send answers X times as fast as real time (default: all at once)",
        },
        "1",
    ),
    "--script": (
        {
            "metavar": "FILE",
            "help": "the replies of every session: a JSON list of objects with say, call, fail, or for Live "
            "transcribe and delegate, or a recorded log, whose answers are given again (default: play each turn back)",
        },
        "replies.json",
    ),
    "--record": (
        {"metavar": "DIR", "help": "write each connection to a log in this folder, for inspect"},
        "calls",
    ),
    "--provider": (
        {"metavar": "NAME", "help": "behave as the server of this provider (default: as OpenAI's)"},
        "xai",
    ),
    "--lenient": (
        {
            "action": "store_true",
            "help": "accept members that the real server refuses as unknown, for clients that are not finished",
        },
        "",
    ),
    "--binary": (
        {
            "choices": get_args(BinaryPolicy),
            "default": "refuse",
            "help": "the answer to a binary message: an error event, a close, or as to text "
            "(default: %(default)s)",
        },
        "close",
    ),
    "--tls": (
        {
            "nargs": "*",
            "metavar": "FILE",
            "help": "serve TLS with this certificate and key (PEM); without files, with a new certificate if "
            "the package trustme is installed",
        },
        "cert.pem key.pem",
    ),
    "--allow-host": (
        {
            "action": "append",
            "default": [],
            "metavar": "HOST",
            "help": "accept web pages of this host, and requests under its name; may be repeated "
            "(default: this machine only)",
        },
        "app.example",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `serve`."""
    for name, (options, example) in _OPTIONS.items():
        described: dict[str, Any] = {
            **options,
            "help": f"{options['help']}. Example: {name} {example}".rstrip(),
        }
        parser.add_argument(name, **described)
    add_fault_argument(parser)


def add_fault_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--fault NAME``, which may be repeated. `demo` has it too."""
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help="inject this fault into the server; may be repeated. Example: --fault cut_off. "
        f"One of: {', '.join(FAULTS)}",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal arrives."""
    with contextlib.ExitStack() as closing:
        observer = closing.enter_context(ServeObserver(arguments.record))
        options: dict[str, Any] = {}
        if arguments.tls is not None:
            options["ssl"] = closing.enter_context(_tls(arguments.tls))
        if arguments.lenient:
            options["strict"] = False
        if arguments.provider is not None:
            options["provider"] = arguments.provider
        server = LoopbackServer(
            arguments.port,
            ptime_ms=arguments.ptime,
            pace=arguments.pace,
            script=None if arguments.script is None else read_script(arguments.script),
            faults=arguments.fault,
            allowed_hosts=arguments.allow_host,
            binary=arguments.binary,
            observer=observer,
            **options,
        )
        asyncio.run(_serve(server))
    return 0


@contextlib.contextmanager
def _tls(files: list[str]) -> Generator[ssl.SSLContext]:
    """Yield the context of a certificate and its key, or of a new certificate.

    Raises:
        ConfigError: there are other than no or two files, or they are no certificate and its key.
        ImportError: a new certificate is needed, and trustme is not installed.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with contextlib.ExitStack() as closing:
        if not files:
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="realtime-serve-")))
            _new_certificate(context, folder / "ca.pem")
        elif len(files) == 2:
            try:
                # A key with a password would be asked for on the terminal.
                context.load_cert_chain(files[0], files[1], password="")
            except ssl.SSLError as why:
                raise ConfigError(
                    f"{files[0]} and {files[1]} are no certificate and its key: {why}"
                ) from None
        else:
            raise ConfigError("--tls needs a certificate and a key, or no file")
        yield context


def _new_certificate(context: ssl.SSLContext, authority_file: Path) -> None:
    try:
        import trustme
    except ImportError as missing:
        raise ImportError(
            "--tls without files needs trustme: pip install trustme", name=missing.name
        ) from None
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(authority_file))
    print_text(f"clients must trust {authority_file} (SSL_CERT_FILE, NODE_EXTRA_CA_CERTS)", sys.stderr)


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
