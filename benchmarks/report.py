"""Run the suite with asv, and print our times with the peers' as ratios to them.

`python -m benchmarks.report run [arguments of asv]` measures and prints; `... table` prints
the newest results. asv's configuration, results and environments all stay under .asv/.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ASV = ROOT / ".asv"
MACHINE = "here"
OURS = "realtime"
FLOOR = "nothing"
# Names of benchmarks in asv's results, with their headings.
PEERS = {
    "peers.DecodeAudioDelta.time_decode_audio_delta": "audio delta to int16, bytes",
    "peers.DecodeEvent.time_decode_event": "decode an event",
    "peers.PeekType.time_peek_type": "peek at a delta, bytes",
    "peers.EncodeAppend.time_encode_append": "append from audio, bytes",
    "peers_analysis.Inspect.time_inspect": "inspect a log (peers only parse it)",
    "peers_audio.G711.time_g711": "G.711 from bytes, samples:",
    "peers_audio.Resample20ms.time_resample": "resample 20 ms, Hz",
}
IMPORTS = "imports.Process.time_process"
# Tracked figures: heading and unit.
TRACKED = {
    "memory.PerEvent.track_bytes_per_event": ("memory per decoded event beyond its payload", "bytes"),
    "memory.PerCallMinute.track_bytes_per_call_minute": (
        "memory of all events of one minute of a call",
        "bytes",
    ),
    "whole_call.TwilioBridge.track_cpu_ms_per_call_second": ("Twilio bridge, CPU per second of a call", "ms"),
    "whole_call.TwilioBridge.track_calls_per_core": ("Twilio bridge, calls per core", "calls"),
    "client.ManyCalls.track_cpu_ms_per_call_second": (
        "client with ten calls, CPU per second of a call",
        "ms",
    ),
    "load.LoopbackServer.track_calls_per_core": ("LoopbackServer, calls per core", "calls"),
}

# Times of one benchmark in seconds, by its parameters. None: not measured.
Times = dict[tuple[str, ...], float | None]


def asv(*arguments: str) -> int:
    """Run asv in this interpreter, with its home (~/.asv-machine.json) inside the tree."""
    home = ASV / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    return subprocess.run([sys.executable, "-m", "asv", *arguments], cwd=ROOT, env=environment).returncode


def run(arguments: list[str]) -> int:
    """Compare the peers' results, measure, and print the table."""
    from . import peers

    wrong = peers.disagreements()
    if wrong:
        print("the results of these peers differ from ours:", *wrong, sep="\n  ", file=sys.stderr)
        return 1
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    if commit.returncode:
        print("asv stores results by commit: run this in a git clone", file=sys.stderr)
        return 1
    code = asv("machine", "--yes", "--machine", MACHINE) or asv(
        "run",
        "--python=same",
        "--machine",
        MACHINE,
        "--record-samples",
        "--set-commit-hash",
        commit.stdout.strip(),
        *arguments,
    )
    if code or {"--quick", "-q", "--dry-run", "-n"} & {*arguments}:
        return code  # a quick run calls everything once and stores no figures
    return table()


def table() -> int:
    """Print the newest results; the columns are bytes, samples or events."""
    results = newest_results()
    if results is None:
        print("no results yet: run `make bench`", file=sys.stderr)
        return 1
    print("\nOur times in microseconds; all others as multiples of ours (x8.0: eight times as long).")
    print("Each is the fastest sample less the cost of an empty call.\n")
    for name, heading in PEERS.items():
        if name in results:
            print("\n".join(lines(heading, results[name])), end="\n\n")
    if IMPORTS in results:
        print("\n".join(import_lines(results[IMPORTS])))
    for name, (heading, unit) in TRACKED.items():
        if name in results:
            print("\n".join(("", *tracked_lines(heading, unit, results[name]))))
    return 0


def newest_results() -> dict[str, Times] | None:
    """Return asv's newest results on this machine."""
    files = [
        path for path in (ASV / "results" / MACHINE).glob("*.json") if path.name != "machine.json"
    ]  # fmt: skip
    if not files:
        return None
    newest = json.loads(max(files, key=lambda path: path.stat().st_mtime).read_text())
    return {name: dict(_times(newest["result_columns"], row)) for name, row in newest["results"].items()}


def _times(columns: list[str], row: list[Any]) -> Iterator[tuple[tuple[str, ...], float | None]]:
    """Yield (parameters, seconds) of one row of asv's results, in the order of the parameters' product.

    Takes the fastest recorded sample, because other load on a machine only adds to a time.
    """
    cells = dict(zip(columns, row, strict=False))
    combinations = product(*([value.strip("'") for value in values] for values in cells["params"]))
    values = cells["result"] or []
    samples = cells.get("samples") or [None] * len(values)
    for combination, median, taken in zip(combinations, values, samples, strict=False):
        value = min(taken) if taken else median
        measured = isinstance(value, (int, float)) and value == value  # NaN: skipped
        yield combination, value if measured else None


def _unique(values: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return list(dict.fromkeys(values))


def lines(heading: str, times: Times) -> Iterator[str]:
    """Yield the lines of one benchmark: a table per combination of all parameters but the last."""
    net = {key: _less(value, times.get((FLOOR, *key[1:]))) for key, value in times.items()}
    for group in _unique(key[1:-1] for key in times):
        across = _unique(key[-1:] for key in times if key[1:-1] == group)
        rows = [
            (by, [_cell(by, net.get((by, *group, *what)), net.get((OURS, *group, *what))) for what in across])
            for (by,) in _unique(key[:1] for key in times)
            if by != FLOOR
        ]
        yield f"{' '.join((heading, *group)):28}" + "".join(f"{what:>15}" for (what,) in across)
        yield from (f"  {by:26}" + "".join(f"{cell:>15}" for cell in cells) for by, cells in rows)


def _less(value: float | None, floor: float | None) -> float | None:
    return None if value is None else max(value - (floor or 0.0), 1e-9)


def _cell(by: str, value: float | None, ours: float | None) -> str:
    if value is None:
        return "-"
    if by == OURS:
        return f"{value * 1e6:.2f} us"
    return f"x{value / ours:.2f}" if ours else "-"


def import_lines(times: Times) -> Iterator[str]:
    """Yield the lines of the import times beyond the interpreter's start, with their ratio to msgspec's."""
    net = {key[0]: _less(value, times.get(("pass",))) for key, value in times.items()}
    msgspec = net.get("import msgspec")
    yield "import, beyond the interpreter's own start"
    for statement, value in net.items():
        if statement != "pass" and value is not None and msgspec:
            yield f"  {statement:24}{value * 1e3:9.2f} ms   x{value / msgspec:.2f} of msgspec's"


def tracked_lines(heading: str, unit: str, values: Times) -> Iterator[str]:
    """Yield the lines of a tracked figure: implementation, parameters, value, ratio to ours."""
    yield f"{heading}, {unit}"
    for (by, *what), value in values.items():
        ours = values.get((OURS, *what))
        if value is not None and ours:
            yield f"  {by:12}{' '.join(what):24}{value:14,.2f}   x{value / ours:.2f}"


def main(arguments: list[str]) -> int:
    """Run the command line."""
    match arguments:
        case ["run", *rest]:
            return run(rest)
        case ["table"]:
            return table()
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
