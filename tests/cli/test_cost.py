"""`cost`: tokens and USD by log and in total; usage without a known price is reported."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from realtime.cli import main
from tests.analysis.scenes import Scene, b64, usage


def call(model: str, transcription: str | None = None) -> Scene:
    scene = Scene()
    scene.settings["model"] = model
    scene.settings["audio"]["input"]["transcription"] = {"model": transcription}
    scene.begin()
    scene.created("resp_1")
    scene.done("resp_1", usage=usage(1000, 0, 0, 0, 1000))
    if transcription:
        scene.server(
            "conversation.item.input_audio_transcription.completed",
            item_id="a", content_index=0, transcript="x", usage={"type": "duration", "seconds": 30},
        )  # fmt: skip
    return scene


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_call(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call("gpt-realtime-2").write(folder / "a.jsonl")
    assert main(["cost", "a.jsonl"]) == 0
    assert capsys.readouterr() == ("     $0.0680  a.jsonl: 1,000 in (0 cached), 1,000 out\n", "")


def test_several_calls_and_their_total(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call("gpt-realtime-2").write(folder / "a.jsonl")
    call("gpt-realtime-2", "whisper-1").write(folder / "b.jsonl")
    assert main(["cost", ".", "--jobs", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "     $0.0680  ./a.jsonl: 1,000 in (0 cached), 1,000 out",
        "     $0.0710  ./b.jsonl: 1,000 in (0 cached), 1,000 out",
        "                   $0.0680  responses, gpt-realtime-2",
        "                 $0.003000  transcription, whisper-1",
        "     $0.1390  in total, 2 calls: 2,000 in (0 cached), 2,000 out",
    ]


class Terminal(io.StringIO):
    """A terminal that shows both stdout and stderr."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        """Return the lines that a person sees: a carriage return goes back to the start of a line."""
        return [line.rpartition("\r")[2] for line in self.getvalue().split("\n")]


@pytest.mark.parametrize("command", [["cost"], ["inspect", "--json"]])
def test_results_and_the_status_do_not_share_a_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    call("gpt-realtime-2").write(folder / "a.jsonl")
    call("gpt-realtime-2").write(folder / "b.jsonl")
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    assert main([*command, ".", "--jobs", "1"]) == 0
    assert "1 of 2 logs" in terminal.getvalue()
    assert not [line for line in terminal.screen() if " of 2 logs" in line]


@pytest.mark.parametrize("jobs", ["0", "x", "-1", "1.5"])
def test_invalid_numbers_of_jobs_are_explained(capsys: pytest.CaptureFixture[str], jobs: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cost", ".", f"--jobs={jobs}"])
    assert ended.value.code == 2
    assert f"must be a whole number of at least 1, not '{jobs}'" in capsys.readouterr().err


def test_unknown_prices_and_missing_logs_are_reported(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call("my-deployment", "whisper-1").write(folder / "a.jsonl")
    call("gpt-realtime-2").write(folder / "b.jsonl")
    assert main(["cost", "a.jsonl", "none.jsonl", "b.jsonl", "--jobs", "1"]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "   not known  a.jsonl: 1,000 in (0 cached), 1,000 out",
        "                 not known  responses, my-deployment: no price of my-deployment is known",
        "                 $0.003000  transcription, whisper-1",
        "     $0.0680  b.jsonl: 1,000 in (0 cached), 1,000 out",
        "     $0.0710  in total, 2 calls: 2,000 in (0 cached), 2,000 out; not known in full for 1 call",
    ]
    assert printed.err == "realtime cost: none.jsonl: no such log\n"
    assert main(["cost", "a.jsonl", "--model", "gpt-realtime-2"]) == 0
    assert main(["cost", "b.jsonl", "--model", "no-such-model"]) == 1
    assert "no price of no-such-model is known" in capsys.readouterr().out


def test_sessions_billed_by_the_minute(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = Scene()
    session = {"id": "s", "type": "translation", "model": "gpt-realtime-translate"}
    scene.server("session.created", session=session)
    for _ in range(60):
        scene.client("session.input_audio_buffer.append", audio=b64(48_000))
    scene.write(folder / "t.jsonl")
    assert main(["cost", "t.jsonl"]) == 0
    assert capsys.readouterr().out == "     $0.0340  t.jsonl: 0 in (0 cached), 0 out, 1 min 0 s billed\n"


def test_extreme_numbers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, seconds in (("a", 1e308), ("b", 1e12), ("c", -5)):
        scene = Scene()
        scene.server("session.usage.updated", usage={"seconds": seconds})
        scene.write(folder / f"{name}.jsonl")
    assert main(["cost", ".", "--model", "gpt-live-1"]) == 1
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "not known  ./a.jsonl: 0 in (0 cached), 0 out\n" in printed.out
    assert "usage too large for any call was reported 1 time and is not counted" in printed.out
    assert "./b.jsonl: 0 in (0 cached), 0 out, 277,777,777 h 46 min 40 s billed\n" in printed.out
    assert "$0.0000  ./c.jsonl: 0 in (0 cached), 0 out\n" in printed.out
    for name in "abc":
        assert main(["inspect", f"{name}.jsonl"]) == 0
        assert "Traceback" not in capsys.readouterr().err
