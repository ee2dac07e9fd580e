"""The inspector: files, feeding in pieces, limits, and malformed logs."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from realtime.analysis import Inspector, Report, inspect_log
from realtime.analysis.report import LIMITS, MAX_NAMES, MAX_TEXT_CHARS, OTHERS, REPORT_VERSION
from realtime.cli import main
from realtime.errors import ConfigError
from realtime.recording import BrokenLine, Direction, Entry, log_files
from tests import cases
from tests.analysis.scenes import Scene, reachable_nbytes, usage

DIALECTS = ("ga", "beta", "translation", "live")
SIDES: tuple[Direction, ...] = ("client", "server")
FRAMES: list[tuple[Direction, bytes]] = [
    (side, frame.encode()) for dialect in DIALECTS for side in SIDES for frame in cases.frames(dialect, side)
]


def two_turns() -> Scene:
    """Return a call of two turns, the second one interrupted."""
    scene = Scene().begin()
    for number in range(2):
        scene.say(600)
        scene.speech(f"u{number}", number * 600, number * 600 + 500)
        scene.created(f"resp_{number}")
        for _ in range(3):
            scene.now += 30
            scene.words(f"resp_{number}", "word ")
            scene.audio(f"resp_{number}", 200)
        scene.done(f"resp_{number}", "cancelled" if number else "completed")
    return scene


def same(left: Report, right: Report) -> bool:
    return msgspec.json.encode(left) == msgspec.json.encode(right)


# --- Files -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_a_log_is_inspected(tmp_path: Path, ending: str) -> None:
    scene = two_turns()
    path = scene.write(tmp_path / f"call{ending}")
    report = inspect_log(path)
    assert report.logs == [str(path)]
    assert (report.turn_count, report.interruption_count, report.broken) == (2, 1, 0)
    assert report.duration_ms == scene.entries[-1].time_ms
    assert report.turns[0].responses[0].transcript == "word word word "
    wanted = scene.report()
    wanted.logs = report.logs
    assert same(report, wanted)
    assert same(msgspec.json.decode(msgspec.json.encode(report), type=Report), report)
    assert report.version == REPORT_VERSION


def test_a_rotated_log_is_one_call(tmp_path: Path) -> None:
    path = two_turns().write(tmp_path / "call.jsonl", max_bytes=30_000)
    files = log_files(path)
    assert len(files) > 2
    report = inspect_log(files)
    assert (report.turn_count, report.logs) == (2, files)


def test_broken_lines_do_not_affect_others(tmp_path: Path) -> None:
    path = two_turns().write(tmp_path / "call.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"{torn\n", *lines[1:], b"torn"]))
    report = inspect_log(path)
    assert (report.turn_count, report.broken) == (2, 2)
    assert [line.line for line in report.broken_lines] == [2, len(lines) + 2]


def test_empty_and_missing_logs(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    report = inspect_log(tmp_path / "empty.jsonl")
    assert (report.turns, report.sessions, report.duration_ms) == ([], [], 0)
    assert report.cost.usd == 0
    assert report.session_id is report.model is None
    with pytest.raises(FileNotFoundError):
        inspect_log(tmp_path / "none.jsonl")
    with pytest.raises(ConfigError):
        inspect_log(tmp_path / "empty.jsonl", gap_ms=-1)


def test_a_call_of_the_loopback_server(tmp_path: Path) -> None:
    assert main(["demo", "--fast", "--format", "g711_ulaw", "--out", str(tmp_path)]) == 0
    report = inspect_log(tmp_path / "session.jsonl")
    assert (report.turn_count, report.statuses, report.undecodable) == (2, {"completed": 2}, 0)
    assert report.unknown_types == report.left_out == {}
    assert report.assistant_audio_ms == sum(turn.user.audio_ms for turn in report.turns if turn.user)
    for turn in report.turns:
        (response,) = turn.responses
        assert turn.user is not None
        assert turn.user.transcript
        assert response.transcript
        assert response.latency_ms is not None


def test_page_is_imported_on_first_use() -> None:
    code = (
        "import sys, realtime.analysis as analysis\n"
        "assert 'realtime.analysis.page' not in sys.modules\n"
        "print(analysis.write_page.__name__, analysis.PageStats.__name__)\n"
        "analysis.nothing"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "write_page PageStats\n"
    assert "AttributeError: module 'realtime.analysis' has no attribute 'nothing'" in done.stderr


# --- Entry by entry --------------------------------------------------------------------


@settings(max_examples=50)
@given(st.lists(st.integers(0, 80), max_size=6))
def test_feeding_in_pieces_gives_the_same_report(cuts: list[int]) -> None:
    entries, inspector = two_turns().entries, Inspector()
    ends = [*sorted(min(cut, len(entries)) for cut in cuts), len(entries)]
    for start, end in zip([0, *ends], ends, strict=False):
        inspector.feed_all(entries[start:end])
    assert same(inspector.report(), two_turns().report())


def test_reports_of_a_running_call_change_nothing() -> None:
    scene, inspector = two_turns(), Inspector()
    reports = []
    for entry in scene.entries:
        inspector.feed(entry)
        reports.append(msgspec.json.encode(inspector.report()))
    assert same(inspector.report(), scene.report())
    early = msgspec.json.decode(reports[40], type=Report)
    assert early.ended_ms == scene.entries[40].time_ms


def test_time_may_go_back() -> None:
    scene = two_turns()
    for number, at_ms in enumerate((900.0, 20.0, 1e14)):
        scene.entries.insert(number * 7, Entry("server", at_ms, b'{"type":"x"}', 1))
    report = scene.report()
    assert (report.started_ms, report.ended_ms) == (900, 1e14)


AUDIO = [
    "", "=", "==", "A", "AAA=", "AA==", "AAAA", "////", r"\/\/\/\/", "AAA=AAA=", "A=A=", "A" * 20_000, r"\u0041AAA", "AA\u00e9A",
    'AA"A', "AA\\", 'AAAA","audio_bytes":96,"x":"', 'AAAA"}',
]  # fmt: skip


@pytest.mark.parametrize("audio", AUDIO)
def test_audio_has_the_same_length_in_every_spelling_of_an_append(audio: str) -> None:
    reports = list[Report]()
    for layout in (
        '{"type":"input_audio_buffer.append","audio":"%s"}',
        '{"audio": "%s", "type": "input_audio_buffer.append"}',
    ):
        inspector = Inspector()
        inspector.feed(Entry("client", 5.0, (layout % audio).encode(), 1))
        reports.append(inspector.report())
    first, second = reports
    assert first.user_audio_ms == second.user_audio_ms
    assert first.undecodable == second.undecodable
    assert [count.frames for count in first.frames] == [1]


# --- Limits ----------------------------------------------------------------------------


def test_an_hour_of_conversation_is_within_the_limits() -> None:
    scene = Scene().begin()
    for number in range(900):
        scene.now = number * 4000.0
        scene.speech(f"u{number}", 0, 0)
        scene.created(f"r{number}")
        scene.server(
            "response.output_audio_transcript.done", **scene.part(f"r{number}"), transcript="word " * 40
        )
        scene.done(f"r{number}", "cancelled")
    report = scene.report()
    assert report.left_out == {}
    assert len(report.turns) == len(report.interruptions) == 900


@pytest.mark.slow
def test_lists_are_bounded_and_the_rest_is_counted() -> None:
    scene, many = Scene().begin(), 2500
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    for number in range(many):
        scene.now = number * 100.0
        scene.server("input_audio_buffer.speech_started", item_id=f"u{number}", audio_start_ms=0)
        scene.server("input_audio_buffer.speech_stopped", item_id=f"u{number}", audio_end_ms=0)
        scene.created(f"r{number}")
        scene.audio(f"r{number}", 1)
        scene.now += 50
        scene.audio(f"r{number}", 1)
        scene.done(f"r{number}", "cancelled", output=[{**call, "call_id": f"c{number}"}])
        scene.server(f"type_{number}", x=1)
        scene.server("error", error={"type": "t", "code": f"code_{number}", "message": "m"})
        scene.entries.append(BrokenLine(number, "broken", ""))
        scene.server("response.done", response=number)
    report = scene.report()
    for name in ("turns", "interruptions", "gaps", "errors", "broken_lines", "undecodable_frames"):
        assert len(getattr(report, name)) == LIMITS[name]
        assert report.left_out[name] == many - LIMITS[name]
    responses = [response for turn in report.turns for response in turn.responses]
    assert len(responses) == LIMITS["turns"] < LIMITS["responses"]
    assert (report.turn_count, report.response_count, report.call_count) == (many, many, many)
    assert (report.interruption_count, report.gap_count, report.error_count) == (many, many, many)
    assert (report.broken, report.undecodable, report.latency.count) == (many, many, many)
    for counts in (report.error_codes, report.unknown_types):
        assert len(counts) == MAX_NAMES + 1
        assert sum(counts.values()) == many
        assert counts[OTHERS] == many - MAX_NAMES
    assert len(report.frames) <= MAX_NAMES + len(SIDES)
    assert sum(found.frames for found in report.frames) == 9 * many + 1


def test_long_texts_and_names_are_truncated() -> None:
    scene = Scene().begin("s" * 10_000)
    long = "x" * 1_000_000
    for number in range(3):
        scene.server("input_audio_buffer.speech_started", item_id=f"u{number}", audio_start_ms=0)
        scene.server("input_audio_buffer.speech_stopped", item_id=f"u{number}", audio_end_ms=0)
        scene.server(
            "conversation.item.input_audio_transcription.completed",
            item_id=f"u{number}", content_index=0, transcript=long,
        )  # fmt: skip
        scene.created(f"r{number}{long}")
        scene.words(f"r{number}{long}", long)
    scene.server("x" * 1_000_000)
    report = scene.report()
    for turn in report.turns:
        assert turn.user is not None
        assert turn.user.transcript is not None
        assert len(turn.user.transcript) == MAX_TEXT_CHARS
    assert report.left_out["texts"] == 3
    assert len(msgspec.json.encode(report)) < 40_000


def test_all_texts_together_are_bounded() -> None:
    scene = Scene().begin()
    for number in range(700):
        scene.created(f"r{number}")
        scene.server("response.output_text.done", **scene.part(f"r{number}"), text="y" * 3900)
        scene.done(f"r{number}")
    report = scene.report()
    assert sum(len(found.transcript or "") for found in report.turns[0].responses) <= 2_000_600
    assert report.left_out["texts"] > 100


@pytest.mark.slow
def test_memory_does_not_grow_with_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless call takes no more memory once the limits are reached."""
    for name in LIMITS:
        monkeypatch.setitem(LIMITS, name, 50)
    monkeypatch.setattr("realtime.analysis._turns._MAX_MARKS", 50)
    monkeypatch.setattr("realtime.analysis._turns._MAX_ITEMS", 50)
    inspector = Inspector()

    def feed(turns: range) -> int:
        for number in turns:
            scene = Scene()
            scene.now = number * 1000.0
            scene.say(200)
            scene.speech(f"u{number:04}", 0, 100)
            scene.created(f"r{number:04}")
            for _ in range(3):
                scene.audio(f"r{number:04}", 20, item=f"item_{number:04}")
                scene.words(f"r{number:04}", "some words of it ")
                scene.now += 100
            scene.server(f"unknown.{number:04}")
            scene.server("error", error={"type": "t", "code": f"c{number:04}", "message": "m"})
            scene.done(f"r{number:04}", usage=usage(1, 1, 0, 1, 1))
            inspector.feed_all(scene.entries)
        return reachable_nbytes(inspector)

    first, second = feed(range(300)), feed(range(300, 900))
    assert first > 100_000
    assert second - first < 100_000  # `Usage` remembers up to 4,096 ids


def turn(number: int) -> bytes:
    """Return the lines of a turn, about 1 MB: eight seconds of caller audio and a response of five."""
    scene = Scene()
    scene.now = number * 10_000.0
    scene.say(4000)
    scene.speech(f"u{number:04}", number * 8000, number * 8000 + 4000)
    scene.created(f"r{number:04}")
    for _ in range(25):
        scene.words(f"r{number:04}", "some words of it ")
        scene.audio(f"r{number:04}", 200)
        scene.now += 15
    scene.done(f"r{number:04}", usage=usage(100, 100, 50, 20, 80))
    scene.say(4000)
    lines = [
        b'{"direction":"%s","time_ms":%.3f,"frame":%s}\n' % (entry.direction.encode(), entry.time_ms, entry.frame)
        for entry in scene.entries
        if isinstance(entry, Entry)
    ]  # fmt: skip
    return b"".join(lines)


@pytest.mark.slow
def test_a_log_of_100_mb_takes_no_more_memory_than_one_of_ten(tmp_path: Path) -> None:
    path, peaks = tmp_path / "call.jsonl", dict[int, int]()
    with path.open("wb") as file:
        for number in range(120):
            file.write(turn(number))
            if file.tell() >= 10_000_000 * 10 ** len(peaks):
                file.flush()
                tracemalloc.start()
                report = inspect_log(path)
                peaks[file.tell()] = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert (report.turn_count, report.broken, report.left_out) == (number + 1, 0, {})
            if len(peaks) == 2:
                break
    (_, ten), (nbytes, hundred) = peaks.items()
    assert nbytes >= 100_000_000
    assert hundred < 16_000_000
    assert hundred - ten < 2_000_000


# --- Malformed content -----------------------------------------------------------------


def test_every_event_of_every_dialect_is_accepted() -> None:
    inspector = Inspector()
    inspector.feed_all(Entry(side, float(n), frame, n) for n, (side, frame) in enumerate(FRAMES))
    report = inspector.report()
    assert report.undecodable == 0
    assert sum(found.frames for found in report.frames) == len(FRAMES)


HUGE: Any = st.sampled_from(
    [10**400, -(10**400), 2**63, -1, 0, 1e300, 0.5, "", "x", None, True, [], {}, [[]], {"type": "x"}]
)


def mangled(value: Any, draw: st.DataObject) -> Any:
    """Return `value` with one of its members replaced."""
    if isinstance(value, dict) and value:
        key = draw.draw(st.sampled_from(sorted(value)))
        return {**value, key: mangled(value[key], draw)}
    if isinstance(value, list) and value:
        at = draw.draw(st.integers(0, len(value) - 1))
        return [*value[:at], mangled(value[at], draw), *value[at + 1 :]]
    return draw.draw(HUGE)


@given(st.data())
def test_events_with_arbitrary_members(draw: st.DataObject) -> None:
    inspector = Inspector()
    numbers = draw.draw(st.lists(st.integers(0, len(FRAMES) - 1), min_size=1, max_size=25))
    for number in numbers:
        side, frame = FRAMES[number]
        event = json.loads(frame)
        if draw.draw(st.booleans()):
            event = mangled(event, draw)
        sender: Direction = draw.draw(st.sampled_from([side, side, *SIDES]))
        inspector.feed(Entry(sender, float(number), json.dumps(event).encode(), number))
    report = inspector.report()
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    assert sum(found.frames for found in report.frames) == len(numbers)


@given(st.data())
def test_frames_with_arbitrary_bytes_inserted(draw: st.DataObject) -> None:
    inspector = Inspector()
    for number in draw.draw(st.lists(st.integers(0, len(FRAMES) - 1), min_size=1, max_size=25)):
        side, frame = FRAMES[number]
        at = draw.draw(st.integers(0, len(frame)))
        cut = draw.draw(st.integers(0, 4))
        frame = frame[:at] + draw.draw(st.binary(max_size=6)) + frame[at + cut :]
        inspector.feed(Entry(side, float(number), frame, number))
    report = inspector.report()
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report).frames == report.frames


@given(st.lists(st.tuples(st.sampled_from(SIDES), st.binary(max_size=40)), max_size=20))
def test_frames_of_arbitrary_bytes(frames: list[tuple[Direction, bytes]]) -> None:
    inspector = Inspector()
    inspector.feed_all(Entry(side, 1.0, frame, 1) for side, frame in frames)
    assert inspector.report().undecodable <= len(frames)


@given(st.binary(max_size=300))
def test_files_of_arbitrary_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("hostile") / "a.jsonl"
    path.write_bytes(data)
    inspect_log(path)
