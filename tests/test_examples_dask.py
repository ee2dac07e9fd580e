"""The Dask example, run as a user runs it: on a new cluster and on an existing one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import realtime
from realtime.analysis import Summary, inspect_log
from tests.analysis.scenes import Scene, usage

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

ROOT = Path(realtime.__file__).parent.parent
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "no_proxy": "*"}
COMMAND = [sys.executable, str(ROOT / "examples" / "inspect_dask.py")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """45 calls, which are more than two tasks."""
    folder = tmp_path_factory.mktemp("calls")
    for number in range(45):
        scene = Scene().begin(f"sess_{number}")
        scene.speech("a", 0, 0)
        scene.created("resp_1")
        scene.now += 100 + number
        scene.audio("resp_1", 500)
        scene.done("resp_1", usage=usage(1000, 0, 0, 0, 100))
        scene.write(folder / f"call_{number:02}.jsonl{'.gz' * (number % 2)}")
    return folder


@pytest.fixture(scope="module")
def wanted(folder: Path) -> Summary:
    total = Summary()
    for path in folder.iterdir():
        total.add(inspect_log([str(path)]))
    return total


def run(*arguments: str | Path, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": encoding}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def same(found: Summary, wanted: Summary) -> bool:
    """Compare, except for the last digits of float sums, which depend on the order."""
    assert found.duration_ms == pytest.approx(wanted.duration_ms)
    assert found.latency.sum == pytest.approx(wanted.latency.sum)
    names = ("calls", "nbytes", "statuses", "models", "worst", "known_usd", "usage", "turn_count")
    assert found.latency.buckets == wanted.latency.buckets
    return all(getattr(found, name) == getattr(wanted, name) for name in names)


def test_a_new_cluster(folder: Path, wanted: Summary) -> None:
    done = run(folder, "--workers", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert same(msgspec.json.decode(done.stdout, type=Summary), wanted)


CLUSTER = """
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        input()
"""


def test_an_existing_cluster(folder: Path, wanted: Summary, tmp_path: Path) -> None:
    (tmp_path / "cluster.py").write_text(CLUSTER)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "cluster.py")], env=ENVIRONMENT, stdin=pipe, stdout=pipe, text=True
    ) as cluster:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        assert address.startswith("tcp://127.0.0.1:")
        done = run(folder / "*.jsonl*", "--scheduler", address, "--json")
        cluster.communicate("\n", timeout=60)
    assert done.returncode == 0, done.stderr
    assert same(msgspec.json.decode(done.stdout, type=Summary), wanted)


def test_a_log_that_cannot_be_read_is_reported(folder: Path) -> None:
    done = run(folder / "call_00.jsonl", folder / "none.jsonl", "--workers", "1")
    assert done.returncode == 1
    assert re.search(r"WARNING inspect_dask: '.*none\.jsonl': 'no such log'", done.stderr)
    for words in ("calls           1, ", "latency         count 1, ", "most latency_ms"):
        assert words in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file names that are not UTF-8")
def test_names_of_logs_are_printed_in_ascii(tmp_path: Path, folder: Path) -> None:
    for raw in (b"caf\xe9.jsonl", "\x1b[31mred\u202e\u00e9.jsonl".encode()):
        path = os.path.join(os.fsencode(tmp_path), raw)
        with open(path, "wb") as file:
            file.write((folder / "call_00.jsonl").read_bytes())
    lost = tmp_path / "\x1b[2J\u202elost.jsonl"
    done = run(tmp_path, lost, "--workers", "1", encoding="ascii")
    assert done.returncode == 1
    assert "calls           2, " in done.stdout
    for name in ("red\\u202e\\xe9.jsonl' (", "caf"):
        assert name in done.stdout
    assert "lost.jsonl': 'no such log'" in done.stderr
    output = (done.stdout + done.stderr).replace("\n", "")
    assert output.isascii()
    assert output.isprintable()


DEADLY = """
import os
import sys

import inspect_dask
from realtime.analysis import inspect_log


def read(logs):
    inspect_dask.inspect_log = inspect  # in a worker, where `read` is the example's
    return inspect_dask.read(logs)


def inspect(files):
    if files[0].endswith("call_07.jsonl.gz"):
        os._exit(9)
    if files[0].endswith("call_30.jsonl"):
        raise ZeroDivisionError("of ours")
    return inspect_log(files)


if __name__ == "__main__":
    inspect_dask.read = read
    sys.exit(inspect_dask.main())
"""


def test_a_log_that_kills_workers_is_reported(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text(DEADLY)
    command = [sys.executable, str(tmp_path / "deadly.py"), str(folder), "--workers", "2"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "examples")])
    environment = {**ENVIRONMENT, "PYTHONPATH": path, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "INFO" not in done.stderr  # nor a line for each connection
    lost = dict(re.findall(r"WARNING inspect_dask: '.*(call_\d\d)\.\S+': '(.*)'", done.stderr))
    assert lost == {"call_07": "the workers that read it have died", "call_30": "ZeroDivisionError: of ours"}
    assert "calls           43, " in done.stdout
