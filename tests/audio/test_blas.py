"""No function of `realtime.audio` wakes a worker thread of OpenBLAS.

A worker that was woken spins on its core for up to 100 ms, which costs a gateway far more than the audio.
"""

from __future__ import annotations

import ast
import json
import math
import os
import subprocess
import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.audio import SAMPLE_RATES, Resampler, rms_dbfs

ROOT = Path(__file__).resolve().parent.parent.parent
CPU = Path("/proc/cpuinfo")
PAIRS = list(permutations(SAMPLE_RATES, 2))

# Prints, for each call, how often a thread other than the main one was switched to or from.
CHILD = r"""
import json, os, sys, time
from itertools import permutations
from pathlib import Path

import numpy as np

from realtime import audio


def switches():
    '''Return the sum over all other threads, once all of them sleep.'''
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        total, asleep = 0, True
        for task in Path("/proc/self/task").iterdir():
            if task.name != str(os.getpid()):
                fields = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
                asleep = asleep and fields["State"].split()[0] == "S"
                total += int(fields["voluntary_ctxt_switches"]) + int(fields["nonvoluntary_ctxt_switches"])
        if asleep:
            return total
        time.sleep(0.001)
    sys.exit("the threads never sleep")


def woken(function, *args):
    before = switches()
    function(*args)
    return switches() - before


noise = np.random.default_rng(1).integers(-32768, 32768, 480_000).astype(np.int16)
floats, codes, stereo = audio.to_float32(noise), audio.ulaw_encode(noise), noise.reshape(-1, 2)
calls = {}
for rates in permutations(audio.SAMPLE_RATES, 2):
    for ms in (20, 100, 500, 1000, 10_000):
        calls[f"{rates} {ms} ms"] = (audio.Resampler(*rates).process, noise[: rates[0] * ms // 1000])
for size in (480, 10_001, 480_000):
    for name in ("rms_dbfs", "peak_dbfs", "is_silence", "to_float32", "ulaw_encode", "alaw_encode", "l16_encode"):
        calls[f"{name} of {size}"] = (getattr(audio, name), noise[:size])
    calls[f"from_float32 of {size}"] = (audio.from_float32, floats[:size])
    calls[f"to_mono of {size}"] = (audio.to_mono, stereo[:size], 2)
    calls[f"convert pcm16 of {size}"] = (audio.convert, noise[:size], "pcm16", "pcmu")
    calls[f"convert pcmu of {size}"] = (audio.convert, codes[:size], "pcmu", "pcm16")
calls["WavAudio.to"] = (audio.WavAudio(noise.tobytes(), "pcm16", 48000, 2).to, "pcmu")
square = np.ones((512, 512))
print(json.dumps({
    "control": woken(np.dot, square, square),
    "woken": {name: n for name, (function, *args) in calls.items() if (n := woken(function, *args))},
}))
"""


def run_child() -> dict[str, Any]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "3", "OPENBLAS_THREAD_TIMEOUT": "4"}
    if "avx2" in CPU.read_text():  # the kernels of most servers; those for AVX-512 use threads more rarely
        env["OPENBLAS_CORETYPE"] = "Haswell"
    command = [sys.executable, "-c", CHILD]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode < 0:  # numpy 2.5.5 crashes with kernels other than the machine's own
        env.pop("OPENBLAS_CORETYPE", None)
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
    done.check_returncode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts context switches in Linux's /proc")
def test_no_call_wakes_a_thread() -> None:
    found = run_child()
    if not found["control"]:
        pytest.skip("this numpy's matrix product wakes no thread")
    assert found["woken"] == {}


@pytest.mark.parametrize("in_rate, out_rate", PAIRS)
def test_every_product_is_below_the_threads_threshold(
    in_rate: int, out_rate: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thresholds are those of OpenBLAS: for gemm in every version, for gemv in 0.3.23 (numpy 1.26)."""
    shapes: list[tuple[int, int, int]] = []
    dot = np.dot

    def spy(a: Any, b: Any, out: Any = None) -> Any:
        shapes.append((*a.shape, b.shape[1]))
        return dot(a, b, out)

    monkeypatch.setattr(np, "dot", spy)
    for n in (1, in_rate // 50, in_rate // 2, 30 * in_rate):
        Resampler(in_rate, out_rate).process(np.zeros(n, np.int16))
    assert max(map(math.prod, shapes)) <= 0.8 * 4 * 65536
    assert {columns for _, columns, _ in shapes} == {shapes[0][1]}
    assert math.prod(shapes[0][1:]) < 4 * 2304


@pytest.mark.parametrize("size", [1, 8191, 8192, 8193, 10_001, 20_000, 100_001])
def test_a_level_of_any_length_is_exact(size: int) -> None:
    samples = np.random.default_rng(size).integers(-32768, 32768, size).astype(np.int16)
    squares = sum(sample * sample for sample in samples.tolist())
    assert rms_dbfs(samples) == 10 * math.log10(squares / size / 32768**2)


PRODUCTS = {
    "dot",
    "matmul",
    "vdot",
    "inner",
    "einsum",
    "tensordot",
    "linalg",
    "convolve",
    "correlate",
    "polyfit",
}


def products(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & PRODUCTS
    return names | {"@" for node in ast.walk(tree) if isinstance(node, ast.MatMult)}


@pytest.mark.parametrize("package", ["audio", "recording", "telephony"])
def test_no_other_module_multiplies_matrices(package: str) -> None:
    found = {path.name: products(path) for path in (ROOT / "realtime" / package).rglob("*.py")}
    expected = {"pcm.py": {"dot"}, "resample.py": {"dot"}} if package == "audio" else {}
    assert {name: names for name, names in found.items() if names} == expected
