"""`inspect`: one log turn by turn, many in sum; what cannot be read costs itself; Ctrl-C is clean."""

from __future__ import annotations

import contextlib
import functools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

import realtime
from realtime.analysis import Log, Report, Summary, inspect_log
from realtime.cli import main
from realtime.cli._logs import Done, _Pool, each_log
from realtime.cli._words import counts, nbytes, printable
from realtime.recording import Recorder
from tests.analysis.scenes import Scene, usage
from tests.analysis.test_kept import KEY, with_keys

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(realtime.__file__).parent.parent)}


def call(number: int = 0, text: str = "Where is my order?") -> Scene:
    """Two turns: an answer with a call and a gap, and one that is cut; an error, an unknown event."""
    scene = Scene("g711_ulaw").begin(f"sess_{number}")
    scene.say(1000)
    scene.speech("u1", 100, 900)
    scene.created("resp_1")
    scene.now += 400 + number
    scene.audio("resp_1", 500)
    scene.now += 740
    scene.audio("resp_1", 500)
    item = {"type": "function_call", "id": "f", "call_id": "c", "name": "find_order", "arguments": "{}"}
    done = {"type": "output_audio", "transcript": "Let me look."}
    message = {"type": "message", "id": "item_resp_1", "role": "assistant", "content": [done]}
    scene.done("resp_1", output=[message, item], usage=usage(900, 100, 500, 20, 80))
    scene.now += 1200
    output = {"type": "function_call_output", "call_id": "c", "output": "{}"}
    scene.client("conversation.item.create", item=output)
    scene.client("response.create")
    scene.created("resp_2")
    scene.now += 200
    scene.audio("resp_2", 3000)
    scene.now += 900
    scene.server("input_audio_buffer.speech_started", item_id="u2", audio_start_ms=1000)
    details = {"type": "cancelled", "reason": "turn_detected"}
    scene.done("resp_2", "cancelled", status_details=details, usage=usage(900, 100, 900, 20, 80))
    scene.client("conversation.item.truncate", item_id="item_resp_2", content_index=0, audio_end_ms=850)
    scene.server(
        "conversation.item.input_audio_transcription.completed",
        item_id="u1", content_index=0, transcript=text, usage={"type": "tokens", "input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
    )  # fmt: skip
    limit = {"name": "tokens", "limit": 50_000, "remaining": 49_000, "reset_seconds": 1}
    scene.server("rate_limits.updated", rate_limits=[limit])
    scene.server("error", error={"type": "t", "code": "bad_event", "message": "What is this?"})
    scene.server("thing.of_tomorrow", x=1)
    scene.server("response.done", response=5)
    return scene


TEXT = """\
log             call.jsonl
session         sess_0: gpt-realtime-2, ga, mu-law 8,000 Hz, server_vad
frames          53 from the client, 17 from the server, 58.9 kB in 4.4 s
audio           1.0 s sent, 4.0 s received

turn 1          0:00.100  the user speaks until 0:00.900, 800 ms of audio
                "Where is my order?"
  answer        0:01.400  500 ms after the speech, 400 ms after response.created, 1.0 s of audio, 1
                gap
                "Let me look."
                calls find_order: output after 1.2 s
  answer        0:03.540  200 ms after response.create, 200 ms after response.created, 3.0 s of
                audio, cancelled (turn_detected)
                cut by the user's speech at 0:04.440: 850 ms of 3.0 s were heard

turn 2          0:01.000  the user speaks

in all          2 turns, 2 responses: 1 cancelled, 1 completed
first audio     p50 200 ms, p90 500 ms, p99 500 ms, most 500 ms; of 2
from created    p50 200 ms, p90 400 ms, p99 400 ms, most 400 ms; of 2
function calls  p50 1.2 s, p90 1.2 s, p99 1.2 s, most 1.2 s; of 1
interruptions   1: 1 speech
                0:04.440  turn 1, by the user's speech, 900 ms in
gaps            p50 240 ms, p90 240 ms, p99 240 ms, most 240 ms; of 1
                0:01.900  240 ms, 500 ms into turn 1
errors          1: 1 bad_event
                0:04.440  bad_event: What is this?
unknown types   1 thing.of_tomorrow
"""


def inspect(*arguments: str | Path) -> int:
    return main(["inspect", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- One log ---------------------------------------------------------------------------


def test_one_log_is_told_turn_by_turn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = call().write(folder / "call.jsonl")
    with path.open("ab") as file:
        file.write(b"torn")
    assert inspect("call.jsonl") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith(TEXT)
    for words in (
        "broken lines    1", "undecodable     1 frame", "rate limit      tokens: 49,000 of 50,000 left",
        "tokens          2,000 in (1,400 cached), 200 out", "cost            not known; of it $0.0",
        "transcription: the log names no model",
    ):  # fmt: skip
        assert words in said.out
    assert max(map(len, said.out.splitlines())) <= 100


def test_a_call_of_everything_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene(detection=None)
    scene.settings["audio"]["output"]["format"] = {"type": "audio/pcma"}
    scene.begin()
    scene.client("response.create")
    scene.created("resp_0")
    scene.done("resp_0")
    scene.say(500)
    scene.server("input_audio_buffer.committed", item_id="a")
    failed = {"type": "t", "code": "c", "message": "too quiet"}
    kind = "conversation.item.input_audio_transcription.failed"
    scene.server(kind, item_id="a", content_index=0, error=failed)
    scene.created("resp_1")
    scene.words("resp_1", "Half a")
    item = {"type": "mcp_call", "id": "m", "server_label": "shop", "name": "find", "arguments": "{}"}
    for id, more in (("m1", {"error": {"type": "protocol_error", "code": 1, "message": "m"}}), ("m2", {})):
        done = {**item, "id": id, **more}
        scene.server("response.output_item.done", response_id="resp_1", output_index=0, item=done)
    text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hm"}]}
    scene.client("conversation.item.create", item=text)
    scene.client("response.create")
    for _ in range(15):
        scene.server("error", error={"type": "t", "code": None, "message": "again"})
    scene.created("resp_2")
    scene.client("response.cancel")
    scene.done("resp_2", "cancelled")
    scene.server("rate_limits.updated", rate_limits=[{"name": "requests", "remaining": 3}])
    scene.server(
        "session.started", session={"id": "live", "model": "gpt-live-1", "expires_at": 1, "status": "active"}
    )
    scene.server("session.usage.updated", usage={"seconds": 30})
    for _ in range(2001):
        scene.server("input_audio_buffer.speech_started", item_id="x", audio_start_ms=0)
    scene.write(folder / "call.jsonl")
    assert inspect("call.jsonl") == 0
    out = " ".join(capsys.readouterr().out.split())
    for words in (
        "sess_1: gpt-realtime-2, ga, PCM16 24,000 Hz in, A-law 8,000 Hz out, no turn detection",
        "nobody said anything before", "no audio, no text", "the user's audio until 0:00.500, 500 ms of audio",
        "not transcribed: too quiet", "never done", "calls find of shop: failed after 0.0 ms",
        "calls find of shop: no output came", "the user writes", "cut by the client at", "and 6 more",
        "turn 3, by the client, before its audio", "requests: 3 left at", "billed time 30.0 s", "left out",
    ):  # fmt: skip
        assert words in out, words
    assert inspect("call.jsonl", call().write(folder / "other.jsonl")) == 0


def test_calls_of_which_little_is_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).touch()
    assert inspect(".") == 0
    assert "calls           2, 0.0 ms, 0 B" in capsys.readouterr().out
    assert inspect("a.jsonl") == 0
    assert "cost            $0.0000" in capsys.readouterr().out


def test_nothing_that_a_terminal_obeys_comes_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;owned\x07\r\n\u202egnp.exe\x00 " + "wide \U0001f600 " * 300
    scene = call(text=evil)
    scene.server(f"type\x1b[2J{evil}")
    scene.server("error", error={"type": evil, "code": evil, "message": evil})
    scene.created(evil)
    scene.done(
        evil,
        evil,
        status_details={"reason": evil},
        output=[{"type": "function_call", "name": evil, "arguments": ""}],
    )
    scene.settings["model"] = evil
    scene.begin(evil)
    path = scene.write(folder / "evil\x1b.jsonl", redact=False)
    assert inspect(path) == 0
    assert inspect(path, path.name, call().write(folder / "other.jsonl")) == 0
    assert main(["cost", str(path)]) == 1
    out = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in out)
    assert max(map(len, out.splitlines())) <= 100 + len(str(path)) + 20


def test_json_of_one_log_is_its_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call().write(folder / "call.jsonl")
    assert inspect("--json", "call.jsonl") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert msgspec.json.decode(line, type=Report) == inspect_log(["call.jsonl"])
    told = json.loads(line)
    assert told["kind"] == "report"
    assert told["figures"]["latency_ms"]["max"] == 500


def test_model_sets_the_price(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call().write(folder / "call.jsonl")
    assert (
        inspect(
            "call.jsonl", "--model", "gpt-4o-realtime-preview", "--transcription-model", "gpt-4o-transcribe"
        )
        == 0
    )
    out = " ".join(capsys.readouterr().out.split())
    assert "(gpt-4o-realtime-preview), transcription $0.000012 (gpt-4o-transcribe)" in out


@pytest.mark.parametrize("asks_for_json", [False, True])
def test_a_page_is_written(folder: Path, capsys: pytest.CaptureFixture[str], asks_for_json: bool) -> None:
    call().write(folder / "call.jsonl")
    assert inspect("call.jsonl", "--html", "page.html", *["--json"] * asks_for_json) == 0
    assert (folder / "page.html").read_text().lower().startswith("<!doctype html>")
    said = capsys.readouterr()
    assert "page.html: " in (said.err if asks_for_json else said.out)
    assert said.out.startswith("{") == asks_for_json


def test_a_page_is_of_one_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        call().write(folder / f"{name}.jsonl")
    assert inspect(".", "--html", "page.html") == 1
    assert "--html is about one log, and there are 2" in capsys.readouterr().err
    assert not (folder / "page.html").exists()


def test_a_log_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect("none.jsonl") == 1
    assert capsys.readouterr() == ("", "realtime inspect: none.jsonl: no such log\n")


def test_what_the_terminal_has_no_characters_for_is_escaped(folder: Path) -> None:
    call(text="\u4f60\u597d \U0001f600").write(folder / "call.jsonl")
    command = [sys.executable, "-X", "utf8=0", "-m", "realtime", "inspect", "call.jsonl"]
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    for arguments, said in (([], r'"\u4f60\u597d \U0001f600"'), (["--json"], r'"\u4f60\u597d \ud83d\ude00"')):
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    assert json.loads(done.stdout)["turns"][0]["user"]["transcript"] == "\u4f60\u597d \U0001f600"


@pytest.fixture
def odd_name(folder: Path) -> str:
    """The name of a log that is no UTF-8."""
    name = os.fsdecode(b"caf\xe9.jsonl")
    try:
        call().write(folder / name)
    except OSError:
        pytest.skip("this file system has no such names")
    return name


def test_a_name_that_is_no_utf_8_is_escaped(
    folder: Path, odd_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect(odd_name) == 0
    assert r"log             caf\udce9.jsonl" in capsys.readouterr().out
    assert inspect("--json", odd_name) == 0
    assert json.loads(capsys.readouterr().out)["logs"] == [r"caf\udce9.jsonl"]
    call().write(folder / "other.jsonl")
    assert inspect("--json", ".", "--jobs", "2") == 0
    *reports, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [told["logs"] for told in reports] == [[r"./caf\udce9.jsonl"], ["./other.jsonl"]]
    assert {each["log"] for each in summary["worst"]["errors"]} == {r"./caf\udce9.jsonl", "./other.jsonl"}
    assert msgspec.json.encode(inspect_log(odd_name))
    page = os.fsdecode(b"\xe9.html")
    assert inspect(odd_name, "--html", page) == 0
    assert capsys.readouterr().out.startswith(r"\udce9.html: ")
    assert inspect(odd_name, os.fsdecode(b"\xe8.jsonl")) == 1
    assert r"\udce8.jsonl: no such log" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_no_key_comes_out(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with_keys().write(folder / "call.jsonl", redact=False)
    with (folder / "call.jsonl").open("a") as file:
        file.write(f'{{"torn": "{KEY}\n')
    assert KEY in (folder / "call.jsonl").read_text()
    assert inspect("call.jsonl", *arguments) == 0
    out = capsys.readouterr().out
    assert "<redacted>" in out
    assert not any(KEY[at : at + 8] in out for at in range(0, len(KEY) - 8, 4))


# --- Many logs -------------------------------------------------------------------------


def write_many(folder: Path, number: int = 5) -> None:
    for each in range(number):
        call(each).write(folder / f"call_{each}.jsonl")


@pytest.mark.parametrize("jobs", ["1", "2", "7"])
def test_many_logs_are_added_up(folder: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    write_many(folder)
    assert inspect("*.jsonl", "--jobs", jobs) == 0
    said = capsys.readouterr()
    for words in (
        "calls           5, 22.2 s, ", "models          5 gpt-realtime-2", "in all          10 turns, 10 responses",
        "errors          5: 5 bad_event", "interruptions   5: 5 speech", "slowest             504 ms  call_4.jsonl",
        "longest gap         240 ms  call_", "of 5 calls something is not known", "undecodable     5",
        "unknown types   5 thing.of_tomorrow",
    ):  # fmt: skip
        assert words in said.out
    assert said.err == ""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_json_is_a_line_a_log_and_their_summary(
    folder: Path, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    write_many(folder)
    assert inspect("--json", ".", "none.jsonl", "--jobs", jobs) == 1
    said = capsys.readouterr()
    *reports, summary = said.out.splitlines()
    logs = [msgspec.json.decode(line, type=Report).logs for line in reports]
    assert logs == [[f"./call_{each}.jsonl"] for each in range(5)]
    whole = Summary()
    for (log,) in logs:
        whole.add(inspect_log([log]))
    assert msgspec.json.decode(summary, type=Summary) == whole
    told: dict[str, Any] = json.loads(summary)
    assert (told["kind"], told["unreadable"]) == ("summary", 1)
    assert said.err == "realtime inspect: none.jsonl: no such log\n"


def test_what_cannot_be_read_costs_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_many(folder, 2)
    (folder / "call_1.jsonl").rename(folder / "loop")
    (folder / "loop").unlink()
    (folder / "loop.jsonl").symlink_to("loop.jsonl")
    (folder / "torn.jsonl.gz").write_bytes(b"no gzip")
    (folder / "damaged.jsonl").write_bytes((folder / "call_0.jsonl").read_bytes() + b"no line\n")
    assert inspect("loop.jsonl", "call_0.jsonl", "torn.jsonl.gz", "damaged.jsonl") == 1
    said = capsys.readouterr()
    assert "loop.jsonl: no such log" in said.err
    assert "torn.jsonl.gz: no log of realtime.recording" in said.err
    assert "broken lines    1" in said.out
    assert "calls           2" in said.out


def fails(log: Log) -> str:
    raise PermissionError(13, "Permission denied", log.name)


def test_a_file_that_cannot_be_opened_is_told() -> None:
    (done,) = each_log([Log("a", ("a",))], fails)
    assert (done.result, done.problem) == (None, "Permission denied")


def breaks(log: Log) -> str:
    if log.name == "3":
        raise ZeroDivisionError("of\nours")
    return log.name


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_nobody_thought_of_costs_one_log(jobs: int) -> None:
    done = [*each_log(named(9), breaks, jobs)]
    assert [found.result for found in done if found.log.name != "3"] == [*"01245678"]
    assert done[3].problem == "ZeroDivisionError: of ours"


def named(number: int) -> list[Log]:
    return [Log(str(each), ("x",)) for each in range(number)]


def dies(log: Log) -> str:
    if log.name in ("3", "5", "38"):
        os._exit(9)
    return log.name


@pytest.mark.parametrize("jobs", [2, 7])
def test_a_reader_that_dies_costs_the_log_that_it_read(jobs: int) -> None:
    logs = named(40)
    done: list[Done[str]] = [*each_log(logs, dies, jobs)]
    assert [found.log for found in done] == logs
    assert {found.log.name: found.problem for found in done if found.problem} == dict.fromkeys(
        ("3", "5", "38"), "the process that read it has died"
    )
    assert all(found.result == found.log.name for found in done if not found.problem)
    assert not multiprocessing.active_children()


def dies_once(folder: Path, log: Log) -> str:
    with contextlib.suppress(FileExistsError):
        (folder / log.name).touch(exist_ok=False)
        os._exit(9)
    return log.name


def test_a_reader_that_is_killed_by_accident_costs_nothing(tmp_path: Path) -> None:
    done = [*each_log(named(6), functools.partial(dies_once, tmp_path), 2)]
    assert [found.result for found in done] == [*"012345"]


def test_an_idle_reader_that_dies_costs_nothing() -> None:
    results = each_log(named(30), dies, jobs=2)
    assert next(results).result == "0"
    for child in multiprocessing.active_children():
        child.kill()
        child.join()
    assert [found.log.name for found in results if found.problem] == ["3", "5"]


def test_no_log_is_given_to_a_reader_that_has_died(tmp_path: Path) -> None:
    pool = _Pool(named(6), functools.partial(dies_once, tmp_path))
    pool.start(2)
    for reader in pool._readers:
        assert reader.pipe.poll(60)  # it says that it is ready, which nobody hears before it dies
        reader.process.kill()
        reader.process.join()
    assert [done.result for done in pool.in_order(9)] == [*"012345"]
    pool.end()


class Unreadable:
    """Work that no process can take over."""

    def __call__(self, log: Log) -> str:
        raise AssertionError

    def __reduce__(self) -> Any:
        return os._exit, (9,)


def test_processes_that_do_not_start_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.cli._logs.multiprocessing", multiprocessing.get_context("spawn"))
    with pytest.raises(OSError, match="do not start"):
        next(each_log(named(9), Unreadable(), jobs=2))


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="what is patched is inherited"
)
def test_processes_that_start_no_more_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.cli._logs.multiprocessing", multiprocessing.get_context("fork"))
    results = each_log(named(99), str, jobs=2)
    next(results)
    monkeypatch.setattr("realtime.cli._logs._read", lambda *_: os._exit(9))
    for child in multiprocessing.active_children():
        child.kill()
    with pytest.raises(OSError, match="do not start"):
        list(results)


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
def test_readers_end_with_the_process_that_they_read_for(folder: Path) -> None:
    code = (
        "import os, signal\n"
        "from realtime.analysis import Log\n"
        "from realtime.cli._logs import each_log\n"
        "for done in each_log([Log(str(each), ('x',)) for each in range(99)], str, 3):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", code]
    # Its end is the end of all who could write to it.
    done = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, timeout=120)
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, b"")


def test_nobody_need_read_on() -> None:
    results = each_log(named(50), dies, jobs=2)
    assert next(results).result == "0"
    results.close()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_every_way_to_start_processes(folder: Path, method: str) -> None:
    write_many(folder, 4)
    code = (
        "import multiprocessing, sys\n"
        "from realtime.cli import main\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({method!r})\n"
        "    sys.exit(main(['inspect', '.', '--jobs', '2']))\n"
    )
    (folder / "run.py").write_text(code)
    command = [sys.executable, "-X", "dev", "-W", "error", "run.py"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "calls           4" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
@pytest.mark.parametrize("whole_group", [False, True])
def test_ctrl_c_is_clean(folder: Path, whole_group: bool) -> None:
    """To this process alone, or as a terminal sends it: to all of them."""
    path = call().write(folder / "call.jsonl")
    for number in range(300):
        (folder / f"call_{number:03}.jsonl").write_bytes(path.read_bytes())
    command = [
        sys.executable,
        "-X",
        "dev",
        "-W",
        "error",
        "-m",
        "realtime",
        "inspect",
        ".",
        "--json",
        "--jobs",
        "2",
    ]
    with subprocess.Popen(
        command,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith('{"kind":"report"')
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "\nrealtime inspect: interrupted\n")


def test_progress_is_shown_on_a_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_many(folder, 3)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert inspect(".", "--jobs", "1") == 0
    err = capsys.readouterr().err
    assert "2 of 3 logs" in err
    assert err.endswith("\r")


@pytest.mark.parametrize("jobs", ["0", "-1", "x"])
def test_jobs_are_at_least_one(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        inspect(".", "--jobs", jobs)
    assert ended.value.code == 2
    assert "--jobs" in capsys.readouterr().err


# --- Words -----------------------------------------------------------------------------


def test_figures_are_written_to_be_read() -> None:
    assert [nbytes(number) for number in (5, 5_000, 5_100_000, 5_200_000_000)] == [
        "5 B",
        "5.0 kB",
        "5.1 MB",
        "5.2 GB",
    ]
    assert counts({"a": 1, "b": 3, "": 3}, most=2) == "3 (none), 3 b, and 1 more"
    assert printable("a\x1b\n b") == "a\\x1b b"


def test_the_page_plays_the_call_where_it_is_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, page = tmp_path / "call.jsonl", tmp_path / "call.html"
    with Recorder(log, clock=lambda: 0.0) as recorder:
        recorder.sent(realtime.encode_append(bytes(4800)))
    assert main(["inspect", str(log), "--html", str(page)]) == 0
    assert "data:audio/wav" in page.read_text()
    assert main(["inspect", str(log), "--html", str(page), "--no-audio"]) == 0
    assert "data:audio/wav" not in page.read_text()
    assert main(["inspect", str(log), "--audio"]) == 1
    assert "--html" in capsys.readouterr().err


def test_a_reader_who_has_enough(tmp_path: Path) -> None:
    """`inspect ... --json | head -c 1`, with more than a pipe holds."""
    log = tmp_path / "call.jsonl"
    with Recorder(log, clock=lambda: 0.0) as recorder:
        for number in range(900):
            recorder.received(f'{{"type":"error","error":{{"type":"t","message":"{"x" * 60} {number}"}}}}')
    command = [sys.executable, "-m", "realtime", "inspect", "--json", str(log)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"{"
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


@pytest.mark.parametrize("command", ["inspect", "cost"])
@pytest.mark.parametrize("content", [b"root:x:0:0\nbin:x:1:1\n", b"\x7fELF\0\0\n\0", b"RIFF\0\0\0\0WAVE"])
def test_what_is_no_log_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, content: bytes
) -> None:
    (tmp_path / "passwd").write_bytes(content)
    assert main([command, str(tmp_path / "passwd")]) == 1
    out, err = capsys.readouterr()
    assert "no log of realtime.recording: none of its" in out + err
    assert "$0.0000" not in out


@pytest.mark.parametrize("command", ["inspect", "cost"])
def test_a_folder_without_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    (tmp_path / "readme.md").write_text("no log")
    assert main([command, str(tmp_path)]) == 1
    assert "there are no logs in what was named" in capsys.readouterr().err
