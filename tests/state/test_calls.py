"""Function calls: each complete call once, none that was cut off, and wrong arguments answered."""

from __future__ import annotations

import dataclasses
import enum
import itertools
import json
import pickle
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import beta
from realtime.state import ArgumentsError, FunctionCall, FunctionCalls
from realtime.state.calls import MAX_ARGUMENTS_BYTES, MAX_PENDING
from tests import cases

COMPLETE = '{"city":"Zürich"}'


def item(call_id: str | None = "call_1", arguments: str = COMPLETE, status: str | None = "completed") -> Any:
    """A function call's item as JSON, without the fields that are None."""
    fields = {
        "id": "item_1", "type": "function_call", "call_id": call_id, "name": "weather",
        "arguments": arguments, "status": status,
    }  # fmt: skip
    return {key: value for key, value in fields.items() if value is not None}


def ga(type: str, **fields: Any) -> Any:
    return realtime.decode_server(json.dumps({"type": type, **fields}))


def added(**call: Any) -> Any:
    return ga("response.output_item.added", response_id="resp_1", output_index=0, item=item(**call))


def item_done(response_id: str = "resp_1", **call: Any) -> Any:
    return ga("response.output_item.done", response_id=response_id, output_index=0, item=item(**call))


def arguments_done(call_id: str = "call_1", arguments: str = COMPLETE, name: str | None = "weather") -> Any:
    return ga(
        "response.function_call_arguments.done", response_id="resp_1", item_id="item_1", output_index=0,
        call_id=call_id, arguments=arguments, name=name,
    )  # fmt: skip


def conversation_done(**call: Any) -> Any:
    return ga("conversation.item.done", previous_item_id=None, item=item(**call))


def response_done(*items: Any, status: str | None = "completed", id: str = "resp_1") -> Any:
    return ga("response.done", response={"id": id, "status": status, "output": list(items)})


def calls_in(*events: Any, **settings: Any) -> list[str]:
    """The ids of the calls that are returned for these events, in order."""
    calls = FunctionCalls(**settings)
    return [call.call_id for event in events for call in calls.feed(event)]


CALL = FunctionCall("call_1", "weather", COMPLETE, "item_1", "resp_1")

# --- Once, and complete --------------------------------------------------------------


def test_a_call_is_returned_once_when_its_arguments_are_complete() -> None:
    """livekit/agents#2223, openai/openai-realtime-api-beta#31: one call ran several times."""
    calls = FunctionCalls()
    assert calls.feed(added(arguments="", status="in_progress")) == []
    assert calls.feed(arguments_done()) == [CALL]
    for again in (arguments_done(), item_done(), conversation_done(), response_done(item())):
        assert calls.feed(again) == []


@pytest.mark.parametrize(
    "event",
    [item_done(), item_done(status=None), response_done(item()), response_done(item(status=None)),
     response_done(item(status="in_progress")), response_done(item(), status="cancelled"),
     response_done(item(), status=None)],
)  # fmt: skip
def test_any_event_with_the_complete_call_returns_it(event: Any) -> None:
    assert calls_in(event) == ["call_1"]


def test_the_name_is_taken_from_the_item_if_the_arguments_event_has_none() -> None:
    assert calls_in(arguments_done(name=None)) == []
    assert calls_in(arguments_done(name=None), item_done()) == ["call_1"]
    calls = FunctionCalls()
    calls.feed(added(arguments="", status="in_progress"))
    assert calls.feed(arguments_done(name=None)) == [CALL]


def test_calls_of_one_response_are_returned_together_or_one_by_one() -> None:
    items = [item(call_id=f"call_{number}") for number in range(3)]
    assert calls_in(response_done(*items)) == ["call_0", "call_1", "call_2"]
    assert calls_in(item_done(call_id="call_2"), response_done(*items)) == ["call_2", "call_0", "call_1"]


INCOMPLETE = '{"city":"Zü'


@pytest.mark.parametrize("status", ["cancelled", "incomplete", "failed"])
@pytest.mark.parametrize("arguments", [INCOMPLETE, "", "{"])
def test_an_incomplete_call_is_never_returned(status: str, arguments: str) -> None:
    """openclaw/openclaw#117923: calls of cancelled responses were run. The wire has done events for them too."""
    end = {"arguments": arguments, "status": "incomplete"}
    events = (
        added(arguments="", status="in_progress"),
        arguments_done(arguments=arguments),
        item_done(**end),
        conversation_done(**end),
        response_done(item(**end), status=status),
    )
    for size in range(len(events) + 1):
        for some in itertools.permutations(events, size):
            assert calls_in(*some) == []


def test_arguments_that_are_no_object_wait_for_the_end_of_the_response() -> None:
    """Some translating proxies send no item, only the arguments."""
    for arguments in ("", " ", "null", "[1]", '{"a":', '{"a":1}}', '{"a":' * 300):
        unconfirmed = arguments_done(arguments=arguments)
        assert calls_in(unconfirmed) == []
        assert calls_in(unconfirmed, response_done()) == ["call_1"]
        assert calls_in(unconfirmed, response_done(), response_done(item())) == ["call_1"]
        assert calls_in(unconfirmed, response_done(id="another")) == []
        assert calls_in(unconfirmed, response_done(status="cancelled"), response_done()) == []
    in_progress = item_done(status="in_progress")
    assert calls_in(in_progress) == []
    assert calls_in(in_progress, response_done()) == ["call_1"]
    assert calls_in(in_progress, item_done(status="incomplete"), response_done()) == []


def test_items_that_no_response_produced_are_no_calls() -> None:
    """The server announces the items that a client restores; they are history."""
    assert calls_in(conversation_done()) == []
    assert calls_in(ga("conversation.item.added", previous_item_id=None, item=item())) == []
    assert calls_in(ga("conversation.item.retrieved", item=item())) == []
    assert calls_in(added(arguments="", status="in_progress"), conversation_done()) == ["call_1"]


def test_with_wait_for_response_only_its_end_returns_calls() -> None:
    events = [added(), arguments_done(), item_done(), conversation_done()]
    waiting = {"wait_for_response": True}
    assert calls_in(*events, **waiting) == []
    assert calls_in(*events, response_done(item(), item(call_id="b")), **waiting) == ["call_1", "b"]
    assert calls_in(*events, response_done(), **waiting) == ["call_1"]
    assert calls_in(*events, response_done(item(), status="cancelled"), response_done(), **waiting) == []


@pytest.mark.parametrize(
    "event",
    [
        item_done(call_id=None),
        item_done(call_id=""),
        arguments_done(call_id=""),
        ga("response.output_item.done", response_id="r", output_index=0, item={"type": "tomorrow"}),
        ga("response.output_item.added", response_id="r", output_index=0, item={"type": "tomorrow"}),
        response_done({"type": "message", "role": "assistant", "content": []}),
        ga("response.done", response={}),
        object(),
    ],
)
def test_items_that_cannot_be_answered_are_ignored(event: Any) -> None:
    assert calls_in(event) == []


def test_the_beta_dialect_has_the_same_calls() -> None:
    frames = [
        {"type": "response.output_item.added", "response_id": "resp_1", "output_index": 0,
         "item": item(arguments="", status="in_progress")},
        {"type": "response.output_item.done", "response_id": "resp_1", "output_index": 0, "item": item()},
        {"type": "response.done", "response": {"id": "resp_1", "output": [item(), item(call_id="b")]}},
    ]  # fmt: skip
    calls = FunctionCalls()
    found = [calls.feed(beta.decode_server(json.dumps(frame))) for frame in frames]
    assert found == [[], [CALL], [FunctionCall("b", "weather", COMPLETE, "item_1", "resp_1")]]
    answer = beta.encode(beta.from_ga(CALL.output("sunny")))
    assert beta.decode_client(answer).item.output == "sunny"


def test_every_example_can_be_fed() -> None:
    calls = FunctionCalls()
    for dialect, side, frame in cases.ALL:
        calls.feed(cases.decoder(dialect, side)(frame))


def test_names_and_unconfirmed_calls_are_remembered_for_a_while() -> None:
    calls = FunctionCalls()
    many = range(2 * MAX_PENDING)
    for number in many:
        calls.feed(added(call_id=f"a{number}", arguments="", status="in_progress"))
        calls.feed(arguments_done(call_id=f"d{number}", arguments="{"))
    named = [number for number in many if calls.feed(arguments_done(call_id=f"a{number}", name=None))]
    confirmed = [call.call_id for call in calls.feed(response_done())]
    assert named == [*many[MAX_PENDING:]]
    assert confirmed == [f"d{number}" for number in named]


def test_long_arguments_are_stored_up_to_the_limit() -> None:
    calls = FunctionCalls()
    calls.feed(arguments_done(arguments="x" * (2 * MAX_ARGUMENTS_BYTES)))
    (call,) = calls.feed(response_done())
    assert len(call.arguments) == MAX_ARGUMENTS_BYTES + 1
    with pytest.raises(ArgumentsError, match="more than"):
        call.decode()


def story(number: int, is_complete: bool) -> list[Any]:
    """The events of one call in its own response."""
    call_id, resp = f"call_{number}", f"resp_{number}"
    call = {"call_id": call_id, "arguments": COMPLETE if is_complete else INCOMPLETE}
    end = {**call, "status": "completed" if is_complete else "incomplete"}
    done = arguments_done(**call)
    done.response_id = resp
    return [
        done,
        item_done(resp, **end),
        conversation_done(**end),
        response_done(item(**end), status="completed" if is_complete else "cancelled", id=resp),
    ]


@given(st.lists(st.booleans(), max_size=6), st.data())
def test_each_complete_call_is_returned_once_in_any_order(complete: list[bool], data: st.DataObject) -> None:
    events = [
        (number, kind, event)
        for number, is_complete in enumerate(complete)
        for kind, event in enumerate(story(number, is_complete))
    ]
    stream = data.draw(st.lists(st.sampled_from(events), max_size=40)) if events else []
    # The simple rule: every event but the conversation's completes a call. The conversation's does so only
    # after the response's item, which has completed the call already.
    expected: list[str] = []
    for number, kind, _ in stream:
        if complete[number] and kind != 2 and f"call_{number}" not in expected:
            expected.append(f"call_{number}")
    assert calls_in(*(event for _, _, event in stream)) == expected


# --- Arguments -----------------------------------------------------------------------


class Unit(enum.Enum):
    C = "celsius"
    F = "fahrenheit"


class Weather(msgspec.Struct, forbid_unknown_fields=True):
    city: str
    days: Annotated[int, msgspec.Meta(ge=1)] = 1
    unit: Unit = Unit.C


@dataclasses.dataclass
class Place:
    city: str
    days: int = 1


class Spot(TypedDict):
    city: str
    days: int


def call(arguments: str, name: str = "weather") -> FunctionCall:
    return FunctionCall("call_1", name, arguments)


def test_arguments_are_decoded_into_a_user_type() -> None:
    text = '{"city":"Bern","days":2}'
    assert call(text).decode() == {"city": "Bern", "days": 2}
    assert call(text).decode(Weather) == Weather("Bern", 2)
    assert call(text).decode(Place) == Place("Bern", 2)
    assert call(text).decode(Spot) == {"city": "Bern", "days": 2}
    assert call('{"city":"Bern","unit":"fahrenheit"}').decode(Weather).unit is Unit.F


@pytest.mark.parametrize("text", ["", "  ", "\n", "{}"])
def test_empty_arguments_are_an_empty_object(text: str) -> None:
    """openai/openai-agents-js#664: arguments of "" broke calls of tools without parameters."""
    assert call(text).decode() == {}
    with pytest.raises(ArgumentsError, match="missing required field `city`"):
        call(text).decode(Weather)


def test_integral_floats_are_accepted_as_int() -> None:
    assert call('{"city":"Bern","days":2.0}').decode(Weather) == Weather("Bern", 2)
    assert call('{"days":[[2.0, 1.5, 1e3]]}').decode(dict[str, list[tuple[int, float, int]]]) == {
        "days": [(2, 1.5, 1000)]
    }
    assert call('{"x":2.0}').decode() == {"x": 2.0}
    assert isinstance(call('{"x":2.0}').decode()["x"], float)
    for text in ('{"x":2.5}', '{"x":1e300}', '{"x":1e16}'):
        with pytest.raises(ArgumentsError, match="Expected `int`"):
            call(text).decode(dict[str, int])


def test_lax_conversions_if_not_strict() -> None:
    text = '{"city":"Bern","days":"2"}'
    assert call(text).decode(Weather, strict=False).days == 2
    with pytest.raises(ArgumentsError):
        call(text).decode(Weather)


def test_of_two_members_of_one_name_the_last_counts() -> None:
    assert call('{"city":"A","city":"B"}').decode() == {"city": "B"}


WRONG_ARGUMENTS: dict[str, tuple[str, Any, str, str]] = {
    "a wrong type": ('{"city":5}', Weather, "$.city", "Expected `str`, got `int`"),
    "out of bounds": ('{"city":"x","days":0}', Weather, "$.days", "Expected `int` >= 1"),
    "no such value": ('{"city":"x","unit":"k"}', Weather, "$.unit", "Invalid enum value 'k'"),
    "unknown": ('{"city":"x","town":"y"}', Weather, "$", "Object contains unknown field `town`"),
    "missing": ('{"days":2}', Place, "$", "Object missing required field `city`"),
    "no object": ("[1]", Weather, "$", "Expected `object`, got `array`"),
    "nested": ('{"a":{"b":[1,"2"]}}', dict[str, dict[str, list[int]]], "$[...][...][1]", "Expected `int`, got `str`"),
    "cut off": ('{"city":"x', Weather, "$", "Input data was truncated"),
    "no JSON": ("city=x", Weather, "$", "JSON is malformed: invalid character (byte 0)"),
    "NaN": ('{"city":NaN}', Weather, "$", "JSON is malformed: invalid character (byte 8)"),
    "a number out of range": ('{"x":1e999}', dict, "$[...]", "Number out of range"),
    "too deep": ('{"a":' * 300 + "1" + "}" * 300, dict, "$", "the frame nests deeper than 256"),
    "cut off and deep": ("[" * 100_000, dict, "$", "the frame nests deeper than 256"),
    "a lone surrogate": ('{"a":"\ud800"}', dict, "$", "the text is not valid Unicode"),
    "another": ('{"unit":"x"}', dict[str, Literal["y"]], "$[...]", "Invalid enum value 'x'"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "type", "path", "reason"), WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS
)
def test_wrong_arguments_are_reported_to_the_model(arguments: str, type: Any, path: str, reason: str) -> None:
    with pytest.raises(ArgumentsError) as caught:
        call(arguments).decode(type)
    error = caught.value
    assert isinstance(error, realtime.DecodeError)
    assert (error.path, error.reason) == (path, reason)
    assert error.problems == ((path, reason),)
    assert error.__cause__ is None
    answer: Any = error.output()
    assert json.loads(answer.item.output) == {
        "error": "the arguments do not fit", "path": path, "reason": reason,
    }  # fmt: skip
    assert answer.item.call_id == "call_1"
    assert realtime.decode_client(realtime.encode(answer)) == answer
    assert "Traceback" not in answer.item.output
    assert len(str(error)) < 500
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.path, copy.call, str(copy)) == (error.path, error.call, str(error))


def test_too_long_arguments_are_refused() -> None:
    text = '{"a":"' + "x" * MAX_ARGUMENTS_BYTES + '"}'
    with pytest.raises(ArgumentsError, match="more than 1048576") as caught:
        call(text).decode()
    answer: Any = caught.value.output()
    assert len(answer.item.output) < 300


def test_a_type_that_msgspec_does_not_support_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        call("{}").decode(Weather | Place)  # type: ignore[arg-type]


@given(st.text(max_size=200) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(repr))
def test_any_text_decodes_or_is_refused(text: str) -> None:
    try:
        assert isinstance(call(text).decode(), dict)
    except ArgumentsError as error:
        realtime.encode(error.output())


# --- Answers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("sunny", "sunny"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        ({"t": 21.5, "u": Unit.C}, '{"t":21.5,"u":"celsius"}'),
        (Weather("Bern"), '{"city":"Bern","days":1,"unit":"celsius"}'),
        (Place("Zürich"), '{"city":"Zürich","days":1}'),
    ],
)
def test_results_are_text_or_json(result: object, text: str) -> None:
    event = CALL.output(result)
    assert (event.item.call_id, event.item.output) == ("call_1", text)
    realtime.encode(event)


@pytest.mark.parametrize("result", [object(), {1j: 2}, ["\ud800"]])
def test_a_result_that_is_not_json_is_an_encode_error(result: object) -> None:
    with pytest.raises(realtime.EncodeError, match="the result of 'weather' is not JSON"):
        CALL.output(result)


# --- Other servers: calls without ids ----------------------------------------------------


def arguments_without(*names: str, **members: Any) -> Any:
    """The arguments.done of a server that leaves out members."""
    frame = {
        "type": "response.function_call_arguments.done", "response_id": "resp_1", "item_id": "item_1",
        "output_index": 0, "call_id": "call_1", "name": "weather", "arguments": COMPLETE, **members,
    }  # fmt: skip
    return realtime.decode_server(
        json.dumps({key: value for key, value in frame.items() if key not in names})
    )


ALL_IDS = ("response_id", "item_id", "call_id", "output_index")


def output_item(kind: str, call_id: str = "call_1", name: str = "weather", **members: Any) -> Any:
    item = {
        "type": "function_call",
        "id": f"item_{call_id[-1:]}",
        "call_id": call_id,
        "name": name,
        "arguments": COMPLETE,
    }
    frame = {
        "type": f"response.output_item.{kind}",
        "response_id": "resp_1",
        "output_index": 0,
        "item": item,
        **members,
    }
    return realtime.decode_server(json.dumps(frame))


@pytest.mark.parametrize("left_out", [
    ("call_id",), ("call_id", "name"), ("call_id", "item_id"), ("call_id", "response_id", "output_index"), ALL_IDS, (*ALL_IDS, "name"),
])  # fmt: skip
@pytest.mark.parametrize("wait", [False, True])
def test_arguments_without_ids_are_those_of_the_started_call(left_out: tuple[str, ...], wait: bool) -> None:
    """LiteLLM as a proxy."""
    events = [output_item("added"), arguments_without(*left_out), output_item("done"), response_done(item())]
    calls = FunctionCalls(wait_for_response=wait)
    found = [calls.feed(event) for event in events]
    assert [[call.call_id for call in each] for each in found] == (
        [[], [], [], ["call_1"]] if wait else [[], ["call_1"], [], []]
    )
    [call] = itertools.chain.from_iterable(found)
    assert (call.name, call.arguments) == ("weather", COMPLETE)


def test_of_two_started_calls_that_at_the_index_is_meant() -> None:
    calls = FunctionCalls()
    calls.feed(output_item("added", "call_1"))
    calls.feed(output_item("added", "call_2", "news", output_index=1))
    assert [
        call.call_id for call in calls.feed(arguments_without("call_id", "item_id", "name", output_index=1))
    ] == ["call_2"]
    assert [call.call_id for call in calls.feed(arguments_without(*ALL_IDS, "name"))] == ["call_1"]


def test_a_call_whose_id_no_event_states_is_returned_at_the_end_of_its_response() -> None:
    """GLM: neither item_id nor call_id."""
    calls = FunctionCalls()
    for index in range(2):
        assert calls.feed(arguments_without("item_id", "call_id", output_index=index)) == []
    found = calls.feed(response_done())
    assert [(call.call_id, call.name, call.arguments) for call in found] == [
        ("resp_1.0", "weather", COMPLETE), ("resp_1.1", "weather", COMPLETE),
    ]  # fmt: skip
    assert calls.feed(response_done()) == []
    assert json.loads(realtime.encode(found[0].output("x")))["item"]["call_id"] == "resp_1.0"


def test_calls_without_any_id_are_not_confused() -> None:
    calls = FunctionCalls()
    for arguments in ('{"a":1}', '{"a":2}', '{"a":1}'):
        calls.feed(arguments_without(*ALL_IDS, arguments=arguments))
        found = calls.feed(response_done())
        assert [call.arguments for call in found] == [arguments]
    for arguments in ('{"a":1}', '{"a":2}'):
        calls.feed(arguments_without("item_id", "call_id", "output_index", arguments=arguments))
    found = calls.feed(response_done(id="resp_1"))
    assert [call.arguments for call in found] == ['{"a":1}', '{"a":2}']
    assert len({call.call_id for call in found}) == 2


@pytest.mark.parametrize("named", [
    lambda: output_item("done"), lambda: response_done(item()),
])  # fmt: skip
def test_a_call_that_gets_its_id_late_is_returned_once(named: Any) -> None:
    calls = FunctionCalls()
    found = calls.feed(arguments_without(*ALL_IDS)) + calls.feed(named()) + calls.feed(response_done(item()))
    assert [call.call_id for call in found] == ["call_1"]


def test_items_without_a_call_id_are_returned_once() -> None:
    nameless = {"type": "function_call", "name": "weather", "arguments": COMPLETE}
    done = realtime.beta.decode_server(
        json.dumps({"type": "response.done", "response": {"id": "r", "output": [nameless]}})
    )
    for first in (
        [],
        [arguments_without("item_id", "call_id", response_id="r")],
        [output_item("done", "", response_id="r")],
    ):
        calls = FunctionCalls()
        found = [call for event in [*first, done, done] for call in calls.feed(event)]
        assert [(call.name, call.arguments) for call in found] == [("weather", COMPLETE)]
        assert found[0].call_id


def test_a_call_without_an_id_of_a_cancelled_response_is_never_returned() -> None:
    assert (
        calls_in(arguments_without("item_id", "call_id"), response_done(status="cancelled"), response_done())
        == []
    )
    assert calls_in(arguments_without("item_id", "call_id"), response_done(id="resp_2")) == []


def test_calls_that_are_known_from_the_response_alone() -> None:
    assert calls_in(response_done(item(), id="")) == ["call_1"]


def test_events_of_a_derived_class_are_read_as_their_base() -> None:
    class Done(realtime.ResponseDone, tag="response.done"):
        extra: int = 0

    assert calls_in(Done(response=response_done(item()).response)) == ["call_1"]


def test_too_many_calls_without_an_id_are_forgotten() -> None:
    calls = FunctionCalls()
    for number in range(100):
        calls.feed(arguments_without(*ALL_IDS, arguments=json.dumps({"n": number})))
    assert [call.arguments for call in calls.feed(response_done())] == [
        f'{{"n": {n}}}' for n in range(68, 100)
    ]
