"""Load generator for your own Realtime server: many calls at once in real time, each checked for losses.

Each call has its own WebSocket, on which a caller sends appends of 20 ms, receives every response, interrupts some of
them and compares all of them byte for byte. Reports the traffic, the latency of responses, and the CPU time of the
server as calls per core. Bounded in count and time; ends by itself.

    python examples/load.py --calls 500 --seconds 20

starts a `LoopbackServer` in another process and calls it; ``--in-process`` runs server and calls in one process. With
``--url`` it calls another server on this machine, such as ``python -m realtime serve`` (add ``--echo``). Other machines
are refused without ``--any-host``, because it is meant for your own servers. On Ctrl-C it prints what was measured so
far. The exit code is 0 if every call was completed and nothing was lost, 1 if not, and 130 after Ctrl-C.
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
from loadgen.apart import Server, ServerInThread, run_apart
from loadgen.fleet import Plan, Status, run
from loadgen.report import Report, lines
from websockets.exceptions import InvalidURI
from websockets.uri import parse_uri

import realtime

RECORDING: Final = str(Path(realtime.__file__).parent / "data" / "caller.wav")
# Files that a process has open besides its sockets.
OTHER_FILES: Final = 64
# On a terminal the line is overwritten; elsewhere a new one is printed at this interval.
SECONDS_PER_LINE: Final = 2.0


class Progress:
    """Prints the progress to stderr. Handles SIGINT by stopping the run."""

    def __init__(self) -> None:
        self.is_stopped = False
        self._began = self._printed = time.monotonic()
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
        """Print the progress. Returns True if the run is to stop."""
        now = time.monotonic()
        if self._is_terminal or now - self._printed >= SECONDS_PER_LINE:
            self._printed = now
            line = (
                f"{now - self._began:5.0f} s: {status.open} calls open, {status.appends} appends sent, "
                f"{status.received} frames received, {status.failed} calls failed"
            )
            print(line, end="\r" if self._is_terminal else "\n", file=sys.stderr, flush=True)
        return self.is_stopped


# --- Command line ---


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--calls", type=positive_int, default=500, metavar="N", help="default: %(default)s")
    add(
        "--seconds",
        type=positive,
        default=20.0,
        metavar="S",
        help="duration with all calls open (default: %(default)g)",
    )
    add(
        "--ramp",
        type=seconds,
        default=5.0,
        metavar="S",
        help="time until all calls are open (default: %(default)g)",
    )
    add(
        "--ptime",
        type=positive,
        default=20,
        metavar="MS",
        help="duration of one append (default: %(default)g)",
    )
    add("--format", default="g711_ulaw", metavar="NAME", help="default: %(default)s")
    add(
        "--recording",
        default=RECORDING,
        metavar="WAV",
        help="the speech (default: a recording of this library)",
    )
    add(
        "--pause",
        type=seconds,
        default=6.0,
        metavar="S",
        help="silence after the recording (default: %(default)g)",
    )
    add(
        "--patience",
        type=positive,
        default=30.0,
        metavar="S",
        help="longest wait for the last responses (default: %(default)g)",
    )
    add(
        "--processes",
        type=positive_int,
        default=1,
        metavar="N",
        help="processes that make the calls (default: %(default)s)",
    )
    add("--in-process", action="store_true", help="run the server and the calls in this process")
    add(
        "--pace",
        type=seconds,
        default=1.0,
        metavar="X",
        help="speed of the responses, 0: all at once (default: %(default)g)",
    )
    add(
        "--delta",
        type=positive,
        default=100,
        metavar="MS",
        help="duration of the server's deltas (default: %(default)g)",
    )
    add("--url", help="call this server instead of starting one")
    add(
        "--any-host",
        action="store_true",
        help="allow --url to be on another machine, which must be your own server",
    )
    add(
        "--echo",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="expect that responses repeat the caller's audio (default: yes without --url)",
    )
    add("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args(arguments)
    if options.url and options.in_process:
        parser.error("--in-process starts a server of its own: leave out --url")
    if options.in_process and options.processes > 1:
        parser.error("--in-process is one process")
    if options.url is not None:
        try:
            host = parse_uri(options.url).host
        except (ValueError, InvalidURI) as why:
            parser.error(f"--url: {why}")
        if not options.any_host and not is_here(host):
            parser.error(
                f"{options.url} is not on this machine. Only test your own servers; confirm with --any-host that this is one"
            )
    return options


def positive_int(text: str) -> int:
    """Parse a positive integer."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def seconds(text: str) -> float:
    """Parse a finite number that is not negative."""
    if not 0 <= float(text) < float("inf"):
        raise ValueError(text)
    return float(text)


def positive(text: str) -> float:
    """Parse a finite positive number."""
    if seconds(text) == 0:
        raise ValueError(text)
    return float(text)


def is_here(host: str) -> bool:
    """Return True if a host name or address is this machine's."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- File descriptors ---


def make_room(files: int) -> str | None:
    """Raise the limit of open files to `files`. Returns the reason if that is not possible."""
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
            f"this number of calls needs {files} open files in a process, and the hard limit is {hard}: raise it "
            "(ulimit -Hn), or make fewer calls"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (files if hard == unlimited else hard, hard))
    return None


def files_needed(options: argparse.Namespace) -> int:
    """Return the files that one process needs: a server all connections, a generator its share of them."""
    calls, share = options.calls, -(-options.calls // options.processes)
    sockets: int = 2 * calls if options.in_process else share if options.url else calls
    return sockets + OTHER_FILES


# --- The run ---


def planned(options: argparse.Namespace, url: str) -> Plan:
    """Return the plan that the command line requests."""
    is_echoed = not options.url if options.echo is None else options.echo
    return Plan(
        url,
        calls=options.calls,
        seconds=options.seconds,
        ramp=options.ramp,
        ptime_ms=options.ptime,
        format=realtime.AudioFormat.of(options.format).encoding,
        recording=options.recording,
        pause_ms=round(options.pause * 1000),
        patience=options.patience,
        is_echoed=is_echoed,
    )


def make_calls(options: argparse.Namespace) -> Report:
    """Make the calls that the command line requests.

    Raises:
        AudioError, ConfigError: an invalid recording, format, ptime or delta.
        OSError: the recording cannot be read.
        RuntimeError: a process does not start.
    """
    planned(options, "").speech()  # raises errors in the settings here, before any process is started
    settings = {"pace": options.pace or None, "ptime_ms": options.delta}
    with contextlib.ExitStack() as stack:
        server: Server | ServerInThread | None = None
        if options.in_process:
            server = stack.enter_context(ServerInThread(**settings))
        elif not options.url:
            server = stack.enter_context(Server(**settings))
        plan = planned(options, server.url if server else options.url)
        progress = stack.enter_context(Progress())
        if options.in_process:
            tally = asyncio.run(run(plan, progress.tick))
        else:
            tally = run_apart(plan, options.processes, progress.tick)
    return Report.of(
        tally,
        server.cpu_seconds if server else None,
        requested=options.calls,
        seconds=options.seconds,
        ptime_ms=options.ptime,
        format=plan.format,
        server=options.url or f"a server in {'this' if options.in_process else 'another'} process",
        is_stopped=progress.is_stopped,
    )


def main(arguments: list[str] | None = None) -> int:
    """Make the calls and print the report."""
    options = parsed(arguments)
    try:
        obstacle = make_room(files_needed(options))
        if obstacle:
            raise RuntimeError(obstacle)
        report = make_calls(options)
    except (OSError, RuntimeError, realtime.RealtimeError) as why:
        print(f"load: {why}", file=sys.stderr)
        return 2
    print(msgspec.json.encode(report).decode() if options.json else "\n".join(lines(report)))
    return 130 if report.is_stopped else 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
