"""Builders and lookups for GA, and the checks of models, tokens, speed, rates and thresholds."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

import numpy as np
import pytest
from msgspec import UNSET

import realtime
from realtime import beta, spec
from realtime.format import OPENAI_FORMATS


def test_models_are_those_of_the_table() -> None:
    assert realtime.get_supported_models() == list(spec.MODELS)
    assert all(realtime.supports_realtime(model) for model in spec.MODELS)
    assert not realtime.supports_realtime("gpt-4")
    realtime.get_supported_models().clear()
    assert realtime.get_supported_models()


def test_create_session_config_is_a_ga_session() -> None:
    config = realtime.create_session_config("gpt-realtime-2", "marin", "Be brief.", format="PCMU")
    wire = json.loads(realtime.encode(realtime.SessionUpdate(session=config)))["session"]
    assert wire == {
        "type": "realtime",
        "model": "gpt-realtime-2",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                },
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
        },
    }
    realtime.validate_session_config(config)


def test_create_session_config_has_defaults() -> None:
    config = realtime.create_session_config()
    assert config.model == spec.DEFAULT_MODEL == "gpt-realtime-2"
    assert spec.DEFAULT_MODEL in spec.PRICES
    assert config.max_output_tokens is UNSET
    assert config.instructions is UNSET
    assert isinstance(config.audio, realtime.AudioConfig)
    assert isinstance(config.audio.input, realtime.AudioInput)
    assert config.audio.input.transcription is UNSET
    assert isinstance(config.audio.output, realtime.AudioOutput)
    assert config.audio.output.voice == "alloy"
    assert realtime.create_session_config(voice="") == config
    assert config.audio.output.format == realtime.PcmFormat(rate=24_000)


def test_create_session_config_with_everything_given() -> None:
    tool = realtime.FunctionTool(name="f")
    config = realtime.create_session_config(
        turn_detection=None, transcription=None, tools=[tool], max_output_tokens=200
    )
    wire = json.loads(realtime.encode(realtime.SessionUpdate(session=config)))["session"]
    assert wire["audio"]["input"]["turn_detection"] is None
    assert wire["audio"]["input"]["transcription"] is None
    assert wire["tools"] == [{"type": "function", "name": "f"}]
    assert wire["max_output_tokens"] == 200
    realtime.validate_session_config(config)


SERVER_VAD = {"type": "server_vad", "threshold": 0.4, "idle_timeout_ms": 6000}
MCP = {"type": "mcp", "server_label": "s", "server_url": "u"}
SCHEMA = {"type": "object", "properties": {"treshold": {"type": "number"}}}


@pytest.mark.parametrize(
    ("settings", "typed"),
    [
        ({"turn_detection": SERVER_VAD}, realtime.ServerVad(threshold=0.4, idle_timeout_ms=6000)),
        ({"turn_detection": {"threshold": 0.4}}, realtime.ServerVad(threshold=0.4)),
        ({"turn_detection": {"type": "semantic_vad", "eagerness": None}}, realtime.SemanticVad(eagerness=None)),
        ({"turn_detection": {}}, realtime.ServerVad()),
        ({"turn_detection": realtime.ServerVad(threshold=0.1)}, realtime.ServerVad(threshold=0.1)),
        ({"transcription": {"model": "whisper-1"}}, realtime.Transcription(model="whisper-1")),
        ({"transcription": {}}, realtime.Transcription()),
        (
            {"tools": [{"name": "f", "parameters": SCHEMA}]},
            [realtime.FunctionTool(name="f", parameters=SCHEMA)],
        ),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, [realtime.FunctionTool(name="f")]),
        ({"tools": ({"name": "f"}, realtime.FunctionTool(name="g"))},
         [realtime.FunctionTool(name="f"), realtime.FunctionTool(name="g")]),
        (
            {"tools": [{**MCP, "require_approval": {"never": {"tool_names": ["a"]}}}]},
            [realtime.McpTool(
                server_label="s", server_url="u",
                require_approval=realtime.McpApprovalFilter(never=realtime.McpToolFilter(tool_names=["a"])),
            )],
        ),
        ({"tools": []}, []),
    ],
)  # fmt: skip
def test_settings_given_as_dicts_become_structs(settings: dict[str, Any], typed: Any) -> None:
    config = realtime.create_session_config(**settings)
    ((name, _),) = settings.items()
    assert isinstance(config.audio, realtime.AudioConfig)
    found = config.tools if name == "tools" else getattr(config.audio.input, name)
    assert found == typed
    assert type(found) is type(typed)


@pytest.mark.parametrize(
    ("settings", "path", "sentence"),
    [
        ({"turn_detection": {"treshold": 0.5}}, "turn_detection.treshold", "did you mean 'threshold'?"),
        ({"turn_detection": {"threshold": 0.5, "zzz": 1}}, "turn_detection.zzz", "is not a setting"),
        ({"turn_detection": {"threshold": "high"}}, "turn_detection.threshold", "Expected `float"),
        ({"turn_detection": {"type": "semantic-vad"}}, "turn_detection.type", "did you mean 'semantic_vad'?"),
        ({"turn_detection": {"eagerness": "low"}}, "turn_detection.eagerness", "is not a setting"),
        ({"transcription": {"langauge": "de"}}, "transcription.langauge", "did you mean 'language'?"),
        ({"transcription": {"languages": "de"}}, "transcription.languages", "Expected `array"),
        ({"tools": [{"name": "f"}, {"nmae": "g"}]}, "tools[1].nmae", "did you mean 'name'?"),
        ({"tools": [{"type": "function", "function": {"nmae": "f"}}]}, "tools[0].nmae", "did you mean 'name'?"),
        ({"tools": [{"type": "functions", "name": "f"}]}, "tools[0].type", "did you mean 'function'?"),
        ({"tools": [{"type": "mcp"}]}, "tools[0]", "missing required field `server_label`"),
        (
            {"tools": [{**MCP, "require_approval": {"never": {"tools": []}}}]},
            "tools[0].require_approval.never.tools", "did you mean 'tool_names'?",
        ),
    ],
)  # fmt: skip
def test_unknown_members_of_settings_are_refused_with_a_suggestion(
    settings: dict[str, Any], path: str, sentence: str
) -> None:
    with pytest.raises(realtime.ConfigError) as caught:
        realtime.create_session_config(**settings)
    assert caught.value.field == path
    assert sentence in str(caught.value)


def test_all_unknown_members_of_a_setting_are_reported() -> None:
    with pytest.raises(realtime.ConfigError) as caught:
        realtime.create_session_config(turn_detection={"treshold": 0.5, "silence_ms": 1})
    assert [path for path, _ in caught.value.problems] == [
        "turn_detection.treshold",
        "turn_detection.silence_ms",
    ]


@pytest.mark.parametrize("format", list(OPENAI_FORMATS))
def test_wire_formats_are_read_back(format: realtime.AudioFormat) -> None:
    assert realtime.AudioFormat.of(realtime.wire_format(format)) is format
    assert realtime.get_sample_rate(format.ga_type) == format.sample_rate


def test_create_text_input() -> None:
    assert realtime.encode(realtime.create_text_input("Hello", "root")) == (
        b'{"type":"conversation.item.create","previous_item_id":"root","item":{"type":"message",'
        b'"role":"user","content":[{"type":"input_text","text":"Hello"}]}}'
    )
    assert b"previous_item_id" not in realtime.encode(realtime.create_text_input("Hello"))


def test_create_function_output() -> None:
    assert realtime.encode(realtime.create_function_output("c", "o")) == (
        b'{"type":"conversation.item.create","item":{"type":"function_call_output","call_id":"c","output":"o"}}'
    )


@pytest.mark.parametrize("audio", [b"\0\1\2", bytearray(b"\0\1\2"), memoryview(b"\0\1\2"), "AAEC"])
def test_create_audio_input(audio: Any) -> None:
    event = realtime.create_audio_input(audio)
    assert event.audio == b"\0\1\2"
    assert base64.b64encode(b"\0\1\2") in realtime.encode(event)


def test_create_audio_input_refuses_other_values() -> None:
    with pytest.raises(realtime.AudioError):
        realtime.create_audio_input("audio_data")
    wrong: Any
    for wrong in (5, np.ones(2, np.float32), np.ones(2, ">i2")):
        for create in (realtime.create_audio_input, beta.create_audio_input):
            with pytest.raises(TypeError):
                create(wrong)


@pytest.mark.parametrize("use_case", [*spec.RECOMMENDED_VOICES, "unknown", "NARRATOR"])
def test_recommended_voices_are_accepted_by_ga(use_case: str) -> None:
    assert realtime.get_recommended_voice(use_case) in spec.VOICES


@pytest.mark.parametrize(
    ("model", "with_audio", "text_only"),
    [
        # (300 x 32 + 600 x 64) / 1e6 and (100 x 4 + 100 x 24) / 1e6
        ("gpt-realtime-2", 0.048, 0.0028),
        ("gpt-4o-realtime-preview", 0.06, 0.03),
        ("gpt-realtime-translate", 0.034, 0.034),
    ],
)
def test_cost_per_minute(model: str, with_audio: float, text_only: float) -> None:
    assert realtime.estimate_cost_per_minute(model, True) == pytest.approx(with_audio)
    assert realtime.estimate_cost_per_minute(model, False) == pytest.approx(text_only)


@pytest.mark.parametrize("model", ["gpt-4", "gpt-realtime", ""])
def test_an_unknown_price_is_an_error(model: str) -> None:
    with pytest.raises(realtime.ModelNotFoundError) as caught:
        realtime.estimate_cost_per_minute(model, True)
    assert caught.value.model == model
    assert f"no price of {model!r} is known" in str(caught.value)


def test_every_priced_model_has_an_estimate() -> None:
    for model in (*spec.PRICES, *spec.MINUTE_PRICES):
        assert 0 < realtime.estimate_cost_per_minute(model) < 1


# --- Checks --------------------------------------------------------------------------


def _audio(**input: Any) -> realtime.AudioConfig:
    return realtime.AudioConfig(input=realtime.AudioInput(**input))


PROBLEMS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "model": ({"model": "gpt-4"}, ["model"]),
    "both modalities": ({"output_modalities": ["audio", "text"]}, ["output_modalities"]),
    "no modality": ({"output_modalities": []}, ["output_modalities"]),
    "no tokens": ({"max_output_tokens": 0}, ["max_output_tokens"]),
    "too many tokens": ({"max_output_tokens": 4097}, ["max_output_tokens"]),
    "infinite tokens, misspelled": ({"max_output_tokens": "infinite"}, ["max_output_tokens"]),
    "speed": (
        {"audio": realtime.AudioConfig(output=realtime.AudioOutput(speed=2.0))},
        ["audio.output.speed"],
    ),
    "rate": ({"audio": _audio(format=realtime.PcmFormat(rate=16_000))}, ["audio.input.format.rate"]),
    "server VAD": (
        {"audio": _audio(turn_detection=realtime.ServerVad(threshold=1.5, silence_duration_ms=-1))},
        ["audio.input.turn_detection.threshold", "audio.input.turn_detection.silence_duration_ms"],
    ),
    "NaN": (
        {"audio": _audio(turn_detection=realtime.ServerVad(threshold=float("nan")))},
        ["audio.input.turn_detection.threshold"],
    ),
    "a threshold that is a string": (
        {"audio": _audio(turn_detection=realtime.ServerVad(threshold=cast(Any, "high")))},
        ["audio.input.turn_detection.threshold"],
    ),
    "tokens that are a float": ({"max_output_tokens": 5.0}, ["max_output_tokens"]),
    "retention ratio": (
        {"truncation": realtime.RetentionRatio(retention_ratio=1.5)},
        ["truncation.retention_ratio"],
    ),
    "tools": (
        {"tools": [realtime.FunctionTool(), realtime.McpTool(server_label="s")]},
        ["tools[0].name", "tools[1]"],
    ),
    "several at once": ({"model": "x", "max_output_tokens": 0}, ["model", "max_output_tokens"]),
}


@pytest.mark.parametrize(("settings", "paths"), PROBLEMS.values(), ids=PROBLEMS)
def test_every_problem_is_found_with_its_path(settings: dict[str, Any], paths: list[str]) -> None:
    with pytest.raises(realtime.ConfigError) as caught:
        realtime.validate_session_config(realtime.RealtimeSession(**settings))
    assert [path for path, _ in caught.value.problems] == paths
    assert caught.value.field == paths[0]
    assert isinstance(caught.value, realtime.ModelNotFoundError) == (paths[0] == "model")


@pytest.mark.parametrize(
    "config",
    [
        realtime.RealtimeSession(),
        realtime.RealtimeSession(max_output_tokens="inf", truncation="auto", tracing=None, tools=None),
        realtime.RealtimeSession(output_modalities=["text"], audio=None),
        realtime.RealtimeSession(audio=_audio(turn_detection=None, format=realtime.PcmuFormat())),
        realtime.TranscriptionSession(audio=_audio(turn_detection=realtime.ServerVad(threshold=0.3))),
    ],
)
def test_valid_settings_pass(config: Any) -> None:
    realtime.validate_session_config(config)


def test_other_objects_than_settings_are_a_type_error() -> None:
    with pytest.raises(TypeError):
        realtime.validate_session_config({"type": "realtime"})  # type: ignore[arg-type]


def _deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    ["\ud800", _deep(400), _deep(5000), float("nan"), [-float("inf")]],
    ids=["surrogate", "deep", "deeper", "nan", "infinity"],
)
def test_a_setting_that_is_not_json_is_a_config_error(value: Any) -> None:
    with pytest.raises(realtime.ConfigError) as caught:
        realtime.create_session_config(tools=[{"name": "f", "parameters": {"x": value}}])
    assert caught.value.field == "tools[0]"
