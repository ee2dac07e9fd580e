"""Runs the suite with asv and prints our time and the peers' as ratios to it.

`python -m benchmarks.report run [asv's arguments]` measures and prints; `... table` prints
what was measured last. asv's notes, results and environments all stay under .asv/.
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
# The name of a benchmark in asv's results, and its heading.
PEERS = {
    "peers.DecodeAudioDelta.time_decode_audio_delta": "audio delta to int16, bytes",
    "peers.DecodeEvent.time_decode_event": "decode an event",
    "peers.PeekType.time_peek_type": "peek at a delta, bytes",
    "peers.EncodeAppend.time_encode_append": "append from audio, bytes",
    "peers_analysis.Inspect.time_inspect": "inspect a log; others parse it",
    "peers_audio.G711.time_g711": "G.711 from bytes, samples:",
    "peers_audio.Resample20ms.time_resample": "resample 20 ms, Hz",
}
IMPORTS = "imports.Process.time_process"
# Tracked figures by who does it: a heading, the unit, how many digits behind the point.
TRACKED = {
    "memory.PerEvent.track_bytes_per_event": ("kept for each event beyond its payload", "bytes"),
    "memory.PerCallMinute.track_bytes_per_call_minute": ("kept by all events of a minute", "bytes"),
    "whole_call.TwilioBridge.track_cpu_ms_per_call_second": ("Twilio bridge, CPU for a second", "ms"),
    "whole_call.TwilioBridge.track_calls_per_core": ("Twilio bridge, calls a core can carry", "calls"),
    "load.LoopbackServer.track_calls_per_core": ("LoopbackServer, calls a core can carry", "calls"),
}

# One benchmark: a combination of its parameters to seconds (None: not measured).
Times = dict[tuple[str, ...], float | None]


def asv(*arguments: str) -> int:
    """Asv in this interpreter, with its home (~/.asv-machine.json) inside the tree."""
    home = ASV / "home"
    home.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    return subprocess.run([sys.executable, "-m", "asv", *arguments], cwd=ROOT, env=environment).returncode


def run(arguments: list[str]) -> int:
    """Checks, measures, prints the table."""
    from . import peers

    wrong = peers.disagreements()
    if wrong:
        print("these peers do other work than ours:", *wrong, sep="\n  ", file=sys.stderr)
        return 1
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    if commit.returncode:
        print("asv keeps its results by commit: run this in a git clone", file=sys.stderr)
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
        return code  # a quick run calls everything once and keeps no figures
    return table()


def table() -> int:
    """Prints the last results; what stands across is bytes, samples or events."""
    results = newest_results()
    if results is None:
        print("no results yet: run `make bench`", file=sys.stderr)
        return 1
    print("\nOurs in microseconds; each other as a multiple of ours (x8.0: eight times as long).")
    print("The fastest sample of each, less the cost of an empty call.\n")
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
    """What asv measured last on this machine."""
    files = [
        path for path in (ASV / "results" / MACHINE).glob("*.json") if path.name != "machine.json"
    ]  # fmt: skip
    if not files:
        return None
    newest = json.loads(max(files, key=lambda path: path.stat().st_mtime).read_text())
    return {name: dict(_times(newest["result_columns"], row)) for name, row in newest["results"].items()}


def _times(columns: list[str], row: list[Any]) -> Iterator[tuple[tuple[str, ...], float | None]]:
    """One row of asv's results, whose values stand in the order of its parameters' product.

    Of recorded samples the fastest: what else runs on a machine only ever adds to a time.
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
    """One benchmark as tables, one for each combination of all parameters but the last."""
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
    """Each import beyond the bare interpreter, and its ratio to msgspec's."""
    net = {key[0]: _less(value, times.get(("pass",))) for key, value in times.items()}
    msgspec = net.get("import msgspec")
    yield "import, beyond the interpreter's own start"
    for statement, value in net.items():
        if statement != "pass" and value is not None and msgspec:
            yield f"  {statement:24}{value * 1e3:9.2f} ms   x{value / msgspec:.2f} of msgspec's"


def tracked_lines(heading: str, unit: str, values: Times) -> Iterator[str]:
    """A tracked figure: who by, what of, how much, and how many times ours."""
    yield f"{heading}, {unit}"
    for (by, *what), value in values.items():
        ours = values.get((OURS, *what))
        if value is not None and ours:
            yield f"  {by:12}{' '.join(what):24}{value:14,.2f}   x{value / ours:.2f}"


def main(arguments: list[str]) -> int:
    """The command line."""
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
