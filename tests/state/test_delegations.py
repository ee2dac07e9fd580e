"""Delegations: each call once, outputs and requests in the order that the server accepts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from realtime import ConfigError, ResponseCreate, live, spec
from realtime.live import Delegations
from realtime.state import FunctionCall, Toolbox


def delegation(id: str = "d1", target: str = "responses") -> live.SessionDelegationCreated:
    info = live.DelegationInfo(id=id, type="delegation", target=target)
    return live.SessionDelegationCreated(delegation=info, offset_ms=0)


def inner(type: str, delegation_id: str | None = "d1", **members: Any) -> live.ResponseEvent:
    body = msgspec.Raw(msgspec.json.encode({"type": type, **members}))
    return live.ResponseEvent(event=body, delegation_id=delegation_id)


def response(kind: str, id: str | None = "r1", delegation_id: str = "d1") -> live.ResponseEvent:
    return inner(f"response.{kind}", delegation_id, response={"id": id, "output": []})


def call(call_id: str, name: str = "now", delegation_id: str = "d1", **members: Any) -> live.ResponseEvent:
    item = {
        "type": "function_call",
        "call_id": call_id,
        "name": name,
        "arguments": "{}",
        "status": "completed",
    }
    return inner("response.output_item.done", delegation_id, item={**item, **members})


def refusal(code: str | None, event_id: str | None) -> live.Error:
    return live.Error(
        error=live.LiveErrorDetail(
            type="invalid_request_error", code=code, message="no", client_event_id=event_id
        )
    )


REQUIRED, FULL = "function_call_outputs_required", "response_input_buffer_full"


def shown(events: list[Any]) -> list[Any]:
    """Return what each event does: ("c1", output), ("spoken", text), "create"."""
    found: list[Any] = []
    for event in events:
        if isinstance(event, live.ResponseItemCreate):
            match event.item:
                case live.FunctionCallOutput(call_id=call_id, output=output):
                    found.append((call_id, output))
                case live.Message(role="user", content=[live.InputText(text=text)]):
                    found.append(text)
                case other:
                    raise AssertionError(other)
        elif isinstance(event, live.ResponseCreate):
            found.append("create")
        else:
            kind = "spoken" if isinstance(event, live.SessionCommentaryAppend) else "silent"
            found.append((kind, event.content))
        assert event.event_id
        live.encode(event)
    return found


class World:
    """Delegations, and a log of the events that they send."""

    def __init__(self, **options: Any) -> None:
        self.work = Delegations(**options)
        self.calls: dict[str, FunctionCall] = {}
        self.sent: list[Any] = []

    def feed(self, *events: Any) -> list[Any]:
        for event in events:
            for found in self.work.feed(event):
                assert found.call_id not in self.calls
                self.calls[found.call_id] = found
        return self.take()

    def answer(self, call_id: str, output: object = "ok") -> list[Any]:
        assert self.work.answer(self.calls[call_id].output(output))
        return self.take()

    def take(self) -> list[Any]:
        events = self.work.events_to_send()
        self.sent += events
        return shown(events)


# --- Responses mode ------------------------------------------------------------------


def test_a_call_is_answered_after_its_response() -> None:
    world = World()
    assert world.feed(delegation(), response("created"), call("c1", arguments='{"a":1}')) == []
    assert world.calls == {"c1": FunctionCall("c1", "now", '{"a":1}', None, "r1")}
    assert world.answer("c1") == []  # the response may still fail
    assert world.feed(response("completed")) == [("c1", "ok"), "create"]
    assert world.feed(response("created", "r2"), response("completed", "r2")) == []


def test_an_output_is_unprocessed_until_a_response_has_taken_it_into_account() -> None:
    world = World()
    world.feed(delegation(), response("created"), call("c1"), call("c2"))
    world.answer("c1", "one")
    world.feed(response("completed"))
    assert [*world.work.unprocessed_outputs] == ["one"]
    world.answer("c2", "two")
    world.feed(response("created", "r2"))
    assert [*world.work.unprocessed_outputs] == ["one", "two"]
    world.feed(response("completed", "r2"))
    assert not world.work.unprocessed_outputs


@pytest.mark.parametrize("kind", ["failed", "incomplete", "cancelled"])
def test_the_output_for_a_response_that_fails_is_no_longer_unprocessed(kind: str) -> None:
    world = World()
    world.feed(delegation(), response("created"), call("c1"))
    world.answer("c1")
    world.feed(response(kind))
    assert not world.work.unprocessed_outputs


def test_one_request_follows_all_open_calls_of_the_session() -> None:
    world = World()
    world.feed(
        delegation("d1"), response("created", "r1"), call("c1"), call("c2"), response("completed", "r1"),
        delegation("d2"), response("created", "q1", "d2"), call("c3", delegation_id="d2"),
        response("completed", "q1", "d2"),
    )  # fmt: skip
    assert [one.call_id for one in world.work.open_calls] == ["c1", "c2", "c3"]
    assert world.answer("c2") == [("c2", "ok")]
    assert world.answer("c3") == [("c3", "ok")]
    assert world.work.is_waiting
    assert world.answer("c1") == [("c1", "ok"), "create"]
    assert not world.work.is_waiting


@pytest.mark.parametrize("kind", ["failed", "incomplete", "cancelled"])
def test_calls_of_a_response_that_fails_are_dropped(kind: str) -> None:
    world = World()
    world.feed(response("created"), call("c1"), call("c2"))
    world.answer("c1")
    assert world.feed(response(kind)) == []
    assert world.work.open_calls == ()
    assert not world.work.answer(world.calls["c2"].output("late"))
    assert world.take() == []


def test_a_call_is_attributed_to_the_newest_response_of_its_delegation() -> None:
    world = World()
    world.feed(response("created", "r1"), call("c1"), response("created", "r2"), call("c2"))
    assert [world.calls[name].response_id for name in ("c1", "c2")] == ["r1", "r2"]
    # The end of r1 was lost: a newer response shows it.
    assert world.answer("c1") == [("c1", "ok")]
    world.answer("c2")
    assert world.feed(response("failed", "r1")) == []
    assert world.feed(response("completed", None)) == [("c2", "ok"), "create"]


@pytest.mark.parametrize(
    "event",
    [
        call("c1", status="incomplete"),
        call("c1", status="in_progress"),
        call("", status="completed"),
        call("c1", type="reasoning"),
        call("c1", arguments=5),
        inner("response.output_item.added", item={"type": "function_call", "call_id": "c1"}),
        inner("response.output_item.done"),
        inner("response.output_item.done", item=None),
        inner("response.completed", response={"id": 5}),
        live.ResponseEvent(event=msgspec.Raw(b"[]")),
        live.ResponseEvent(event=msgspec.Raw(b'{"type":5}')),
        live.ResponseEvent(event=msgspec.Raw(b"{" * 5)),
    ],
)
def test_what_is_no_complete_call(event: Any) -> None:
    world = World()
    assert world.feed(response("created"), event, response("completed")) == []
    assert not world.calls


def test_a_repeated_call_is_returned_once() -> None:
    world = World()
    world.feed(delegation(), delegation(), response("created"), call("c1"), call("c1"), response("completed"))
    assert world.answer("c1") == [("c1", "ok"), "create"]
    world.feed(call("c1"))
    assert not world.work.answer(world.calls["c1"].output("again"))


@pytest.mark.parametrize("has_id", [True, False])
def test_a_request_that_crossed_a_call_is_sent_again(has_id: bool) -> None:
    world = World()
    world.feed(delegation("d1"), response("created"), call("c1"), response("completed"))
    world.answer("c1")
    world.feed(response("created", "q1", "d2"), call("c2", delegation_id="d2"))
    # The other response took nothing of this session's request; the server refuses that.
    event_id = world.sent[-1].event_id if has_id else None
    error = refusal(REQUIRED, event_id)
    if has_id:
        assert world.work.is_crossed(error)
    assert world.feed(error) == []
    world.answer("c2")
    assert world.feed(response("completed", "q1", "d2")) == [("c2", "ok"), "create"]


def test_a_request_is_not_repeated_before_anything_changes() -> None:
    world = World()
    world.feed(response("created"), call("c1"), response("completed"))
    world.answer("c1")
    assert world.feed(refusal(REQUIRED, world.sent[-1].event_id)) == []
    assert world.feed(refusal(REQUIRED, None), refusal(REQUIRED, "other")) == []
    assert world.feed(call("c2")) == []
    assert world.answer("c2") == []
    assert world.feed(response("completed")) == [("c2", "ok"), "create"]


def test_another_refusal_of_a_request_ends_it() -> None:
    world = World()
    world.feed(response("created"), call("c1"), response("completed"))
    world.answer("c1")
    error = refusal("server_error", world.sent[-1].event_id)
    assert not world.work.is_crossed(error)
    assert world.feed(error) == []
    world.feed(call("c2"), response("completed"))
    assert world.answer("c2") == [("c2", "ok"), "create"]


NOTE = '{"error":"the result is too large"}'


def test_an_output_that_does_not_fit_is_replaced_by_a_note() -> None:
    world = World(max_bytes=1000)
    world.feed(response("created"), call("c1"), call("c2"), call("c3"), response("completed"))
    assert world.answer("c1", "x" * 1000) == [("c1", NOTE)]
    assert world.answer("c2", "x" * 500) == [("c2", "x" * 500)]
    assert world.answer("c3", "é" * 200) == [("c3", NOTE), "create"]
    world.feed(response("created", "r2"), call("c4"), response("completed", "r2"))
    assert world.answer("c4", "x" * 800) == [("c4", "x" * 800), "create"]  # the response took what was before


def test_a_refused_output_is_replaced_by_a_note_then_by_nothing() -> None:
    """A server that counts otherwise refuses the output, and the request behind it."""
    world = World()
    world.feed(response("created"), call("c1"), response("completed"))
    assert world.answer("c1", "x" * 100) == [("c1", "x" * 100), "create"]
    output, request = world.sent[-2:]
    error = refusal(FULL, output.event_id)
    assert world.work.is_crossed(error)
    assert world.feed(error) == [("c1", NOTE)]
    assert world.feed(refusal(REQUIRED, request.event_id)) == ["create"]
    note, request = world.sent[-2:]
    assert world.feed(refusal(FULL, note.event_id)) == [("c1", "")]
    last = refusal(FULL, world.sent[-1].event_id)
    assert not world.work.is_crossed(last)
    assert world.feed(last) == []
    assert world.feed(refusal(REQUIRED, request.event_id)) == ["create"]
    assert world.feed(refusal(REQUIRED, world.sent[-1].event_id)) == []


def test_text_for_the_backend() -> None:
    world = World()
    world.work.ask("What is new?")
    assert world.take() == ["What is new?", "create"]
    world.feed(response("created"), call("c1"), response("completed"))
    world.work.ask("And the weather?")
    assert world.take() == ["And the weather?"]
    world.work.drop_call("c1")
    assert world.take() == ["create"]


# --- Client mode ---------------------------------------------------------------------


def test_a_client_delegation_is_a_call() -> None:
    world = World(client_tool="look_up")
    assert world.feed(delegation("d1", "client"), delegation("d1", "client")) == []
    assert world.calls["d1"] == FunctionCall("d1", "look_up", '{"delegation_id":"d1"}')
    world.work.append("d1", "Looking.", is_spoken=False)
    assert world.take() == [("silent", "Looking.")]
    assert world.answer("d1", "It is noon.") == [("spoken", "It is noon.")]
    assert {event.delegation_id for event in world.sent} == {"d1"}
    assert not world.work.answer(world.calls["d1"].output("again"))
    world.work.append("d1", "And sunny.")
    world.work.append(None, "Hello!")
    assert world.take() == [("spoken", "And sunny."), ("spoken", "Hello!")]


def test_an_empty_output_says_nothing() -> None:
    world = World()
    world.feed(delegation("d1", "client"))
    assert world.answer("d1", " ") == []
    assert world.work.open_calls == ()


def test_a_client_delegation_holds_no_request_back() -> None:
    world = World()
    world.feed(delegation("d1", "client"), response("created", "r1", "d2"), call("c1", delegation_id="d2"))
    world.feed(response("completed", "r1", "d2"))
    assert world.answer("c1") == [("c1", "ok"), "create"]


def test_pieces_are_below_the_measured_limit() -> None:
    """A token is taken to be shorter than those of the text by which the limit was measured."""
    assert spec.MAX_LIVE_APPEND_TOKENS * spec.MIN_BYTES_PER_TOKEN <= spec.MAX_LIVE_CONTENT_CHARS
    assert spec.MIN_BYTES_PER_TOKEN == 3


def test_a_long_answer_is_split_at_sentences() -> None:
    world = World()
    world.feed(delegation("d1", "client"))
    text = "This is a sentence of the answer. " * 100
    found = world.answer("d1", text)
    assert " ".join(piece for _, piece in found) == text.strip()
    assert all(piece.endswith("answer.") and len(piece) <= 1500 for _, piece in found)
    assert len(found) == 3


@given(st.text(max_size=30), st.integers(1, 300))
def test_pieces_fit_and_lose_nothing(part: str, count: int) -> None:
    text = part * count
    world = World()
    world.feed(delegation("d1", "client"))
    if not text.strip():
        with pytest.raises(ConfigError, match="empty"):
            world.work.append("d1", text)
        return
    world.work.append("d1", text)
    pieces = [piece for _, piece in world.take()]
    assert all(piece.strip() and len(piece.encode()) <= 1500 for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize("id", ["d1", "d2", ""])
def test_appends_name_a_client_delegation(id: str) -> None:
    world = World()
    world.feed(delegation("d1"))
    with pytest.raises(ConfigError, match="no client delegation"):
        world.work.append(id, "x")


# --- Both ----------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["client", "responses"])
def test_a_toolbox_answers(target: str) -> None:
    toolbox = Toolbox()

    @toolbox.tool
    def delegate(delegation_id: str) -> str:
        return f"done: {delegation_id}"

    world = World()
    arguments = '{"delegation_id":"d1"}'
    world.feed(delegation("d1", target))
    if target == "responses":
        world.feed(response("created"), call("c1", "delegate", arguments=arguments), response("completed"))
    for found in world.work.open_calls:
        world.work.answer(toolbox.call(found))
    expected = [("spoken", "done: d1")] if target == "client" else [("c1", "done: d1"), "create"]
    assert world.take() == expected


def test_a_new_session_knows_no_calls() -> None:
    world = World()
    world.feed(delegation("d1", "client"), response("created", "r1", "d2"), call("c1", delegation_id="d2"))
    world.work.append("d1", "unsent")
    started = live.decode_server(b'{"type":"session.started","session":{"id":"s"}}')
    assert world.feed(started) == []
    for name in ("d1", "c1"):
        assert not world.work.answer(world.calls[name].output("late"))
    world.calls.clear()
    world.feed(response("created"), call("c1"), response("completed"))
    assert world.answer("c1") == [("c1", "ok"), "create"]


def test_ids_of_events_differ_by_token() -> None:
    world = World(token="me")
    world.work.ask("x")
    world.take()
    assert [event.event_id for event in world.sent] == ["me_1", "me_2"]


@pytest.mark.parametrize("output", [None, ResponseCreate(), live.ResponseCreate()])
def test_only_outputs_are_answers(output: Any) -> None:
    with pytest.raises(TypeError, match="function_call_output"):
        Delegations().answer(output)


def test_bad_arguments() -> None:
    with pytest.raises(ConfigError):
        Delegations(max_bytes=0)
    with pytest.raises(TypeError, match="decode"):
        Delegations().feed(b"{}")


IDS = st.sampled_from(["d1", "d2", ""])
ANY_EVENT = st.one_of(
    st.builds(delegation, IDS, st.sampled_from(["client", "responses", "decisions", "x"])),
    st.builds(
        response,
        st.sampled_from(["created", "completed", "failed"]),
        st.sampled_from([None, "r1", "r2"]),
        IDS,
    ),
    st.builds(
        lambda name, owner: call(name, delegation_id=owner), st.sampled_from(["c1", "c2", "c3", "d1"]), IDS
    ),
    st.builds(
        refusal,
        st.sampled_from([None, REQUIRED, FULL]),
        st.none() | st.integers(1, 30).map(lambda n: f"delegation_{n}"),
    ),
    st.text(max_size=20).map(lambda raw: live.ResponseEvent(event=msgspec.Raw(raw.encode()))),
)


@given(st.lists(st.tuples(ANY_EVENT, st.booleans()), max_size=60))
def test_any_events(steps: list[tuple[Any, bool]]) -> None:
    """No event breaks it; no request is sent while a call that it knows is open; each call is returned once."""
    work = Delegations(max_bytes=500)
    found: list[FunctionCall] = []
    for event, is_answered in steps:
        found += work.feed(event)
        if is_answered and work.open_calls:
            assert work.answer(work.open_calls[0].output("x" * 100))
        events = work.events_to_send()
        if any(isinstance(sent, live.ResponseCreate) for sent in events):
            assert all(one.name == "delegate" for one in work.open_calls)
        shown(events)
    assert len({one.call_id for one in found}) == len(found)
