"""Conversion between GA and the beta dialect: nothing is lost that the other dialect has."""

from __future__ import annotations

import json
from typing import Any

import pytest

import realtime as ga
from realtime import beta
from realtime.beta import convert
from tests import cases


def _types(dialect: str, side: str) -> set[str]:
    return {cls.__struct_config__.tag for cls in cases.event_classes(dialect, side)}


GA_ONLY = (
    (_types("ga", "server") | _types("ga", "client")) - _types("beta", "server") - _types("beta", "client")
)
RENAMED = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "conversation.item.added": "conversation.item.created",
}


@pytest.mark.parametrize(("ga_type", "beta_type"), RENAMED.items())
def test_renamed_events(ga_type: str, beta_type: str) -> None:
    frame = next(f for f in cases.frames("ga", "server") if json.loads(f)["type"] == ga_type)
    event = ga.decode_server(frame)
    there = beta.from_ga(event)
    assert there.type == beta_type
    assert beta.to_ga(there) == event
    assert beta.decode_server(beta.encode(there)) == there


# Members of server events that the other dialect lacks: missing after conversion and back.
LEFT_OUT = {
    "truncation", "prompt", "parallel_tool_calls", "include", "reasoning", "temperature", "client_secret",
    "idle_timeout_ms",
}  # fmt: skip


PART_TYPES = {"text": "output_text", "audio": "output_audio"}


def _normalized(value: Any) -> Any:
    """Return a JSON value without nulls and members that the other dialect lacks, in GA's spelling."""
    if isinstance(value, list):
        return [_normalized(item) for item in value]
    if not isinstance(value, dict):
        return value
    members = {k: _normalized(v) for k, v in value.items() if v is not None and k not in LEFT_OUT}
    for key in members:
        if key.endswith("modalities"):
            members[key] = "audio" if "audio" in members[key] else members[key]
    if "role" in members:
        for part in members["content"]:
            part["type"] = PART_TYPES.get(part["type"], part["type"])
    return members


@pytest.mark.parametrize("frame", cases.frames("ga", "server"))
def test_ga_server_events_convert_to_beta_and_back(frame: str) -> None:
    event = ga.decode_server(frame)
    if event.type in GA_ONLY - RENAMED.keys():
        with pytest.raises(ga.ConfigError) as caught:
            beta.from_ga(event)
        assert caught.value.field == "type"
        return
    there: Any = beta.from_ga(event)
    assert beta.decode_server(beta.encode(there)) == there
    back: Any = beta.to_ga(there)
    expected = json.loads(frame)
    if event.type == "conversation.item.created":
        expected["type"] = "conversation.item.added"
    assert _normalized(json.loads(ga.encode(back))) == _normalized(expected)


# The members of GA's client cases that the beta dialect lacks.
NOT_IN_BETA = {"session.prompt": "session.update"}


@pytest.mark.parametrize("frame", cases.frames("ga", "client"))
def test_ga_client_events_convert_to_beta_and_back(frame: str) -> None:
    event = ga.decode_client(frame)
    try:
        there: Any = beta.from_ga(event)
    except ga.ConfigError as error:
        assert NOT_IN_BETA[error.field] == event.type
        return
    assert beta.decode_client(beta.encode(there)) == there
    assert beta.to_ga(there) == event


@pytest.mark.parametrize("frame", cases.frames("beta", "server"))
def test_beta_server_events_convert_to_ga_and_back(frame: str) -> None:
    there: Any = beta.to_ga(beta.decode_server(frame))
    assert ga.decode_server(ga.encode(there)) == there
    back: Any = beta.from_ga(there)
    assert _normalized(json.loads(beta.encode(back))) == _normalized(json.loads(frame))


@pytest.mark.parametrize("frame", cases.frames("beta", "client"))
def test_beta_client_events_convert_to_ga_and_back(frame: str) -> None:
    event = beta.decode_client(frame)
    there: Any = beta.to_ga(event)
    assert ga.decode_client(ga.encode(there)) == there
    back: Any = beta.from_ga(there)
    assert _normalized(json.loads(beta.encode(back))) == _normalized(json.loads(frame))


# --- Sessions ------------------------------------------------------------------------

GA_SESSION = ga.RealtimeSession(
    model="gpt-realtime",
    output_modalities=["audio"],
    instructions="Be brief.",
    audio=ga.AudioConfig(
        input=ga.AudioInput(
            format=ga.PcmuFormat(),
            transcription=ga.Transcription(model="whisper-1", language="en"),
            noise_reduction=None,
            turn_detection=ga.ServerVad(threshold=0.5, create_response=True),
        ),
        output=ga.AudioOutput(format=ga.PcmFormat(rate=24_000), voice="alloy", speed=1.25),
    ),
    tools=[ga.FunctionTool(name="f", parameters={"type": "object"})],
    tool_choice=ga.ToolChoiceFunction(name="f"),
    max_output_tokens="inf",
    tracing="auto",
)
BETA_SESSION = {
    "model": "gpt-realtime",
    "modalities": ["audio", "text"],
    "instructions": "Be brief.",
    "voice": "alloy",
    "input_audio_format": "g711_ulaw",
    "output_audio_format": "pcm16",
    "input_audio_transcription": {"model": "whisper-1", "language": "en"},
    "input_audio_noise_reduction": None,
    "turn_detection": {"type": "server_vad", "threshold": 0.5, "create_response": True},
    "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
    "tool_choice": {"type": "function", "name": "f"},
    "max_response_output_tokens": "inf",
    "speed": 1.25,
    "tracing": "auto",
}


def test_a_session_converts_to_beta_and_back() -> None:
    update = ga.SessionUpdate(event_id="e", session=GA_SESSION)
    there = beta.from_ga(update)
    assert json.loads(beta.encode(there)) == {
        "type": "session.update",
        "event_id": "e",
        "session": BETA_SESSION,
    }
    assert beta.to_ga(there) == update


def test_a_transcription_session_converts_to_beta_and_back() -> None:
    audio = ga.AudioConfig(
        input=ga.AudioInput(format=ga.PcmaFormat(), turn_detection=ga.SemanticVad(eagerness="low"))
    )
    update = ga.SessionUpdate(session=ga.TranscriptionSession(audio=audio, include=["x"]))
    there = beta.from_ga(update)
    assert isinstance(there, beta.TranscriptionSessionUpdate)
    assert there.session.input_audio_format == "g711_alaw"
    assert beta.to_ga(there) == update


def test_the_seeds_settings_convert_without_temperature() -> None:
    config = beta.create_session_config("gpt-4o-realtime-preview")
    with pytest.raises(ga.ConfigError) as caught:
        beta.to_ga(beta.SessionUpdate(session=config))
    assert caught.value.field == "session.temperature"
    config.temperature = None
    there = beta.to_ga(beta.SessionUpdate(session=config))
    assert isinstance(there, ga.SessionUpdate)
    ga.validate_session_config(there.session)


def test_absent_members_stay_absent() -> None:
    for update in (
        ga.SessionUpdate(session=ga.RealtimeSession()),
        ga.ResponseCreate(),
        ga.ResponseCreate(response=None),
    ):
        assert beta.to_ga(beta.from_ga(update)) == update
    assert beta.encode(beta.from_ga(ga.SessionUpdate(session=ga.RealtimeSession()))) == (
        b'{"type":"session.update","session":{}}'
    )


def _update(**settings: Any) -> ga.SessionUpdate:
    return ga.SessionUpdate(session=ga.RealtimeSession(**settings))


def _input(**settings: Any) -> ga.SessionUpdate:
    return _update(audio=ga.AudioConfig(input=ga.AudioInput(**settings)))


def _message(part: Any) -> ga.ConversationItemCreate:
    return ga.ConversationItemCreate(item=ga.MessageItem(role="user", content=[ga.InputText(text="x"), part]))


REJECTED_BY_BETA: dict[str, Any] = {
    "session.prompt": _update(prompt=ga.Prompt(id="p")),
    "session.truncation": _update(truncation="disabled"),
    "session.reasoning": _update(reasoning=ga.Reasoning(effort="low")),
    "session.parallel_tool_calls": _update(parallel_tool_calls=False),
    "session.include": _update(include=["x"]),
    "session.tools[0].type": _update(tools=[ga.McpTool(server_label="s")]),
    "session.tool_choice.type": _update(tool_choice=ga.ToolChoiceMcp(server_label="s")),
    "session.audio.output.voice": _update(
        audio=ga.AudioConfig(output=ga.AudioOutput(voice=ga.CustomVoice(id="v")))
    ),
    "session.audio.input.format": _input(format=ga.UnknownFormat("audio/opus", b"{}")),
    "session.audio.input.transcription.keywords": _input(transcription=ga.Transcription(keywords=["k"])),
    "session.audio.input.noise_reduction.strength": _input(noise_reduction=ga.NoiseReduction(strength=0.5)),
    "session.audio.input.turn_detection.idle_timeout_ms": _input(
        turn_detection=ga.ServerVad(idle_timeout_ms=5000)
    ),
    "session.audio.output": ga.SessionUpdate(
        session=ga.TranscriptionSession(audio=ga.AudioConfig(output=ga.AudioOutput(speed=1.0)))
    ),
    "session.type": ga.SessionUpdate(session=ga.UnknownSession("hologram", b"{}")),
    "item.type": ga.ConversationItemCreate(
        item=ga.McpApprovalResponseItem(id="i", approval_request_id="a", approve=True)
    ),
    "item.content[1].type": _message(ga.InputImage(image_url="data:")),
    "response.reasoning": ga.ResponseCreate(response=ga.ResponseParams(reasoning=ga.Reasoning(effort="low"))),
    "response.audio.output.speed": ga.ResponseCreate(
        response=ga.ResponseParams(audio=ga.ResponseAudio(output=ga.AudioOutput(speed=1.5)))
    ),
    "session.audio": _update(audio=None),
    "session.audio.input": _update(audio=ga.AudioConfig(input=None)),
    "type": ga.ConversationItemDone(item=ga.MessageItem(role="user", content=[])),
}


@pytest.mark.parametrize(("field", "event"), REJECTED_BY_BETA.items(), ids=REJECTED_BY_BETA)
def test_from_ga_names_the_member_that_beta_lacks(field: str, event: Any) -> None:
    with pytest.raises(ga.ConfigError) as caught:
        beta.from_ga(event)
    assert caught.value.field == field
    assert field in str(caught.value)


def _beta_item(**fields: Any) -> beta.ConversationItemCreate:
    return beta.ConversationItemCreate(item=beta.ConversationItem(**fields))


REJECTED_BY_GA: dict[str, Any] = {
    "session.temperature": beta.SessionUpdate(session=beta.RealtimeSessionConfig(temperature=0.8)),
    "session.client_secret": beta.SessionUpdate(
        session=beta.RealtimeSessionConfig(client_secret=beta.ClientSecretConfig())
    ),
    "session.input_audio_format": beta.SessionUpdate(
        session=beta.RealtimeSessionConfig(input_audio_format="opus")
    ),
    "session.turn_detection.type": beta.SessionUpdate(
        session=beta.RealtimeSessionConfig(turn_detection=beta.TurnDetectionConfig(threshold=0.5))
    ),
    "session.turn_detection.eagerness": beta.SessionUpdate(
        session=beta.RealtimeSessionConfig(
            turn_detection=beta.TurnDetectionConfig(type="server_vad", eagerness="low")
        )
    ),
    "session.modalities": beta.TranscriptionSessionUpdate(
        session=beta.TranscriptionSessionConfig(modalities=["text"])
    ),
    "response.temperature": beta.ResponseCreate(response=beta.RealtimeResponse(temperature=1.0)),
    "item.type": _beta_item(role="user"),
    "item.role": _beta_item(type="message", content=[]),
    "item.content[0].type": _beta_item(type="message", role="user", content=[beta.ItemReferencePart(id="i")]),
    "item.call_id": _beta_item(type="message", role="user", content=[], call_id="c"),
    "item.arguments": _beta_item(type="function_call", name="f"),
}


@pytest.mark.parametrize(("field", "event"), REJECTED_BY_GA.items(), ids=REJECTED_BY_GA)
def test_to_ga_names_the_member_that_ga_lacks(field: str, event: Any) -> None:
    with pytest.raises(ga.ConfigError) as caught:
        beta.to_ga(event)
    assert caught.value.field == field


def test_server_events_lose_only_members_that_the_other_dialect_lacks() -> None:
    created = ga.SessionCreated(
        session=ga.RealtimeSessionInfo(id="s", truncation="auto", prompt=None, parallel_tool_calls=True)
    )
    there = beta.from_ga(created)
    assert isinstance(there, beta.SessionCreated)
    assert there.session == beta.RealtimeSessionInfo(id="s")
    back = beta.to_ga(beta.SessionCreated(session=beta.RealtimeSessionInfo(id="s", temperature=0.8)))
    assert back == ga.SessionCreated(session=ga.RealtimeSessionInfo(id="s"))


def test_unknown_events_and_items_are_unchanged() -> None:
    event = ga.UnknownEvent("x.y", b'{"type":"x.y"}')
    assert beta.from_ga(event) is event
    assert beta.to_ga(event) is event
    item = ga.UnknownItem("hologram", b'{"type":"hologram"}')
    assert beta.from_ga(ga.ConversationItemCreate(item=item)) == beta.ConversationItemCreate(item=item)


def test_the_seeds_nested_tools_are_flattened() -> None:
    tool = beta.RealtimeTool(function=beta.RealtimeFunction(name="f", description="d"))
    there = beta.to_ga(beta.SessionUpdate(session=beta.RealtimeSessionConfig(tools=[tool])))
    assert isinstance(there, ga.SessionUpdate)
    assert isinstance(there.session, ga.RealtimeSession)
    assert there.session.tools == [ga.FunctionTool(name="f", description="d")]


@pytest.mark.parametrize("value", [None, 5, "x", ga.RealtimeSession()])
def test_only_events_convert(value: Any) -> None:
    for function in (beta.from_ga, beta.to_ga):
        with pytest.raises((TypeError, ga.ConfigError)):
            function(value)


def test_null_settings_are_converted() -> None:
    update = ga.SessionUpdate(
        session=ga.RealtimeSession(
            audio=ga.AudioConfig(
                input=ga.AudioInput(transcription=None, turn_detection=None, noise_reduction=None),
                output=ga.AudioOutput(voice=None),
            ),
            tools=None,
        )
    )
    there = beta.from_ga(update)
    assert b'"turn_detection":null' in beta.encode(there)
    assert beta.to_ga(there) == update
    bare = ga.SessionUpdate(session=ga.TranscriptionSession())
    assert beta.to_ga(beta.from_ga(bare)) == bare


def test_session_snapshots_of_both_types() -> None:
    updated = ga.SessionUpdated(session=ga.TranscriptionSessionInfo(id="s", include=["x"]))
    there = beta.from_ga(updated)
    assert isinstance(there, beta.TranscriptionSessionUpdated)
    assert beta.to_ga(there) == updated
    with pytest.raises(ga.ConfigError):
        beta.from_ga(ga.SessionCreated(session=ga.UnknownSession("hologram", b"{}")))
    tools: list[ga.Tool] = [ga.McpTool(server_label="s"), ga.FunctionTool(name="f")]
    created = beta.from_ga(ga.SessionCreated(session=ga.RealtimeSessionInfo(tools=tools)))
    assert isinstance(created, beta.SessionCreated)
    assert created.session.tools == [ga.FunctionTool(name="f")]


LEFT_OUT_BY_BETA: dict[str, Any] = {
    "idle timeout": ga.AudioConfig(input=ga.AudioInput(turn_detection=ga.ServerVad(idle_timeout_ms=5000))),
    "languages": ga.AudioConfig(input=ga.AudioInput(transcription=ga.Transcription(languages=["en"]))),
    "strength": ga.AudioConfig(input=ga.AudioInput(noise_reduction=ga.NoiseReduction(strength=0.5))),
    "custom voice": ga.AudioConfig(output=ga.AudioOutput(voice=ga.CustomVoice(id="v"))),
    "unknown format": ga.AudioConfig(output=ga.AudioOutput(format=ga.UnknownFormat("audio/opus", b"{}"))),
    "no audio": None,
    "no input": ga.AudioConfig(input=None),
}


@pytest.mark.parametrize("audio", LEFT_OUT_BY_BETA.values(), ids=LEFT_OUT_BY_BETA)
def test_events_of_a_ga_server_are_never_rejected(audio: Any) -> None:
    info = ga.RealtimeSessionInfo(id="s", audio=audio, tool_choice=ga.ToolChoiceMcp(server_label="s"))
    there: Any = beta.from_ga(ga.SessionCreated(session=info))
    assert there.session.id == "s"
    assert beta.decode_server(beta.encode(there)) == there
    response = ga.Response(audio=ga.ResponseAudio(output=ga.AudioOutput(voice=ga.CustomVoice(id="v"))))
    assert beta.from_ga(ga.ResponseCreated(response=response)) == beta.ResponseCreated(
        response=beta.Response()
    )


def test_an_item_that_the_other_dialect_lacks_becomes_an_unknown_item() -> None:
    item = ga.McpCallItem(id="i", server_label="s", name="n", arguments="{}")
    there: Any = beta.from_ga(ga.ConversationItemAdded(item=item))
    assert isinstance(there.item, beta.UnknownItem)
    back: Any = beta.to_ga(there)
    assert ga.decode_server(ga.encode(back)) == ga.ConversationItemAdded(item=item)
    bare = beta.ConversationItem(id="i", type="message", role="assistant")
    added: Any = beta.to_ga(beta.ResponseOutputItemAdded(response_id="r", output_index=0, item=bare))
    assert added.item == ga.UnknownItem("message", b'{"id":"i","type":"message","role":"assistant"}')


def test_events_of_a_beta_server_are_never_rejected() -> None:
    detection = beta.TurnDetectionConfig(type="semantic_vad", threshold=0.5)
    info = beta.RealtimeSessionInfo(output_audio_format="opus", turn_detection=detection)
    audio = ga.AudioConfig(input=ga.AudioInput(turn_detection=ga.SemanticVad()))
    there = beta.to_ga(beta.SessionUpdated(session=info))
    assert there == ga.SessionUpdated(session=ga.RealtimeSessionInfo(audio=audio))


def test_the_two_names_of_the_token_limit_must_agree() -> None:
    def tokens(**limits: Any) -> Any:
        event: Any = beta.to_ga(beta.ResponseCreate(response=beta.RealtimeResponse(**limits)))
        return event.response.max_output_tokens

    assert tokens(max_output_tokens=5) == tokens(max_response_output_tokens=5) == 5
    assert tokens(max_output_tokens=5, max_response_output_tokens=5) == 5
    with pytest.raises(ga.ConfigError, match=r"response\.max_output_tokens"):
        tokens(max_output_tokens=5, max_response_output_tokens=7)


def test_a_null_voice_is_converted() -> None:
    event = beta.ResponseCreate(response=beta.RealtimeResponse(voice=None))
    there: Any = beta.to_ga(event)
    assert ga.encode(there) == b'{"type":"response.create","response":{"audio":{"output":{"voice":null}}}}'
    assert beta.from_ga(there) == event


def test_a_session_that_the_server_reported_is_sent_back_as_settings() -> None:
    info = ga.RealtimeSessionInfo(id="s", object="realtime.session", expires_at=5, model="gpt-realtime")
    update: Any = beta.from_ga(ga.SessionUpdate(session=info))
    assert update == beta.SessionUpdate(session=beta.RealtimeSessionConfig(model="gpt-realtime"))
    secret = beta.ClientSecret(value="ek", expires_at=5)
    old = beta.RealtimeSessionInfo(id="s", client_secret=secret, model="gpt-realtime")
    assert beta.to_ga(beta.SessionUpdate(session=old)) == ga.SessionUpdate(
        session=ga.RealtimeSession(model="gpt-realtime")
    )


def test_every_event_is_shared_renamed_converted_or_in_one_dialect() -> None:
    for side in cases.SIDES:
        for cls in cases.event_classes("ga", side):
            is_convertible = cls in convert.SHARED | convert.CONVERTED_FROM_GA | convert.RENAMED.keys()
            assert is_convertible == (cls.__struct_config__.tag not in GA_ONLY - RENAMED.keys())
        for cls in cases.event_classes("beta", side):
            assert cls in convert.SHARED | convert.CONVERTED_TO_GA | set(convert.RENAMED.values())


def test_absent_members_of_a_servers_response_stay_absent() -> None:
    new = ga.ResponseCreated(response=ga.Response(id="r"))
    old = beta.ResponseCreated(response=beta.Response(id="r"))
    assert beta.to_ga(old) == new
    assert beta.from_ga(new) == old
