"""Output of all commands: printable whatever names and logs contain, and one line where it cannot be written."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from realtime.cli import main
from realtime.cli.text import format_error, print_json, print_text
from realtime.errors import ConfigError
from tests.analysis.scenes import KEY, Scene, with_keys
from tests.cli.calls import ascii_stdout

# ESC, a C1 control (CSI), line ends, and marks that reverse the direction of text.
RAW = "\x1b[31m\x9b31m\n\r\x85\u2028\u202e\u2066\x07"
NAME = f"a{RAW}\xe9"


def is_printable(text: str) -> bool:
    return text.replace("\n", "").isprintable()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a log that has control characters in its name and in every text."""
    monkeypatch.chdir(tmp_path)
    scene = Scene()
    scene.server("session.created", session={"id": RAW, "type": "realtime", "model": RAW})
    scene.speech("u", 0, 0)
    scene.server(
        "conversation.item.input_audio_transcription.completed", item_id="u", content_index=0, transcript=RAW
    )
    scene.created("r")
    scene.words("r", RAW)
    scene.done(
        "r", "failed", status_details={"type": "failed", "reason": RAW, "error": {"type": RAW, "code": RAW}}
    )
    scene.server("error", error={"type": RAW, "code": RAW, "message": RAW})
    scene.server(f"x{RAW}")
    scene.write(tmp_path / f"{NAME}.jsonl")
    return f"{NAME}.jsonl"


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "LOG"], ["inspect", "LOG", "--json"], ["inspect", "LOG", "LOG2"], ["inspect", "LOG", "LOG2", "--json"],
        ["inspect", "none" + NAME], ["inspect", "LOG", "none" + NAME], ["inspect", "LOG", "--html", f"{NAME}.html"],
        ["inspect", "LOG", "--html", f"none{NAME}/x"], ["cost", "LOG"], ["cost", "LOG", "LOG2"], ["cost", "none" + NAME],
        ["cost", "LOG", "--model", NAME], ["wav", "LOG"], ["wav", "LOG", "-o", f"none{NAME}/x"], ["wav", "LOG", "-o", "LOG"],
        ["wav", "none" + NAME], ["demo", "--fast", "--wav", NAME], ["demo", "--fast", "--out", f"LOG/{NAME}"],
        ["demo", "--fast", "--url", f"ws://{NAME}"], ["demo", "--fast", "--fault", NAME], ["serve", "--fault", NAME],
    ],
    ids=lambda arguments: " ".join(arguments).replace(NAME, "NAME"),
)  # fmt: skip
def test_everything_printed_is_printable(
    log: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    os.link(log, f"2{log}")
    assert main(
        [{"LOG": log, "LOG2": f"2{log}"}.get(word, word.replace("LOG/", f"{log}/")) for word in arguments]
    ) in (0, 1)
    out, err = capsys.readouterr()
    assert is_printable(out)
    assert is_printable(err)
    assert len(err.splitlines()) <= 1
    if "--json" in arguments:
        lines = [json.loads(line) for line in out.splitlines()]
        assert lines[0]["logs"] == [log]
        assert lines[0]["sessions"][0]["id"] == RAW


@pytest.mark.parametrize(
    "arguments",
    [[NAME], ["inspect"], ["inspect", "x", NAME, f"--{NAME}"], ["inspect", "x", "--jobs", NAME], ["wav", "x", "--rate", NAME],
     ["demo", "--format", NAME], ["demo", NAME], ["serve", "--port", NAME], ["doctor", NAME]],
    ids=lambda arguments: " ".join(arguments).replace(NAME, "NAME"),
)  # fmt: skip
def test_wrong_arguments_are_printed_printably(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert is_printable(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            FileNotFoundError(2, "No such file", NAME),
            "a\\x1b[31m\\x9b31m \\u202e\\u2066\\x07\xe9: No such file",
        ),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("no strerror"), "no strerror"),
        (ConfigError(f"the key {KEY} is wrong\x9b"), "the key <redacted> is wrong\\x9b"),
        (ConfigError(f"{KEY}"), "<redacted>"),
    ],
)
def test_errors_are_printable_and_without_credentials(error: Exception, line: str) -> None:
    assert format_error(error) == line


@pytest.mark.parametrize(
    "text", ["plain", "\xe9", "\x9b\u202e\u2028\u2029\xad\U000e0041\xa0\ud7ff\U0001f600", '\\"\\\\']
)
def test_json_is_printable_and_the_same(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json(json.dumps({text: [text]}, ensure_ascii=False))
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert out[:-1].isprintable()
    assert json.loads(out) == {text: [text]}


def test_json_on_an_ascii_terminal_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    printed, text = ascii_stdout(monkeypatch), "a\xe9\x9b\U0001f600\\"
    print_json(json.dumps([text], ensure_ascii=False))
    assert json.loads(printed.getvalue().decode("ascii")) == [text]


def test_text_goes_to_the_stream_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    printed = io.BytesIO()
    narrow = io.TextIOWrapper(printed, encoding="ascii", write_through=True)
    print_text("\xe9", narrow)
    print_text("b", sys.stderr)
    print_text("c")
    assert printed.getvalue() == b"\\xe9\n"
    assert capsys.readouterr() == ("c\n", "b\n")


def test_a_page_of_any_name_on_an_ascii_terminal(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = ascii_stdout(monkeypatch)
    assert main(["inspect", log, "--html", "\xe9.html"]) == 0
    assert printed.getvalue().startswith(b"\\xe9.html: ")
    assert Path("\xe9.html").is_file()


def test_nothing_printed_has_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with_keys().write(tmp_path / "call.jsonl", redact=False)
    assert KEY[:20].encode() in Path("call.jsonl").read_bytes()
    for options in ([], ["--json"], ["--html", "call.html"], ["--model", KEY], ["--model", KEY, "--json"]):
        main(["inspect", "call.jsonl", *options])
    main(["cost", "call.jsonl", "--model", KEY])
    main(["demo", "--fast", "--url", f"ws://user:{KEY}@localhost:1/?api_key={KEY}"])
    printed = "".join(capsys.readouterr()) + Path("call.html").read_text(encoding="utf-8")
    assert KEY[3:] not in printed


# --- Streams that cannot be written ------------------------------------------------------


def run(command: str, log: str) -> subprocess.CompletedProcess[bytes]:
    """Run `command` in a shell; $R is the command line of this package, $L the log."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    variables |= {"L": log, "R": f"{sys.executable} -m realtime", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        ["bash", "-c", command], env=variables, capture_output=True, timeout=60, check=False
    )


@pytest.mark.mostly_slow(quick=3)
@pytest.mark.skipif(os.name == "nt", reason="needs a shell")
@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ('$R inspect "$L" >&-', 0, b""),
        ('$R inspect "$L" --json >&-', 0, b""),
        ('$R cost "$L" "$L" >&-', 1, b""),  # a model without a price
        ('$R cost "$L" "$L" 2>&- >/dev/null', 1, b""),
        ('$R inspect none 2>&-', 1, b""),
        ('$R doctor >&- 2>&-', 0, b""),
        ('$R inspect "$L" >/dev/full', 1, b"realtime inspect: No space left on device\n"),
        ('$R inspect "$L" --html /dev/full', 1, b"realtime inspect: /dev/full: No space left on device\n"),
        ('$R wav "$L" -o /dev/full --force', 1, b"realtime wav: "),
        ("$R --help >/dev/full", 0, b""),
        ("$R wav --help | true; exit ${PIPESTATUS[0]}", 0, b""),
        ('$R inspect "$L" | true; exit ${PIPESTATUS[0]}', 141, b""),
        ('$R inspect "$L" --json | true; exit ${PIPESTATUS[0]}', 141, b""),
    ],
)  # fmt: skip
def test_streams_that_cannot_be_written(log: str, command: str, code: int, error: bytes) -> None:
    done = run(command, log)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.startswith(error)
    assert done.stderr.count(b"\n") == (1 if error else 0)


def test_a_process_without_streams_gets_the_null_device(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    assert main(["inspect", log]) == 0
    assert main(["inspect", "none"]) == 1
    for stream in (sys.stdout, sys.stderr):
        stream.close()


@pytest.mark.parametrize("command", ["inspect", "cost"])
def test_an_unreadable_folder_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def refuse(folder: str) -> None:
        raise PermissionError(13, "Permission denied", folder)

    folder = tmp_path / NAME
    folder.mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    assert main([command, str(folder)]) == 1
    out, err = capsys.readouterr()
    assert (out, is_printable(err), err.count("\n")) == ("", True, 1)
    assert err.endswith(": Permission denied\n")


# --- Files that exist ----------------------------------------------------------------------


def test_wav_replaces_a_file_only_with_force(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["wav", log]) == 0
    out = Path(log).with_suffix(".wav")
    out.write_bytes(b"mine")
    capsys.readouterr()
    assert main(["wav", log]) == 1
    printed, err = capsys.readouterr()
    assert (printed, is_printable(err)) == ("", True)
    assert err.endswith(".wav exists: choose another file with --out, or replace it with --force\n")
    assert out.read_bytes() == b"mine"
    assert main(["wav", log, "--force"]) == 0
    assert out.read_bytes().startswith(b"RIFF")


def test_wav_force_does_not_replace_the_log(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(log).read_bytes()
    for options in ([], ["--force"]):
        assert main(["wav", log, "--out", log, *options]) == 1
        assert "is the log that is read" in capsys.readouterr().err
    assert Path(log).read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="needs /dev/null")
def test_wav_writes_to_a_device_without_force(log: str) -> None:
    assert main(["wav", log, "-o", os.devnull]) == 0


def test_help_of_wav_states_that_files_are_not_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["wav", "--help"])
    assert "--force" in capsys.readouterr().out
