"""Numbers in logs that no call has: times, positions and counts of any size, and clocks that go back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from realtime.analysis import Histogram, Inspector, Report, Summary, inspect_log, write_page
from realtime.analysis.event_list import EventList
from realtime.analysis.timeline import MAX_MS, read_timeline
from realtime.cli import main
from realtime.cli.inspect import report_lines
from realtime.recording import Entry
from tests.analysis.scenes import Scene, b64

TIMES = [
    "1.2.3", "5e3", "1e15", "1e16", "1e300", "1e308", "1e999", "9" * 23, "9" * 400, "0." + "3" * 400, "NaN", "nan",
    "Infinity", "-1", "-0.0", "-1e308", "1_000", "0x10", " 5 ", "1e-320", "+5", "00012", ".5", "5.", "\u0665", "true",
    "null", '"5"', "",
]  # fmt: skip


def call(time: str) -> list[str]:
    """Return the lines of a short call, all of them at one time."""
    ids = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    frames: list[tuple[str, dict[str, Any]]] = [
        ("client", {"type": "input_audio_buffer.append", "audio": b64(4800)}),
        ("server", {"type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 0}),
        ("server", {"type": "response.created", "response": {"id": "r"}}),
        ("server", {"type": "response.output_audio.delta", **ids, "delta": b64(4800)}),
        ("server", {"type": "conversation.item.truncated", "item_id": "i", "content_index": 0, "audio_end_ms": 10}),
        ("server", {"type": "response.done", "response": {"id": "r", "status": "completed"}}),
    ]  # fmt: skip
    head = f'"time_ms":{time},"frame":'
    return [f'{{"direction":"{side}",{head}{json.dumps(frame)}}}' for side, frame in frames]


SHAPES = {
    "all": lambda time: call(time),
    "first": lambda time: call(time)[:1] + call("100"),
    "in the middle": lambda time: call("100") + call(time) + call("200"),
    "back": lambda time: call("200") + call(time) + call("50"),
    "metadata": lambda time: [f'{{"recording":1,"started_at":{time}}}', *call("10")],
}


@pytest.mark.mostly_slow(quick=29)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("time", TIMES, ids=range(len(TIMES)))
def test_every_command_reads_a_log_with_any_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], time: str, shape: str
) -> None:
    log, page = tmp_path / "call.jsonl", tmp_path / "call.html"
    log.write_text("\n".join(SHAPES[shape](time)), encoding="utf-8")
    is_log = shape != "all" or inspect_log(log).frames
    for command in (["inspect"], ["inspect", "--json"], ["cost"], ["inspect", "--html", str(page)]):
        assert main([command[0], str(log), *command[1:]]) == (0 if is_log else 1) or command == ["cost"]
        out, err = capsys.readouterr()
        assert len(err.splitlines()) == (0 if is_log else 1)
        assert "Error" not in err
        if command[1:] == ["--json"] and is_log:
            report = msgspec.json.decode(out, type=Report)  # no null where a number was infinite
            assert math.isfinite(report.duration_ms)
            assert report.duration_ms >= 0
        elif command == ["inspect"]:
            assert max(map(len, out.splitlines()), default=0) <= 100 + len(str(log))
    if is_log:
        report = inspect_log(log)
        summary = Summary.of(report) + Summary.of(report)
        assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary
        with read_timeline(log) as timeline:
            assert 0 <= timeline.end_ms - timeline.start_ms <= MAX_MS + 100
            assert all(math.isfinite(row.at_ms) for row in timeline.events)


@pytest.mark.parametrize(
    ("time_ms", "shown"),
    [(math.nan, 0.0), (-1.0, 0.0), (-1e308, 0.0), (math.inf, 1e15), (1e308, 1e15), (1e15, 1e15), (5, 5.0)],
)
def test_times_of_entries_are_limited(time_ms: float, shown: float) -> None:
    inspector, events = Inspector(), EventList()
    for entry in (
        Entry("client", 0.0, b'{"type":"input_audio_buffer.append","audio":"AAAA"}', 1),
        Entry("client", time_ms, b'{"type":"input_audio_buffer.append","audio":"AAAA"}', 2),
        Entry("server", time_ms, b'{"type":"response.created","response":{"id":"r"}}', 3),
    ):
        inspector.feed(entry)
        events.add(entry)
    report = inspector.report()
    assert (report.started_ms, report.ended_ms) == (0.0, shown)
    assert report.turns[0].responses[0].created_ms == shown
    assert [row.at_ms for row in events][-1] == shown
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_a_first_entry_of_an_impossible_time_does_not_move_the_page(tmp_path: Path) -> None:
    scene = Scene().begin()
    scene.say(100)
    path = scene.write(tmp_path / "call.jsonl")
    path.write_text("\n".join([*call("1e300"), *path.read_text().splitlines()]))
    with read_timeline(path) as timeline:
        assert (timeline.start_ms, timeline.end_ms) == (0, 100)
    assert write_page(path, tmp_path / "call.html").duration_ms == 100


BIG = int("9" * 400)


def test_positions_and_counts_of_any_size() -> None:
    scene = Scene().begin()
    scene.server("input_audio_buffer.speech_started", item_id="u", audio_start_ms=BIG)
    scene.server("input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=-BIG)
    scene.server("input_audio_buffer.committed", item_id="u")
    scene.created("resp_1")
    scene.server(
        "response.output_audio.delta", **scene.part("resp_1", content_index=BIG), delta="", audio_bytes=BIG
    )
    scene.client("conversation.item.truncate", item_id="item_resp_1", content_index=BIG, audio_end_ms=BIG)
    tokens = {"total_tokens": BIG, "input_tokens": BIG, "output_tokens": 0}
    scene.done("resp_1", usage=tokens)
    scene.server(
        "rate_limits.updated",
        rate_limits=[{"name": "n", "limit": BIG, "remaining": -BIG, "reset_seconds": 1e308}],
    )
    scene.server(
        "session.updated",
        session={"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": BIG}}}},
    )
    report = scene.report()
    lines = [*report_lines(report)]
    assert max(map(len, lines)) <= 100
    assert report.undecodable == 0
    assert report.turns[0].responses[0].audio_ms == pytest.approx((1 << 27) / 48)
    assert (
        report.cost.items[0].problem == "usage too large for any call was reported 1 time and is not counted"
    )
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_the_sum_of_a_histogram_is_finite() -> None:
    histogram = Histogram()
    for _ in range(3):
        histogram.add(1e308)
    assert (histogram.count, histogram.max) == (3, 1e308)
    both = histogram + histogram
    assert math.isfinite(both.sum)
    assert math.isfinite(both.mean or 0.0)
    assert msgspec.json.decode(msgspec.json.encode(both), type=Histogram) == both
