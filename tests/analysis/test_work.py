"""Work for logs of any kind grows with their length: ten times the log, at most twelve times the work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from realtime.analysis import Histogram, Inspector, Report, Summary, find_logs, inspect_log, write_page
from realtime.analysis.report import MAX_NAMES, OTHERS
from realtime.analysis.timeline import CallAudio
from realtime.cli.inspect import report_lines
from realtime.recording import Entry, read_log
from tests.analysis.scenes import b64, reachable_nbytes
from tests.work import count_lines

PLACE = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
AUDIO = {"type": "response.output_audio.delta", **PLACE, "delta": b64(960)}
TEXT = {"type": "response.output_audio_transcript.delta", **PLACE, "delta": "word "}
APPEND = {"type": "input_audio_buffer.append", "audio": b64(960)}


def log(number: int, step_ms: int, *frames: dict[str, Any], client: bool = False) -> str:
    """Return the lines of `frames`, `number` times; a # in their strings becomes the number."""
    side = "client" if client else "server"
    block = "".join(
        f'{{"direction":"{side}","time_ms":@,"frame":{json.dumps(frame, separators=(",", ":"))}}}\n'
        for frame in frames
    )
    return "".join(block.replace("#", str(n)).replace("@", str(n * step_ms)) for n in range(number))


TURN: list[dict[str, Any]] = [
    {"type": "input_audio_buffer.speech_started", "item_id": "u#", "audio_start_ms": 1},
    {"type": "input_audio_buffer.speech_stopped", "item_id": "u#", "audio_end_ms": 2},
    {"type": "input_audio_buffer.committed", "item_id": "u#"},
    {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u#", "content_index": 0, "transcript": "x"},
    {"type": "response.created", "response": {"id": "r#"}},
    {**AUDIO, "response_id": "r#", "item_id": "i#"},
    {"type": "conversation.item.truncated", "item_id": "i#", "content_index": 0, "audio_end_ms": 3},
    {"type": "response.done", "response": {"id": "r#", "status": "cancelled"}},
]  # fmt: skip
TRUNCATE = {"type": "conversation.item.truncated", "item_id": "i", "content_index": 0, "audio_end_ms": 10**9}
MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
LIMIT = {"name": "n#", "limit": 5, "remaining": 1, "reset_seconds": 1}
SESSION = {"type": "session.created", "session": {"id": "s#", "type": "realtime", "model": "m#"}}
LIVE = log(1, 0, {"type": "session.started", "session": {"id": "s", "model": "m"}})
LIVE_AUDIO = {"type": "session.output_audio.delta", "delta": b64(4800)}
LIVE_WORDS = {"type": "session.input_transcript.delta", "delta": "x", "start_ms": 0, "end_ms": 1}
LOGS: dict[str, Callable[[int], str]] = {
    "empty lines": lambda n: "\n" * n,
    "broken lines": lambda n: "x\n" * n,
    "one turn of audio deltas": lambda n: log(n, 20, AUDIO),
    "one turn of text deltas": lambda n: log(n, 1, TEXT),
    "text after pauses": lambda n: log(n, 2000, TEXT),
    "appends": lambda n: log(n, 20, APPEND, client=True),
    "appends after pauses": lambda n: log(n, 400, APPEND, client=True),
    "turns": lambda n: log(n, 20, *TURN),
    "answers, each truncated": lambda n: log(n, 400, {**AUDIO, "item_id": "i#", "response_id": "r#"}, {**TRUNCATE, "item_id": "i#"}),
    "answers, each cleared": lambda n: log(n, 400, {**AUDIO, "item_id": "i#"}, {"type": "output_audio_buffer.cleared", "response_id": "r"}),
    "parts": lambda n: log(n, 1, {**AUDIO, "item_id": "i#"}),
    "one part after pauses": lambda n: log(n, 400, AUDIO),
    "one part after pauses, then truncations": lambda n: log(n, 400, AUDIO) + log(n, 0, TRUNCATE),
    "messages": lambda n: log(n, 1, {"type": "conversation.item.create", "item": MESSAGE}, client=True),
    "requests": lambda n: log(n, 1, {"type": "response.create"}, client=True),
    "errors": lambda n: log(n, 1, {"type": "error", "error": {"type": "t", "code": "c#", "message": "m", "event_id": "e#"}}),
    "unknown types": lambda n: log(n, 1, {"type": "t#"}),
    "sessions": lambda n: log(n, 1, SESSION, {"type": "response.done", "response": {"id": "r#", "usage": {"total_tokens": 1}}}),
    "rate limits": lambda n: log(n, 1, {"type": "rate_limits.updated", "rate_limits": [LIMIT] * 3}),
    "runs": lambda n: log(n, 2000, {"type": "session.input_transcript.delta", "delta": "x"}, {"type": "session.output_transcript.delta", "delta": "x"}),
    "live audio": lambda n: LIVE + log(n, 100, LIVE_AUDIO),
    "live speech": lambda n: LIVE + "".join(log(1, 0, LIVE_AUDIO, {**LIVE_WORDS, "start_ms": k * 3000, "end_ms": k * 3000 + 100}) for k in range(n)),
    "live words at one time": lambda n: LIVE + log(n, 20, LIVE_WORDS),
    "live words ever further ahead": lambda n: LIVE + "".join(log(1, 0, {**LIVE_WORDS, "start_ms": k * 9000, "end_ms": k * 9000}) for k in range(n)),
    "live audio at one time": lambda n: LIVE + log(n, 20, {**LIVE_AUDIO, "start_ms": 0}) + log(n, 20, LIVE_WORDS),
    "delegations": lambda n: LIVE + log(n, 20, {"type": "session.delegation.created", "offset_ms": 1, "delegation": {"id": "d#", "type": "delegation", "target": "client"}}),
    "steps of one delegation": lambda n: LIVE + log(n, 20, {"type": "session.thinking.append", "delegation_id": "d", "content": "x"}, client=True),
    "calls of one delegation": lambda n: LIVE + log(n, 20, {"type": "response.event", "delegation_id": "d", "event": {"type": "response.output_item.done", "item": {"type": "function_call", "call_id": "c#", "name": "f", "arguments": "{}"}}}),
    "calls": lambda n: log(n, 1, {"type": "response.function_call_arguments.done", **PLACE, "call_id": "c#", "name": "f", "arguments": "{}"}),
    "one response of many items": lambda n: log(1, 0, {"type": "response.done", "response": {"id": "r", "output": [{**MESSAGE, "id": f"i{k}"} for k in range(n)]}}),
    "one item of many parts": lambda n: log(1, 0, {"type": "response.output_item.done", "response_id": "r", "output_index": 0, "item": {"type": "message", "id": "i", "role": "assistant", "content": [{"type": "output_text", "text": "x"}] * n}}),
    "one event of many rate limits": lambda n: log(1, 0, {"type": "rate_limits.updated", "rate_limits": [{**LIMIT, "name": f"n{k}"} for k in range(n)]}),
}  # fmt: skip


def assert_linear(work: Callable[[int], int], first: int) -> None:
    """Check that ten times as much takes at most twelve times the work, up to 100 times as much."""
    one, ten, hundred = work(first), work(first * 10), work(first * 100)
    assert ten <= 12 * one
    assert hundred <= 12 * ten


@pytest.mark.mostly_slow(quick=3)
@pytest.mark.parametrize("lines", LOGS.values(), ids=LOGS)
def test_a_report(tmp_path: Path, lines: Callable[[int], str]) -> None:
    path = tmp_path / "call.jsonl"

    def work(number: int) -> int:
        path.write_text(lines(number))
        return count_lines(lambda: [*report_lines(inspect_log(path))])

    assert_linear(work, 10)


@pytest.mark.mostly_slow(quick=3)
@pytest.mark.parametrize("lines", LOGS.values(), ids=LOGS)
def test_a_page(tmp_path: Path, lines: Callable[[int], str]) -> None:
    path = tmp_path / "call.jsonl"

    def work(number: int) -> int:
        path.write_text(lines(number))
        return count_lines(
            lambda: write_page(path, tmp_path / "call.html", report=Report()), only="realtime.analysis"
        )

    assert_linear(work, 10)


def add_all(total: Any, values: Iterable[Any]) -> None:
    for value in values:
        total.add(value)


@pytest.mark.slow
def test_finding_logs(tmp_path: Path) -> None:
    def work(number: int) -> int:
        folder = tmp_path / str(number)
        folder.mkdir()
        for n in range(number):
            (folder / f"call{n // 10}.{n % 10:06}.jsonl").touch()
        return count_lines(lambda: find_logs([str(folder), f"{folder}/*"]))

    assert_linear(work, 20)


@pytest.mark.slow
def test_a_summary_of_many_reports() -> None:
    def work(number: int) -> int:
        reports = [
            Report(logs=[f"{n}"], error_codes={f"c{n}_{k}": 1 for k in range(300)}, error_count=n)
            for n in range(number)
        ]
        summary = Summary()
        return count_lines(add_all, summary, reports)

    assert_linear(work, 10)


def test_a_summary_of_many_names() -> None:
    def work(number: int) -> int:
        summary = Summary.of(Report(error_codes={f"c{n}": n + 1 for n in range(number)}))
        both = Summary()
        return count_lines(lambda: both.__iadd__(summary))

    assert_linear(work, 1000)
    summary = Summary()
    summary += Summary(error_codes={OTHERS: 5, **{f"c{n:04}": n // 10 + 1 for n in range(1000)}})
    assert (len(summary.error_codes), summary.error_codes[OTHERS]) == (
        MAX_NAMES,
        5 + sum(n // 10 + 1 for n in range(801)),
    )
    assert [name for name in summary.error_codes if name != OTHERS] == [f"c{n:04}" for n in range(801, 1000)]


@pytest.mark.slow
def test_a_histogram() -> None:
    def work(number: int) -> int:
        histogram = Histogram()
        lines = count_lines(add_all, histogram, [n * n for n in range(number)])
        return lines + count_lines(histogram.quantile, 0.9)

    assert_linear(work, 1000)


# --- Memory ------------------------------------------------------------------------------


def test_messages_that_wait_for_a_request_take_bounded_memory() -> None:
    text = "word " * 200_000
    frame = json.dumps(
        {
            "type": "conversation.item.create",
            "item": {**MESSAGE, "content": [{"type": "input_text", "text": text}]},
        }
    )
    inspector = Inspector()
    for number in range(64):
        inspector.feed(Entry("client", 0.0, frame.encode(), number))
    assert reachable_nbytes(inspector) < 2_000_000  # of 64 MB of text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["answers, each truncated", "answers, each cleared"])
def test_truncated_audio_takes_bounded_memory(tmp_path: Path, name: str) -> None:
    def nbytes(number: int) -> int:
        path = tmp_path / "call.jsonl"
        path.write_text(LOGS[name](number))
        with CallAudio() as audio:
            for entry in read_log(path):
                assert isinstance(entry, Entry)
                audio.feed(entry)
            spans = audio.assistant
            return reachable_nbytes(audio) - reachable_nbytes(spans)

    few, many = nbytes(600), nbytes(3000)
    # Besides the spans that are drawn, 256 parts and responses can be truncated.
    assert many <= few * 1.1
