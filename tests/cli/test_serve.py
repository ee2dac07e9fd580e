"""`serve`: one line once it accepts connections, faults, and a clean end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

import realtime as r
from realtime.cli import main
from realtime.testing import FAULTS, LoopbackServer
from tests.processes import without_delays

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(r.__file__).parent.parent), "no_proxy": "*"}


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
    assert (process.returncode, out, without_delays(err)) == (0, "", "")


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
            begin = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
    assert time.monotonic() - begin < 6
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
