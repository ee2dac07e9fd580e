"""The command line: ``python -m realtime COMMAND``, one module a command.

A command's module has `HELP`, `add_arguments(parser)` and `run(arguments) -> int`, and
imports what it needs when it runs, so that `doctor` works where something is missing.
Whatever goes wrong is one line on stderr and exit code 1; options that cannot be are 2, Ctrl-C is 130, and a
reader of the output who has enough of it 141.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from .._version import __version__
from ..errors import RealtimeError
from . import cost, demo, doctor, inspect, serve, wav
from ._errors import one_line

_COMMANDS = {
    "demo": demo,
    "serve": serve,
    "inspect": inspect,
    "cost": cost,
    "wav": wav,
    "doctor": doctor,
}
# 128 and the number of SIGINT, of SIGPIPE, as shells tell it.
INTERRUPTED = 130
UNREAD = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. `argv` leaves the program's name out."""
    arguments = _parser().parse_args(argv)
    try:
        code = int(_COMMANDS[arguments.command].run(arguments))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # `... | head`: what is still to be written goes nowhere, without a word at the interpreter's end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except KeyboardInterrupt:
        print(f"\nrealtime {arguments.command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (RealtimeError, OSError, ImportError) as error:
        print(f"realtime {arguments.command}: {one_line(error)}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m realtime", description="OpenAI's Realtime protocol for audio pipelines."
    )
    parser.add_argument("--version", action="version", version=f"realtime {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
    return parser
