"""Tools: the declarations made of signatures, and the answers to calls."""

from __future__ import annotations

import dataclasses
import enum
import functools
import json
from collections.abc import Coroutine
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest
from msgspec import UNSET, Meta
from openai.types.realtime import RealtimeFunctionTool

import realtime
from realtime.state import FunctionCall, Toolbox, function_tool


class Unit(enum.Enum):
    C = "celsius"
    F = "fahrenheit"


class Place(msgspec.Struct):
    """Where."""

    city: str
    country: str = "CH"


class Tree(msgspec.Struct):
    """A tree of names."""

    name: str
    kids: list[Tree] = []


@dataclasses.dataclass
class OrderLine:
    article: str
    count: Annotated[int, Meta(ge=1)] = 1


class SendSMS(TypedDict, total=False):
    """Sends a text message."""

    number: str


def weather(city: str, days: Annotated[int, Meta(ge=1, le=7)] = 1, unit: Unit = Unit.C) -> str:  # noqa: D417 (not all need be described)
    """Tells the weather
    of the next days.

    Longer than a line.

    Args:
        city: The town, in the local
            language: not in English.
        days (int): How many days.

        nothing: no parameter has this name.

    Returns:
        city: not an argument.
    """
    return f"{city} {days} {unit.value}"


def nothing() -> None: ...


def everything(
    *,
    text: str,
    number: float | None,
    choice: Literal["a", "b"],
    places: list[Place],
    table: dict[str, int],
    anything: Any,
    type: Annotated[str, Meta(description="Its own.")] = "x",
    flag: bool = False,
    later: Place | None = None,
) -> list[Any]:
    """Takes everything.

    Parameters:
        type: not this.
        places: Where to.
    """
    return [text, number, choice, places, table, anything, type, flag, later]


# --- Declaring -----------------------------------------------------------------------


def test_a_signature_is_the_schema() -> None:
    tool = function_tool(weather)
    assert (tool.name, tool.description) == (
        "weather",
        "Tells the weather of the next days. Longer than a line.",
    )
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "The town, in the local language: not in English."},
            "days": {"type": "integer", "minimum": 1, "maximum": 7, "description": "How many days.", "default": 1},
            "unit": {"$ref": "#/$defs/Unit"},
        },
        "required": ["city"],
        "additionalProperties": False,
        "$defs": {"Unit": {"title": "Unit", "enum": ["celsius", "fahrenheit"]}},
    }  # fmt: skip


def test_a_function_without_parameters_has_an_empty_schema() -> None:
    tool = function_tool(nothing)
    assert tool.description is UNSET
    assert tool.parameters == {
        "type": "object", "properties": {}, "required": [], "additionalProperties": False,
    }  # fmt: skip


def test_types_of_every_kind() -> None:
    schema: Any = function_tool(everything).parameters
    assert schema["required"] == ["text", "number", "choice", "places", "table", "anything"]
    assert schema["properties"] == {
        "text": {"type": "string"},
        "number": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "choice": {"enum": ["a", "b"]},
        "places": {"type": "array", "items": {"$ref": "#/$defs/Place"}, "description": "Where to."},
        "table": {"type": "object", "additionalProperties": {"type": "integer"}},
        "anything": {},
        "type": {"type": "string", "description": "Its own.", "default": "x"},
        "flag": {"type": "boolean", "default": False},
        "later": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]},
    }
    assert [*schema["$defs"]] == ["Place"]


def test_a_struct_a_dataclass_and_a_typed_dict_are_schemas_too() -> None:
    place = function_tool(Place)
    assert (place.name, place.description) == ("place", "Where.")
    assert place.parameters == {
        "type": "object",
        "properties": {"city": {"type": "string"}, "country": {"type": "string", "default": "CH"}},
        "required": ["city"],
    }
    line = function_tool(OrderLine)
    assert (line.name, line.description) == (
        "order_line",
        UNSET,
    )  # a dataclass's generated docstring is no description
    assert line.parameters["properties"]["count"] == {"type": "integer", "minimum": 1, "default": 1}
    sms = function_tool(SendSMS, name="send-sms", description="Mine.")
    assert (sms.name, sms.description) == ("send-sms", "Mine.")
    assert sms.parameters["required"] == []


def test_a_recursive_type_stays_in_defs() -> None:
    schema: Any = function_tool(Tree).parameters
    assert schema["type"] == "object"
    assert schema["properties"]["kids"]["items"] == {"$ref": "#/$defs/Tree"}
    assert schema["$defs"]["Tree"]["properties"]["kids"]["items"] == {"$ref": "#/$defs/Tree"}


def plant(tree: Tree) -> str:
    return tree.name


class Oven:
    """Not this."""

    def bake(self, minutes: int = 5) -> int:
        """Bakes."""
        return minutes

    def __call__(self, minutes: int) -> int:
        return minutes


@pytest.mark.parametrize(
    ("source", "name", "description", "required"),
    [
        (plant, "plant", UNSET, ["tree"]),
        (Oven().bake, "bake", "Bakes.", []),
        (Oven(), "Oven", "Not this.", ["minutes"]),
        (functools.partial(weather, unit=Unit.F), "weather", function_tool(weather).description, ["city"]),
    ],
)
def test_any_callable(source: Any, name: str, description: Any, required: list[str]) -> None:
    tool = function_tool(source)
    assert (tool.name, tool.description, tool.parameters["required"]) == (name, description, required)


@pytest.mark.parametrize("source", [weather, nothing, everything, Place, OrderLine, SendSMS, Tree, plant])
def test_declarations_go_over_the_wire(source: Any) -> None:
    tool = function_tool(source)
    session = realtime.create_session_config(tools=[tool])
    realtime.validate_session_config(session)
    frame = realtime.encode(realtime.SessionUpdate(session=session))
    declared = json.loads(frame)["session"]["tools"][0]
    assert realtime.decode_client(frame).session.tools == [tool]
    read = RealtimeFunctionTool.model_validate(declared)
    assert (read.name, read.parameters) == (tool.name, tool.parameters)


def no_annotation(x) -> None: ...  # type: ignore[no-untyped-def]


def of_any_number(*xs: int) -> None: ...


def of_any_name(**xs: int) -> None: ...


def by_place(x: int, /) -> None: ...


def of_a_custom_type(x: complex) -> None: ...


def of_an_unknown_type(x: Nowhere = 1) -> None: ...  # type: ignore[name-defined]  # noqa: F821


def of_no_type(x: 5 = 5) -> None: ...  # type: ignore[valid-type]


def of_two_structs(x: Place | Tree) -> None: ...


@pytest.mark.parametrize(
    ("source", "path", "why"),
    [
        (no_annotation, "no_annotation.x", "needs an annotation"),
        (of_any_number, "of_any_number.xs", "passed by name"),
        (of_any_name, "of_any_name.xs", "passed by name"),
        (by_place, "by_place.x", "passed by name"),
        (of_a_custom_type, "of_a_custom_type", "no schema can be made of it"),
        (of_an_unknown_type, "of_an_unknown_type", "name 'Nowhere' is not defined"),
        (of_no_type, "of_no_type", "no schema can be made of it"),
        (of_two_structs, "of_two_structs", "multiple Struct types"),
        (int, "int", "a tool's arguments are an object"),
        (lambda: 1, "<lambda>", "must match"),
        (vars, "vars", "no schema can be made of it"),
    ],
)
def test_functions_that_cannot_be_declared(source: Any, path: str, why: str) -> None:
    with pytest.raises(realtime.ConfigError, match=why) as caught:
        function_tool(source)
    assert caught.value.field == path


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "über", "a.b", "a\n"])
def test_names_that_servers_do_not_accept(name: str) -> None:
    with pytest.raises(realtime.ConfigError):
        function_tool(nothing, name=name)
    with pytest.raises(realtime.ConfigError):
        realtime.validate_session_config(realtime.RealtimeSession(tools=[realtime.FunctionTool(name=name)]))


def test_only_callables_are_tools() -> None:
    with pytest.raises(TypeError):
        function_tool("weather")  # type: ignore[arg-type]


# --- Running -------------------------------------------------------------------------


def call(name: str, arguments: Any = "") -> FunctionCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return FunctionCall("call_1", name, text)


def answer(box: Toolbox, name: str, arguments: Any = "") -> Any:
    """The output that the model receives, decoded if it is JSON."""
    event: Any = box.call(call(name, arguments))
    assert event.item.call_id == "call_1"
    realtime.encode(event)
    try:
        return json.loads(event.item.output)
    except ValueError:
        return event.item.output


def done(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits, run without an event loop."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


def test_a_call_runs_its_function() -> None:
    box = Toolbox(weather, nothing, everything)
    assert answer(box, "weather", {"city": "Bern"}) == "Bern 1 celsius"
    assert answer(box, "weather", {"city": "Bern", "unit": "fahrenheit", "days": 3.0}) == "Bern 3 fahrenheit"
    assert answer(box, "nothing") is None
    given: dict[str, Any] = {
        "text": "t",
        "number": None,
        "choice": "a",
        "places": [{"city": "X"}],
        "table": {},
        "anything": [1],
    }
    assert answer(box, "everything", given) == [
        "t", None, "a", [{"city": "X", "country": "CH"}], {}, [1], "x", False, None,
    ]  # fmt: skip
    given["type"] = "own"
    assert answer(box, "everything", given)[6] == "own"


def test_a_function_with_arguments_gets_an_instance() -> None:
    box = Toolbox()
    box.add(lambda place: f"{type(place).__name__} {place.city}", arguments=Place, name="go")
    assert answer(box, "go", {"city": "Bern"}) == "Place Bern"
    (tool,) = box.tools
    assert isinstance(tool, realtime.FunctionTool)
    assert tool.description == "Where."
    assert tool.parameters == function_tool(Place).parameters


def test_a_toolbox_is_a_collection_of_names() -> None:
    box = Toolbox(weather)

    @box.tool
    def second(x: int) -> int:
        return x + 1

    assert second(1) == 2
    assert [*box] == ["weather", "second"]
    assert len(box) == 2
    assert "second" in box
    assert "third" not in box
    assert [tool.name for tool in box.tools] == ["weather", "second"]
    session = realtime.create_session_config(tools=box.tools)
    realtime.validate_session_config(session)


def test_names_are_unique() -> None:
    box = Toolbox(weather)
    with pytest.raises(realtime.ConfigError, match="already exists"):
        box.add(nothing, name="weather")
    with pytest.raises(TypeError, match="arguments="):
        box.add(Place)


@pytest.mark.parametrize(
    ("arguments", "path", "reason"),
    [
        ({}, "$", "Object missing required field `city`"),
        ({"city": 5}, "$.city", "Expected `str`, got `int`"),
        ({"city": "x", "days": 0}, "$.days", "Expected `int` >= 1"),
        ({"city": "x", "town": "y"}, "$", "Object contains unknown field `town`"),
        ({"city": "x", "unit": None}, "$.unit", "Expected `str`, got `null`"),
        ('{"city', "$", "Input data was truncated"),
    ],
)
def test_wrong_arguments_are_answered_and_nothing_runs(arguments: Any, path: str, reason: str) -> None:
    ran: list[str] = []
    box = Toolbox()
    box.add(functools.wraps(weather)(lambda **kwargs: ran.append("ran")))
    expected = {"error": "the arguments do not fit", "path": path, "reason": reason}
    assert answer(box, "weather", arguments) == expected
    assert json.loads(done(box.call_async(call("weather", arguments))).item.output) == expected
    assert ran == []


def test_a_call_of_an_unknown_tool_is_answered() -> None:
    box = Toolbox(weather, nothing)
    result = answer(box, "wether", {"city": "Bern"})
    assert result == {"error": "there is no such tool", "name": "wether", "tools": ["weather", "nothing"]}
    assert len(answer(box, "x" * 10_000)["name"]) == 80
    assert json.loads(done(box.call_async(call("y"))).item.output)["name"] == "y"


class Broken(Exception):
    pass


def broken(kind: str = "own") -> None:
    if kind == "own":
        raise Broken("the database is gone")
    FunctionCall("another", "f", "[").decode()


def test_exceptions_of_tools_are_not_caught() -> None:
    box = Toolbox(broken)
    with pytest.raises(Broken, match="the database is gone"):
        box.call(call("broken"))
    with pytest.raises(realtime.DecodeError):  # an error of this library, but not about this call's arguments
        box.call(call("broken", {"kind": "ours"}))
    coroutine = box.call_async(call("broken"))
    with pytest.raises(Broken):
        coroutine.send(None)


def test_a_result_that_is_not_json_is_an_encode_error() -> None:
    box = Toolbox()
    box.add(lambda: object(), name="f")
    with pytest.raises(realtime.EncodeError, match="the result of 'f'"):
        box.call(call("f"))


async def slow(city: str) -> str:
    return city.upper()


def test_async_tools_run_under_any_event_loop() -> None:
    box = Toolbox(slow, weather)
    assert done(box.call_async(call("slow", {"city": "Bern"}))).item.output == "BERN"
    assert done(box.call_async(call("weather", {"city": "Bern"}))).item.output == "Bern 1 celsius"


class Later:
    """Awaitable, but not a coroutine."""

    def __await__(self) -> Any:
        return iter(())


def test_a_sync_call_of_an_async_tool_is_an_error() -> None:
    box = Toolbox(slow)
    box.add(lambda: Later(), name="later")
    for waits in (call("slow", {"city": "Bern"}), call("later")):
        with pytest.raises(TypeError, match="use call_async"):
            box.call(waits)
    assert done(box.call_async(call("later"))).item.output == "null"


# --- Async tools ---------------------------------------------------------------------


class _AsyncCallable:
    async def __call__(self, x: int) -> int:
        return x


async def _async_tool(x: int) -> int:
    return x


def _sync_tool(x: int) -> int:
    return x


@pytest.mark.parametrize(
    ("function", "is_async"),
    [
        (_async_tool, True),
        (functools.partial(_async_tool, x=1), True),
        (_AsyncCallable(), True),
        (_sync_tool, False),
        (functools.partial(_sync_tool, x=1), False),
    ],
)
def test_is_async(function: Any, is_async: bool) -> None:
    box = Toolbox()
    box.add(function, name="f")
    assert box.is_async("f") is is_async
    assert not box.is_async("other")
