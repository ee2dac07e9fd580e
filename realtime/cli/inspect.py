"""Tells what happened in recorded calls: turn by turn of one log, a summary of many.

LOG is a file as `Recorder` and `demo` write it (.jsonl, .gz, .zst), a glob (** too), or a folder. A
rotated log is one call. With --json each log is one line of JSON, and of many the last line is their
summary. A log that cannot be read costs itself: it is told on stderr, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import spec

if TYPE_CHECKING:
    from ..analysis import Log, Report, Summary

HELP = "what happened in recorded calls, turn by turn: latencies, interruptions, gaps, errors, cost"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `inspect`."""
    parser.add_argument("logs", nargs="+", metavar="LOG", help="a log, a glob or a folder")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object a line: each log, then the summary"
    )
    parser.add_argument("--html", type=Path, metavar="OUT", help="write a page about the one log")
    parser.add_argument(
        "--audio",
        action=argparse.BooleanOptionalAction,
        help="let the page play the call, 1.3 MB a minute (default: a call under ten minutes)",
    )
    add_price_arguments(parser)


def add_price_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `inspect` and `cost` share."""
    parser.add_argument(
        "--model",
        metavar="M",
        help=f"compute costs by this model's price, whatever the logs say: {', '.join(spec.PRICES)}",
    )
    parser.add_argument(
        "--transcription-model", metavar="M", help="the same for transcriptions of the user's speech"
    )
    parser.add_argument(
        "--jobs", type=_positive, metavar="N", help="read logs in N processes (default: one a CPU)"
    )


def named_logs(arguments: argparse.Namespace) -> list[Log]:
    """The logs that a command is given.

    Raises:
        ConfigError: there are none.
    """
    from ..analysis import find_logs
    from ..errors import ConfigError

    logs = find_logs(arguments.logs)
    if not logs:
        raise ConfigError("there are no logs in what was named")
    return logs


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def run(arguments: argparse.Namespace) -> int:
    """Print what the logs tell."""
    from ..errors import ConfigError

    logs = named_logs(arguments)
    if arguments.html is not None and len(logs) != 1:
        raise ConfigError(f"--html is about one log, and there are {len(logs)}")
    if arguments.audio is not None and arguments.html is None:
        raise ConfigError("--audio and --no-audio say what the page of --html is to have")
    return _one(logs[0], arguments) if len(logs) == 1 else _many(logs, arguments)


# --- One -------------------------------------------------------------------------------


def read_report(model: str | None, transcription_model: str | None, log: Log) -> Report:
    """The report of a log. Raises what `inspect_log` raises, and ConfigError for what is no log at all."""
    from ..analysis import inspect_log
    from ..recording.log import no_log

    report = inspect_log(log.files, model=model, transcription_model=transcription_model)
    if report.broken and not report.frames:
        raise no_log(report.broken)
    return report


def _one(log: Log, arguments: argparse.Namespace) -> int:
    from . import _turns
    from ._logs import each_log
    from ._say import say, say_json
    from ._words import printable

    work = functools.partial(read_report, arguments.model, arguments.transcription_model)
    (done,) = each_log([log], work)
    if done.result is None:
        print(done.complaint("inspect"), file=sys.stderr)
        return 1
    if arguments.html is not None:
        from ..analysis import write_page

        page = write_page(log.files, arguments.html, report=done.result, audio=arguments.audio)
        told = printable(f"{arguments.html}: {page.nbytes:,} bytes")
        # Behind a page that goes to stdout it would be part of it.
        is_apart = arguments.html.is_file() and not arguments.json
        print(told, file=sys.stdout if is_apart else sys.stderr)
    elif not arguments.json:
        say("\n".join(_turns.lines(done.result)))
    if arguments.json:
        say_json(_line("report", done.result))
    return 0


# --- Many ------------------------------------------------------------------------------


def read_summary(
    model: str | None, transcription_model: str | None, wants_line: bool, log: Log
) -> tuple[Summary, str]:
    """The summary of one log, and its line of JSON where that is wanted."""
    from ..analysis import Summary

    report = read_report(model, transcription_model, log)
    return Summary.of(report), _line("report", report) if wants_line else ""


def _many(logs: Sequence[Log], arguments: argparse.Namespace) -> int:
    from ..analysis import Summary
    from . import _many as many
    from ._logs import each_log
    from ._progress import Progress
    from ._say import say, say_json

    work = functools.partial(read_summary, arguments.model, arguments.transcription_model, arguments.json)
    whole, unreadable = Summary(), 0
    with Progress() as progress, contextlib.closing(each_log(logs, work, arguments.jobs)) as results:
        for number, done in enumerate(results, start=1):
            if done.result is None:
                unreadable += 1
                progress.note(done.complaint("inspect"))
            else:
                whole += done.result[0]
                if arguments.json:
                    say_json(done.result[1])
            progress.show(f"{number:,} of {len(logs):,} logs")
    if arguments.json:
        say_json(_line("summary", whole, unreadable=unreadable))
    else:
        say("\n".join(many.lines(whole)))
    return 1 if unreadable else 0


# --- JSON ------------------------------------------------------------------------------


def _line(kind: str, told: Report | Summary, **more: object) -> str:
    """What was found as a line of JSON, with the percentiles of its histograms."""
    import msgspec

    from ..analysis import percentiles

    names = ("latency", "created_latency", "call_time", "gap_time")
    figures = {f"{name}_ms": percentiles(getattr(told, name)) for name in names}
    found = {"kind": kind, **more, "figures": figures, **msgspec.to_builtins(told)}
    return msgspec.json.encode(found).decode()
