"""Report the tokens and the cost in USD of recorded calls, log by log and in total.

LOG is a file, a glob or a folder, as for `inspect`. Usage without a known price is reported as
"not known", never as $0; the exit code is then 1, and the rest is reported all the same.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections.abc import Iterator
from decimal import Decimal

from .._provider import ProviderName
from .._text import duration, money, one_line, plural
from ..analysis import CostReport, Log, UsageReport
from ..state.cost import plus
from .logs import add_log_arguments, format_tokens, named_logs, read_logs, read_report
from .text import Progress, print_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `cost`."""
    add_log_arguments(parser)


def read_cost(
    model: str | None, transcription_model: str | None, provider: ProviderName | None, log: Log
) -> tuple[UsageReport, CostReport]:
    """Return the usage and the cost of a log. Raises what `read_report` raises."""
    report = read_report(model, transcription_model, provider, log)
    return report.usage, report.cost


def run(arguments: argparse.Namespace) -> int:
    """Print the cost of each log, and the total of several."""
    logs = named_logs(arguments.logs)
    work = functools.partial(read_cost, arguments.model, arguments.transcription_model, arguments.provider)
    total_usage, known_usd, unpriced, unreadable = UsageReport(), Decimal(0), 0, 0
    with Progress() as progress, contextlib.closing(read_logs(logs, work, arguments.jobs)) as results:
        for number, found in enumerate(results, start=1):
            if found.result is None:
                unreadable += 1
                progress.note(found.error_line("cost"))
                continue
            usage, cost = found.result
            total_usage, known_usd = total_usage + usage, plus(known_usd, cost.known_usd)
            unpriced += cost.usd is None
            progress.show("")  # on a terminal, results and the status share the screen
            print_text("\n".join(_lines(one_line(found.log.name), usage, cost)))
            progress.show(f"{number:,} of {len(logs):,} logs")
    if len(logs) > 1:
        print_text(_total(len(logs) - unreadable, total_usage, known_usd, unpriced))
    return 1 if unpriced or unreadable else 0


def _lines(name: str, usage: UsageReport, cost: CostReport) -> Iterator[str]:
    usd = money(cost.known_usd) if cost.usd is not None else "not known"
    time = f", {duration(usage.session_seconds * 1000)} billed" if usage.session_seconds else ""
    yield f"{usd:>12}  {name}: {format_tokens(usage.responses)}{time}"
    for item in cost.items:
        price = "not known" if item.usd is None else money(item.usd)
        why = f": {one_line(item.problem)}" if item.problem else ""
        if len(cost.items) > 1 or item.problem:
            yield f"{'':12}  {price:>12}  {item.use}, {one_line(item.model or 'no model')}{why}"


def _total(calls: int, usage: UsageReport, known_usd: Decimal, unpriced: int) -> str:
    line = f"{money(known_usd):>12}  in total, {plural(calls, 'call')}: {format_tokens(usage.responses)}"
    return f"{line}; not known in full for {plural(unpriced, 'call')}" if unpriced else line
