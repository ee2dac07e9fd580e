"""Events with members of other dialects or arbitrary ones: none makes the inspector or its report fail."""

from __future__ import annotations

import contextlib
import io
import json
import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from realtime.analysis import Inspector, Report, Summary
from realtime.analysis.report import LIMITS
from realtime.cli import main
from realtime.recording import Direction, Entry, Recorder
from realtime.spec import MinutePrice
from tests import cases
from tests.analysis.scenes import Scene, event_types, usage

SIDES: tuple[Direction, ...] = ("client", "server")
DIALECTS = ("ga", "beta", "translation", "live")


def _members() -> dict[str, list[Any]]:
    """Return every value of each member in the events of all dialects, by the member's name."""
    found: dict[str, dict[str, Any]] = {}
    for dialect in DIALECTS:
        for side in SIDES:
            for frame in cases.frames(dialect, side):
                for name, value in json.loads(frame).items():
                    found.setdefault(name, {})[json.dumps(value)] = value
    return {name: [*values.values()] for name, values in found.items() if name != "type"}


MEMBERS = _members()
# Items and responses differ most between dialects.
ITEMS: list[Any] = [
    {"type": "message", "id": "i", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
    {"type": "message", "id": "i", "role": "assistant", "content": [{"type": "of_tomorrow"}]},
    {"type": "function_call", "id": "i", "call_id": "c", "name": "n", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": ""},
    {"type": "mcp_call", "id": "i", "server_label": "s", "name": "n", "arguments": "{}", "output": "o"},
    {"type": "mcp_call", "id": "i", "server_label": "s", "name": "n", "arguments": "{}", "error": {"type": "x"}},
    {"type": "mcp_list_tools", "id": "i", "server_label": "s", "tools": []},
    {"type": "of_tomorrow", "id": "i", "role": "user", "content": 5},
    {"id": "i"},
]  # fmt: skip
SESSIONS: list[Any] = [
    {"id": "s1", "modalities": ["text"]},
    {"id": "s2", "type": "realtime", "model": "gpt-realtime-2"},
    {"id": "s3", "type": "translation", "model": "gpt-realtime-translate"},
    {"id": "s4", "object": "realtime.session"},
]
NUMBERS = [0, -1, 0.5, 1e308, -1e308, 1 << 70, 10**400, 10**4299]
ANYTHING: list[Any] = [*NUMBERS, None, True, "", "x", [], {}, [[]], [None], {"type": "x"}]
OWN: dict[str, list[Any]] = {
    "item": ITEMS,
    "session": SESSIONS,
    "response": [
        {"id": "r", "output": ITEMS, "usage": usage(1, 1, 0, 1, 1)},
        {"id": "r", "status": "failed", "status_details": {"error": {"code": "c"}}, "output": ITEMS[4:]},
        {"id": "r", "usage": usage(10**4299, 1, 0, 1, 1)},
    ],
    "response_id": ["r"],
    "item_id": ["i"],
    "usage": [{"seconds": number} for number in NUMBERS] + [{"type": "duration", "seconds": 1e308}],
}
EVENTS: list[tuple[Direction, str]] = event_types()
# Event types with the most members. They are few, so they are drawn more often.
RICH: list[tuple[Direction, str]] = [
    (side, kind)
    for side, kind in EVENTS
    if re.search(r"item\.(?:create|added|done)|response\.(?:created|done|event)|usage|completed", kind)
]


SPOKEN: st.SearchStrategy[tuple[Direction, str]] = st.one_of(
    st.sampled_from(EVENTS), st.sampled_from(RICH), st.sampled_from(RICH)
)


# Strategies are made once: to make them for each event takes as long as to draw from them.
NAMES = st.sets(st.sampled_from(sorted(MEMBERS)), max_size=4)
POOL = st.sampled_from([0] * 20 + [1, 1, 2])
POOLS: dict[str, list[st.SearchStrategy[Any]]] = {
    name: [
        st.sampled_from(pool or ANYTHING)
        for pool in (OWN.get(name, MEMBERS.get(name)), MEMBERS.get(name), ANYTHING)
    ]
    for name in MEMBERS.keys() | OWN.keys()
}


def frame(draw: st.DataObject, kind: str) -> bytes:
    """Return an event with members of any dialect, or arbitrary ones."""
    event: dict[str, Any] = {"type": kind}
    for name in sorted(draw.draw(NAMES) | OWN.keys()):
        event[name] = draw.draw(POOLS[name][draw.draw(POOL)])
    return json.dumps(event, separators=(",", ":")).encode()


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_every_type_with_members_of_any_dialect(
    tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject
) -> None:
    inspector, folder = Inspector(), tmp_path_factory.getbasetemp()
    begins = json.dumps({"type": "session.created", "session": draw.draw(st.sampled_from(SESSIONS))})
    frames: list[tuple[Direction, bytes]] = [("server", begins.encode())]
    spoken: list[tuple[Direction, str]] = draw.draw(st.lists(SPOKEN, min_size=1, max_size=12))
    frames.extend((side, frame(draw, kind)) for side, kind in spoken)
    inspector.feed_all(Entry(side, n * 10.0, data, n) for n, (side, data) in enumerate(frames))
    report = inspector.report()
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    summary = Summary.of(report) + Summary.of(report)
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary
    # The command line can print any report and any summary.
    paths = [str(folder / f"mixed_{number}.jsonl") for number in range(2)]
    for path in paths:
        with Recorder(path, mode="w") as recorder:
            for side, data in frames:
                recorder.record(side, data)
    for logs in (paths[:1], paths):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            assert main(["inspect", "--jobs=1", *logs]) == 0
        assert printed.getvalue()


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: str(item.get("type")))
@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: str(session["id"]))
def test_every_item_in_every_session(item: dict[str, Any], session: dict[str, Any]) -> None:
    scene = Scene()
    scene.server("session.created", session=session)
    scene.created("r")
    for kind in ("response.output_item.added", "response.output_item.done"):
        scene.server(kind, response_id="r", output_index=0, item=item)
    for kind in ("conversation.item.created", "conversation.item.added"):
        scene.server(kind, item=item, previous_item_id=None)
    scene.client("conversation.item.create", item=item)
    scene.done("r", output=[item])
    report = scene.report()
    assert report.response_count == 1
    assert report.turns[0].responses[0].status == "completed"


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: str(session["id"]))
def test_messages_without_content(session: dict[str, Any]) -> None:
    scene = Scene()
    scene.server("session.created", session=session)
    for number, role in enumerate(("user", "assistant", "user")):
        item = {"type": "message", "id": f"i{number}", "role": role}
        scene.server("response.output_item.done", response_id="r", output_index=0, item=item)
        scene.server("conversation.item.created", item=item)
        scene.server("conversation.item.added", item={**item, "id": f"j{number}"})
        scene.client("conversation.item.create", item=item)
        scene.done(f"r{number}", output=[item])
    scene.client("response.create")
    scene.answer("resp_1")
    report = scene.report()
    assert sum(count.frames for count in report.frames) == len(scene.entries)
    assert report.turns[-1].responses[-1].id == "resp_1"


def test_implausible_seconds_are_not_counted() -> None:
    scene = Scene()
    scene.server("session.usage.updated", usage={"seconds": 30})
    scene.server("session.usage.updated", usage={"seconds": 1e308})
    kind = "conversation.item.input_audio_transcription.completed"
    huge = {"type": "duration", "seconds": 1e308}
    scene.server(kind, item_id="a", content_index=0, transcript="x", usage=huge)
    report = scene.report(model="gpt-live-1")
    assert (report.usage.session_seconds, report.usage.transcribed_seconds) == (30, 0)
    assert (report.cost.usd, report.cost.known_usd > 0) == (None, True)
    assert [item.problem for item in report.cost.items if item.use == "unreported"] == [
        "usage too large for any call was reported 2 times and is not counted"
    ]


def test_implausible_tokens_are_not_counted() -> None:
    scene = Scene().begin()
    for number, reported in enumerate((usage(10, 0, 0, 5, 0), usage(10**300, 0, 0, 5, 0))):
        scene.created(f"r{number}")
        scene.done(f"r{number}", usage=reported)
    report = scene.report()
    assert report.usage.responses.total == 15
    assert [response.tokens is None for response in report.turns[0].responses] == [False, True]
    assert (report.cost.usd, report.cost.known_usd) == (None, Decimal("0.00016"))


def test_a_price_with_too_many_digits() -> None:
    scene = Scene()
    scene.server("session.usage.updated", usage={"seconds": 30})
    report = scene.report(model=MinutePrice(1e60))
    assert (report.cost.usd, report.usage.session_seconds) == (None, 30)
    assert report.cost.items[0].problem == "the cost has too many digits"


def test_huge_backend_tokens() -> None:
    scene = Scene()
    for number in range(3):
        response = {"id": f"r{number}", "usage": {"input_tokens": 9 * 10**4299, "output_tokens": 1}}
        scene.server("response.event", event={"type": "response.completed", "response": response})
    report = scene.report()
    assert report.cost.items
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_rate_limits_beyond_the_limit() -> None:
    scene = Scene().begin()
    names = [f"limit_{number}" for number in range(LIMITS["rate_limits"] + 3)]
    limits = [{"name": name, "limit": 9, "remaining": left} for left in (5, 4) for name in names]
    scene.server("rate_limits.updated", rate_limits=limits)
    report = scene.report()
    assert [limit.name for limit in report.rate_limits] == names[: LIMITS["rate_limits"]]
    assert {limit.remaining for limit in report.rate_limits} == {4}
