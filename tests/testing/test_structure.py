"""The structure of client events: every member, at every depth, unknown, missing, null and of a wrong type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.testing import ServerProtocol, refusals, structure
from tests import cases
from tests.testing.helpers import (
    COMMIT,
    PCM16,
    RESPOND,
    append,
    exchange,
    formats,
    open_session,
    refusal,
    tone,
)

VAD = {
    "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
    "create_response": True, "interrupt_response": True,
}  # fmt: skip
FUNCTION = {
    "type": "function",
    "name": "f",
    "description": "d",
    "parameters": {"type": "object", "any": None},
}
MCP = {
    "type": "mcp", "server_label": "s", "server_url": "https://example.com", "server_description": "d",
    "authorization": "a", "headers": {"x": "y"}, "allowed_tools": {"tool_names": ["t"], "read_only": True},
    "allowed_callers": ["direct"], "defer_loading": False,
    "require_approval": {"always": {"tool_names": ["t"]}, "never": {"read_only": True}},
}  # fmt: skip
PCM = {"type": "audio/pcm", "rate": 24000}
PROMPT = {
    "id": "p",
    "version": "1",
    "variables": {"name": "text", "other": {"type": "input_text", "text": "x"}},
}
SESSION = {
    "type": "realtime", "model": "gpt-realtime-2", "output_modalities": ["audio"], "instructions": "Be brief.",
    "audio": {
        "input": {
            "format": PCM, "noise_reduction": {"type": "near_field"}, "turn_detection": VAD | {"idle_timeout_ms": 6000},
            "transcription": {"model": "gpt-4o-transcribe", "language": "en", "prompt": "p"},
        },
        "output": {"format": PCM, "voice": {"id": "v"}, "speed": 1.0},
    },
    "tools": [FUNCTION, MCP], "tool_choice": {"type": "function", "name": "f"}, "parallel_tool_calls": True,
    "max_output_tokens": 100, "reasoning": {"effort": "low"}, "prompt": PROMPT,
    "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}},
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 9}},
    "include": ["item.input_audio_transcription.logprobs"],
}  # fmt: skip
MESSAGE = {"type": "message", "id": "i", "object": "realtime.item", "status": "completed", "role": "user"}
USER = MESSAGE | {
    "content": [
        {"type": "input_text", "text": "x"},
        {"type": "input_audio", "audio": "AAA=", "transcript": "t"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
    ]
}
ASSISTANT = MESSAGE | {"role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
CALL = {
    "type": "function_call",
    "id": "i",
    "call_id": "c",
    "name": "f",
    "arguments": "{}",
    "status": "completed",
}
OUTPUT = {"type": "function_call_output", "id": "i", "call_id": "c", "output": "x"}
BETA_SESSION = {
    "modalities": ["text"], "instructions": "i", "voice": "ash", "input_audio_format": "pcm16",
    "output_audio_format": "pcm16", "input_audio_transcription": {"model": "whisper-1", "language": "en"},
    "turn_detection": VAD | {"eagerness": "low"}, "tools": [FUNCTION], "tool_choice": "auto", "temperature": 0.8,
    "max_response_output_tokens": "inf", "input_audio_noise_reduction": {"type": "near_field"}, "speed": 1.0,
    "tracing": {"workflow_name": "w"}, "client_secret": {"expires_after": {"anchor": "created_at", "seconds": 60}},
}  # fmt: skip


def create(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "conversation.item.create", "event_id": "e", "previous_item_id": "root", "item": item}


FRAMES: dict[str, list[dict[str, Any]]] = {
    dialect: [json.loads(frame) for frame in cases.frames(dialect, "client")]
    for dialect in ("ga", "beta", "translation")
}
FRAMES["ga"] += [
    {"type": "session.update", "event_id": "e", "session": SESSION},
    {"type": "session.update", "session": {"type": "transcription", "include": [], "audio": {"input": {
        "turn_detection": {"type": "semantic_vad", "eagerness": "low", "create_response": True}}}}},
    create(USER), create(ASSISTANT), create(CALL), create(OUTPUT),
    create({"type": "mcp_approval_response", "id": "i", "approval_request_id": "a", "approve": True, "reason": "r"}),
    create({"type": "mcp_list_tools", "id": "i", "server_label": "s", "tools": [
        {"name": "t", "input_schema": {"any": None}, "description": "d", "annotations": {"a": 1}}]}),
    create({"type": "mcp_call", "id": "i", "server_label": "s", "name": "n", "arguments": "{}", "output": "o",
            "approval_request_id": "a", "error": {"type": "http_error", "code": 7, "message": "m"}}),
    {"type": "response.create", "response": {
        "conversation": "none", "input": [USER, CALL, {"type": "item_reference", "id": "i"}],
        "output_modalities": ["audio"], "instructions": "i", "audio": {"output": {"voice": "ash", "format": PCM}},
        "tools": [FUNCTION], "tool_choice": {"type": "mcp", "server_label": "s", "name": "n"},
        "max_output_tokens": "inf", "reasoning": {"effort": "low"}, "prompt": PROMPT, "metadata": {"a": "b"}}},
]  # fmt: skip
FRAMES["beta"] += [
    {"type": "session.update", "event_id": "e", "session": BETA_SESSION},
    create({**MESSAGE, "content": [{"type": "input_text", "text": "x"}, {"type": "input_audio", "audio": "AAA="}]}),
    create(OUTPUT),
    {"type": "response.create", "response": {"voice": "ash", "temperature": 0.8, "metadata": {"a": "b"},
                                             "output_audio_format": "pcm16", "max_output_tokens": 7}},
]  # fmt: skip

# What is inside these is any JSON, or text by any name.
FREE = re.compile(r"\.(parameters|metadata|variables|headers|input_schema|annotations)\b")
ANY_JSON = (".parameters", "tracing.metadata", ".input_schema", ".annotations")
Path = tuple[Any, ...]


def param_of(path: Path) -> str:
    """Return a path in OpenAI's notation."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def general(path: Path) -> str:
    """Return the path of a member without the indices of lists and the event's outer members."""
    return re.sub(r"\[\d+\]", "[]", param_of(path))


def members(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every member and element of an event, with its path, but for free-form JSON."""
    if not FREE.search("." + param_of(path)):
        pairs = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, member in pairs:
            yield (*path, key), member
            yield from members(member, (*path, key))


def objects(event: dict[str, Any]) -> Iterator[Path]:
    """Yield the path of every object in an event, the event's own among them."""
    yield ()
    yield from (
        path
        for path, value in members(event)
        if isinstance(value, dict) and not FREE.search("." + param_of(path))
    )


MISSING = object()


def changed(event: dict[str, Any], path: Path, new: Any) -> dict[str, Any]:
    """Return a copy of an event with the member at `path` replaced, added or removed."""
    result: dict[str, Any] = json.loads(json.dumps(event))
    owner: Any = result
    for key in path[:-1]:
        owner = owner[key]
    if new is MISSING:
        del owner[path[-1]]
    else:
        owner[path[-1]] = new
    return result


ITEM = {"type": "conversation.item.create", "item": {
    "id": "kept", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}}  # fmt: skip
UPDATE: dict[str, Any] = {"ga": {"type": "realtime"}, "beta": {}, "translation": {}}


def session_of(dialect: str, **options: Any) -> ServerProtocol:
    """Return an open session, with one item where the dialect has items."""
    session = ServerProtocol(dialect=dialect, **options)  # type: ignore[arg-type]
    session.open()
    session.feed(json.dumps(ITEM))
    return session


def snapshot(dialect: str, session: ServerProtocol) -> list[Any]:
    """Return what a client can see of a session: its settings and its item."""
    frames = [
        {"type": "session.update", "session": UPDATE[dialect]},
        {"type": "conversation.item.retrieve", "item_id": "kept"},
        {"type": "conversation.item.delete", "item_id": "never created"},
    ]
    events = [event for frame in frames for event in session.feed(json.dumps(frame))]
    return [{**json.loads(session.encode(event)), "event_id": None} for event in events]


def answer(session: ServerProtocol, event: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the code and param of the error that answers an event; "" and None for another answer."""
    events = session.feed(json.dumps(event))
    errors = [reply.error for reply in events if reply.type == "error"]
    return (errors[0].code, errors[0].param) if errors else ("", None)


STRUCTURAL = {"unknown_parameter", "missing_required_parameter", "invalid_type"}
ALL = [
    pytest.param(dialect, event, id=f"{dialect}-{event['type']}")
    for dialect in FRAMES
    for event in FRAMES[dialect]
]


@pytest.mark.parametrize(("dialect", "event"), ALL)
def test_a_complete_event_has_the_structure(dialect: str, event: dict[str, Any]) -> None:
    assert answer(session_of(dialect), event)[0] not in STRUCTURAL


@pytest.mark.parametrize(("dialect", "event"), ALL)
def test_an_unknown_member_is_refused_at_every_depth(dialect: str, event: dict[str, Any]) -> None:
    session = session_of(dialect)
    before = snapshot(dialect, session)
    for path in objects(event):
        at = (*path, "surprise")
        for value in (1, None, {"type": "x"}):
            assert answer(session, changed(event, at, value)) == ("unknown_parameter", param_of(at))
    assert snapshot(dialect, session) == before


# The members that must be there.
REQUIRED = {
    "ga": {
        "audio", "item", "item_id", "content_index", "audio_end_ms", "session", "session.type",
        "session.tools[].type", "session.tools[].name", "session.tools[].server_label",
        "session.tool_choice.type", "session.tool_choice.name", "session.prompt.id",
        "session.audio.input.format.type", "session.audio.input.format.rate",
        "session.audio.output.format.type", "session.audio.output.format.rate", "session.audio.output.voice.id",
        "session.audio.input.turn_detection.type", "session.truncation.type", "session.truncation.retention_ratio",
        "item.type", "item.role", "item.content", "item.content[].type", "item.content[].text",
        "item.content[].audio", "item.content[].image_url", "item.name", "item.arguments", "item.output",
        "item.call_id", "item.id", "item.approval_request_id", "item.approve",
        "item.tools", "item.tools[].name", "item.tools[].input_schema", "item.server_label", "item.error.type",
        "item.error.code", "item.error.message",
        "response.input[].type", "response.input[].role", "response.input[].content", "response.input[].name",
        "response.input[].content[].type", "response.input[].content[].text", "response.input[].content[].audio",
        "response.input[].content[].image_url", "response.input[].arguments", "response.input[].id",
        "response.audio.output.format.type", "response.audio.output.format.rate", "response.tools[].type",
        "response.tools[].name", "response.tool_choice.type", "response.tool_choice.server_label",
        "response.prompt.id",
    },
    "beta": {
        "audio", "item", "item_id", "content_index", "audio_end_ms", "session",
        "session.tools[].type", "session.tools[].name", "session.turn_detection.type",
        "item.type", "item.content[].type", "item.content[].text", "item.content[].audio",
        "item.role", "item.content", "item.call_id", "item.output",
        "response.input[].type", "response.input[].content[].type", "response.input[].content[].text",
        "response.input[].role", "response.input[].content", "response.input[].id",
    },
    "translation": {"audio", "session", "session.audio.input.transcription.model"},
}  # fmt: skip
# The members whose null means something.
NULLABLE = {
    "ga": {
        "previous_item_id", "session.prompt", "session.tracing", "session.prompt.variables", "session.prompt.version",
        "session.audio.input.turn_detection", "session.audio.input.transcription",
        "session.audio.input.noise_reduction", "session.audio.input.turn_detection.idle_timeout_ms",
        "session.tools[].headers", "session.tools[].allowed_tools", "session.tools[].allowed_callers",
        "session.tools[].require_approval", "session.tools[].parameters", "session.tracing.metadata",
        "item.reason", "item.tools[].description", "item.tools[].annotations", "item.tools[].input_schema",
        "item.approval_request_id", "item.error", "item.output", "response.instructions", "response.metadata",
        "response.prompt", "response.prompt.variables",
        "response.prompt.version", "response.tools[].parameters",
    },
    "beta": {
        "previous_item_id", "session.turn_detection", "session.input_audio_transcription", "session.tracing",
        "session.input_audio_noise_reduction", "session.tools[].parameters", "response.metadata",
        "response.instructions",
    },
    "translation": {"session.audio.input.transcription", "session.audio.input.noise_reduction"},
}  # fmt: skip


@pytest.mark.parametrize("dialect", FRAMES)
def test_a_required_member_is_missed(dialect: str) -> None:
    found: set[str] = set()
    optional: set[str] = set()
    for event in FRAMES[dialect]:
        session = session_of(dialect)
        before = snapshot(dialect, session)
        for path, _ in members(event):
            if path == ("type",) or isinstance(path[-1], int):
                continue
            code, param = answer(session, changed(event, path, MISSING))
            if code == "missing_required_parameter" and param == param_of(path):
                found.add(general(path))
            else:  # never named after another member
                assert code not in STRUCTURAL, path
                optional.add(general(path))
                session = session_of(dialect)
        assert snapshot(dialect, session) == before
    # Of some, one type of object needs a member that another does not.
    assert found == REQUIRED[dialect]
    assert optional & found <= {
        "item.id", "item.call_id", "item.output", "item.approval_request_id", "response.input[].id",
        "session.tools[].name",
    }  # fmt: skip


@pytest.mark.parametrize("dialect", FRAMES)
def test_null_is_refused_where_it_means_nothing(dialect: str) -> None:
    found: set[str] = set()
    refused: set[str] = set()
    for event in FRAMES[dialect]:
        session = session_of(dialect)
        for path, _ in members(event):
            if path == ("type",):
                continue
            events = session.feed(json.dumps(changed(event, path, None)))
            error = next((reply.error for reply in events if reply.type == "error"), None)
            if error is not None and error.code == "invalid_type":
                assert error.param == param_of(path)
                assert error.message.startswith(f"Invalid type for '{error.param}': expected ")
                assert error.message.endswith(", but got null instead.")
                refused.add(general(path))
            else:
                found.add(general(path))
                session = session_of(dialect)
    assert found == NULLABLE[dialect]
    assert refused & found <= {"item.approval_request_id", "item.output"}  # of two types of items


@pytest.mark.parametrize("space", ["", " "])
@pytest.mark.parametrize("audio", ["", "AAAA" * 5000, r"AA\/A" * 5000, r"AA\"A"])
def test_long_audio_hides_nothing(space: str, audio: str) -> None:
    frame = f'{{"type":"input_audio_buffer.append","audio":{space}"{audio}","surprise":1}}'
    error = refusal(open_session().feed(frame))
    assert (error.code, error.param) == ("unknown_parameter", "surprise")
    long_key = "x" * 2000
    error = refusal(
        open_session().feed(f'{{"type":"input_audio_buffer.append","{long_key}":{space}"{audio}"}}')
    )
    assert (error.code, error.param) == ("missing_required_parameter", "audio")


def test_an_event_of_too_many_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.testing.structure.MAX_VALUES", 100)
    for count, codes in ((80, []), (101, ["invalid_event"])):
        event = {"type": "session.update", "session": {"type": "realtime", "include": ["x"] * count}}
        events = ServerProtocol().feed(json.dumps(event))
        assert [e.error.code for e in events if e.error.code != "invalid_value"] == codes


@pytest.mark.parametrize(("dialect", "event"), ALL)
def test_a_value_of_another_type_is_refused(dialect: str, event: dict[str, Any]) -> None:
    session = session_of(dialect)
    before = snapshot(dialect, session)
    for path, value in members(event):
        if path == ("type",) or general(path).endswith(ANY_JSON):
            continue
        for wrong in ("x", 7.5) if isinstance(value, bool) else (True,):
            assert answer(session, changed(event, path, wrong)) == ("invalid_type", param_of(path))
    assert snapshot(dialect, session) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_a_refused_event_changes_nothing(data: st.DataObject) -> None:
    """Whatever stands in the place of a member: the event is accepted, or the session is as before."""
    dialect = data.draw(st.sampled_from(sorted(FRAMES)))
    event = data.draw(st.sampled_from(FRAMES[dialect]))
    path = data.draw(st.sampled_from([path for path, _ in members(event)]))
    session = session_of(dialect)
    before = snapshot(dialect, session)
    code, param = answer(session, changed(event, path, data.draw(JSON)))
    if code:
        assert snapshot(dialect, session) == before
        assert param is None or param.isprintable()


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("x", "a string"), (7, "an integer"), (7.5, "a decimal"), (True, "a boolean"), ([], "an array"), ({}, "an object"),
        (None, "null"),
    ],
)  # fmt: skip
def test_messages_name_the_types(value: object, got: str) -> None:
    places = {
        "instructions": "a string",
        "parallel_tool_calls": "a boolean",
        "max_output_tokens": "one of an integer or a string",
        "tools": "an array of objects",
        "output_modalities": "an array of strings",
        "audio": "an object",
        "tool_choice": "one of a string or an object",
    }
    for name, expected in places.items():
        if got.split()[-1] in expected:
            continue
        event = {"type": "session.update", "session": {"type": "realtime", name: value}}
        error = refusal(open_session().feed(json.dumps(event)))
        message = f"Invalid type for 'session.{name}': expected {expected}, but got {got} instead."
        assert (error.code, error.message) == ("invalid_type", message)


def test_integers_are_decimals_but_decimals_no_integers() -> None:
    vad = {"type": "server_vad", "threshold": 1, "silence_duration_ms": 500.0}
    event = {
        "type": "session.update",
        "session": {"type": "realtime", "audio": {"input": {"turn_detection": vad}}},
    }
    error = refusal(open_session().feed(json.dumps(event)))
    assert error.param == "session.audio.input.turn_detection.silence_duration_ms"
    assert error.message.endswith("expected an integer, but got a decimal instead.")


def test_what_is_missing_comes_before_what_is_unknown() -> None:
    """As OpenAI's server reports it: an update of beta's, sent to GA, lacks its type first."""
    event = {"type": "session.update", "session": {"voice": "ash", "tools": []}}
    assert answer(session_of("ga"), event) == ("missing_required_parameter", "session.type")


@given(name=st.text(max_size=30) | st.just("sk-" + "a" * 500))
def test_names_from_the_client_are_shortened_and_printable(name: str) -> None:
    known = {"type", "event_id", "session"}
    if name in known:
        return
    frame = json.dumps({"type": "session.update", "session": {"type": "realtime"}, name: 1})
    (error,) = ServerProtocol().feed(frame)
    assert error.error.code == "unknown_parameter"
    assert error.error.message.isprintable()
    assert len(error.error.message) < 200


def test_the_tables_name_existing_members() -> None:
    for table in (structure.NULLABLE, structure.REQUIRED):
        for struct, names in table.items():
            known = {field.encode_name for field in msgspec.structs.fields(struct)}
            assert {*names} <= known, struct


# --- strict=False --------------------------------------------------------------------

FORGIVEN: dict[str, tuple[str, dict[str, Any]]] = {
    "an unknown member": ("ga", {"type": "session.update", "session": {"type": "realtime", "voice": "ash"}}),
    "an unknown member, deep": ("ga", {"type": "session.update", "session": {"type": "realtime", "tools": [
        FUNCTION | {"meta": {}}]}}),
    "an unknown member of the event": ("ga", {"type": "input_audio_buffer.clear", "x": 1}),
    "no type": ("ga", {"type": "session.update", "session": {"instructions": "x"}}),
    "a null": ("ga", {"type": "session.update", "session": {"type": "realtime", "instructions": None}}),
    "a format without a rate": ("ga", {"type": "session.update", "session": {"type": "realtime", "audio": {
        "input": {"format": {"type": "audio/pcm"}}}}}),
    "a part of another role": ("ga", create(USER | {"role": "assistant"})),
    "a transcript alone": ("ga", create(MESSAGE | {"role": "assistant", "content": [
        {"type": "output_audio", "transcript": "x"}]})),
    "the output of an unknown call": ("ga", create(OUTPUT | {"call_id": "a/b"})),
    "a function in the older notation": ("beta", {"type": "session.update", "session": {"tools": [
        {"type": "function", "function": {"name": "f"}}]}}),
    "GA's members": ("beta", {"type": "session.update", "session": {"type": "realtime", "audio": {}}}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGIVEN)
def test_only_a_strict_session_refuses(name: str) -> None:
    dialect, event = FORGIVEN[name]
    event = {key: value for key, value in event.items() if key != "previous_item_id"}
    assert answer(session_of(dialect), event)[0]
    assert answer(session_of(dialect, strict=False), event) == ("", None)


def test_a_lenient_session_refuses_the_rest_with_the_same_codes() -> None:
    for strict in (True, False):
        session = session_of("ga", strict=strict)
        truncate = {
            "type": "conversation.item.truncate",
            "item_id": "kept",
            "content_index": 0,
            "audio_end_ms": 0,
        }
        assert answer(session, truncate) == ("unsupported_content_type", None)
        assert answer(session, ITEM) == ("item_create_duplicate_item_id", None)
        append_number = {"type": "input_audio_buffer.append", "audio": 7}
        assert answer(session, append_number) == ("invalid_type", "audio")
        assert answer(session, {"type": "input_audio_buffer.append"}) == (
            "missing_required_parameter",
            "audio",
        )


# --- Between the dialects ------------------------------------------------------------

# What the migration changes (docs/migrate/beta-to-ga.md), as a client of the other dialect sends it.
IN_GA: dict[str, Any] = {
    "modalities": ["audio", "text"],
    "voice": "ash",
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "input_audio_noise_reduction": {"type": "near_field"},
    "turn_detection": {"type": "server_vad"},
    "temperature": 0.8,
    "max_response_output_tokens": 100,
    "speed": 1.0,
    "client_secret": {"expires_after": {"anchor": "created_at", "seconds": 60}},
}
IN_BETA: dict[str, Any] = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "audio": {"input": {"format": PCM}},
    "max_output_tokens": 100,
    "parallel_tool_calls": True,
    "reasoning": {"effort": "low"},
    "truncation": "auto",
    "prompt": {"id": "p"},
}
BETWEEN = [
    *(
        ("ga", "session.update", "session", {"type": "realtime"}, name, value)
        for name, value in IN_GA.items()
    ),
    *(("beta", "session.update", "session", {}, name, value) for name, value in IN_BETA.items()),
    *(
        ("ga", "response.create", "response", {}, name, IN_GA[name])
        for name in (
            "modalities",
            "voice",
            "output_audio_format",
            "temperature",
            "max_response_output_tokens",
        )
    ),
    *(
        ("beta", "response.create", "response", {}, name, IN_BETA[name])
        for name in ("output_modalities", "audio", "reasoning", "prompt")
    ),
]


@pytest.mark.parametrize(("dialect", "kind", "owner", "base", "name", "value"), BETWEEN)
def test_a_member_of_the_other_dialect_is_unknown(
    dialect: str, kind: str, owner: str, base: Any, name: str, value: Any
) -> None:
    session = session_of(dialect)
    before = snapshot(dialect, session)
    error = refusal(session.feed(json.dumps({"type": kind, owner: {**base, name: value}})))
    assert (error.code, error.param) == ("unknown_parameter", f"{owner}.{name}")
    assert error.message == f"Unknown parameter: '{owner}.{name}'."
    assert snapshot(dialect, session) == before


def part(role: str, kind: str, **members: str) -> dict[str, Any]:
    return create({"type": "message", "role": role, "content": [{"type": kind, **members}]})


OTHERS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "beta's transcription update": (
        "ga", {"type": "transcription_session.update", "session": {}}, "invalid_value", "type",
    ),
    "beta's text of the assistant": (
        "ga", part("assistant", "text", text="x"), "invalid_value", "item.content[0].type",
    ),
    "GA's text of the assistant": (
        "beta", part("user", "output_text", text="x"), "invalid_value", "item.content[0].type",
    ),
    "a format that is a string": (
        "ga", {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"format": "pcm16"}}}},
        "invalid_type", "session.audio.input.format",
    ),
    "a format that is an object": (
        "beta", {"type": "session.update", "session": {"input_audio_format": PCM}},
        "invalid_type", "session.input_audio_format",
    ),
    "a turn detection of the type none": (
        "beta", {"type": "session.update", "session": {"turn_detection": {"type": "none"}}},
        "invalid_value", "session.turn_detection.type",
    ),
    "both modalities": (
        "ga", {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio", "text"]}},
        "invalid_value", "session.output_modalities",
    ),
    "audio alone": (
        "beta", {"type": "session.update", "session": {"modalities": ["audio"]}},
        "invalid_value", "session.modalities",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_a_value_of_the_other_dialect_is_refused(name: str) -> None:
    dialect, event, code, param = OTHERS[name]
    assert answer(session_of(dialect), event) == (code, param)


# --- What was reported of OpenAI's server --------------------------------------------


def ga_update(**session: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


TRUNCATED = "Only model output audio messages can be truncated"
# Event, code, param and message; the source is beside the rule.
REPORTED: dict[str, tuple[str, dict[str, Any], str, str | None, str]] = {
    "an update without a type": (
        "ga", {"type": "session.update", "session": {"instructions": "x"}}, "missing_required_parameter",
        "session.type", "Missing required parameter: 'session.type'.",
    ),
    "a flat format": (
        "ga", ga_update(input_audio_format="pcm16"), "unknown_parameter", "session.input_audio_format",
        "Unknown parameter: 'session.input_audio_format'.",
    ),
    "a tool's meta": (
        "ga", ga_update(tools=[FUNCTION, FUNCTION, FUNCTION | {"meta": None}]), "unknown_parameter",
        "session.tools[2].meta", "Unknown parameter: 'session.tools[2].meta'.",
    ),
    "GA's modalities in beta": (
        "beta", {"type": "session.update", "session": {"output_modalities": ["text"]}}, "unknown_parameter",
        "session.output_modalities", "Unknown parameter: 'session.output_modalities'.",
    ),
    "a transcription that is enabled": (
        "beta", {"type": "session.update", "session": {
            "input_audio_transcription": {"enabled": True, "model": "whisper-1"}}},
        "unknown_parameter", "session.input_audio_transcription.enabled",
        "Unknown parameter: 'session.input_audio_transcription.enabled'.",
    ),
    "a null": (
        "ga", ga_update(audio={"input": {"turn_detection": {"type": "server_vad", "create_response": None}}}),
        "invalid_type", "session.audio.input.turn_detection.create_response",
        "Invalid type for 'session.audio.input.turn_detection.create_response': expected a boolean, but got null "
        "instead.",
    ),
    "a string for an object": (
        "ga", ga_update(audio={"input": {"noise_reduction": "near_field"}}), "invalid_type",
        "session.audio.input.noise_reduction",
        "Invalid type for 'session.audio.input.noise_reduction': expected an object, but got a string instead.",
    ),
    "a nested tool choice": (
        "ga", ga_update(tool_choice={"type": "function", "function": {"name": "f"}}), "missing_required_parameter",
        "session.tool_choice.name", "Missing required parameter: 'session.tool_choice.name'.",
    ),
    "a format without a rate": (
        "ga", ga_update(audio={"output": {"format": {"type": "audio/pcm"}}}), "missing_required_parameter",
        "session.audio.output.format.rate", "Missing required parameter: 'session.audio.output.format.rate'.",
    ),
    "a transcript alone": (
        "ga", part("assistant", "output_audio", transcript="x"), "missing_required_parameter",
        "item.content[0].text", "Missing required parameter: 'item.content[0].text'.",
    ),
    "the output of an unknown call": (
        "ga", create(OUTPUT | {"call_id": "call_7"}), "invalid_tool_call_id", None,
        "Tool call ID 'call_7' not found in conversation.",
    ),
    "the output of an unknown call in beta": (
        "beta", create(OUTPUT | {"call_id": "call_7"}), "invalid_tool_call_id", None,
        "Tool call ID 'call_7' not found in conversation.",
    ),
    "other characters in a call_id": (
        "ga", create(OUTPUT | {"call_id": "call_1/update_2"}), "invalid_value", "item.call_id",
        "Invalid 'item.call_id': string does not match pattern. Expected a string that matches the pattern "
        "'^[a-zA-Z0-9_-]+$'.",
    ),
    "an empty call_id": (
        "ga", create(CALL | {"call_id": ""}), "invalid_value", "item.call_id",
        "Invalid 'item.call_id': string does not match pattern. Expected a string that matches the pattern "
        "'^[a-zA-Z0-9_-]+$'.",
    ),
    "an id that is taken": (
        "ga", ITEM, "item_create_duplicate_item_id", None,
        "Error adding item: an item with id 'kept' already exists.",
    ),
    "an id that is taken in beta": (
        "beta", ITEM, "item_create_duplicate_item_id", None,
        "Error adding item: an item with id 'kept' already exists.",
    ),
    "a user's item truncated": (
        "ga", {"type": "conversation.item.truncate", "item_id": "kept", "content_index": 0, "audio_end_ms": 0},
        "unsupported_content_type", None, TRUNCATED,
    ),
    "an assistant's input_text": (
        "ga", part("assistant", "input_text", text="x"), "invalid_value", "item.content[0].type",
        "Invalid value: 'input_text'. Supported values are: 'output_text' and 'output_audio'.",
    ),
    "a user's output_text": (
        "ga", part("user", "output_text", text="x"), "invalid_value", "item.content[0].type",
        "Invalid value: 'output_text'. Supported values are: 'input_text', 'input_audio', and 'input_image'.",
    ),
    "the system's audio": (
        "ga", part("system", "input_audio", audio="AAA="), "invalid_value", "item.content[0].type",
        "Invalid value: 'input_audio'. Supported values are: 'input_text'.",
    ),
    "an assistant's input_text in beta": (
        "beta", part("assistant", "input_text", text="x"), "invalid_value", "item.content[0].type",
        "Invalid value: 'input_text'. Supported values are: 'text' and 'audio'.",
    ),
    "a part of another role in a response": (
        "ga", {"type": "response.create", "response": {"input": [
            {"type": "message", "role": "user", "content": [{"type": "output_text", "text": "x"}]}]}},
        "invalid_value", "response.input[0].content[0].type",
        "Invalid value: 'output_text'. Supported values are: 'input_text', 'input_audio', and 'input_image'.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REPORTED)
def test_what_the_real_server_refuses(name: str) -> None:
    dialect, event, code, param, message = REPORTED[name]
    event = {key: value for key, value in event.items() if key != "previous_item_id"}
    session = session_of(dialect)
    before = snapshot(dialect, session)
    (answered,) = session.feed(json.dumps({**event, "event_id": "mine"}))
    error = json.loads(session.encode(answered))
    assert error.pop("event_id").startswith("event_")
    assert error == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "code": code,
            "message": message,
            "event_id": "mine",
            **({} if param is None else {"param": param}),
        },
    }
    assert snapshot(dialect, session) == before


def test_a_call_is_known_from_its_item_on() -> None:
    session = session_of("ga")
    output = create({"type": "function_call_output", "call_id": "c", "output": "x"})
    del output["previous_item_id"]
    call = create({**CALL, "id": "the call"})
    assert answer(session, output)[0] == "invalid_tool_call_id"
    assert answer(session, call) == ("", None)
    assert answer(session, output) == ("", None)
    assert answer(session, {"type": "conversation.item.delete", "item_id": "the call"}) == ("", None)
    assert answer(session, output)[0] == "invalid_tool_call_id"


def test_the_models_own_call_is_known() -> None:
    session = ServerProtocol(script=[r.testing.Call("f", call_id="call_1")])
    exchange(session, RESPOND)
    assert "error" not in [e.type for e in exchange(session, r.create_function_output("call_1", "42"))]


REASONING = {"effort": "low"}


@pytest.mark.parametrize(
    ("model", "is_refused"),
    [
        ("gpt-realtime", True),
        ("gpt-realtime-2025-08-28", True),
        ("gpt-realtime-mini", True),
        ("gpt-realtime-1.5", True),
        ("gpt-realtime-2", False),
        ("gpt-realtime-2.1", False),
        ("gpt-realtime-2.1-mini", False),
        ("my-model", False),
    ],
)
def test_reasoning_needs_a_model_that_reasons(model: str, is_refused: bool) -> None:
    session = ServerProtocol(model=model)
    before = snapshot("ga", session)
    for event, param in (
        (ga_update(reasoning=REASONING, instructions="changed"), "session.reasoning"),
        ({"type": "response.create", "response": {"reasoning": REASONING}}, "response.reasoning"),
    ):
        expected = ("unsupported_parameter", param) if is_refused else ("", None)
        assert answer(session, event) == expected
    assert (snapshot("ga", session)[0] == before[0]) == is_refused


@pytest.mark.parametrize("dialect", ["ga", "beta"])
@pytest.mark.parametrize("strict", [True, False])
def test_an_update_does_not_change_the_model(dialect: Any, strict: bool) -> None:
    session = ServerProtocol(dialect=dialect, model="gpt-realtime", strict=strict)
    change = {**UPDATE[dialect], "model": "gpt-realtime-mini", "instructions": "changed"}
    (updated,) = session.feed(json.dumps({"type": "session.update", "session": change}))
    assert (updated.session.model, updated.session.instructions) == ("gpt-realtime", "changed")


# --- Truncation ----------------------------------------------------------------------


def paced() -> tuple[ServerProtocol, str]:
    """Return a session whose response has begun and sent no audio, and the id of the item."""
    session = open_session(formats(), append(tone(PCM16, 1000)), COMMIT, paced=True)
    (added,) = (e for e in exchange(session, RESPOND) if isinstance(e, r.ResponseOutputItemAdded))
    return session, str(getattr(added.item, "id", ""))


def truncation(item_id: str, ms: int) -> r.ConversationItemTruncate:
    return r.ConversationItemTruncate(item_id=item_id, content_index=0, audio_end_ms=ms)


def test_there_is_nothing_to_truncate_before_the_first_audio() -> None:
    session, item_id = paced()
    (before,) = exchange(session, r.ConversationItemRetrieve(item_id=item_id))
    for ms in (0, 100):
        error = refusal(exchange(session, truncation(item_id, ms)))
        assert (error.code, error.message) == ("unsupported_content_type", TRUNCATED)
    (after,) = exchange(session, r.ConversationItemRetrieve(item_id=item_id))
    assert after.item == before.item
    session.advance()
    assert [e.type for e in exchange(session, truncation(item_id, 0))] == ["conversation.item.truncated"]


def test_a_text_cannot_be_truncated() -> None:
    session = open_session(r.SessionUpdate(session=r.RealtimeSession(output_modalities=["text"])))
    (done,) = [e for e in exchange(session, RESPOND) if e.type == "response.output_item.done"]
    assert refusal(exchange(session, truncation(done.item.id, 0))).code == "unsupported_content_type"


@pytest.mark.parametrize("ends_by", ["itself", "a cancellation"])
def test_the_transcript_of_a_truncated_answer_never_comes_back(ends_by: str) -> None:
    session, item_id = paced()
    session.advance()
    session.advance()
    events = exchange(session, truncation(item_id, 150))
    if ends_by == "a cancellation":
        events += exchange(session, r.ResponseCancel())
    while session.is_responding:
        events += session.advance()
    events += exchange(session, r.ConversationItemRetrieve(item_id=item_id))
    assert {"response.done", "response.output_item.done", "conversation.item.retrieved"} <= {
        e.type for e in events
    }
    (retrieved,) = [e for e in events if e.type == "conversation.item.retrieved"]
    assert len(retrieved.item.content[0].audio) == PCM16.chunk_bytes(150)
    for event in events:
        assert b"seconds of audio" not in session.encode(event), event.type


def test_an_answer_that_is_not_truncated_keeps_its_transcript() -> None:
    session, _ = paced()
    events: list[Any] = []
    while session.is_responding:
        events += session.advance()
    (done,) = [e for e in events if e.type == "response.done"]
    assert done.response.output[0].content[0].transcript == "That was 1.00 seconds of audio."


# --- The rules -----------------------------------------------------------------------


def test_every_rule_has_a_source() -> None:
    """A report or a source file, or the word that says that none confirms it."""
    rules = {name: rule for name, rule in vars(refusals).items() if isinstance(rule, refusals.Rule)}
    known = re.compile(r"[\w.-]+/[\w.-]+(#\d+|, [\w/.-]+\.(py|md))|OpenAI, guides/[\w-]+")
    for name, rule in rules.items():
        assert rule.source == refusals.INFERRED or known.match(rule.source), name
    reported = {name for name, rule in rules.items() if rule.source != refusals.INFERRED}
    assert {
        "UNKNOWN_PARAMETER",
        "MISSING_PARAMETER",
        "INVALID_TYPE",
        "CALL_NOT_FOUND",
        "ITEM_EXISTS",
    } <= reported
