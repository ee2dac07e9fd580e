"""Summary of many recorded calls, computed on a Dask cluster.

Shows `find_logs`, `inspect_log` and `Summary`: each task inspects a few logs and returns their summary, which takes
some kilobytes for any number of logs; summaries are added as they arrive, in any order. Only a few tasks are queued
per worker. A log that cannot be read is reported and the others are counted, even if it kills the workers that read
it; the exit code is then 1. Names of logs are printed in ASCII, because anybody who writes to a folder chooses them.

On this machine, with a process for each CPU::

    python examples/inspect_dask.py 'calls/**/*.jsonl.gz'

On a cluster whose workers see the logs under the same paths and have this package installed::

    python examples/inspect_dask.py --scheduler tcp://10.0.0.5:8786 '/shared/calls/**/*.jsonl.gz' --json

`msgspec.json.decode(line, type=Summary)` reads the output of --json, to be added to another summary.
Needs dask: pip install 'realtime-codec[examples]'.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import logging
import os
import sys
from collections.abc import Generator, Iterator
from typing import Any, Final

import msgspec

from realtime.analysis import Log, Summary, find_logs, inspect_log, percentiles
from realtime.errors import RealtimeError

log = logging.getLogger("inspect_dask")
# A task is some seconds of work; a scheduler needs about a millisecond for each.
LOGS_A_TASK: Final = 20
# Tasks that are queued for each thread of a worker.
AHEAD: Final = 3

Read = tuple[Summary, list[tuple[str, str]]]


def read(logs: list[Log]) -> Read:
    """Return the summary of a few logs, and those that cannot be read with the reason. Runs in a task."""
    summary, unreadable = Summary(), list[tuple[str, str]]()
    for each in logs:
        try:
            if not each.files:
                raise FileNotFoundError("no such log")
            summary.add(inspect_log(each.files))
        except (OSError, RealtimeError) as why:
            unreadable.append((each.name, str(why)))
        except Exception as why:  # an unexpected error must not lose the other logs
            unreadable.append((each.name, f"{type(why).__name__}: {why}"))
    return summary, unreadable


def dask() -> Any:
    """Import Dask. Done late, so that --help does not need it; typed as Any, because it has few types."""
    # Read by the import, here and in each worker. By default Dask logs every connection.
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "warning")
    import distributed

    return distributed


def results(client: Any, logs: list[Log]) -> Iterator[Read]:
    """Yield the results of the tasks as they arrive, and submit the next ones.

    The logs of a task that repeatedly killed its workers are read at the end, one at a time.
    """
    given: dict[str, list[Log]] = {}
    suspects: list[Log] = []

    def submit(some: list[Log]) -> Any:
        task = client.submit(read, some, pure=False)
        given[task.key] = some
        return task

    tasks = (submit(logs[at : at + LOGS_A_TASK]) for at in range(0, len(logs), LOGS_A_TASK))
    ahead = AHEAD * max(1, sum(client.nthreads().values()))
    waiting = dask().as_completed(itertools.islice(tasks, ahead))
    for done in waiting:
        some = given.pop(done.key)
        try:
            yield done.result()
        except dask().KilledWorker:
            suspects += some
        for task in itertools.islice(tasks, 1):
            waiting.add(task)
    for each in suspects:
        try:
            yield client.submit(read, [each], pure=False).result()
        except dask().KilledWorker:
            yield Summary(), [(each.name, "the workers that read it have died")]


def lines(summary: Summary) -> Iterator[str]:
    """Yield the lines to print for a summary."""
    yield f"calls           {summary.calls}, {summary.duration_ms / 60_000:.1f} minutes"
    for name in ("latency", "created_latency", "call_time", "gap_time"):
        found = percentiles(getattr(summary, name))
        if found["count"]:
            yield f"{name:<16}" + ", ".join(
                f"{key} {value:.0f}" for key, value in found.items() if value is not None
            )
    yield f"interruptions   {summary.interruption_count} {summary.interrupted_by!a}"
    yield f"errors          {summary.error_count} {summary.error_codes!a}"
    yield f"cost            ${summary.known_usd:.4f}, and of {summary.unpriced} calls something is not known"
    for measure, calls in summary.worst.items():
        yield f"most {measure:<11}" + ", ".join(f"{call.log!a} ({call.value:.6g})" for call in calls[:3])


@contextlib.contextmanager
def connected(scheduler: str | None, workers: int | None) -> Generator[Any]:
    """Connect to the cluster at an address, or to a new one on this machine."""
    with contextlib.ExitStack() as stack:
        cluster: Any = scheduler
        if scheduler is None:
            local = dask().LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            cluster = stack.enter_context(local)
        yield stack.enter_context(dask().Client(cluster))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("logs", nargs="+", metavar="LOG", help="a log, a glob or a folder")
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="the address of a Dask cluster (default: a new one on this machine)",
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes on this machine (default: one per CPU)"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as one line of JSON")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    total, unreadable = Summary(), 0
    with connected(arguments.scheduler, arguments.workers) as client:
        for summary, problems in results(client, find_logs(arguments.logs)):
            total += summary
            unreadable += len(problems)
            for name, why in problems:
                log.warning("%a: %a", name, why)
    print(msgspec.json.encode(total).decode() if arguments.json else "\n".join(lines(total)))
    return 1 if unreadable else 0


if __name__ == "__main__":
    sys.exit(main())
