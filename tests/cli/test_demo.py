"""The demo: a call goes through whole, is recorded whole, and can be interrupted."""

from __future__ import annotations

import json
import os
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
from realtime.cli.demo import load
from tests.cli.calls import ULAW, demo, in_ascii, log, samples, speech, turns

FORMATS = [fmt.value for fmt in r.AudioFormat]
COMMAND = [sys.executable, "-X", "dev", "-W", "error", "-m", "realtime"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(r.__file__).parent.parent)}


def snr_db(wanted: NDArray[Any], found: NDArray[Any]) -> float:
    noise = found - wanted
    return 10 * float(np.log10((wanted @ wanted) / max(noise @ noise, 1e-9)))


def best_lag(wanted: NDArray[Any], found: NDArray[Any]) -> int:
    """By how many samples `found` lies behind `wanted`, by cross-correlation."""
    inner = wanted[40:-40]
    return int(np.argmax([inner @ found[40 + lag : len(found) - 40 + lag] for lag in range(-40, 41)])) - 40


# --- The recording -------------------------------------------------------------------


def test_the_recording_is_a_phones_and_holds_two_turns() -> None:
    audio = load(None)
    assert 5000 < ULAW.duration_ms(len(audio)) < 15_000
    pcm = ulaw_decode(audio)
    assert -26 < rms_dbfs(pcm) < -18
    loud = np.array([rms_dbfs(pcm[at : at + 160]) > -50 for at in range(0, len(pcm), 160)])
    # The runs of quiet frames of 20 ms between loud ones: one is a pause between turns.
    quiet = np.diff(np.flatnonzero(loud)) - 1
    assert [run * 20 > 1000 for run in quiet].count(True) == 1
    assert max(run * 20 for run in quiet if run * 20 <= 1000) < 500


# --- A whole call --------------------------------------------------------------------


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_call_goes_through(tmp_path: Path, capsys: pytest.CaptureFixture[str], fmt: str) -> None:
    assert demo(tmp_path, "--format", fmt) == 0
    caller, agent = samples(tmp_path / "caller.wav"), samples(tmp_path / "agent.wav")
    recording = ulaw_decode(load(None)).astype("f8")
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
        assert snr_db(wanted, found) > (150 if fmt == "g711_ulaw" else 50)
    said = capsys.readouterr()
    assert "turn 1" in said.err
    assert f"in the session, {fmt}: equal bytes" in said.out
    for word in ("frames", "response.output_audio.delta", "ms for each second of call", str(tmp_path)):
        assert word in said.out


def test_the_log_has_every_frame_with_its_direction_and_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo(tmp_path) == 0
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
    heard = [
        line["frame"]["delta"] for line in lines if line["frame"]["type"] == "response.output_audio.delta"
    ]
    assert len(heard) == counts["server", "response.output_audio.delta"]


def test_the_command_itself(tmp_path: Path) -> None:
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


def test_a_terminal_of_ascii(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = in_ascii(monkeypatch)
    assert demo(tmp_path / "dé") == 0
    assert b"d\\xe9" in printed.getvalue()


# --- Other recordings ----------------------------------------------------------------


def stereo_wav(path: Path) -> None:
    audio = speech(16000, 2).tobytes()
    write_wav(path, audio, "pcm16", sample_rate=16000)
    # Two channels: the number of channels, bytes a second, bytes a frame.
    head = bytearray(path.read_bytes())
    head[22:24] = (2).to_bytes(2, "little")
    head[28:32] = (64000).to_bytes(4, "little")
    head[32:34] = (4).to_bytes(2, "little")
    path.write_bytes(head)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_another_rate_is_converted(tmp_path: Path, rate: int) -> None:
    write_wav(tmp_path / "in.wav", speech(rate).tobytes(), "pcm16", sample_rate=rate)
    assert demo(tmp_path, "--wav", str(tmp_path / "in.wav"), "--format", "g711_ulaw") == 0
    assert len(samples(tmp_path / "caller.wav")) == 8000 * 3
    assert len(turns(tmp_path)) == 1


def test_stereo_is_mixed(tmp_path: Path) -> None:
    stereo_wav(tmp_path / "in.wav")
    assert demo(tmp_path, "--wav", str(tmp_path / "in.wav")) == 0
    assert len(samples(tmp_path / "caller.wav")) == 8000 * 3


def test_a_recording_of_silence_has_no_turns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_wav(tmp_path / "in.wav", ULAW.silence(300), ULAW)
    assert demo(tmp_path, "--wav", str(tmp_path / "in.wav")) == 0
    assert len(samples(tmp_path / "agent.wav")) == 0
    assert "none: the server heard no speech" in capsys.readouterr().out


# --- Ctrl-C --------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
def test_interrupted(tmp_path: Path) -> None:
    command = [*COMMAND, "demo", "--out", str(tmp_path)]
    with subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        # On a busy machine asyncio's debug mode tells of slow steps before.
        assert any("the call begins" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert err.strip().splitlines()[-1] == "realtime demo: interrupted"
    assert "Traceback" not in err
    assert samples(tmp_path / "caller.wav").size < 8000 * 5
    assert samples(tmp_path / "agent.wav").size == 0
    assert {line["direction"] for line in log(tmp_path)} == {"client", "server"}
