"""The option that names what is to go wrong with the loopback server, of `demo` and of `serve`."""

from __future__ import annotations

import argparse


def add_fault(parser: argparse.ArgumentParser) -> None:
    """Add ``--fault NAME``, as often as one likes."""
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help=f"let this go wrong with the server; may be said again. One of: {', '.join(_names())}",
    )


def _names() -> list[str]:
    try:
        from ..testing.faults import FAULTS
    except ImportError:  # `doctor`, which tells what is missing, has this parser too
        return ["(cannot be listed; see doctor)"]
    return [*FAULTS]
