"""GA's checks: each rule with settings that violate it and that just satisfy it.

The rules for models, tokens, speed, rates and thresholds are in test_build.
"""

from __future__ import annotations

from typing import Any, get_args

import pytest
from msgspec import UNSET
from openai.types.realtime import (
    AudioTranscription,
    RealtimeSessionCreateRequest,
    realtime_audio_config_input,
    realtime_audio_input_turn_detection,
    realtime_reasoning_effort,
    realtime_tools_config_union,
    realtime_truncation,
)

import realtime
from realtime import spec


def problems(config: Any) -> list[tuple[str, str]]:
    """Return the problems of a session's settings, or a response's."""
    check: Any = (
        realtime.validate_response_params
        if isinstance(config, realtime.ResponseParams)
        else realtime.validate_session_config
    )
    try:
        check(config)
    except realtime.ConfigError as error:
        assert str(error) == "; ".join(f"{path}: {what}" for path, what in error.problems)
        return [*error.problems]
    return []


def paths(config: Any) -> list[str]:
    return [path for path, _ in problems(config)]


def session(**settings: Any) -> realtime.RealtimeSession:
    return realtime.RealtimeSession(**settings)


def input_settings(**input: Any) -> realtime.AudioConfig:
    return realtime.AudioConfig(input=realtime.AudioInput(**input))


def output_settings(**output: Any) -> realtime.AudioConfig:
    return realtime.AudioConfig(output=realtime.AudioOutput(**output))


def transcription_settings(**settings: Any) -> realtime.AudioConfig:
    return input_settings(transcription=realtime.Transcription(**settings))


def mcp(**fields: Any) -> Any:
    fields.setdefault("server_url", "https://host")
    return realtime.McpTool(server_label="s", **fields)


def tool(name: Any) -> Any:
    return realtime.FunctionTool(name=name)


NAME = "tools[0].name"
TRANSCRIPTION = "audio.input.transcription"
INVALID: dict[str, tuple[Any, list[str]]] = {
    "a tool's name with a space": (session(tools=[tool("get weather")]), [NAME]),
    "a tool's name that is too long": (session(tools=[tool("x" * 65)]), [NAME]),
    "a tool without a name": (session(tools=[tool("ok"), tool("")]), ["tools[1].name"]),
    "a tunnel": (session(tools=[mcp(tunnel_id="tunnel_X")]), ["tools[0].tunnel_id"]),
    "a connector": (session(tools=[mcp(connector_id="connector_icq")]), ["tools[0].connector_id"]),
    "an approval": (session(tools=[mcp(require_approval="sometimes")]), ["tools[0].require_approval"]),
    "callers": (session(tools=[mcp(allowed_callers=["direct", "x"])]), ["tools[0].allowed_callers[1]"]),
    "no callers": (session(tools=[mcp(allowed_callers=[])]), ["tools[0].allowed_callers"]),
    "tool choice": (session(tool_choice="any"), ["tool_choice"]),
    "effort": (session(reasoning=realtime.Reasoning(effort="max")), ["reasoning.effort"]),
    "tracing": (session(tracing="on"), ["tracing"]),
    "truncation": (session(truncation="retention_ratio"), ["truncation"]),
    "token limits": (
        session(
            truncation=realtime.RetentionRatio(
                retention_ratio=0.8, token_limits=realtime.TokenLimits(post_instructions=-1)
            )
        ),
        ["truncation.token_limits.post_instructions"],
    ),
    "include": (session(include=[*spec.INCLUDES, "everything"]), ["include[1]"]),
    "noise reduction": (
        session(audio=input_settings(noise_reduction=realtime.NoiseReduction(type="wind"))),
        ["audio.input.noise_reduction.type"],
    ),
    "eagerness": (
        session(audio=input_settings(turn_detection=realtime.SemanticVad(eagerness="very"))),
        ["audio.input.turn_detection.eagerness"],
    ),
    "an idle timeout that is too short": (
        session(audio=input_settings(turn_detection=realtime.ServerVad(idle_timeout_ms=4999))),
        ["audio.input.turn_detection.idle_timeout_ms"],
    ),
    "an idle timeout that is too long": (
        session(audio=input_settings(turn_detection=realtime.ServerVad(idle_timeout_ms=30_001))),
        ["audio.input.turn_detection.idle_timeout_ms"],
    ),
    "a voice of the beta dialect": (session(audio=output_settings(voice="nova")), ["audio.output.voice"]),
    "no languages": (session(audio=transcription_settings(languages=[])), [f"{TRANSCRIPTION}.languages"]),
    "delay": (session(audio=transcription_settings(delay="none")), [f"{TRANSCRIPTION}.delay"]),
    "hints to a model that takes none": (
        session(audio=transcription_settings(model="whisper-1", keywords=["x"], languages=["de"], delay="low")),
        [f"{TRANSCRIPTION}.keywords", f"{TRANSCRIPTION}.languages", f"{TRANSCRIPTION}.delay"],
    ),
    "a prompt to a model that takes none": (
        session(audio=transcription_settings(model="gpt-realtime-whisper", prompt="x")), [f"{TRANSCRIPTION}.prompt"],
    ),
    "a transcription session with output": (
        realtime.TranscriptionSession(audio=output_settings(voice="alloy")), ["audio.output"],
    ),
    "a transcription session's include": (realtime.TranscriptionSession(include=["x"]), ["include[0]"]),
    "turns that gpt-realtime-whisper does not detect": (
        realtime.TranscriptionSession(
            audio=input_settings(
                transcription=realtime.Transcription(model="gpt-realtime-whisper"),
                turn_detection=realtime.ServerVad(),
            )
        ),
        ["audio.input.turn_detection"],
    ),
    "a response's tokens, modalities and tools": (
        realtime.ResponseParams(max_output_tokens=0, output_modalities=["text", "audio"], tools=[tool("")]),
        ["output_modalities", "max_output_tokens", NAME],
    ),
    "a response's voice": (
        realtime.ResponseParams(audio=realtime.ResponseAudio(output=realtime.AudioOutput(speed=9, voice="onyx"))),
        ["audio.output.voice", "audio.output.speed"],
    ),
    "metadata: pairs": (realtime.ResponseParams(metadata={str(n): "" for n in range(17)}), ["metadata"]),
    "metadata: a key": (realtime.ResponseParams(metadata={"k" * 65: ""}), [f"metadata['{'k' * 65}']"]),
    "metadata: a value": (realtime.ResponseParams(metadata={"k": "v" * 513}), ["metadata['k']"]),
    "metadata: no strings": (
        realtime.ResponseParams(metadata={"k": 5, 5: "v"}), ["metadata['k']", "metadata[5]"],  # type: ignore[dict-item]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("config", "expected"), INVALID.values(), ids=INVALID)
def test_invalid_settings_are_found(config: Any, expected: list[str]) -> None:
    assert paths(config) == expected


VALID: dict[str, Any] = {
    "names": session(tools=[tool("x" * 64), tool("Get_weather-2"), mcp(allowed_callers=["direct"])]),
    "a tunnel": session(tools=[realtime.McpTool(server_label="s", tunnel_id="tunnel_" + "a1" * 16)]),
    "null in all that can be": session(
        tools=None, tool_choice=None, tracing=None, truncation=None, include=None, reasoning=None,
        audio=input_settings(noise_reduction=None, transcription=None, turn_detection=None, format=None),
    ),
    "null below": session(
        reasoning=realtime.Reasoning(effort=None),
        truncation=realtime.RetentionRatio(retention_ratio=1, token_limits=None),
        audio=transcription_settings(model=None, keywords=None, languages=None, delay=None, prompt=None),
        tools=[mcp(require_approval=None, allowed_callers=None, tunnel_id=None)],
    ),
    "objects where strings can stand": session(
        tool_choice=realtime.ToolChoiceFunction(name="f"),
        tracing=realtime.TracingConfig(workflow_name="w"),
        truncation=realtime.RetentionRatio(
            retention_ratio=0, token_limits=realtime.TokenLimits(post_instructions=0)
        ),
        tools=[mcp(require_approval=realtime.McpApprovalFilter(never=realtime.McpToolFilter(read_only=True)))],
        audio=output_settings(voice=realtime.CustomVoice(id="voice_1")),
    ),
    "unknown types": session(
        tools=[realtime.UnknownTool("later", b"{}")],
        truncation=realtime.UnknownTruncation("later", b"{}"),
        audio=input_settings(turn_detection=realtime.UnknownTurnDetection("later", b"{}")),
    ),
    "an unknown voice": session(audio=output_settings(voice="aurora")),
    "bounds": session(audio=input_settings(turn_detection=realtime.ServerVad(idle_timeout_ms=5000))),
    "the other bounds": session(audio=input_settings(turn_detection=realtime.ServerVad(idle_timeout_ms=30_000))),
    "hints": session(audio=transcription_settings(model="gpt-transcribe", keywords=["x"], languages=["de"], prompt="p")),
    "hints to the model there is": session(audio=transcription_settings(keywords=["x"], languages=["de"], delay="low")),
    "delay": session(audio=transcription_settings(model="gpt-realtime-whisper", delay="minimal")),
    "whisper without turns": realtime.TranscriptionSession(
        audio=input_settings(transcription=realtime.Transcription(model="gpt-realtime-whisper"), turn_detection=None)
    ),
    "whisper beside a model that speaks": session(
        audio=input_settings(
            transcription=realtime.Transcription(model="gpt-realtime-whisper"),
            turn_detection=realtime.ServerVad(),
        )
    ),
    "a transcription session without audio": realtime.TranscriptionSession(audio=UNSET),
    "a transcription session without input": realtime.TranscriptionSession(audio=realtime.AudioConfig()),
    "an empty response": realtime.ResponseParams(),
    "a response": realtime.ResponseParams(
        conversation="none", metadata={"k" * 64: "v" * 512, **{str(n): "" for n in range(15)}},
        audio=realtime.ResponseAudio(output=realtime.AudioOutput(voice="marin")), max_output_tokens="inf",
    ),
    "null in a response": realtime.ResponseParams(metadata=None, audio=None, conversation=None),
}  # fmt: skip


@pytest.mark.parametrize("config", VALID.values(), ids=VALID)
def test_valid_settings_pass(config: Any) -> None:
    assert problems(config) == []


def test_all_problems_are_found_at_once() -> None:
    config = session(
        model="gpt-4",
        tools=[tool("a b"), mcp(require_approval="x")],
        include=["x"],
        audio=realtime.AudioConfig(
            input=realtime.AudioInput(noise_reduction=realtime.NoiseReduction(type="x")),
            output=realtime.AudioOutput(speed=0.1, voice="fable"),
        ),
    )
    with pytest.raises(realtime.ModelNotFoundError) as caught:
        realtime.validate_session_config(config)
    assert [path for path, _ in caught.value.problems] == [
        "model", "tools[0].name", "tools[1].require_approval", "include[0]",
        "audio.input.noise_reduction.type", "audio.output.voice", "audio.output.speed",
    ]  # fmt: skip


def test_other_objects_than_parameters_are_a_type_error() -> None:
    with pytest.raises(TypeError):
        realtime.validate_response_params(realtime.RealtimeSession())  # type: ignore[arg-type]


def test_sentences_are_short() -> None:
    for config in (session(tracing="x" * 5000), realtime.ResponseParams(metadata={"k" * 5000: "v"})):
        ((path, what),) = problems(config)
        assert len(path) + len(what) < 250


# --- The sets against the official SDK -----------------------------------------------


def literals(annotation: Any) -> set[str]:
    """Return every string of the Literal types in an annotation."""
    found = {value for value in get_args(annotation) if isinstance(value, str)}
    return found.union(*map(literals, get_args(annotation)), set())


def field(model: Any, name: str) -> set[str]:
    return literals(model.model_fields[name].annotation)


@pytest.mark.parametrize(
    ("known", "theirs"),
    [
        (spec.NOISE_REDUCTIONS, field(realtime_audio_config_input.NoiseReduction, "type")),
        (spec.EFFORTS, literals(realtime_reasoning_effort.RealtimeReasoningEffort)),
        (spec.EFFORTS, field(AudioTranscription, "delay")),
        (spec.EAGERNESSES, field(realtime_audio_input_turn_detection.SemanticVad, "eagerness")),
        (spec.INCLUDES, field(RealtimeSessionCreateRequest, "include")),
        (spec.TOOL_CHOICES, field(RealtimeSessionCreateRequest, "tool_choice")),
        (spec.TRACINGS, field(RealtimeSessionCreateRequest, "tracing")),
        (spec.TRUNCATIONS, literals(realtime_truncation.RealtimeTruncation)),
        (spec.APPROVALS, field(realtime_tools_config_union.Mcp, "require_approval")),
        (spec.ALLOWED_CALLERS, field(realtime_tools_config_union.Mcp, "allowed_callers")),
        (spec.CONNECTORS, field(realtime_tools_config_union.Mcp, "connector_id")),
    ],
)
def test_closed_sets_are_the_sdks(known: tuple[str, ...], theirs: set[str]) -> None:
    assert set(known) == theirs


@pytest.mark.parametrize(
    ("config", "suggestion"),
    [
        (session(tools=[mcp(connector_id="connector_dropbx")]), "did you mean 'connector_dropbox'?"),
        (session(truncation="disable"), "did you mean 'disabled'?"),
    ],
)
def test_a_misspelled_value_is_refused_with_a_suggestion(config: Any, suggestion: str) -> None:
    ((_, what),) = problems(config)
    assert what.endswith(suggestion)
