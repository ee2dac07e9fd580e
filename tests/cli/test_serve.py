"""`serve`: one line once it accepts connections, faults, and a clean end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect as async_connect

import realtime as r
from realtime.analysis import inspect_log
from realtime.cli import main, serve
from realtime.cli.serve_script import read_script
from realtime.recording import Recorder
from realtime.testing import FAULTS, Call, Delegate, Fail, LoopbackServer, Say, ServerProtocol, Transcribe
from tests.processes import without_delays
from tests.testing.helpers import COMMIT, PCM16, RESPOND, append, audio_of, connect, formats, tone

PATHS = [str(Path(r.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(PATHS), "no_proxy": "*"}


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_a_signal(monkeypatch: pytest.MonkeyPatch, number: signal.Signals) -> None:
    monkeypatch.setenv("no_proxy", "*")
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "realtime", "serve", "--pace", "1"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("ws://127.0.0.1:")
        assert url.endswith("/v1/realtime")
        with connect(url) as client:
            assert r.decode_server(client.recv(timeout=20)).type == "session.created"
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert without_delays(err).splitlines() == [
        "connection 1: ga, gpt-realtime-2",
        "connection 1: closed, 1001",
    ]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_ascii_terminal(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "realtime", "serve"]
    (tmp_path / "dé").mkdir()
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path / "dé", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"ws://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_faults_are_injected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    command = [
        sys.executable,
        "-m",
        "realtime",
        "serve",
        "--fault",
        "unknown_fields",
        "--fault",
        "beta_disabled",
    ]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with connect(process.stdout.readline().strip()) as client:
            error = r.decode_server(client.recv(timeout=20))
            assert isinstance(error, r.Error)
            assert error.error.code == "beta_api_shape_disabled"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.mark.parametrize("command", ["demo", "serve"])
def test_help_lists_the_faults(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    words = capsys.readouterr().out.replace(",", " ").split()
    assert set(FAULTS) <= {*words}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_silent_connection_does_not_delay_the_end() -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "realtime", "serve"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = urlsplit(process.stdout.readline().strip()).port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)):
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out, without_delays(err)) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "-1"], "port"),
        (["--ptime", "0"], "ptime_ms"),
        (["--pace", "0"], "pace"),
        (
            ["--fault", "cut_off", "--fault", "nothing"],
            "unknown fault 'nothing'; known are session_expired, ",
        ),
        (["--script", "nowhere.json"], "nowhere.json: No such file"),
        (["--tls", "cert.pem"], "--tls needs a certificate and a key, or no file"),
        (["--tls", "nowhere.pem", "key.pem"], "No such file"),
        (["--record", __file__], "File exists"),
    ],
)
def test_invalid_options(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(["serve", *arguments]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert printed.err.startswith("realtime serve: ")
    assert message in printed.err


def test_occupied_port(capsys: pytest.CaptureFixture[str]) -> None:
    with LoopbackServer() as other:
        assert main(["serve", "--port", str(other.port)]) == 1
        assert f"cannot listen on 127.0.0.1:{other.port}" in capsys.readouterr().err


# --- A server in a process -------------------------------------------------------------


@contextlib.contextmanager
def serving(*arguments: str) -> Generator[tuple[str, Any, list[str]]]:
    """Run `serve`. Yields its URL and its process; the list is filled with the lines of its stderr at the end."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-m", "realtime", "serve", *arguments]
    lines: list[str] = []
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process, lines
        finally:
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
            lines += without_delays(err).splitlines()
    assert process.returncode == 0


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def receive_until(client: Any, last: str) -> list[Any]:
    events: list[Any] = []
    while not events or events[-1].type != last:
        events.append(r.decode_server(client.recv(timeout=20)))
    return events


def refuse(url: str, **options: Any) -> None:
    with contextlib.suppress(Exception):
        connect(url, **options).__enter__()


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_connections_requests_and_refusals_are_lines() -> None:
    with serving() as (url, _, lines):
        with connect(f"{url}?model=m%0Ax%1b[2J") as client:
            client.send('{"type":"input_audio_buffer.commit"}')
            client.send('{"type":"sing"}')
            receive_until(client, "error")
            receive_until(client, "error")
        refuse(url.replace("realtime", "chat%0A"))
        refuse(f"{url}?call_id=x", additional_headers={"Authorization": "Bearer sk-proj-0123456789abcdef"})
    # The server notices the end of a connection a little later than its client.
    assert [line for line in lines if line.startswith("connection 1: ")] == [
        r"connection 1: ga, m x\x1b[2J",
        "connection 1: error input_audio_buffer_commit_empty: Error committing input audio buffer: buffer too small. "
        "Expected at least 100ms of audio, but buffer only has 0.00ms of audio.",
        next(line for line in lines if line.startswith("connection 1: error invalid_value type: Invalid value: 'sing'. ")),
        "connection 1: closed, 1000",
    ]  # fmt: skip
    assert [line for line in lines if not line.startswith("connection 1: ")] == [
        "GET /v1/chat%0A: 404",
        "GET /v1/realtime: 404",
    ]


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_connection_is_recorded(tmp_path: Path) -> None:
    audio = tone(PCM16, 500)
    with serving("--record", str(tmp_path / "calls")) as (url, _, lines), connect(url) as client:
        for event in (formats(), append(audio), COMMIT, RESPOND):
            client.send(r.encode(event), text=True)
        receive_until(client, "response.done")
    (log,) = (tmp_path / "calls").iterdir()
    assert log.name.endswith("-000001.jsonl")
    report = inspect_log(log)
    assert (len(report.turns), report.broken_lines) == (1, [])
    assert lines == ["connection 1: ga, gpt-realtime-2", "connection 1: closed, 1000"]
    (reply,) = read_script(str(log))
    (part,) = reply  # type: ignore[misc]
    assert isinstance(part, Say)
    assert (part.text, part.audio) == ("That was 0.50 seconds of audio.", audio)


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_script_is_played(tmp_path: Path) -> None:
    script = tmp_path / "replies.json"
    script.write_text(
        '[[{"say":"One."},{"call":"weather","arguments":{"city":"Tallinn"}}],{"fail":"overloaded"}]'
    )
    with serving("--script", str(script)) as (url, _, _), connect(url) as client:
        done = []
        for _ in range(2):
            client.send(r.encode(RESPOND), text=True)
            done.append(receive_until(client, "response.done")[-1].response)
    assert [item.type for item in done[0].output] == ["message", "function_call"]
    assert (done[1].status, done[1].status_details.error.code) == ("failed", "overloaded")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_certificate_is_made_for_tls() -> None:
    command = [sys.executable, "-m", "realtime", "serve", "--tls"]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        authority = process.stderr.readline().split()[3]
        assert url.startswith("wss://127.0.0.1:")

        async def talk() -> str:  # see tests/testing/test_tls.py: not in threads
            context = ssl.create_default_context(cafile=authority)
            async with asyncio.timeout(20), async_connect(url, ssl=context) as client:
                return r.decode_server(await client.recv()).type

        assert asyncio.run(talk()) == "session.created"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert not Path(authority).exists()


def test_options_of_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Options that are not given are not passed."""
    made: list[dict[str, Any]] = []

    def make(port: int, **settings: Any) -> LoopbackServer:
        made.append(settings)
        raise r.ConfigError("not started")

    monkeypatch.setattr(serve, "LoopbackServer", make)
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    for arguments in ([], ["--lenient", "--provider", "xai", "--binary", "close", "--tls"]):
        with pytest.raises(r.ConfigError, match="not started"):
            serve.run(parser.parse_args(arguments))
    assert not {"strict", "provider", "ssl"} & {*made[0]}
    assert (made[1]["strict"], made[1]["provider"], made[1]["binary"]) == (False, "xai", "close")
    assert isinstance(made[1]["ssl"], ssl.SSLContext)


def test_help_has_an_example_of_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    parser = argparse.ArgumentParser(add_help=False)
    serve.add_arguments(parser)
    names = {option for action in parser._actions for option in action.option_strings}
    assert {"--script", "--record", "--fault", "--provider", "--tls", "--lenient", "--allow-host"} <= names
    assert [name for name in names if f"Example: {name}" not in text] == []


def test_files_that_are_no_certificate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("no")
    assert main(["serve", "--tls", str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")]) == 1
    assert "are no certificate and its key" in capsys.readouterr().err


# --- Scripts ---------------------------------------------------------------------------


def test_parts_of_a_script(tmp_path: Path) -> None:
    path = tmp_path / "replies"
    path.write_text(
        ' [ "One.", {"say":"Two."}, {"call":"f"}, {"call":"f","arguments":"{","call_id":"c"}, {"fail":"x","message":"m","type":"t"}, [],'
        ' {"transcribe":"Hm?"}, {"delegate":"Done."}]'
    )
    one, two, call, other, fail, empty, transcribe, delegate = read_script(str(path))
    assert (transcribe, delegate) == (Transcribe("Hm?"), Delegate("Done."))
    assert (one.text, two.text, call, other) == ("One.", "Two.", Call("f"), Call("f", "{", "c"))
    assert (fail, empty) == (Fail("x", "m", "t"), [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "neither a JSON list of replies nor a log"),
        ("{}", "neither a JSON list of replies nor a log"),
        ("[", "not a JSON list of replies"),
        ("[" * 10_000, "not a JSON list of replies"),
        ("[5]", "[0] must be a text or an object with one of say, call, fail, transcribe, delegate: 5"),
        ('["a",[{"sing":"x"}]]', "[1][0] must be a text or an object with one of"),
        ('[{"say":"x","call":"y"}]', "[0] must be a text or an object with one of"),
        ('[{"say":5}]', "[0]: Expected `str`, got `int`"),
        ('[{"say":"x","voice":"y"}]', "[0]: Object contains unknown field `voice`"),
        ('[{"call":"f","arguments":5}]', "[0]: Expected `str | object`, got `int`"),
        ('[{"say":"\\ud800"}]', "JSON list of replies"),
    ],
)
def test_invalid_scripts(tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "replies.json"
    path.write_text(text)
    assert main(["serve", "--script", str(path)]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("realtime serve: ")
    assert message in printed


@pytest.mark.parametrize("dialect", ["ga", "beta"])
def test_the_answers_of_a_log_are_a_script(tmp_path: Path, dialect: Any) -> None:
    script: Any = [
        [Say("One.", tone(PCM16, 300)), Call("f", {"a": 1}, "call_1")],
        Fail("overloaded", "Later."),
    ]
    session, frame = ServerProtocol(dialect=dialect, script=script), b'{"type":"response.create"}'
    path = tmp_path / "call.jsonl"
    with Recorder(path) as recorder:
        for event in (*session.open(), *session.feed(frame), *session.feed(frame)):
            recorder.received(session.encode(event))
        recorder.received(b'{"type":"response.done"')
    replies: Any = read_script(str(path))
    assert [[type(part) for part in reply] for reply in replies] == [[Say, Call], [Fail]]
    say, call = replies[0]
    assert (say.text, say.audio, call) == ("One.", tone(PCM16, 300), Call("f", '{"a":1}', "call_1"))
    assert replies[1] == [Fail("overloaded", "Later.")]
    with LoopbackServer(script=replies) as server, connect(server.url) as client:
        client.send(r.encode(RESPOND), text=True)
        assert audio_of(receive_until(client, "response.done")) == tone(PCM16, 300)


def test_a_log_without_audio_is_a_script(tmp_path: Path) -> None:
    session = ServerProtocol(script=["One."])
    path = tmp_path / "call.jsonl"
    with Recorder(path, audio=False) as recorder:
        for event in (*session.open(), *session.feed(RESPOND)):
            recorder.received(session.encode(event))
    replies: Any = read_script(str(path))
    assert (replies[0][0].text, replies[0][0].audio) == ("One.", None)
    assert json.loads(path.read_text().splitlines()[-1])
