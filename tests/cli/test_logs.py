"""Reading logs in several processes: order, failures of one log, dying processes, and clean ends."""

from __future__ import annotations

import contextlib
import errno
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import realtime
from realtime.analysis import Log
from realtime.cli import main
from realtime.cli.logs import LogResult, read_logs

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(realtime.__file__).parent.parent)}


def named(number: int) -> list[Log]:
    return [Log(str(each), ("x",)) for each in range(number)]


@pytest.mark.parametrize("jobs", ["0", "-1", "x"])
def test_jobs_are_at_least_one(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", ".", "--jobs", jobs])
    assert ended.value.code == 2
    assert "--jobs" in capsys.readouterr().err


# --- Failures of one log ---------------------------------------------------------------


def fail(log: Log) -> str:
    raise PermissionError(13, "Permission denied", log.name)


def test_a_file_that_cannot_be_opened() -> None:
    (found,) = read_logs([Log("a", ("a",))], fail)
    assert (found.result, found.error) == (None, "Permission denied")


def fail_at_3(log: Log) -> str:
    if log.name == "3":
        raise ZeroDivisionError("of\nours")
    return log.name


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_unexpected_exception_affects_one_log(jobs: int) -> None:
    found = [*read_logs(named(9), fail_at_3, jobs)]
    assert [each.result for each in found if each.log.name != "3"] == [*"01245678"]
    assert found[3].error == "ZeroDivisionError: of ours"


# --- Processes that die ----------------------------------------------------------------


def die_at_some(log: Log) -> str:
    if log.name in ("3", "5", "38"):
        os._exit(9)
    return log.name


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("jobs", [2, 7])
def test_a_log_that_ends_its_process_is_reported(jobs: int) -> None:
    logs = named(40)
    found: list[LogResult[str]] = [*read_logs(logs, die_at_some, jobs)]
    assert [each.log for each in found] == logs
    assert {each.log.name: each.error for each in found if each.error} == dict.fromkeys(
        ("3", "5", "38"), "the process that read it died"
    )
    assert all(each.result == each.log.name for each in found if not each.error)
    assert not multiprocessing.active_children()


def die_once(folder: Path, log: Log) -> str:
    with contextlib.suppress(FileExistsError):
        (folder / log.name).touch(exist_ok=False)
        os._exit(9)
    return log.name


def test_a_process_that_dies_once_costs_nothing(tmp_path: Path) -> None:
    found = [*read_logs(named(6), functools.partial(die_once, tmp_path), 2)]
    assert [each.result for each in found] == [*"012345"]


@pytest.mark.slow
def test_processes_that_are_killed_between_logs_cost_nothing() -> None:
    results = read_logs(named(30), die_at_some, jobs=2)
    assert next(results).result == "0"
    for child in multiprocessing.active_children():
        child.kill()
        child.join()
    assert [each.log.name for each in results if each.error] == ["3", "5"]


def count_starts(folder: Path, log: Log) -> str:
    (folder / log.name).touch()
    return log.name


def test_lookahead_is_bounded(tmp_path: Path) -> None:
    """Only a few logs are read ahead of the one that is due, so results cannot pile up in memory."""
    results = read_logs(named(100), functools.partial(count_starts, tmp_path), jobs=2)
    for number in range(100):
        assert next(results).log.name == str(number)
        time.sleep(0.01 if number < 10 else 0)
        assert len([*tmp_path.iterdir()]) <= number + 1 + 2 * 4
    assert next(results, None) is None


# --- Processes that do not start -------------------------------------------------------

SCRIPT = """
import multiprocessing, sys
from realtime.analysis import Log
from realtime.cli.logs import read_logs
if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    results = read_logs([Log(str(each), ("x",)) for each in range(99)], str, 2)
    if {is_after_one}:
        next(results)
    multiprocessing.set_executable({python!r})
    for child in multiprocessing.active_children():
        child.kill()
    try:
        list(results)
    except OSError as error:
        print(error)
"""


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.skipif(os.name != "posix", reason="a shell script in place of Python")
@pytest.mark.parametrize("is_after_one", [False, True])
def test_processes_that_cannot_be_started(tmp_path: Path, is_after_one: bool) -> None:
    # Python, except that it starts no processes of multiprocessing.
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *spawn_main*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(is_after_one=is_after_one, python=str(python)))
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "the processes that read logs cannot be started\n"


def test_a_process_that_ends_while_it_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(*_: object) -> None:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(ProcessPoolExecutor, "submit", submit)
    with pytest.raises(OSError, match=r"^the processes that read logs cannot be started$"):
        next(read_logs([Log("a", ("x",)), Log("b", ("x",))], str, 2))


class Unpicklable:
    """Work that ends every process that receives it."""

    def __call__(self, log: Log) -> str:
        raise AssertionError

    def __reduce__(self) -> Any:
        return os._exit, (9,)


def test_work_that_no_process_survives_ends() -> None:
    found = [*read_logs(named(3), Unpicklable(), jobs=2)]
    assert [each.error for each in found] == ["the process that read it died"] * 3


# --- Ends ------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_processes_end_with_the_main_process() -> None:
    code = (
        "import os, signal\n"
        "from realtime.analysis import Log\n"
        "from realtime.cli.logs import read_logs\n"
        "for found in read_logs([Log(str(each), ('x',)) for each in range(99)], str, 3):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", code]
    # stdout is at its end once no process has it open.
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, timeout=120)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


INTERRUPTED = """
import sys, time
from realtime.analysis import Log
from realtime.cli.logs import read_logs
def work(log):
    if log.name == "1":
        time.sleep(600)
if __name__ == "__main__":
    try:
        for found in read_logs([Log(str(each), ("x",)) for each in range(99)], work, 2):
            print(found.log.name, flush=True)
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_ctrl_c_while_one_process_is_busy_and_one_is_idle(tmp_path: Path) -> None:
    """A terminal sends it to all processes; those that read logs print nothing."""
    script = tmp_path / "run.py"
    script.write_text(INTERRUPTED)
    with subprocess.Popen(
        [sys.executable, str(script)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=60) == ("interrupted\n", "")
    assert process.returncode == 0


def test_closing_early_ends_the_processes() -> None:
    results = read_logs(named(50), die_at_some, jobs=2)
    assert next(results).result == "0"
    results.close()
    assert not multiprocessing.active_children()


def sleep_long(log: Log) -> str:
    time.sleep(0 if log.name == "0" else 600)
    return log.name


def test_closing_early_does_not_wait_for_logs_that_are_being_read() -> None:
    results = read_logs(named(9), sleep_long, jobs=2)
    assert next(results).result == "0"
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 60
    assert not multiprocessing.active_children()
