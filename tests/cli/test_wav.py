"""`python -m realtime wav`: a log in, a stereo WAV file out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import realtime as r
from realtime.analysis import inspect_log
from realtime.audio import read_wav
from realtime.cli import main
from realtime.cli.wav import add_arguments, run
from realtime.recording import Recorder
from tests.analysis.scenes import Scene

TONE = (np.arange(24_000) % 99 * 100).astype("<i2")


def wav(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(arguments))


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_log_to_wav(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with Recorder(f"call{ending}", clock=lambda: 0.0, max_bytes=40_000) as recorder:
        for at in range(0, 24_000, 2400):
            recorder.sent(r.encode_append(TONE[at : at + 2400].tobytes()))
        recorder.received(
            r.encode(
                r.ResponseOutputAudioDelta(
                    event_id="e", response_id="r", item_id="i", output_index=0, content_index=0,
                    delta=TONE[:2400].tobytes(),
                )
            )
        )  # fmt: skip
    assert len([*tmp_path.iterdir()]) > 1
    assert wav(f"call{ending}") == 0
    samples = np.frombuffer(read_wav("call.wav").data, "<i2").reshape(-1, 2)
    assert np.array_equal(samples[:, 0], TONE)
    assert np.array_equal(samples[:2400, 1], TONE[:2400])
    printed = capsys.readouterr().out
    for words in ("call.wav: 1.00 s, stereo, 24000 Hz", "1.00 s of audio", "0.10 s of audio"):
        assert words in printed
    assert wav(f"call{ending}", "-o", "other.wav", "--rate", "8000") == 0
    assert read_wav("other.wav").sample_rate == 8000


def truncated(scene: Scene, end_ms: int) -> None:
    item = {"item_id": "item_r", "content_index": 0, "audio_end_ms": end_ms}
    scene.client("conversation.item.truncate", **item)
    scene.server("conversation.item.truncated", **item)


def cleared(scene: Scene) -> None:
    scene.server("output_audio_buffer.cleared", response_id="r")


def cancelled(scene: Scene) -> None:
    scene.done("r", "cancelled")


def done(scene: Scene) -> None:
    scene.done("r")


@pytest.mark.parametrize(
    ("steps", "count"),
    [
        ([done], 0),
        ([cancelled], 1),  # all of its audio was played
        ([partial(truncated, end_ms=500), cancelled], 1),
        ([cleared, partial(truncated, end_ms=100), cancelled], 1),
        ([done, partial(truncated, end_ms=1_000)], 0),  # at its end
    ],
    ids=["played", "cancelled", "truncated", "cleared and truncated", "truncated at its end"],
)
def test_an_interruption_is_one_for_inspect_and_wav(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], steps: list[Callable[[Scene], None]], count: int
) -> None:
    scene = Scene().begin()
    scene.created("r")
    scene.audio("r", 1_000)
    scene.now += 300 if count else 2_000
    for step in steps:
        step(scene)
    log = scene.write(tmp_path / "call.jsonl")
    assert main(["wav", str(log)]) == 0
    assert f"interrupted {count} time" in capsys.readouterr().out
    assert inspect_log(log).interruption_count == count


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "call.jsonl"
    with Recorder(path, clock=lambda: 0.0) as recorder:
        recorder.sent(r.encode_append(TONE[:2400].tobytes()))
    with path.open("ab") as file:
        file.write(b"torn")
    assert main(["wav", str(path)]) == 0
    assert "1 line of the log could not be read" in capsys.readouterr().out
    assert read_wav(str(tmp_path / "call.wav")).frames == 2400
    assert main(["wav", str(tmp_path / "none.jsonl")]) == 1
    assert "none.jsonl: No such file" in capsys.readouterr().err


def test_the_log_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Recorder("call.jsonl", clock=lambda: 0.0) as recorder:
        recorder.sent(r.encode_append(TONE[:2400].tobytes()))
    before = Path("call.jsonl").read_bytes()
    assert main(["wav", "call.jsonl", "-o", "call.jsonl"]) == 1
    assert "call.jsonl is the log that is read" in capsys.readouterr().err
    assert Path("call.jsonl").read_bytes() == before


def test_a_file_that_is_not_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "call.html").write_text("<html>\n</html>\n")
    assert main(["wav", str(tmp_path / "call.html")]) == 1
    wanted = "realtime wav: no log of realtime.recording: none of its 2 lines can be read\n"
    assert capsys.readouterr() == ("", wanted)
    assert [path.name for path in tmp_path.iterdir()] == ["call.html"]


def test_missing_log(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        wav(str(tmp_path / "none.jsonl"))
    assert not (tmp_path / "none.wav").exists()
