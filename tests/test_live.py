"""Live only: parts of other APIs, what does not fit them, and settings without read-only members."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from realtime import ConfigError, DecodeError, EncodeError, live
from realtime.state import Toolbox

MESSAGE = live.Message(role="user", content=[live.InputText(text="Hello.")])


def start(**settings: Any) -> dict[str, Any]:
    return {"type": "session.start", "session": {"model": "gpt-live-1", **settings}}


def item(**members: Any) -> dict[str, Any]:
    return {"type": "response.item.create", "item": members}


# --- What users write ----------------------------------------------------------------


def test_a_session_is_written_as_structs() -> None:
    config = live.ResponsesConfig(
        model="gpt-5",
        tools=[
            live.FunctionTool(name="weather", parameters={"type": "object"}, async_=True),
            live.McpTool(
                server_label="s", require_approval=live.McpApprovalFilter(never=live.McpToolFilter())
            ),
            live.FileSearchTool(
                vector_store_ids=["v"],
                filters=live.SearchFilter(
                    type="and", filters=[live.ComparisonFilter(type="eq", key="lang", value="et")]
                ),
            ),
        ],
        tool_choice=live.ToolChoiceAllowedTools(tools=[live.ToolChoiceFunction(name="weather")]),
    )
    session = live.LiveSession(
        model="gpt-live-1", input=[MESSAGE], delegation=live.ResponsesDelegation(responses=config)
    )
    frame = live.encode(live.SessionStart(session=session))
    assert json.loads(frame) == start(
        input=[{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}],
        delegation={
            "type": "responses",
            "responses": {
                "model": "gpt-5",
                "tools": [
                    {"type": "function", "name": "weather", "parameters": {"type": "object"}, "async": True},
                    {"type": "mcp", "server_label": "s", "require_approval": {"never": {}}},
                    {
                        "type": "file_search",
                        "vector_store_ids": ["v"],
                        "filters": {"type": "and", "filters": [{"type": "eq", "key": "lang", "value": "et"}]},
                    },
                ],
                "tool_choice": {"type": "allowed_tools", "tools": [{"type": "function", "name": "weather"}]},
            },
        },
    )
    assert live.decode_client(frame) == live.SessionStart(session=session)


def test_the_tools_of_a_toolbox_are_accepted() -> None:
    tools = Toolbox()

    @tools.tool
    def weather(city: str) -> str:
        """Return the weather."""
        return city

    config = live.ResponsesConfig(model="gpt-5", tools=[*tools.tools])
    session = live.LiveSession(model="gpt-live-1", delegation=live.ResponsesDelegation(responses=config))
    live.validate_live_session(session)
    event: Any = live.decode_client(live.encode(live.SessionStart(session=session)))
    (tool,) = event.session.delegation.responses.tools
    assert isinstance(tool, live.FunctionTool)
    assert (tool.name, tool.description) == ("weather", "Return the weather.")


def test_a_value_of_a_wrong_type_is_refused_with_its_path() -> None:
    wrong: Any = "many"
    config = live.ResponsesConfig(model="gpt-5", tools=[live.FunctionTool(name="f", strict=wrong)])
    session = live.LiveSession(model="gpt-live-1", delegation=live.ResponsesDelegation(responses=config))
    with pytest.raises(EncodeError, match=r"session\.delegation\.responses\.tools\[0\]\.strict"):
        live.encode(live.SessionStart(session=session))
    with pytest.raises(ConfigError) as refused:
        live.validate_live_session(session)
    assert [path for path, _ in refused.value.problems] == ["delegation.responses.tools[0].strict"]


JSON: list[tuple[Any, dict[str, Any]]] = [
    (
        live.ResponseItemCreate(item=live.Json(b'{"type":"message","role":"user","content":"x"}')),  # type: ignore[arg-type]
        item(type="message", role="user", content="x"),
    ),
    (
        live.SessionStart(
            session=live.LiveSession(
                model="gpt-live-1",
                input=[live.Json(b'{"role":"user","content":[{"text":"x"}]}')],  # type: ignore[list-item]
                delegation=live.ResponsesDelegation(responses=live.Json(b'{"model":"gpt-5","seed":7}')),  # type: ignore[arg-type]
            )
        ),
        start(
            input=[{"role": "user", "content": [{"text": "x"}]}],
            delegation={"type": "responses", "responses": {"model": "gpt-5", "seed": 7}},
        ),
    ),
]


@pytest.mark.parametrize(("event", "wire"), JSON, ids=["item", "session"])
def test_json_is_accepted_in_place_of_structs(event: Any, wire: dict[str, Any]) -> None:
    assert json.loads(live.encode(event)) == wire
    if isinstance(event, live.SessionStart):
        live.validate_live_session(event.session)


def test_json_is_checked_as_structs_are() -> None:
    body: Any = live.Json(b'{"type":"message","content":[]}')
    with pytest.raises(EncodeError, match=r"missing required field `role` at `\$\.item`"):
        live.encode(live.ResponseItemCreate(item=body))


# --- What is unknown -----------------------------------------------------------------

X = {"type": "oracle", "x": [1.0, None]}
QUESTION = {"type": "predicate", "instructions": "x"}
COMPLETED = {"type": "decision.completed", "decision": {"model": "m", "answers": [], "usage": None}}


def delegated(**settings: Any) -> dict[str, Any]:
    return start(delegation={"type": "responses", "responses": {"model": "m", **settings}})


def decided(*questions: Any) -> dict[str, Any]:
    return start(delegation={"type": "decisions", "decisions": {"model": "m", "questions": [*questions]}})


def message(*parts: Any) -> dict[str, Any]:
    return item(type="message", role="user", content=[*parts])


# An event with an object of an unknown type at each place, and the class of that.
UNKNOWN: dict[str, tuple[dict[str, Any], type[live.Unknown]]] = {
    "item": (item(**X), live.UnknownItem),
    "decision item": ({"type": "decision.item.create", "item": X}, live.UnknownItem),
    "stored item": ({"type": "decision.item.created", "item": X}, live.UnknownItem),
    "input": (start(input=[X]), live.UnknownItem),
    "part": (message(X), live.UnknownPart),
    "part of an output": (item(type="function_call_output", call_id="c", output=[X]), live.UnknownPart),
    "tool": (delegated(tools=[X]), live.UnknownTool),
    "tool of an item": (item(type="tool_search_output", tools=[X]), live.UnknownTool),
    "namespaced tool": (delegated(tools=[{"type": "namespace", "tools": [X]}]), live.UnknownTool),
    "tool choice": (delegated(tool_choice=X), live.UnknownToolChoice),
    "allowed tool": (delegated(tool_choice={"type": "allowed_tools", "tools": [X]}), live.UnknownToolChoice),
    "container": (delegated(tools=[{"type": "shell", "environment": X}]), live.UnknownBackendObject),
    "filter": (delegated(tools=[{"type": "file_search", "filters": X}]), live.UnknownBackendObject),
    "question": (decided(X), live.UnknownQuestion),
    "part of a question": (decided({**QUESTION, "instructions": [X]}), live.UnknownPart),
    "trigger": (start(triggers=[X]), live.UnknownTrigger),
    "question of a trigger": (
        start(triggers=[{"type": "decisions", "event_type": "e", "decisions": {"questions": [X]}}]),
        live.UnknownQuestion,
    ),
    "decision event": ({"type": "decision.event", "event": X}, live.UnknownDecisionEvent),
    "answer": (
        {"type": "decision.event", "event": {**COMPLETED, "decision": {"model": "m", "answers": [X]}}},
        live.UnknownAnswer,
    ),
    "MCP error": (
        item(type="mcp_call", id="i", server_label="s", name="n", arguments="", error=X),
        live.UnknownMcpError,
    ),
}


def codec_of(wire: dict[str, Any]) -> Any:
    is_client = wire["type"] in ("session.start", "response.item.create", "decision.item.create")
    return live.decode_client if is_client else live.decode_server


def unknown(value: Any) -> list[live.Unknown]:
    """Return every Unknown in `value`."""
    if isinstance(value, live.Unknown):
        return [value]
    if isinstance(value, list):
        return [found for each in value for found in unknown(each)]
    return [
        found for name in getattr(value, "__struct_fields__", ()) for found in unknown(getattr(value, name))
    ]


@pytest.mark.parametrize("place", UNKNOWN)
def test_an_object_of_an_unknown_type_is_retained(place: str) -> None:
    wire, kind = UNKNOWN[place]
    event = codec_of(wire)(json.dumps(wire))
    (found,) = unknown(event)
    assert (type(found), found.type, json.loads(found.raw)) == (kind, "oracle", X)
    assert json.loads(live.encode(event)) == wire


@pytest.mark.parametrize("place", UNKNOWN)
def test_what_is_no_object_is_retained(place: str) -> None:
    """As OpenAI's other APIs may change without Live's events, nothing in their place refuses a frame."""
    wire, _ = UNKNOWN[place]
    for value in (5, [1], {"type": 5}):
        changed = json.loads(json.dumps(wire).replace(json.dumps(X), json.dumps(value)))
        event = codec_of(changed)(json.dumps(changed))
        assert len(unknown(event)) == 1
        assert json.loads(live.encode(event)) == changed


# Objects of a known type that do not fit it.
MALFORMED: dict[str, tuple[dict[str, Any], type[live.Unknown]]] = {
    "item": (item(type="message", role="user", content=5), live.UnknownItem),
    "part": (message({"type": "input_text", "text": ["x"]}), live.UnknownPart),
    "settings": (delegated(max_output_tokens="many"), live.UnknownDelegation),
    "tool": (delegated(tools=[{"type": "function", "name": "f", "strict": "very"}]), live.UnknownTool),
    "a number in place of a tool": (delegated(tools=[5]), live.UnknownTool),
    "decision": (
        {"type": "decision.event", "event": {**COMPLETED, "decision": 5}},
        live.UnknownDecisionEvent,
    ),
    "filter": (
        delegated(tools=[{"type": "file_search", "filters": {"type": "eq", "key": 5}}]),
        live.UnknownBackendObject,
    ),
    "trigger": (
        start(triggers=[{"type": "decisions", "event_type": "e", "decisions": None}]),
        live.UnknownTrigger,
    ),
}


@pytest.mark.parametrize("place", MALFORMED)
def test_a_malformed_object_is_retained(place: str) -> None:
    wire, kind = MALFORMED[place]
    event = codec_of(wire)(json.dumps(wire))
    (found,) = unknown(event)
    assert type(found) is kind
    body = json.loads(found.raw)
    assert found.type == (body.get("type", "") if isinstance(body, dict) else "")
    assert json.loads(live.encode(event)) == wire
    assert live.extras(event, json.dumps(wire)) == {}


def test_nested_filters_are_retained() -> None:
    """No type of the protocol contains itself, or decoding would take a frame's size times its depth."""
    nested = {"type": "or", "filters": [{"type": "eq", "key": "a", "value": 1}]}
    wire = delegated(tools=[{"type": "file_search", "filters": {"type": "and", "filters": [nested]}}])
    event = live.decode_client(json.dumps(wire))
    (found,) = unknown(event)
    assert (found.type, json.loads(found.raw)) == ("or", nested)
    assert json.loads(live.encode(event)) == wire
    either = live.SearchFilter(type="or", filters=[live.SearchFilter(type="eq", key="a", value=1)])
    both = live.SearchFilter(type="and", filters=[either])
    config = live.ResponsesConfig(model="m", tools=[live.FileSearchTool(filters=both)])
    delegation = live.ResponsesDelegation(responses=config)
    session = live.LiveSession(model="gpt-live-1", delegation=delegation)
    assert json.loads(live.encode(live.SessionStart(session=session))) == wire


def test_only_objects_of_other_apis_are_retained_if_malformed() -> None:
    with pytest.raises(DecodeError, match=r"\$\.session\.audio"):
        live.decode_server(json.dumps({"type": "session.started", "session": {"id": "s", "audio": 5}}))


def test_a_wrong_value_beside_a_malformed_object_is_refused() -> None:
    wrong: Any = 5
    tool = live.UnknownTool("function", b'{"type":"function"}')
    delegation = live.ResponsesDelegation(responses=live.ResponsesConfig(model="m", tools=[tool]))
    session = live.LiveSession(model="gpt-live-1", instructions=wrong, delegation=delegation)
    with pytest.raises(EncodeError, match=r"\$\.session\.instructions"):
        live.encode(live.SessionStart(session=session))
    session.instructions = "Be brief."
    assert b'"tools":[{"type":"function"}]' in live.encode(live.SessionStart(session=session))


def test_unknown_members_are_extras_at_any_depth() -> None:
    wire = delegated(tools=[{"type": "function", "name": "f", "cost": 1}], seed=7)
    event = live.decode_client(json.dumps(wire))
    extras = live.extras(event, json.dumps(wire))
    at = "$.session.delegation.responses"
    assert extras == {f"{at}.tools[0].cost": 1, f"{at}.seed": 7}
    assert json.loads(live.encode(event, extra=extras)) == wire


def test_a_message_without_a_type_is_a_message() -> None:
    event = live.decode_client(json.dumps(item(role="user", content="x")))
    assert event == live.ResponseItemCreate(item=live.Message(role="user", content="x"))


def test_an_event_of_the_responses_api_is_json() -> None:
    body = b'{"type": "response.created",\n "big": 1e2}'
    frame = bytearray(b'{"type":"response.event","event":' + body + b"}")
    event = live.decode_server(frame)
    assert isinstance(event, live.ResponseEvent)
    frame.clear()
    assert bytes(event.event) == body
    assert live.encode(event) == b'{"type":"response.event","event":' + body + b"}"


def test_a_number_of_numpy_beside_a_malformed_object_is_encoded() -> None:
    tools = [{"type": "function", "name": 5}]
    delegation = {"type": "responses", "responses": {"model": "m", "tools": tools}}
    event: Any = live.decode_client(
        json.dumps({"type": "session.start", "session": {"model": "gpt-live-1", "delegation": delegation}})
    )
    event.session.delegation.acknowledgement_delay_ms = np.int64(5)
    sent = json.loads(live.encode(event))["session"]["delegation"]
    assert sent == {**delegation, "acknowledgement_delay_ms": 5}


def test_null_settings_are_retained() -> None:
    wire = start(delegation={"type": "responses", "responses": None}, input=None)
    event = live.decode_client(json.dumps(wire))
    assert isinstance(event, live.SessionStart)
    assert isinstance(event.session.delegation, live.ResponsesDelegation)
    assert event.session.delegation.responses is None
    assert json.loads(live.encode(event)) == wire


def test_an_unknown_delegation_is_retained() -> None:
    frame = b'{"type":"session.update","session":{"delegation":{"type":"oracle","x":1}}}'
    event = live.decode_client(frame)
    assert isinstance(event, live.SessionUpdate)
    assert event.session.delegation == live.UnknownDelegation("oracle", b'{"type":"oracle","x":1}')
    assert live.encode(event) == frame


def test_a_session_reported_by_the_server_starts_another() -> None:
    reported = live.LiveSessionInfo(
        id="s", status="active", expires_at=5, model="gpt-live-1", instructions="Be brief."
    )
    back = json.loads(live.encode(live.SessionStart(session=reported)))["session"]
    assert back == {"model": "gpt-live-1", "instructions": "Be brief."}


def test_limits_are_checked_in_every_dialect() -> None:
    with pytest.raises(ConfigError):
        live.Codec(max_depth=0)


@pytest.mark.parametrize(
    "kind", [live.SessionInstructionsAppend, live.SessionThinkingAppend, live.SessionCommentaryAppend]
)
def test_the_delegation_of_a_text_is_always_sent(kind: type[live.SessionThinkingAppend]) -> None:
    assert json.loads(live.encode(kind(content="x"))) == {
        "type": kind.__struct_config__.tag,
        "delegation_id": None,
        "content": "x",
    }
