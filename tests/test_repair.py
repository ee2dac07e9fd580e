"""The lenient decoder: unknown types are retained, legacy spellings are normalised."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

import realtime
from realtime import beta, events as ga
from realtime.events.base import Unknown
from realtime.repair import LenientDecoder, ValidationFailure, decode_event

UNKNOWN = {"type": "hologram", "depth": [1, {"z": None}], "big": 2**70}


def _session(**settings: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": {"type": "realtime", **settings}}


def _item(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": item}


def _message(part: dict[str, Any]) -> dict[str, Any]:
    return _item({"type": "message", "role": "user", "content": [part, {"type": "input_text", "text": "x"}]})


# Every place of an unknown type, and the class that retains it.
UNKNOWN_IN_CLIENT_EVENTS = {
    "item": (_item(UNKNOWN), realtime.UnknownItem, lambda e: e.item),
    "part": (_message(UNKNOWN), realtime.UnknownPart, lambda e: e.item.content[0]),
    "session": ({"type": "session.update", "session": UNKNOWN}, realtime.UnknownSession, lambda e: e.session),
    "tool": (_session(tools=[UNKNOWN]), realtime.UnknownTool, lambda e: e.session.tools[0]),
    "tool choice": (
        _session(tool_choice=UNKNOWN),
        realtime.UnknownToolChoice,
        lambda e: e.session.tool_choice,
    ),
    "turn detection": (
        _session(audio={"input": {"turn_detection": UNKNOWN}}),
        realtime.UnknownTurnDetection,
        lambda e: e.session.audio.input.turn_detection,
    ),
    "format": (
        _session(audio={"output": {"format": UNKNOWN}}),
        realtime.UnknownFormat,
        lambda e: e.session.audio.output.format,
    ),
    "truncation": (_session(truncation=UNKNOWN), realtime.UnknownTruncation, lambda e: e.session.truncation),
    "prompt variable": (
        _session(prompt={"id": "p", "variables": {"v": UNKNOWN}}),
        realtime.UnknownPromptVariable,
        lambda e: e.session.prompt.variables["v"],
    ),
    "MCP error": (
        _item(
            {
                "type": "mcp_call",
                "id": "i",
                "server_label": "s",
                "name": "n",
                "arguments": "{}",
                "error": UNKNOWN,
            }
        ),
        realtime.UnknownMcpError,
        lambda e: e.item.error,
    ),
    "input item of a response": (
        {"type": "response.create", "response": {"input": [UNKNOWN]}},
        realtime.UnknownItem,
        lambda e: e.response.input[0],
    ),
}


@pytest.mark.parametrize(
    ("wire", "cls", "place"), UNKNOWN_IN_CLIENT_EVENTS.values(), ids=UNKNOWN_IN_CLIENT_EVENTS
)
def test_an_unknown_type_keeps_its_tag_and_json(wire: Any, cls: type[Unknown], place: Any) -> None:
    event = realtime.decode_client(json.dumps(wire))
    found = place(event)
    assert type(found) is cls
    assert found.type == "hologram"
    assert json.loads(found.raw) == UNKNOWN
    assert json.loads(realtime.encode(event)) == wire


def test_an_unknown_usage_of_a_transcription() -> None:
    wire = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "i", "content_index": 0, "transcript": "x", "usage": UNKNOWN,
    }  # fmt: skip
    event = realtime.decode_server(json.dumps(wire))
    assert isinstance(event, realtime.ConversationItemInputAudioTranscriptionCompleted)
    assert isinstance(event.usage, realtime.UnknownUsage)
    assert json.loads(realtime.encode(event)) == wire


UNKNOWN_IN_BETA_EVENTS = {
    "item": (_item(UNKNOWN), beta.UnknownItem, lambda e: e.item),
    "part": (_message(UNKNOWN), beta.UnknownPart, lambda e: e.item.content[0]),
    "turn detection": (
        {"type": "session.update", "session": {"turn_detection": UNKNOWN}},
        beta.UnknownTurnDetection,
        lambda e: e.session.turn_detection,
    ),
    "tool": (
        {"type": "session.update", "session": {"tools": [UNKNOWN]}},
        beta.UnknownTool,
        lambda e: e.session.tools[0],
    ),
}


@pytest.mark.parametrize(
    ("wire", "cls", "place"), UNKNOWN_IN_BETA_EVENTS.values(), ids=UNKNOWN_IN_BETA_EVENTS
)
def test_an_unknown_type_in_the_beta_dialect(wire: Any, cls: type[Unknown], place: Any) -> None:
    event = beta.decode_client(json.dumps(wire))
    assert type(place(event)) is cls
    assert json.loads(beta.encode(event)) == wire


@pytest.mark.parametrize("untyped", [{"x": 1}, {"type": None}, {"type": 5}, {"type": ["a"]}, {"type": ""}])
def test_an_object_without_a_valid_type_is_retained(untyped: dict[str, Any]) -> None:
    event = realtime.decode_client(json.dumps(_item(untyped)))
    assert isinstance(event, realtime.ConversationItemCreate)
    assert isinstance(event.item, realtime.UnknownItem)
    assert event.item.type == ""
    assert json.loads(realtime.encode(event)) == _item(untyped)


def test_unknown_roles_and_enum_values_are_strings() -> None:
    event = realtime.decode_client(
        json.dumps(_item({"type": "message", "role": "narrator", "status": "dreaming", "content": []}))
    )
    assert isinstance(event, realtime.ConversationItemCreate)
    assert isinstance(event.item, realtime.MessageItem)
    assert (event.item.role, event.item.status) == ("narrator", "dreaming")


def test_unknown_fields_are_ignored_and_never_sent() -> None:
    event = realtime.decode_client(b'{"type":"response.cancel","obfuscation":"x","response_id":"r"}')
    assert realtime.encode(event) == b'{"type":"response.cancel","response_id":"r"}'


# --- Legacy spellings ----------------------------------------------------------------


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "function", "name": "f"},
        {"type": "function", "function": {"name": "f"}},
        {"function": {"name": "f"}},
    ],
)
def test_a_nested_tool_choice_is_flattened(choice: dict[str, Any]) -> None:
    for dialect, wire in (
        (realtime, _session(tool_choice=choice)),
        (beta, {"type": "session.update", "session": {"tool_choice": choice}}),
    ):
        event = dialect.decode_client(json.dumps(wire))
        assert event.session.tool_choice == realtime.ToolChoiceFunction(name="f")
        back = json.loads(dialect.encode(event))["session"]["tool_choice"]
        assert back == {"type": "function", "name": "f"}


@pytest.mark.parametrize("choice", ["auto", "none", "required", "something_new"])
def test_tool_choice_modes_are_strings(choice: str) -> None:
    wire = _session(tool_choice=choice)
    assert json.loads(realtime.encode(realtime.decode_client(json.dumps(wire)))) == wire


def test_a_nested_tool_is_flattened() -> None:
    inner = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    event = realtime.decode_client(json.dumps(_session(tools=[{"type": "function", "function": inner}])))
    assert json.loads(realtime.encode(event)) == _session(tools=[{"type": "function", **inner}])


def test_a_null_in_place_of_the_nested_function_is_ignored() -> None:
    event = realtime.decode_client(
        json.dumps(_session(tools=[{"type": "function", "name": "f", "function": None}]))
    )
    assert json.loads(realtime.encode(event)) == _session(tools=[{"type": "function", "name": "f"}])
    with pytest.raises(realtime.DecodeError) as caught:
        realtime.decode_client(json.dumps(_session(tools=[{"type": "function", "function": 5}])))
    assert (caught.value.path, caught.value.reason) == (
        "$.session.tools[0]", "Expected `object | null`, got `int`"
    )  # fmt: skip


def test_turn_detection_none_is_null() -> None:
    event = realtime.decode_client(
        json.dumps(_session(audio={"input": {"turn_detection": {"type": "none"}}}))
    )
    assert json.loads(realtime.encode(event)) == _session(audio={"input": {"turn_detection": None}})
    event_beta = beta.decode_client(
        json.dumps(
            {"type": "session.update", "session": {"turn_detection": {"type": "none", "threshold": None}}}
        )
    )
    assert b'"turn_detection":null' in beta.encode(event_beta)


def test_a_session_without_a_type_is_a_realtime_session() -> None:
    event = realtime.decode_server(b'{"type":"session.created","session":{"id":"s","model":"m"}}')
    assert isinstance(event, realtime.SessionCreated)
    assert isinstance(event.session, realtime.RealtimeSessionInfo)
    assert (event.session.id, event.session.model) == ("s", "m")


def test_an_integral_float_is_an_int() -> None:
    event = realtime.decode_server(
        b'{"type":"rate_limits.updated","rate_limits":[{"name":"tokens","limit":5e4,"remaining":1.0}]}'
    )
    assert isinstance(event, realtime.RateLimitsUpdated)
    assert (event.rate_limits[0].limit, event.rate_limits[0].remaining) == (50_000, 1)
    with pytest.raises(realtime.DecodeError):
        realtime.decode_server(b'{"type":"rate_limits.updated","rate_limits":[{"limit":1.5}]}')


def test_integral_floats_in_a_list_of_ints() -> None:
    frame = (
        '{"type":"conversation.item.input_audio_transcription.delta","item_id":"i",'
        '"logprobs":[{"token":"H","logprob":-1,"bytes":[72.0,73]}]}'
    )
    event = realtime.decode_server(frame)
    assert isinstance(event, realtime.ConversationItemInputAudioTranscriptionDelta)
    assert event.logprobs is not None
    assert event.logprobs[0].bytes == [72, 73]
    for wrong in ("72.5", '"72"', "null", "true"):
        with pytest.raises(realtime.DecodeError) as caught:
            realtime.decode_server(frame.replace("73", wrong))
        assert caught.value.path == "$.logprobs[0].bytes[1]"


def test_status_details_can_be_a_string() -> None:
    event = realtime.decode_server(b'{"type":"response.done","response":{"status_details":"cancelled"}}')
    assert isinstance(event, realtime.ResponseDone)
    assert event.response.status_details == "cancelled"


@pytest.mark.parametrize("spelling", ["text", "output_text"])
def test_both_spellings_of_parts_decode_everywhere(spelling: str) -> None:
    part = {"type": spelling, "text": "x"}
    item = {"type": "message", "role": "assistant", "content": [part]}
    added = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0, "part": part}
    for wire in (
        {"type": "conversation.item.done", "item": item},
        {"type": "response.content_part.added", **added},
    ):
        event = realtime.decode_server(json.dumps(wire))
        assert json.loads(realtime.encode(event)) == wire


def test_an_unknown_item_in_a_response_leaves_the_rest_typed() -> None:
    wire = {
        "type": "response.done",
        "response": {
            "id": "r",
            "output": [{"type": "message", "role": "assistant", "content": [UNKNOWN]}, UNKNOWN],
            "usage": {"total_tokens": 7.0},
        },
    }
    event = realtime.decode_server(json.dumps(wire))
    assert isinstance(event, realtime.ResponseDone)
    assert event.response.output is not None
    assert isinstance(event.response.output[0], realtime.MessageItem)
    assert isinstance(event.response.output[0].content[0], realtime.UnknownPart)
    assert isinstance(event.response.output[1], realtime.UnknownItem)
    assert event.response.usage is not None
    assert event.response.usage.total_tokens == 7


def test_equality_hash_and_repr_of_unknown_objects() -> None:
    one = realtime.UnknownItem("a", b"{}")
    assert one == realtime.UnknownItem("a", b"{}")
    assert one != realtime.UnknownPart("a", b"{}")
    assert len({one, realtime.UnknownItem("a", b"{}"), realtime.UnknownItem("b", b"{}")}) == 2
    assert repr(one) == "UnknownItem(type='a', raw=<2 bytes>)"


@pytest.mark.parametrize("index", [0, 1, 254, 255, 256, 257, 511, 512, 699])
def test_the_path_of_an_error_in_a_long_list_has_its_index(index: int) -> None:
    """Lists are decoded in blocks, of which only those that do not fit are walked."""
    tools: list[Any] = [{"type": "function", "name": f"f{i}"} for i in range(700)]
    tools[-1] = {"type": "zap"}  # so that the list does not fit anyway
    tools[index] = {"type": "function", "name": 5}
    with pytest.raises(realtime.DecodeError) as caught:
        realtime.decode_client(json.dumps(_session(tools=tools)))
    assert caught.value.path == f"$.session.tools[{index}].name"


@pytest.mark.parametrize("position", [0, 255, 256, 699])
def test_a_long_list_keeps_its_order(position: int) -> None:
    tools: list[Any] = [{"type": "function", "name": f"f{i}"} for i in range(700)]
    tools[position] = {"type": "zap"}
    event = realtime.decode_client(json.dumps(_session(tools=tools)))
    assert isinstance(event, realtime.SessionUpdate)
    assert json.loads(realtime.encode(event)) == _session(tools=tools)


UNKNOWN_FRAMES = {
    "the type first": b'{"type":"zap","x":1}',
    "flat": b'{"type":"zap"}',
    "flat, the type last": b'{"x":1,"type":"zap"}',
    "with white space": b' { "x" : null , "type" : "zap" } ',
    "nested": b'{"type":"zap","x":{"type":"error"},"y":[1]}',
    "an escaped type": b'{"type":"z\\u0061p"}',
    "two types": b'{"type":"zap","type":"error"}',
    "long": b'{"type":"zap","x":"' + b"x" * 5000 + b'"}',
}


@pytest.mark.parametrize("frame", UNKNOWN_FRAMES.values(), ids=UNKNOWN_FRAMES)
def test_an_event_of_an_unknown_type_has_its_type_and_frame(frame: bytes) -> None:
    expected = realtime.UnknownEvent("zap", frame)
    for decode in (realtime.decode_server, realtime.decode_client, beta.decode_server, beta.decode_client):
        for given in (frame, frame.decode(), bytearray(frame), memoryview(frame)):
            assert decode(given) == expected
    for malformed in (frame[:-1].rstrip() + b",", frame + b"x", frame.replace(b'"type"', b'5,"type"', 1)):
        with pytest.raises(realtime.DecodeError):
            realtime.decode_server(malformed)


# --- Servers that are almost OpenAI ---------------------------------------------------

DELTA_IDS: Any = {"response_id": "", "item_id": "", "output_index": 0, "content_index": 0}


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        # LocalAI, xAI: an item without content, a part that is missing, a call without an index.
        (
            {"type": "conversation.item.added", "item": {"type": "message", "id": "i", "role": "assistant"}},
            ga.ConversationItemAdded(item=ga.MessageItem(id="i", role="assistant", content=[])),
        ),
        (
            {"type": "conversation.item.added", "item": {"type": "function_call", "id": "i", "name": "f", "arguments": None}},
            ga.ConversationItemAdded(item=ga.FunctionCallItem(id="i", name="f", arguments="")),
        ),
        (
            {"type": "response.content_part.done", "item_id": "i", "response_id": "r", "content_index": 0},
            ga.ResponseContentPartDone(item_id="i", response_id="r", content_index=0, output_index=0, part=None),
        ),
        (
            {"type": "response.function_call_arguments.delta", "item_id": "i", "response_id": "r", "delta": "{", "call_id": "c"},
            ga.ResponseFunctionCallArgumentsDelta(item_id="i", response_id="r", output_index=0, call_id="c", delta="{"),
        ),
        # GLM: no ids.
        ({"type": "input_audio_buffer.speech_started"}, ga.InputAudioBufferSpeechStarted(audio_start_ms=0, item_id="")),
        ({"type": "input_audio_buffer.speech_stopped"}, ga.InputAudioBufferSpeechStopped(audio_end_ms=0, item_id="")),
        ({"type": "response.output_text.delta", "delta": "x"}, ga.ResponseOutputTextDelta(**DELTA_IDS, delta="x")),
        # vLLM: no session; an error that is text.
        ({"type": "session.created"}, ga.SessionCreated(session=None)),
        (
            {"type": "error", "error": "no model", "code": "bad"},
            ga.Error(error=ga.ErrorDetail(type="", message="no model", code="bad")),
        ),
        # Errors are always readable.
        ({"type": "error"}, ga.Error(error=ga.ErrorDetail(type="", message=""))),
        ({"type": "error", "error": None}, ga.Error(error=ga.ErrorDetail(type="", message=""))),
        ({"type": "error", "message": "m", "code": 3}, ga.Error(error=ga.ErrorDetail(type="", message="m", code="3"))),
        ({"type": "error", "error": 5}, ga.Error(error=ga.ErrorDetail(type="", message="5"))),
        ({"type": "error", "error": []}, ga.Error(error=ga.ErrorDetail(type="", message="[]"))),
        (
            {"type": "error", "error": {"message": {"a": 1}, "code": 429, "param": ["x"], "type": None}},
            ga.Error(error=ga.ErrorDetail(type="", message='{"a": 1}', code="429", param='["x"]')),
        ),
    ],
)  # fmt: skip
def test_missing_members_are_filled_in(frame: Any, expected: Any) -> None:
    assert realtime.decode_server(json.dumps(frame)) == expected


@pytest.mark.parametrize(
    "voice", [{"type": "azure-custom", "name": "n", "endpoint_id": "e"}, {"type": "openai", "name": "n"}]
)
def test_voices_are_objects_of_any_kind(voice: Any) -> None:
    raw = json.dumps(voice).encode()
    session: Any = {"voice": voice}
    created = beta.decode_server(json.dumps({"type": "session.created", "session": session}))
    assert isinstance(created, beta.SessionCreated)
    assert created.session is not None
    assert created.session.voice == ga.UnknownVoice(voice["type"], raw)
    done = beta.decode_server(json.dumps({"type": "response.done", "response": {"voice": voice}}))
    assert isinstance(done, beta.ResponseDone)
    assert done.response.voice == ga.UnknownVoice(voice["type"], raw)
    updated = realtime.decode_server(
        json.dumps(
            {
                "type": "session.updated",
                "session": {"type": "realtime", "audio": {"output": {"voice": voice}}},
            }
        )
    )
    assert json.loads(realtime.encode(updated))["session"]["audio"]["output"]["voice"] == voice


def test_a_voice_by_its_id() -> None:
    frame = '{"type":"session.updated","session":{"type":"realtime","audio":{"output":{"voice":{"id":"v"}}}}}'
    updated: Any = realtime.decode_server(frame)
    assert updated.session.audio.output.voice == ga.CustomVoice(id="v")


@pytest.mark.parametrize("metadata", [{"attempts": [1]}, [1], "x", 5, {"a": {"b": None}}])
def test_metadata_of_a_response_is_any_json(metadata: Any) -> None:
    frame = json.dumps({"type": "response.done", "response": {"metadata": metadata}})
    done: Any = realtime.decode_server(frame)
    assert done.response.metadata == metadata


@pytest.mark.parametrize("detection", [None, {"type": None}, {"type": "none"}])
def test_a_turn_detection_that_is_off(detection: Any) -> None:
    created: Any = beta.decode_server(
        json.dumps({"type": "session.created", "session": {"turn_detection": detection}})
    )
    assert created.session.turn_detection is None
    updated: Any = realtime.decode_server(
        json.dumps(
            {"type": "session.updated", "session": {"audio": {"input": {"turn_detection": detection}}}}
        )
    )
    assert updated.session.audio.input.turn_detection is None


EXACT = realtime.Codec(exact=True)


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "conversation.item.create", "item": {"type": "message", "role": "user"}},
        {"type": "conversation.item.create", "item": {"type": "function_call", "name": "f"}},
        {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0.0, "audio_end_ms": 1},
        {"type": "session.update", "session": {}},
        {"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": {"type": "none"}}}}},
    ],
)  # fmt: skip
def test_an_exact_codec_converts_and_fills_in_nothing(frame: Any) -> None:
    realtime.decode_client(json.dumps(frame))
    try:
        event = EXACT.decode_client(json.dumps(frame))
    except realtime.DecodeError:
        return
    # What stays as it came is an Unknown.
    assert json.loads(EXACT.encode(event)) == frame


def test_an_exact_codec_retains_unknown_types() -> None:
    frame = '{"type":"conversation.item.create","item":{"type":"hologram","x":1}}'
    assert EXACT.decode_client(frame) == realtime.decode_client(frame)
    assert json.loads(realtime.encode(EXACT.decode_client(frame))) == json.loads(frame)


def test_an_exact_codec_assumes_no_type() -> None:
    event = EXACT.decode_client('{"type":"conversation.item.create","item":{"role":"user","content":[]}}')
    assert event == ga.ConversationItemCreate(item=realtime.UnknownItem("", b'{"role":"user","content":[]}'))


NOTHING: Any = None
HALF: Any = 0.5


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (ga.ConversationItemCreate(item=ga.MessageItem(role="user", content=NOTHING)), "$.item.content"),
        (
            ga.ConversationItemCreate(item=ga.FunctionCallItem(name="f", arguments=NOTHING)),
            "$.item.arguments",
        ),
        (ga.ConversationItemTruncate(item_id="i", content_index=0, audio_end_ms=2 * HALF), "$.audio_end_ms"),
        (ga.ConversationItemDelete(item_id=NOTHING), "$.item_id"),
    ],
)
def test_leniency_is_for_received_frames_only(event: Any, path: str) -> None:
    with pytest.raises(realtime.EncodeError, match=re.escape(f"at `{path}`")):
        realtime.encode(event)


# --- Frames that do not fit, whatever is filled in -----------------------------------------

TEXT_IS_5 = {"type": "input_text", "text": 5}
LOG_PROBS = "conversation.item.input_audio_transcription.delta"
TRUNCATE: dict[str, Any] = {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0}
DETECTION = {"type": "server_vad", "threshold": "x"}
# A frame, what is expected at which path, and what is there.
REFUSED_BY_CLIENT: list[tuple[Any, str, str, str]] = [
    (_session(tools=[{"type": "function", "name": 5}]), "$.session.tools[0].name", "str | null", "int"),
    (_session(tools=5), "$.session.tools", "array | null", "int"),
    (_session(audio=[]), "$.session.audio", "object | null", "array"),
    (_session(audio={"input": 5}), "$.session.audio.input", "object | null", "int"),
    (_session(prompt={"id": "p", "variables": {"v": 5}}), "$.session.prompt.variables['v']", "str | object", "int"),
    ({"type": "session.update"}, "$", "session", ""),
    ({"type": "session.update", "session": 5}, "$.session", "object", "int"),
    ({"type": "conversation.item.create"}, "$", "item", ""),
    (_item({}) | {"item": []}, "$.item", "object", "array"),
    (_message(TEXT_IS_5), "$.item.content[0].text", "str | null", "int"),
    (TRUNCATE, "$", "audio_end_ms", ""),
    (TRUNCATE | {"audio_end_ms": 1.5}, "$.audio_end_ms", "int", "float"),
    (TRUNCATE | {"audio_end_ms": "1"}, "$.audio_end_ms", "int", "str"),
    (TRUNCATE | {"audio_end_ms": True}, "$.audio_end_ms", "int", "bool"),
    (TRUNCATE | {"audio_end_ms": 1.0, "content_index": None}, "$.content_index", "int", "null"),
    ({"type": "response.create", "response": {"metadata": {"a'b": 5}}}, "$.response.metadata[\"a'b\"]", "str", "int"),
    (
        {"type": "response.create", "response": {"max_output_tokens": 1.5}},
        "$.response.max_output_tokens", "int | str | null", "float",
    ),
    (
        {"type": "response.create", "response": {"input": [_message(TEXT_IS_5)["item"]]}},
        "$.response.input[0].content[0].text", "str | null", "int",
    ),
    ({"type": "input_audio_buffer.append"}, "$", "audio", ""),
]  # fmt: skip
REFUSED_BY_SERVER: list[tuple[Any, str, str, str]] = [
    (
        {"type": "rate_limits.updated", "rate_limits": [{"limit": 1.5}]},
        "$.rate_limits[0].limit", "int | null", "float",
    ),
    ({"type": "rate_limits.updated", "rate_limits": {}}, "$.rate_limits", "array", "object"),
    ({"type": "rate_limits.updated", "rate_limits": [5]}, "$.rate_limits[0]", "object", "int"),
    (
        {"type": "response.done", "response": {"usage": {"total_tokens": "7"}}},
        "$.response.usage.total_tokens", "int | null", "str",
    ),
    ({"type": "response.done", "response": {"usage": []}}, "$.response.usage", "object | null", "array"),
    ({"type": "response.done"}, "$", "response", ""),
    ({"type": "response.done", "response": None}, "$.response", "object", "null"),
    (
        {"type": "response.done", "response": {"output": [_message(TEXT_IS_5)["item"]]}},
        "$.response.output[0].content[0].text", "str | null", "int",
    ),
    ({"type": LOG_PROBS, "item_id": 5}, "$.item_id", "str", "int"),
    ({"type": LOG_PROBS, "logprobs": [{"bytes": [1.0, 0.5]}]}, "$.logprobs[0].bytes[1]", "int", "float"),
    ({"type": LOG_PROBS, "logprobs": [{"bytes": ["1"]}]}, "$.logprobs[0].bytes[0]", "int", "str"),
    ({"type": "response.output_audio.delta"}, "$", "delta", ""),
    ({"type": "response.output_audio.delta", "delta": None}, "$.delta", "bytes", "null"),
    ({"type": "response.output_item.added"}, "$", "item", ""),
    ({"type": "conversation.item.added", "item": {"type": "message", "role": 5}}, "$.item.role", "str", "int"),
    (
        {"type": "session.updated", "session": {"type": "realtime", "audio": {"input": {"turn_detection": DETECTION}}}},
        "$.session.audio.input.turn_detection.threshold", "float | null", "str",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("decode", "frame", "path", "expected", "got"),
    [(realtime.decode_client, *row) for row in REFUSED_BY_CLIENT]
    + [(realtime.decode_server, *row) for row in REFUSED_BY_SERVER],
)
def test_what_does_not_fit_is_refused_with_its_place(
    decode: Any, frame: Any, path: str, expected: str, got: str
) -> None:
    text = json.dumps(frame)
    with pytest.raises(realtime.DecodeError) as raised:
        decode(text)
    error = raised.value
    assert (error.event_type, error.path, error.expected) == (frame["type"], path, expected)
    missing = f"Object missing required field `{expected}`"
    assert error.reason == (f"Expected `{expected}`, got `{got}`" if got else missing)
    assert text.startswith(error.payload.removesuffix("…").removesuffix("..."))
    assert len(error.payload) > 20


@pytest.mark.parametrize("frame", [
    {"type": "input_audio_buffer.append", "audio": "*"},
    _message({"type": "input_audio", "audio": "*"}),
    {"type": "response.output_audio.delta", "delta": "*"},
])  # fmt: skip
def test_base64_is_not_repaired(frame: Any) -> None:
    decode = realtime.decode_server if "delta" in frame else realtime.decode_client
    with pytest.raises(realtime.DecodeError, match=r"^Invalid base64 encoded string at `\$\.") as raised:
        decode(json.dumps(frame))
    assert raised.value.expected == ""


def test_what_is_filled_in_is_not_shared() -> None:
    frame = '{"type":"rate_limits.updated"}'
    first, second = realtime.decode_server(frame), realtime.decode_server(frame)
    assert isinstance(first, realtime.RateLimitsUpdated)
    first.rate_limits.append(realtime.RateLimit(name="tokens"))
    assert second == realtime.decode_server(frame) == realtime.RateLimitsUpdated(rate_limits=[])


def test_every_kind_of_member_is_filled_in() -> None:
    frame = json.dumps({"type": LOG_PROBS, "logprobs": [{"token": None}, {"bytes": [1.0]}]})
    event = realtime.decode_server(frame)
    assert event == realtime.ConversationItemInputAudioTranscriptionDelta(
        item_id="",
        logprobs=[
            realtime.LogProb(token="", logprob=0.0, bytes=None),
            realtime.LogProb(token="", logprob=0.0, bytes=[1]),
        ],
    )


def test_a_request_without_its_members_is_refused_and_its_objects_are_completed() -> None:
    event = realtime.decode_client(json.dumps(_session(prompt={})))
    assert isinstance(event, realtime.SessionUpdate)
    assert event.session == realtime.RealtimeSession(prompt=realtime.Prompt(id=""))
    with pytest.raises(realtime.DecodeError, match="missing required field `item_id`"):
        realtime.decode_client('{"type":"conversation.item.delete"}')


def test_an_exact_codec_refuses_what_it_would_have_to_convert() -> None:
    for frame, path in (
        (TRUNCATE | {"audio_end_ms": 2.0}, "$.audio_end_ms"),
        (TRUNCATE | {"audio_end_ms": None}, "$.audio_end_ms"),
        (_item({"type": "message", "role": "user"}), "$.item"),
    ):
        with pytest.raises(realtime.DecodeError) as raised:
            EXACT.decode_client(json.dumps(frame))
        assert raised.value.path == path
    frame = {"type": LOG_PROBS, "item_id": "i", "logprobs": [{"token": "a", "logprob": 0.5, "bytes": [72.0]}]}
    with pytest.raises(realtime.DecodeError) as raised:
        EXACT.decode_server(json.dumps(frame))
    assert raised.value.path == "$.logprobs[0].bytes[0]"


@pytest.mark.slow
@pytest.mark.parametrize(("count", "refused"), [(49_998, False), (49_999, True)])
def test_decoding_gives_up_after_too_many_parts_that_do_not_fit(count: int, refused: bool) -> None:
    """Each object of an unknown type is one part, and so are the response and its list."""
    frame = json.dumps({"type": "response.done", "response": {"output": [{"type": "zap"}] * count}})
    if not refused:
        event = realtime.decode_server(frame)
        assert isinstance(event, realtime.ResponseDone)
        assert event.response.output == [realtime.UnknownItem("zap", b'{"type": "zap"}')] * count
        return
    with pytest.raises(realtime.DecodeError) as raised:
        realtime.decode_server(frame)
    assert raised.value.reason == "too many parts of the frame do not fit their types"
    assert raised.value.path == "$.response.output[49998]"


def test_unknown_types_are_found_by_their_families_alone() -> None:
    frame = '{"type":"conversation.item.added","item":{"type":"zap","x":"\u00e9"}}'
    event = realtime.decode_server(frame)
    assert isinstance(event, realtime.ConversationItemAdded)
    assert event.item == realtime.UnknownItem("zap", '{"type":"zap","x":"\u00e9"}'.encode())
    with pytest.raises(realtime.DecodeError, match="not valid Unicode"):
        realtime.decode_server(frame.encode().replace(b"\xc3\xa9", b"\xff"))
    with pytest.raises(realtime.DecodeError, match="not valid Unicode"):
        realtime.decode_server(b'{"type":"zap","x":"\xff"}')


def test_a_failure_states_its_reason_place_and_type() -> None:
    failure = ValidationFailure("no", "$.x")
    assert (str(failure), failure.reason, failure.path, failure.expected) == ("no", "no", "$.x", "")
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.json.decode(b'{"a":["x"]}', type=dict[str, list[int]])
    for failure, path in (
        (ValidationFailure.from_msgspec(raised.value), "$[...][0]"),
        (ValidationFailure.from_msgspec(raised.value, "$.b"), "$.b[...][0]"),
    ):
        assert (failure.path, failure.expected) == (path, "int")


def test_decoding_is_lenient_by_default() -> None:
    frame = json.dumps(TRUNCATE | {"audio_end_ms": 2.0}).encode()
    assert decode_event(frame, ga.ClientEvent, TRUNCATE["type"]) == ga.ConversationItemTruncate(
        item_id="i", content_index=0, audio_end_ms=2
    )
    assert LenientDecoder().decode(b"2.0", int, "$") == 2
