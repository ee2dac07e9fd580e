"""Tells what recorded calls took in tokens and cost in USD, log by log and in all.

LOG is a file, a glob or a folder, as for `inspect`. What has no known price is said and never counted
as $0: the exit code is 1 then, and the rest is told all the same.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from .inspect import add_price_arguments, named_logs

if TYPE_CHECKING:
    from ..analysis import CostReport, Log, UsageReport

HELP = "tokens and USD of recorded calls"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `cost`."""
    parser.add_argument("logs", nargs="+", metavar="LOG", help="a log, a glob or a folder")
    add_price_arguments(parser)


def read_cost(model: str | None, transcription_model: str | None, log: Log) -> tuple[UsageReport, CostReport]:
    """What the call of a log took and cost. Raises what `inspect_log` raises."""
    from .inspect import read_report

    report = read_report(model, transcription_model, log)
    return report.usage, report.cost


def run(arguments: argparse.Namespace) -> int:
    """Print what the calls cost."""
    from ..analysis import UsageReport
    from ..state.cost import plus
    from ._logs import each_log
    from ._progress import Progress
    from ._say import say
    from ._words import printable

    logs = named_logs(arguments)
    work = functools.partial(read_cost, arguments.model, arguments.transcription_model)
    usage, known_usd, unknown, unreadable = UsageReport(), Decimal(0), 0, 0
    with Progress() as progress, contextlib.closing(each_log(logs, work, arguments.jobs)) as results:
        for number, done in enumerate(results, start=1):
            if done.result is None:
                unreadable += 1
                progress.note(done.complaint("cost"))
                continue
            took, cost = done.result
            usage, known_usd = usage + took, plus(known_usd, cost.known_usd)
            unknown += cost.usd is None
            say("\n".join(_lines(printable(done.log.name), took, cost)))
            progress.show(f"{number:,} of {len(logs):,} logs")
    if len(logs) > 1:
        say(_total(len(logs) - unreadable, usage, known_usd, unknown))
    return 1 if unknown or unreadable else 0


def _lines(name: str, usage: UsageReport, cost: CostReport) -> Iterator[str]:
    from ..analysis._words import money, span
    from ._words import printable, tokens

    usd = money(cost.known_usd) if cost.usd is not None else "not known"
    time = f", {span(usage.session_seconds * 1000)} billed" if usage.session_seconds else ""
    yield f"{usd:>12}  {name}: {tokens(usage.responses)}{time}"
    for item in cost.items:
        price = "not known" if item.usd is None else money(item.usd)
        why = f": {printable(item.problem)}" if item.problem else ""
        if len(cost.items) > 1 or item.problem:
            yield f"{'':12}  {price:>12}  {item.use}, {printable(item.model or 'of no model')}{why}"


def _total(calls: int, usage: UsageReport, known_usd: Decimal, unknown: int) -> str:
    from ..analysis._words import count, money
    from ._words import tokens

    what = f"{money(known_usd):>12}  in all, {count(calls, 'call')}: {tokens(usage.responses)}"
    return f"{what}; of {count(unknown, 'call')} something is not known" if unknown else what
