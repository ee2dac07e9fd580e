"""Events in which members are missing, and items whose predecessors form a circle: no report fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from realtime.analysis import Inspector, Report, inspect_log, write_page
from realtime.analysis.event_list import EventList
from realtime.cli import main
from realtime.cli.inspect import report_lines
from realtime.recording import Direction, Entry
from tests import cases
from tests.analysis.scenes import TRANSCRIBED, Scene, usage
from tests.variations import variations

SIDES: tuple[Direction, ...] = ("client", "server")
FRAMES: list[tuple[str, Direction, str]] = [
    (dialect, side, frame)
    for dialect in cases.DIALECTS
    for side in SIDES
    for frame in cases.frames(dialect, side)
]
# The first event of a session of each dialect.
BEGIN = {
    "ga": {"type": "session.created", "session": {"type": "realtime", "id": "s"}},
    "beta": {"type": "session.created", "session": {"modalities": ["text"], "id": "s"}},
    "translation": {"type": "session.created", "session": {"type": "translation", "id": "s"}},
    "live": {"type": "session.started", "session": {"id": "s"}},
}


def varied(dialect: str) -> Iterator[tuple[Direction, bytes]]:
    """Yield every variation of every frame of a dialect."""
    for name, side, frame in FRAMES:
        if name == dialect:
            for variation in variations(frame):
                yield side, msgspec.json.encode(variation)


def everything_of(*entries: Entry) -> Report:
    """Make all that is made of a log: the report, its JSON, its lines, the rows of the page."""
    inspector, events = Inspector(), EventList()
    inspector.feed_all(entries)
    for entry in entries:
        events.add(entry)
    report = inspector.report()
    assert [*report_lines(report)]
    assert sum(row.count for row in events) == len(entries)
    assert sum(count.frames for count in report.frames) == len(entries)
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    return report


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("session", cases.DIALECTS)
@pytest.mark.parametrize("dialect", cases.DIALECTS)
def test_any_member_of_any_event_may_be_missing(dialect: str, session: str) -> None:
    begin = Entry("server", 0.0, msgspec.json.encode(BEGIN[session]), 1)
    if session != dialect:  # the frames of another dialect, all in one call
        everything_of(begin, *(Entry(side, 1.0, frame, 2) for side, frame in varied(dialect)))
        return
    for side, frame in varied(dialect):
        everything_of(begin, Entry(side, 1.0, frame, 2))


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("dialect", cases.DIALECTS)
def test_files_with_missing_members_have_a_page_and_a_report(
    tmp_path: Path, dialect: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, page = tmp_path / "call.jsonl", tmp_path / "call.html"
    lines = [f'{{"direction":"server","time_ms":0,"frame":{json.dumps(BEGIN[dialect])}}}']
    lines += [
        f'{{"direction":"{side}","time_ms":{number},"frame":{frame.decode()}}}'
        for number, (side, frame) in enumerate(varied(dialect))
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    report = inspect_log(path)
    assert (report.broken, sum(count.frames for count in report.frames)) == (0, len(lines))
    assert write_page(path, page, report=report).nbytes == page.stat().st_size
    for options in ([], ["--json"], ["--html", str(page)]):
        assert main(["inspect", str(path), *options]) == 0
    assert main(["cost", str(path)]) in (0, 1)  # 1: usage without a price
    assert main(["wav", str(path)]) == 0
    assert capsys.readouterr().err == ""


def call() -> Scene:
    """Return a call with an event of each kind that changes a report."""
    scene = Scene().begin()
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    scene.client("conversation.item.create", item={**message, "id": "m"})
    scene.server("conversation.item.added", item={**message, "id": "m"})
    scene.client("response.create")
    scene.answer("resp_0", 40)
    scene.say(40)
    scene.speech("u", 0, 30)
    scene.server(
        TRANSCRIBED, item_id="u", content_index=0, transcript="text", usage={"type": "duration", "seconds": 1}
    )
    scene.created("resp_1")
    tool = {
        "type": "function_call",
        "id": "f",
        "call_id": "c",
        "name": "tool",
        "arguments": "{}",
        "status": "completed",
    }
    scene.server("response.output_item.added", response_id="resp_1", output_index=0, item=tool)
    scene.server("response.output_item.done", response_id="resp_1", output_index=0, item=tool)
    scene.client(
        "conversation.item.create", item={"type": "function_call_output", "call_id": "c", "output": "x"}
    )
    scene.words("resp_1", "word ")
    scene.audio("resp_1", 40)
    scene.server("input_audio_buffer.speech_started", item_id="v", audio_start_ms=35)
    scene.client("conversation.item.truncate", **scene.part("resp_1"), audio_end_ms=10)
    spoken = {
        "type": "message",
        "id": "item_resp_1",
        "role": "assistant",
        "content": [{"type": "output_audio", "transcript": "word"}],
    }
    scene.done(
        "resp_1", "cancelled", output=[tool, spoken], usage=usage(1, 2, 0, 3, 4),
        status_details={"type": "cancelled", "reason": "turn_detected", "error": {"type": "t", "code": "c"}},
    )  # fmt: skip
    scene.server("error", error={"type": "t", "code": "c", "message": "m", "event_id": "e"})
    scene.server(
        "rate_limits.updated", rate_limits=[{"name": "n", "limit": 5, "remaining": 3, "reset_seconds": 1.5}]
    )
    return scene


def test_the_call_is_complete() -> None:
    report = call().report()
    assert (report.turn_count, report.call_count, report.interruption_count, report.undecodable) == (
        3,
        1,
        1,
        0,
    )
    assert (report.error_count, len(report.rate_limits), report.usage.responses.total) == (2, 1, 10)


NUMBERS = range(len(call().entries))


@pytest.mark.mostly_slow(quick=6)
@pytest.mark.parametrize("number", NUMBERS)
def test_a_call_in_which_one_event_lacks_a_member(number: int) -> None:
    entries: list[Any] = call().entries
    entry = entries[number]
    for variation in variations(entry.frame):
        frame = msgspec.json.encode(variation)
        everything_of(*entries[:number], msgspec.structs.replace(entry, frame=frame), *entries[number + 1 :])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("content", [{}, {"content": None}], ids=["absent", "null"])
def test_an_item_without_content_in_a_beta_session(side: Direction, content: dict[str, None]) -> None:
    scene = Scene()
    scene.server("session.created", session={"modalities": ["text"]})
    item = {"type": "message", "id": "i", "role": "user", **content}
    kind = "conversation.item.create" if side == "client" else "conversation.item.created"
    scene.add(side, kind, item=item)
    scene.done("r", output=[{**item, "role": "assistant"}])
    report = everything_of(*[entry for entry in scene.entries if isinstance(entry, Entry)])
    assert (report.sessions[0].dialect, report.undecodable, report.statuses) == ("beta", 0, {"completed": 1})


@pytest.mark.parametrize("length", [1, 2, 3, 10])
def test_items_whose_predecessors_form_a_circle(tmp_path: Path, length: int) -> None:
    scene = Scene()
    for number in range(length):
        item = {"type": "message", "id": f"i{number}", "role": "user", "content": []}
        scene.server("conversation.item.added", previous_item_id=f"i{(number + 1) % length}", item=item)
    path = scene.write(tmp_path / "call.jsonl")
    report = inspect_log(path)
    assert (report.undecodable, sum(count.frames for count in report.frames)) == (0, length)
    assert write_page(path, tmp_path / "call.html").events == length
    assert main(["inspect", str(path)]) == 0


ITEM_TYPES = (
    "message",
    "function_call",
    "function_call_output",
    "mcp_call",
    "mcp_approval_response",
    "zz",
    "",
)


@pytest.mark.parametrize("session", cases.DIALECTS)
@pytest.mark.parametrize("kind", ITEM_TYPES)
def test_items_of_every_type_in_every_dialect(session: str, kind: str) -> None:
    """A type that a dialect does not know has no members, whatever the type of the same name has elsewhere."""
    scene = Scene()
    begin: dict[str, Any] = dict(BEGIN[session])
    scene.server(begin.pop("type"), **begin)
    for item in (
        {"type": kind},
        {"type": kind, "id": "i", "role": "user", "name": "n", "content": [{"type": kind}]},
    ):
        scene.client("conversation.item.create", item=item)
        for created in ("conversation.item.added", "conversation.item.created"):
            scene.server(created, item=item)
        scene.server("response.output_item.added", response_id="r", output_index=0, item=item)
        scene.server("response.output_item.done", response_id="r", output_index=0, item=item)
        scene.done("r", output=[item])
    everything_of(*[entry for entry in scene.entries if isinstance(entry, Entry)])
