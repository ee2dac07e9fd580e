"""The command line, `python -m realtime COMMAND`: the commands' names, the parser and exit codes.

Each command is a module with `add_arguments(parser)` and `run(arguments) -> int`; its docstring is
its help. It is imported when its command is chosen, so that `doctor` runs where the dependencies
of the others are missing. `text` has what they print with, `logs` how `inspect` and `cost` read logs.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from .._text import escape_controls
from .._version import __version__
from ..errors import RealtimeError
from .text import format_error

__all__ = ["COMMANDS", "build_parser", "main"]

COMMANDS: Final = {
    "demo": "make a phone call through the library: recorded speech over a WebSocket and back",
    "serve": "serve the protocol on 127.0.0.1, playing each caller's turns back",
    "inspect": "report on recorded calls, turn by turn: latencies, interruptions, gaps, errors, cost",
    "cost": "report the tokens and USD of recorded calls",
    "wav": "write a stereo WAV file of a recorded call: the caller left, the assistant right",
    "doctor": "report which distribution this package comes from, and its dependencies",
}
# Exit codes, as shells report them: 128 plus the number of SIGINT, and of SIGPIPE.
_INTERRUPTED: Final = 130
_OUTPUT_CLOSED: Final = 141


def __dir__() -> list[str]:
    return sorted(__all__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    `argv` has no program name; the default is `sys.argv`. A failure is one line on stderr and exit
    code 1. Raises SystemExit with code 2 if the arguments are invalid.
    """
    _open_streams()
    argv = sys.argv[1:] if argv is None else argv
    name = next((word for word in argv if word in COMMANDS), "")
    try:
        arguments = build_parser().parse_args(argv)
        code: int = _module(arguments.command).run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `... | head`
        return _OUTPUT_CLOSED
    except KeyboardInterrupt:
        print(f"\nrealtime {name}: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except (RealtimeError, OSError, ImportError) as error:
        print(f"realtime {name}: {format_error(error)}", file=sys.stderr)
        return 1
    finally:
        _flush_output()


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with all commands."""
    parser = _Parser(prog="python -m realtime", description="OpenAI's Realtime protocol for audio pipelines.")
    parser.add_argument("--version", action="version", version=f"realtime {__version__}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=_CommandParser
    )
    for name, summary in COMMANDS.items():
        commands.add_parser(name, help=summary, command=name)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are printable: argparse quotes some arguments as they are."""

    def error(self, message: str) -> NoReturn:
        super().error(escape_controls(message))


class _CommandParser(_Parser):
    """The parser of one command. Imports the command's module when it is used."""

    def __init__(self, *, command: str, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self._command = command
        self._is_filled = False

    def parse_known_args(self, *args: Any, **options: Any) -> Any:
        if not self._is_filled:
            self._is_filled = True
            module = _module(self._command)
            self.description = module.__doc__
            module.add_arguments(self)
        return super().parse_known_args(*args, **options)


def _flush_output() -> None:
    """Flush stdout; discard what cannot be written, or the interpreter fails when it flushes stdout at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _open_streams() -> None:
    """Replace stdout and stderr by the null device where the process was started without them."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (stays open)


def _module(command: str) -> Any:
    return importlib.import_module(f"{__name__}.{command}")
