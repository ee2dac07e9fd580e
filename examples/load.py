"""A load generator for a Realtime server of one's own: so many calls at once, in real time, and nothing may be lost.

Each call has a WebSocket of its own, on which a caller speaks in appends of 20 ms, hears every answer, interrupts some
and checks all of them to the byte. Shows what a server is asked to carry, how late its answers are, and how much CPU it
took: calls per core. Bounded in count and time; ends by itself.

    python examples/load.py --calls 500 --seconds 20

starts a `LoopbackServer` in a process of its own and calls that; ``--in-process`` has server and calls in one
process. With ``--url`` it calls another server on this machine, such as ``python -m realtime serve`` (add ``--echo``).
Other machines are refused without ``--any-host``: it is for servers of one's own. On Ctrl-C it prints what was measured so
far. The exit code is 0 where every call was heard out and nothing was lost, 1 where not, 130 after Ctrl-C.
Needs websockets: pip install 'realtime-codec[testing]'.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec
from loadgen.apart import Server, ServerWithin, run_apart
from loadgen.fleet import Plan, Status, run
from loadgen.report import Report, lines
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

import realtime

RECORDING: Final = str(Path(realtime.__file__).parent / "data" / "caller.wav")
# Files that a process has open beside its sockets.
OTHER_FILES: Final = 64
# On a terminal the line is written over; elsewhere there is one for each of these.
SECONDS_PER_LINE: Final = 2.0


class Progress:
    """Says on stderr how far it is, and whether it is to stop, as SIGINT came."""

    def __init__(self) -> None:
        self.is_stopped = False
        self._began = self._said = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *error: object) -> None:
        signal.signal(signal.SIGINT, self._before)
        if self._is_terminal:
            print(file=sys.stderr)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopped = True

    def tick(self, status: Status) -> bool:
        """Say it; whether to stop."""
        now = time.monotonic()
        if self._is_terminal or now - self._said >= SECONDS_PER_LINE:
            self._said = now
            line = (
                f"{now - self._began:5.0f} s: {status.open} calls open, {status.appends} appends sent, "
                f"{status.received} frames received, {status.failed} calls failed"
            )
            print(line, end="\r" if self._is_terminal else "\n", file=sys.stderr, flush=True)
        return self.is_stopped


# --- What may be asked for ---


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--calls", type=whole, default=500, metavar="N", help="default: %(default)s")
    add("--seconds", type=positive, default=20.0, metavar="S", help="of all at once (default: %(default)g)")
    add("--ramp", type=seconds, default=5.0, metavar="S", help="until all have called (default: %(default)g)")
    add("--ptime", type=positive, default=20, metavar="MS", help="of one append (default: %(default)g)")
    add("--format", default="g711_ulaw", metavar="NAME", help="default: %(default)s")
    add(
        "--recording",
        default=RECORDING,
        metavar="WAV",
        help="what is said (default: the one of this library)",
    )
    add("--pause", type=seconds, default=6.0, metavar="S", help="after the recording (default: %(default)g)")
    add(
        "--patience",
        type=positive,
        default=30.0,
        metavar="S",
        help="for the last answers (default: %(default)g)",
    )
    add("--processes", type=whole, default=1, metavar="N", help="that make the calls (default: %(default)s)")
    add("--in-process", action="store_true", help="the server and the calls in this process")
    add(
        "--pace",
        type=seconds,
        default=1.0,
        metavar="X",
        help="of the answers, 0: all at once (default: %(default)g)",
    )
    add(
        "--delta",
        type=positive,
        default=100,
        metavar="MS",
        help="of the server's deltas (default: %(default)g)",
    )
    add("--url", help="a server to call, in place of one that is started here")
    add("--any-host", action="store_true", help="let --url be on another machine: a server of your own")
    add(
        "--echo",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether answers are what the caller said (default: they are, without --url)",
    )
    add("--json", action="store_true", help="print JSON in place of the table")
    asked = parser.parse_args(arguments)
    if asked.url and asked.in_process:
        parser.error("--in-process starts a server of its own: leave out --url")
    if asked.in_process and asked.processes > 1:
        parser.error("--in-process is one process")
    if asked.url is not None:
        try:
            host = parse_uri(asked.url).host
        except (ValueError, InvalidURI) as why:
            parser.error(f"--url: {why}")
        if not asked.any_host and not is_here(host):
            parser.error(
                f"{asked.url} is not on this machine. A load is for servers of your own: --any-host says that it is"
            )
    return asked


def whole(text: str) -> int:
    """A whole number from 1 on."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def seconds(text: str) -> float:
    """A finite number that is not negative."""
    if not 0 <= float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


def positive(text: str) -> float:
    """A finite number over 0."""
    if seconds(text) == 0:
        raise ValueError(text)
    return float(text)


def is_here(host: str) -> bool:
    """Whether a host is this machine, by its name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- File descriptors ---


def make_room(files: int) -> str | None:
    """Let a process have `files` open; what is in the way of that."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or files <= soft:
        return None
    if hard != unlimited and files > hard:
        return (
            f"so many calls need {files} open files in a process, and one may have {hard}: raise the hard limit "
            "(ulimit -Hn), or make fewer calls"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (files if hard == unlimited else hard, hard))
    return None


def files_needed(asked: argparse.Namespace) -> int:
    """By the process that needs most: a server for all its connections, a generator for its share."""
    calls, share = asked.calls, -(-asked.calls // asked.processes)
    sockets: int = 2 * calls if asked.in_process else share if asked.url else calls
    return sockets + OTHER_FILES


# --- The run ---


def planned(asked: argparse.Namespace, url: str) -> Plan:
    """What is to be done, by the command line."""
    is_echoed = not asked.url if asked.echo is None else asked.echo
    return Plan(
        url,
        calls=asked.calls,
        seconds=asked.seconds,
        ramp=asked.ramp,
        ptime_ms=asked.ptime,
        format=realtime.AudioFormat.of(asked.format).value,
        recording=asked.recording,
        pause_ms=round(asked.pause * 1000),
        patience=asked.patience,
        is_echoed=is_echoed,
    )


def made(asked: argparse.Namespace) -> Report:
    """Make the calls that were asked for.

    Raises:
        AudioError, ConfigError: a recording, format, ptime or delta that cannot be.
        OSError: the recording cannot be read.
        RuntimeError: a process does not come up.
    """
    planned(asked, "").speech()  # said here, where it can be said plainly, if it cannot be
    options = {"pace": asked.pace or None, "ptime_ms": asked.delta}
    with contextlib.ExitStack() as stack:
        server: Server | ServerWithin | None = None
        if asked.in_process:
            server = stack.enter_context(ServerWithin(**options))
        elif not asked.url:
            server = stack.enter_context(Server(**options))
        plan = planned(asked, server.url if server else asked.url)
        progress = stack.enter_context(Progress())
        if asked.in_process:
            tally = asyncio.run(run(plan, progress.tick))
        else:
            tally = run_apart(plan, asked.processes, progress.tick)
    return Report.of(
        tally,
        server.cpu_seconds if server else None,
        asked=asked.calls,
        seconds=asked.seconds,
        ptime_ms=asked.ptime,
        format=plan.format,
        server=asked.url or f"a server in {'this' if asked.in_process else 'another'} process",
        is_stopped=progress.is_stopped,
    )


def main(arguments: list[str] | None = None) -> int:
    """Make room, make the calls, print what came of them."""
    asked = parsed(arguments)
    try:
        in_the_way = make_room(files_needed(asked))
        if in_the_way:
            raise RuntimeError(in_the_way)
        report = made(asked)
    except (OSError, RuntimeError, realtime.RealtimeError) as why:
        print(f"load: {why}", file=sys.stderr)
        return 2
    print(msgspec.json.encode(report).decode() if asked.json else "\n".join(lines(report)))
    return 130 if report.is_stopped else 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
