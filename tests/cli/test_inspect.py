"""`inspect`: one log turn by turn, a summary of many, unreadable logs, hostile text, and Ctrl-C."""

from __future__ import annotations

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
from realtime.analysis import Report, Summary, inspect_log
from realtime.cli import main
from realtime.cli.inspect import format_counts
from realtime.recording import Recorder
from tests.analysis.scenes import KEY, Scene, usage, with_keys

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(realtime.__file__).parent.parent)}


def call(number: int = 0, text: str = "Where is my order?") -> Scene:
    """Return two turns: a response with a call and a gap, an interrupted one; an error, an unknown event."""
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

turn 1          0:00.100  user speech until 0:00.900, 800 ms of audio
                "Where is my order?"
  response      0:01.400  500 ms after the speech, 400 ms after response.created, 1.0 s of audio, 1
                gap
                "Let me look."
                calls find_order: output after 1.2 s
                id c, arguments {}, output {}
  response      0:03.540  200 ms after response.create, 200 ms after response.created, 3.0 s of
                audio, cancelled (turn_detected)
                interrupted by the user's speech at 0:04.440: 850 ms of 3.0 s played

turn 2          0:01.000  user speech

total           2 turns, 2 responses: 1 cancelled, 1 completed
first audio     p50 200 ms, p90 500 ms, p99 500 ms, max 500 ms; of 2
from created    p50 200 ms, p90 400 ms, p99 400 ms, max 400 ms; of 2
function calls  p50 1.2 s, p90 1.2 s, p99 1.2 s, max 1.2 s; of 1
interruptions   1: 1 speech
                0:04.440  turn 1, by the user's speech, 900 ms in
gaps            p50 240 ms, p90 240 ms, p99 240 ms, max 240 ms; of 1
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


def test_one_log_turn_by_turn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = call().write(folder / "call.jsonl")
    with path.open("ab") as file:
        file.write(b"torn")
    assert inspect("call.jsonl") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.startswith(TEXT)
    for words in (
        "broken lines    1", "undecodable     1 frame", "rate limit      tokens: minimum 49,000 of 50,000 left",
        "tokens          2,000 in (1,400 cached), 200 out", "cost            not known in full; the known part is $0.0",
        "transcription: the log names no model",
    ):  # fmt: skip
        assert words in printed.out
    assert max(map(len, printed.out.splitlines())) <= 100


def test_everything_else_a_report_can_have(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
        "no user input before it", "no audio, no text", "user audio until 0:00.500, 500 ms of audio",
        "transcription failed: too quiet", "no response.done", "calls find of shop: failed after 0.0 ms",
        "calls find of shop: no output", "user text", "interrupted by the client at", "and 6 more",
        "turn 3, by the client, before its audio", "requests: minimum 3 left, at", "billed time 30.0 s", "left out",
    ):  # fmt: skip
        assert words in out, words
    assert inspect("call.jsonl", call().write(folder / "other.jsonl")) == 0


def test_empty_logs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (folder / name).touch()
    assert inspect(".") == 0
    assert "calls           2, 0.0 ms, 0 B" in capsys.readouterr().out
    assert inspect("a.jsonl") == 0
    assert "cost            $0.0000" in capsys.readouterr().out


def test_control_characters_are_escaped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "\x1b]0;owned\x07\r\n\u202egnp.exe\x00 " + "wide \U0001f600 " * 300
    scene = call(text=hostile)
    scene.server(f"type\x1b[2J{hostile}")
    scene.server("error", error={"type": hostile, "code": hostile, "message": hostile})
    scene.created(hostile)
    scene.done(
        hostile,
        hostile,
        status_details={"reason": hostile},
        output=[{"type": "function_call", "name": hostile, "arguments": ""}],
    )
    scene.settings["model"] = hostile
    scene.begin(hostile)
    path = scene.write(folder / "hostile\x1b.jsonl", redact=False)
    assert inspect(path) == 0
    assert inspect(path, path.name, call().write(folder / "other.jsonl")) == 0
    assert main(["cost", str(path)]) == 1
    out = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in out)
    assert max(map(len, out.splitlines())) <= 100 + len(str(path)) + 20


def test_json_of_one_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call().write(folder / "call.jsonl")
    assert inspect("--json", "call.jsonl") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert msgspec.json.decode(line, type=Report) == inspect_log(["call.jsonl"])
    members = json.loads(line)
    assert members["kind"] == "report"
    assert members["figures"]["latency_ms"]["max"] == 500


def test_model_options_set_the_prices(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call().write(folder / "call.jsonl")
    assert (
        inspect(
            "call.jsonl", "--model", "gpt-4o-realtime-preview", "--transcription-model", "gpt-4o-transcribe"
        )
        == 0
    )
    out = " ".join(capsys.readouterr().out.split())
    assert "(gpt-4o-realtime-preview), transcription $0.000012 (gpt-4o-transcribe)" in out


@pytest.mark.parametrize("wants_json", [False, True])
def test_html_page(folder: Path, capsys: pytest.CaptureFixture[str], wants_json: bool) -> None:
    call().write(folder / "call.jsonl")
    assert inspect("call.jsonl", "--html", "page.html", *["--json"] * wants_json) == 0
    assert (folder / "page.html").read_text().lower().startswith("<!doctype html>")
    printed = capsys.readouterr()
    assert "page.html: " in (printed.err if wants_json else printed.out)
    assert printed.out.startswith("{") == wants_json


def test_html_needs_one_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        call().write(folder / f"{name}.jsonl")
    assert inspect(".", "--html", "page.html") == 1
    assert "--html needs exactly one log, but 2 were found" in capsys.readouterr().err
    assert not (folder / "page.html").exists()


def test_missing_log(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert inspect("none.jsonl") == 1
    assert capsys.readouterr() == ("", "realtime inspect: none.jsonl: no such log\n")


@pytest.mark.slow
def test_characters_that_the_terminal_lacks_are_escaped(folder: Path) -> None:
    call(text="\u4f60\u597d \U0001f600").write(folder / "call.jsonl")
    command = [sys.executable, "-X", "utf8=0", "-m", "realtime", "inspect", "call.jsonl"]
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    for arguments, escaped in (
        ([], r'"\u4f60\u597d \U0001f600"'),
        (["--json"], r'"\u4f60\u597d \ud83d\ude00"'),
    ):
        done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert escaped in done.stdout
    assert json.loads(done.stdout)["turns"][0]["user"]["transcript"] == "\u4f60\u597d \U0001f600"


@pytest.fixture
def non_utf8_name(folder: Path) -> str:
    """The name of a log that is not valid UTF-8."""
    name = os.fsdecode(b"caf\xe9.jsonl")
    try:
        call().write(folder / name)
    except OSError:
        pytest.skip("this file system does not allow such names")
    return name


def test_a_name_that_is_not_utf_8_is_escaped(
    folder: Path, non_utf8_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert inspect(non_utf8_name) == 0
    assert r"log             caf\udce9.jsonl" in capsys.readouterr().out
    assert inspect("--json", non_utf8_name) == 0
    assert json.loads(capsys.readouterr().out)["logs"] == [r"caf\udce9.jsonl"]
    call().write(folder / "other.jsonl")
    assert inspect("--json", ".", "--jobs", "2") == 0
    *reports, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [report["logs"] for report in reports] == [[r"./caf\udce9.jsonl"], ["./other.jsonl"]]
    assert {each["log"] for each in summary["worst"]["errors"]} == {r"./caf\udce9.jsonl", "./other.jsonl"}
    assert msgspec.json.encode(inspect_log(non_utf8_name))
    page = os.fsdecode(b"\xe9.html")
    assert inspect(non_utf8_name, "--html", page) == 0
    assert capsys.readouterr().out.startswith(r"\udce9.html: ")
    assert inspect(non_utf8_name, os.fsdecode(b"\xe8.jsonl")) == 1
    assert r"\udce8.jsonl: no such log" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_keys_are_redacted(folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
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
def test_many_logs_are_summed_up(folder: Path, capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    write_many(folder)
    assert inspect("*.jsonl", "--jobs", jobs) == 0
    printed = capsys.readouterr()
    for words in (
        "calls           5, 22.2 s, ", "models          5 gpt-realtime-2", "total           10 turns, 10 responses",
        "errors          5: 5 bad_event", "interruptions   5: 5 speech", "slowest             504 ms  call_4.jsonl",
        "longest gap         240 ms  call_", "not known in full for 5 calls", "undecodable     5",
        "unknown types   5 thing.of_tomorrow",
    ):  # fmt: skip
        assert words in printed.out
    assert printed.err == ""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_json_of_many_logs_ends_with_their_summary(
    folder: Path, capsys: pytest.CaptureFixture[str], jobs: str
) -> None:
    write_many(folder)
    assert inspect("--json", ".", "none.jsonl", "--jobs", jobs) == 1
    printed = capsys.readouterr()
    *reports, summary = printed.out.splitlines()
    logs = [msgspec.json.decode(line, type=Report).logs for line in reports]
    assert logs == [[f"./call_{each}.jsonl"] for each in range(5)]
    total = Summary()
    for (log,) in logs:
        total.add(inspect_log([log]))
    assert msgspec.json.decode(summary, type=Summary) == total
    members: dict[str, Any] = json.loads(summary)
    assert (members["kind"], members["unreadable"]) == ("summary", 1)
    assert printed.err == "realtime inspect: none.jsonl: no such log\n"


@pytest.mark.skipif(os.name != "posix", reason="links, which need a privilege on Windows")
def test_unreadable_logs_are_reported_and_the_others_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_many(folder, 2)
    (folder / "call_1.jsonl").rename(folder / "loop")
    (folder / "loop").unlink()
    (folder / "loop.jsonl").symlink_to("loop.jsonl")
    (folder / "torn.jsonl.gz").write_bytes(b"no gzip")
    (folder / "damaged.jsonl").write_bytes((folder / "call_0.jsonl").read_bytes() + b"no line\n")
    assert inspect("loop.jsonl", "call_0.jsonl", "torn.jsonl.gz", "damaged.jsonl") == 1
    printed = capsys.readouterr()
    assert "loop.jsonl: no such log" in printed.err
    assert "torn.jsonl.gz: no log of realtime.recording" in printed.err
    assert "broken lines    1" in printed.out
    assert "calls           2" in printed.out


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_every_start_method(folder: Path, method: str) -> None:
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


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("is_group", [False, True])
def test_ctrl_c(folder: Path, is_group: bool) -> None:
    """Sent to this process alone, or as a terminal does: to all of them."""
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
        (os.killpg if is_group else os.kill)(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "\nrealtime inspect: interrupted\n")


def test_progress_on_a_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_many(folder, 3)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert inspect(".", "--jobs", "1") == 0
    err = capsys.readouterr().err
    assert "2 of 3 logs" in err
    assert err.endswith("\r")


# --- Options and output ----------------------------------------------------------------


def test_counts_are_ranked_and_shortened() -> None:
    assert format_counts({"a": 1, "b": 3, "": 3}, limit=2) == "3 (none), 3 b, and 1 more"


def test_audio_options_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, page = tmp_path / "call.jsonl", tmp_path / "call.html"
    with Recorder(log, clock=lambda: 0.0) as recorder:
        recorder.sent(realtime.encode_append(bytes(4800)))
    assert main(["inspect", str(log), "--html", str(page)]) == 0
    assert "data:audio/wav" in page.read_text()
    assert main(["inspect", str(log), "--html", str(page), "--no-audio"]) == 0
    assert "data:audio/wav" not in page.read_text()
    assert main(["inspect", str(log), "--audio"]) == 1
    assert "--html" in capsys.readouterr().err


@pytest.mark.slow
def test_a_closed_pipe(tmp_path: Path) -> None:
    """`inspect ... --json | head -c 1`, with more output than a pipe can buffer."""
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
def test_files_that_are_not_logs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, content: bytes
) -> None:
    (tmp_path / "passwd").write_bytes(content)
    assert main([command, str(tmp_path / "passwd")]) == 1
    out, err = capsys.readouterr()
    assert "no log of realtime.recording: none of its" in out + err
    assert "$0.0000" not in out


@pytest.mark.parametrize("command", ["inspect", "cost"])
def test_folder_without_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str) -> None:
    (tmp_path / "readme.md").write_text("no log")
    assert main([command, str(tmp_path)]) == 1
    assert "no logs found" in capsys.readouterr().err
