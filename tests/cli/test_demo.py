"""The demo: a complete call, its files, its report, other recordings, and Ctrl-C."""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import realtime as r
from realtime.audio import rms_dbfs, ulaw_decode, write_wav
from realtime.cli import main
from realtime.cli.demo import load_recording
from realtime.cli.demo_report import snr_db
from realtime.format import OPENAI_FORMATS
from tests.cli.calls import ULAW, ascii_stdout, demo, log, samples, speech, turns

FORMATS = [format.encoding for format in OPENAI_FORMATS]
COMMAND = [sys.executable, "-X", "dev", "-W", "error", "-m", "realtime"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(r.__file__).parent.parent)}


def measured_snr_db(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    noise = found - wanted
    return 10 * float(np.log10((wanted @ wanted) / max(noise @ noise, 1e-9)))


def best_lag(wanted: NDArray[Any], found: NDArray[Any]) -> int:
    """Return the delay of `found` after `wanted` in samples, by cross-correlation."""
    inner = wanted[40:-40]
    return int(np.argmax([inner @ found[40 + lag : len(found) - 40 + lag] for lag in range(-40, 41)])) - 40


# --- The recording -------------------------------------------------------------------


def test_recording_is_phone_audio_with_two_turns() -> None:
    audio = load_recording(None)
    assert 5000 < ULAW.duration_ms(len(audio)) < 15_000
    pcm = ulaw_decode(audio)
    assert -26 < rms_dbfs(pcm) < -18
    loud = np.array([rms_dbfs(pcm[at : at + 160]) > -50 for at in range(0, len(pcm), 160)])
    # Runs of quiet 20 ms frames between loud ones. One of them is the pause between the turns.
    quiet = np.diff(np.flatnonzero(loud)) - 1
    assert [run * 20 > 1000 for run in quiet].count(True) == 1
    assert max(run * 20 for run in quiet if run * 20 <= 1000) < 500


# --- A complete call -----------------------------------------------------------------


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("format", FORMATS)
def test_complete_call(tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str) -> None:
    assert demo(tmp_path, "--format", format) == 0
    caller, agent = samples(tmp_path / "caller.wav"), samples(tmp_path / "agent.wav")
    recording = ulaw_decode(load_recording(None)).astype("f8")
    assert np.array_equal(caller[: len(recording)], recording)
    assert not caller[len(recording) :].any()
    spans = turns(tmp_path)
    assert len(spans) == 2
    assert sum(end - start for start, end in spans) == len(agent)
    at = 0
    for start, end in spans:
        wanted, found = caller[start:end], agent[at : at + end - start]
        at += end - start
        assert best_lag(wanted, found) == 0
        assert measured_snr_db(wanted, found) > (150 if format == "g711_ulaw" else 50)
    printed = capsys.readouterr()
    assert f"turn 1: committed at {spans[0][0] / 8000:.2f}-{spans[0][1] / 8000:.2f} s\n" in printed.err
    assert f"{format}: equal bytes" in printed.out
    for words in ("frames", "ms of encoding and decoding per second of audio", str(tmp_path)):
        assert words in printed.out


def test_report_is_short_and_ends_with_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    out = Path("demo out")
    assert demo(out) == 0
    printed = capsys.readouterr()
    lines = printed.err.splitlines() + printed.out.splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 110
    assert lines[-1] == (
        "listen to 'demo out/agent.wav', then: "
        "python -m realtime inspect 'demo out/session.jsonl' --html call.html"
    )
    assert samples(out / "agent.wav").size > 0
    command = shlex.split(lines[-1].partition("python -m realtime ")[2])
    assert main(command) == 0
    assert Path("call.html").is_file()


def test_next_command_uses_the_environment_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After `make demo` the package is installed in .venv and nowhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert demo(Path("out")) == 0
    assert "then: .venv/bin/python -m realtime inspect out/session.jsonl" in capsys.readouterr().out


def test_cost_of_the_log_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(tmp_path) == 0
    capsys.readouterr()
    assert main(["cost", str(tmp_path / "session.jsonl")]) == 0
    assert "responses, gpt-realtime-2" in capsys.readouterr().out


def test_log_has_every_frame_with_direction_and_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path, "--verbose") == 0
    lines = log(tmp_path)
    assert all(set(line) == {"direction", "time_ms", "frame"} for line in lines)
    times = [line["time_ms"] for line in lines]
    assert times == sorted(times)
    assert times[0] >= 0
    counts = Counter((line["direction"], line["frame"]["type"]) for line in lines)
    out = capsys.readouterr().out
    for (direction, kind), count in counts.items():
        assert f"{direction} {count:6} {kind}" in out
    decode = {"client": r.decode_client, "server": r.decode_server}
    for line in lines:
        event = decode[line["direction"]](json.dumps(line["frame"]))
        assert not isinstance(event, r.UnknownEvent)
    deltas = [
        line["frame"]["delta"] for line in lines if line["frame"]["type"] == "response.output_audio.delta"
    ]
    assert len(deltas) == counts["server", "response.output_audio.delta"]


def test_command_in_a_process(tmp_path: Path) -> None:
    command = [*COMMAND, "demo", "--fast", "--format", "g711_ulaw"]
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "demo-out").iterdir()} == {
        "caller.wav",
        "agent.wav",
        "session.jsonl",
    }
    assert "equal bytes" in done.stdout
    assert "Error" not in done.stderr
    assert "Warning" not in done.stderr


def test_ascii_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = ascii_stdout(monkeypatch)
    assert demo(tmp_path / "dé") == 0
    assert b"d\\xe9" in printed.getvalue()


# --- Other recordings ----------------------------------------------------------------


def stereo_wav(path: Path) -> None:
    audio = speech(16000, 2).tobytes()
    write_wav(path, audio, "pcm16", sample_rate=16000)
    # Patch the header: number of channels, bytes per second, bytes per frame.
    head = bytearray(path.read_bytes())
    head[22:24] = (2).to_bytes(2, "little")
    head[28:32] = (64000).to_bytes(4, "little")
    head[32:34] = (4).to_bytes(2, "little")
    path.write_bytes(head)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_other_rates_are_converted(tmp_path: Path, rate: int) -> None:
    write_wav(tmp_path / "in.wav", speech(rate).tobytes(), "pcm16", sample_rate=rate)
    assert demo(tmp_path, "--wav", str(tmp_path / "in.wav"), "--format", "g711_ulaw") == 0
    assert len(samples(tmp_path / "caller.wav")) == 8000 * 3
    assert len(turns(tmp_path)) == 1


def test_stereo_is_mixed_down(tmp_path: Path) -> None:
    stereo_wav(tmp_path / "in.wav")
    assert demo(tmp_path, "--wav", str(tmp_path / "in.wav")) == 0
    assert len(samples(tmp_path / "caller.wav")) == 8000 * 3


def test_silent_recording_has_no_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "in.wav", ULAW.silence(300), ULAW)
    assert demo(tmp_path, "--wav", str(tmp_path / "in.wav")) == 0
    assert len(samples(tmp_path / "agent.wav")) == 0
    assert "none: the server detected no speech" in capsys.readouterr().out


# --- The report ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("original", "copy", "snr"),
    [
        (b"\x10" * 160, b"\x10" * 160, math.inf),
        (b"", b"", math.inf),
        (b"\xff" * 160, b"\xff" * 160, math.inf),
        (b"\xff" * 160, b"\x00" * 160, -math.inf),
        (b"\x00" * 160, b"\xff" * 160, 0.0),
        (b"\x00" * 160, b"\x80" * 160, 10 * math.log10(0.25)),
    ],
)
def test_signal_to_noise_ratio(original: bytes, copy: bytes, snr: float) -> None:
    assert snr_db(original, copy) == snr


# --- Ctrl-C --------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_interrupted(tmp_path: Path) -> None:
    command = [*COMMAND, "demo", "--out", str(tmp_path)]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        # asyncio's debug mode may report slow steps first.
        assert any("call started" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err.strip().splitlines()[-1] == "realtime demo: interrupted"
    assert "Traceback" not in err
    assert samples(tmp_path / "caller.wav").size < 8000 * 5
    assert samples(tmp_path / "agent.wav").size == 0
    assert {line["direction"] for line in log(tmp_path)} == {"client", "server"}
