"""The list of events: which rows the events of a log make, and what text is in them."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from realtime.analysis import Inspector, event_list
from realtime.analysis.event_list import MAX_LINE_CHARS, EventList, RunText, printable_line
from realtime.recording import BrokenLine, Direction, Entry
from tests.analysis.scenes import event_types
from tests.analysis.test_timeline import (
    NOISE,
    Timelines,
    append,
    delta,
    line,
    rows_of,
    timeline_of as timeline_of,
)

# --- Events ---------------------------------------------------------------------------


def test_deltas_form_runs_that_other_events_end(timeline_of: Timelines) -> None:
    text = {"response_id": "ra", "item_id": "a", "content_index": 0}
    with timeline_of(
        append(0, NOISE[:480]),
        append(20, NOISE[:480]),
        delta(25, NOISE[:4800]),
        line("server", 26, "response.output_audio_transcript.delta", **text, delta="Good "),
        append(40, NOISE[:480]),
        delta(45, NOISE[:4800]),
        line("server", 46, "response.output_audio_transcript.delta", **text, delta="morning\u202e."),
        line("server", 50, "input_audio_buffer.speech_started", audio_start_ms=0, item_id="b"),
        append(60, NOISE[:480]),
        append(1061, NOISE[:480]),
    ) as timeline:
        found = [
            (r.type.split(".")[-1], r.at_ms, r.end_ms, r.count, r.audio_ms, r.is_first)
            for r in rows_of(timeline)
        ]
        assert found == [
            ("append", 0, 40, 3, 60, False),
            ("delta", 25, 45, 2, 400, True),
            ("delta", 26, 46, 2, 0, False),
            ("speech_started", 50, 50, 1, 0, False),
            ("append", 60, 60, 1, 20, False),
            ("append", 1061, 1061, 1, 20, False),  # after a pause
        ]
        assert rows_of(timeline)[0].nbytes == 3 * 960
        assert rows_of(timeline)[2].text == "Good morning ."


def test_the_first_audio_of_each_response_begins_a_run(timeline_of: Timelines) -> None:
    lines = [delta(at, NOISE[:480], item) for at, item in enumerate("aabba")]
    with timeline_of(*lines) as timeline:
        assert [(row.count, row.is_first) for row in rows_of(timeline)] == [(2, True), (3, True)]


KINDS: list[tuple[str, Direction, dict[str, Any], str, str]] = [
    ("ga", "server", {"type": "error", "error": {"type": "t", "message": "m"}}, "error", "message=m"),
    ("ga", "server", {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 5, "item_id": "i"}, "speech", "audio_end_ms=5"),
    ("ga", "client", {"type": "input_audio_buffer.commit"}, "commit", ""),
    ("ga", "client", {"type": "response.cancel"}, "interruption", ""),
    ("ga", "client", {"type": "response.create"}, "response", ""),
    ("ga", "server", {"type": "response.done", "response": {"id": "r", "status": "completed"}}, "response", "status=completed"),
    ("ga", "server", {"type": "response.done", "response": {"id": "r", "status": "cancelled"}}, "interruption", "status=cancelled"),
    ("ga", "server", {"type": "response.done", "response": {"id": "r", "status": "failed"}}, "error", "status=failed"),
    ("ga", "client", {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "c", "output": "1"}}, "call", "call_id=c"),
    ("ga", "client", {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": []}}, "other", "role=user"),
    ("ga", "client", {"type": "session.update", "session": {"type": "realtime"}}, "session", "realtime"),
    ("ga", "server", {"type": "rate_limits.updated", "rate_limits": []}, "other", ""),
    ("ga", "server", {"type": "response.output_sparkle.added"}, "unknown", "<unknown"),
    ("ga", "client", {"type": "response.created", "response": {}}, "unknown", "<unknown"),
    ("ga", "server", {"type": "input_audio_buffer.committed", "item_id": 5}, "broken", "does not decode"),
    ("ga", "server", {"type": "response.output_text.delta", "delta": 5}, "broken", "does not decode"),
    ("ga", "client", {"type": "input_audio_buffer.append", "audio": "!"}, "broken", "does not decode"),
    ("ga", "server", {"no": "type"}, "broken", "missing required field"),
    ("ga", "server", {"type": "new\u202e\n.delta", "x": 1}, "unknown", "<unknown"),
    ("beta", "server", {"type": "session.created", "session": {"modalities": ["text"], "input_audio_format": "g711_ulaw"}}, "session", "modalities=[text]"),
    ("beta", "server", {"type": "response.audio_transcript.done", "transcript": "t", "item_id": "i", "response_id": "r", "output_index": 0, "content_index": 0}, "text", "transcript=t"),
    ("translation", "server", {"type": "session.created", "session": {"id": "s", "type": "translation", "model": "m", "expires_at": 5, "audio": {"output": {"language": "de"}}}}, "session", "language=de"),
    ("translation", "client", {"type": "session.close"}, "session", ""),
    ("live", "client", {"type": "session.start", "session": {"model": "m"}}, "session", ""),
    ("live", "server", {"type": "session.delegation.created", "offset_ms": 5, "delegation": {"id": "d", "type": "t", "target": "x"}}, "call", ""),
]  # fmt: skip


@pytest.mark.parametrize(("direction", "frame", "kind", "text"), [case[1:] for case in KINDS])
def test_kind_and_text_of_each_event(direction: Direction, frame: Any, kind: str, text: str) -> None:
    events = EventList()
    events.add(Entry(direction, 7.5, json.dumps(frame).encode(), 3))
    (row,) = events
    assert (row.kind, row.at_ms, row.side, row.line) == (kind, 7.5, int(direction == "server"), 3)
    assert text in row.text
    assert row.type.isprintable()
    assert row.text.isprintable()


def test_rows_have_no_credentials() -> None:
    events = EventList()
    for number, text in enumerate(["Bearer sk-abcdefghijklmn", "sk-abcdef", "ghijklmn"]):
        frame = json.dumps({"type": "response.output_text.delta", "delta": text}).encode()
        events.add(Entry("server", number, frame, 1))
    events.add(BrokenLine(1, "no JSON", '{"token": "sk-abcdefghijklmn'))
    events.add(Entry("client", 9, b"not JSON: Bearer sk-abcdefghijklmn", 1))
    assert len([*events]) == 3
    assert not any("abcdefgh" in row.text for row in events)


def test_the_list_is_bounded_and_counts_rows_left_out() -> None:
    events = EventList(max_rows=10)
    for number in range(100):
        events.add(Entry("client", number, b'{"type":"response.cancel"}', number + 1))
    assert [row.line for row in events] == [1, 2, 3, 4, 5, 96, 97, 98, 99, 100]
    assert (events.total, events.left_out, events.gap_at) == (100, 90, 5)


def test_broken_and_unknown_events_form_runs() -> None:
    events = EventList()
    for number in range(50):
        events.add(BrokenLine(number, "no JSON", "{"))
        events.add(Entry("server", number, b'{"type":"new"}', 1))
        events.add(Entry("server", number, b"", 1))
    assert [(row.kind, row.count) for row in events] == [("broken", 50), ("unknown", 50), ("broken", 50)]


def test_open_runs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_list, "_MAX_OPEN_RUNS", 3)
    events = EventList()
    for number, name in enumerate("abcdebcdea"):
        for kind in (f"{name}.delta", f"un.{name}"):
            frame = json.dumps({"type": kind, "delta": name}).encode()
            events.add(Entry("server", number, frame, 1))
    assert len([*events]) == 20
    assert "".join(row.text for row in events if row.kind == "text") == "abcdebcdea"
    for _ in range(5):
        events.add(Entry("server", 10, b'{"type":"un.a"}', 1))
    assert [*events][-1].count == 6


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_types() -> None:
    """Unknown types, broken events and text deltas, each a run of its own."""
    events = EventList(max_rows=10)

    def take(first: int) -> int:
        for number in range(first, first + 2_000):
            for kind, piece in (("unknown", 5), ("text.delta", "x" * 50)):
                frame = json.dumps({"type": f"{number}.{kind}", "delta": piece}).encode()
                events.add(Entry("server", number, frame, 1))
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = take(0)
        grown = take(2_000) - before
    finally:
        tracemalloc.stop()
    assert grown < 50_000
    assert events.total == 8_000


@pytest.mark.parametrize("size", [1, 4, 9])
@pytest.mark.parametrize(
    "between", [b"", b'{"type":"rate_limits.updated","rate_limits":[]}'], ids=["run", "runs"]
)
def test_a_credential_divided_into_deltas_is_in_no_row(size: int, between: bytes) -> None:
    key = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
    events = EventList()
    for at in range(0, len(key), size):
        members = {
            "response_id": "r",
            "item_id": "i",
            "output_index": 0,
            "call_id": "c",
            "delta": key[at : at + size],
        }
        frame = json.dumps({"type": "response.function_call_arguments.delta", **members}).encode()
        events.add(Entry("server", at, frame, 1))
        if between:
            events.add(Entry("server", at, between, 1))
    shown = [row.text for row in events if row.kind == "text"]
    assert len(shown) == (-(-len(key) // size) if between else 1)
    assert not any(key[at : at + 4] in text for text in shown for at in range(12, len(key) - 3))
    assert "".join(shown).endswith("<redacted>")


SESSION_TYPES = [
    "session.created", "session.started", "session.updated", "session.update", "session.start",
    "transcription_session.created", "transcription_session.updated", "transcription_session.update",
]  # fmt: skip
SESSIONS = st.sampled_from([
    {"type": "realtime", "model": "gpt-realtime-2"}, {"modalities": ["text"], "model": "m"},
    {"id": "s", "type": "translation", "model": "m", "expires_at": 5, "audio": {"output": {"language": "de"}}},
    {"id": "live", "model": "m", "expires_at": 5, "status": "active"}, {"id": "other"}, {}, None, 5, {"type": 5},
])  # fmt: skip
ITEMS = st.sampled_from([
    {"type": "mcp_call", "id": "m", "server_label": "l", "name": "n", "arguments": "{}"},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}, {"type": "new"}, 5,
])  # fmt: skip
# Neither decodes audio and text deltas.
SPOKEN = [
    *sorted({kind for _, kind in event_types() if not kind.endswith((".delta", ".append"))}),
    "new.event",
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["client", "server"]),
            st.sampled_from(SESSION_TYPES) | st.sampled_from(SPOKEN),
            st.fixed_dictionaries(
                {"event_id": st.just("e"), "item_id": st.just("i"), "content_index": st.just(0)},
                optional={
                    "session": SESSIONS,
                    "item": ITEMS,
                    "transcript": st.just("x"),
                    "offset_ms": st.just(5),
                },
            ),
        ),
        max_size=12,
    )
)
def test_events_are_decoded_as_in_the_report(frames: list[tuple[Direction, str, dict[str, Any]]]) -> None:
    events, inspector = EventList(), Inspector()
    for number, (direction, kind, members) in enumerate(frames):
        entry = Entry(direction, number, json.dumps({"type": kind, **members}).encode(), number + 1)
        events.add(entry)
        inspector.feed(entry)
    report = inspector.report()
    counts = Counter[str]()
    for row in events:
        counts[row.kind] += row.count
    assert (counts["broken"], counts["unknown"]) == (report.undecodable, sum(report.unknown_types.values()))


# --- Text -----------------------------------------------------------------------------

KEY = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
TOKEN = f"Bearer {KEY[8:]}.{KEY[8:]}"


def lines_of(pieces: list[tuple[str, bool]]) -> list[str]:
    """Return the final text of each line."""
    run, lines = RunText(), [""]
    for number, (piece, begins) in enumerate(pieces):
        if begins and number:
            lines.append("")
            run.begin_line()
        run.add(piece)
        lines[-1] = run.line
    return lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two\nlines\u202e", "two lines "),
        (f"my {KEY}!", "my <redacted>!"),
        ("x" * 161, "x" * 157 + "..."),
        (f"{'x' * 150} {KEY}", f"{'x' * 150} <redac..."),
    ],
)
def test_a_line_is_short_printable_and_without_credentials(text: str, line: str) -> None:
    assert printable_line(text) == line
    assert lines_of([(text, True)]) == [line]


@pytest.mark.parametrize("key", [KEY, TOKEN])
@pytest.mark.parametrize("size", range(1, 50))
def test_a_credential_in_pieces_is_removed(key: str, size: int) -> None:
    text = f"It is {key}, yes."
    pieces = [(text[at : at + size], False) for at in range(0, len(text), size)]
    assert lines_of(pieces) == [printable_line(text)]


@given(
    key=st.sampled_from([KEY, TOKEN]),
    before=st.text(max_size=9).map(lambda text: f"{text} "),
    pieces=st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=60),
)
@example(key=TOKEN, before="x ", pieces=[(1, True)] * 60)
@example(key=KEY, before="x" * 5000 + " ", pieces=[(5003, True), (5, True), (60, True)])
def test_a_credential_in_pieces_over_several_lines_is_removed(
    key: str, before: str, pieces: list[tuple[int, bool]]
) -> None:
    text, divided = f"{before}{key} and on", list[tuple[str, bool]]()
    for size, begins in pieces:
        divided.append((text[:size], begins))
        text = text[size:]
    divided.append((text, False))
    shown = lines_of(divided)
    secret = key[len("Bearer ") :] if key == TOKEN else key
    # A line may contain the beginning of a credential that is too short to be recognised.
    assert not any(secret[at : at + 12] in line for line in shown for at in range(len(secret) - 11))
    assert all(len(line) <= MAX_LINE_CHARS and line.isprintable() for line in shown)


def test_a_secret_value_over_several_lines_is_removed() -> None:
    pieces = [
        ('{"password": "open', True),
        (" sesame", False),
        (" please, really", True),
        ('", "x": 1}', True),
    ]
    assert lines_of(pieces) == ['{"password": "<redacted>', "", '", "x": 1}']


def test_text_without_credentials_is_complete() -> None:
    pieces = [("A task-", True), ("force of ", False), ("the Bearer", True), ("s, sk-", False), ("y", True)]
    assert lines_of(pieces) == ["A task-force of ", "the Bearers, sk-", "y"]
