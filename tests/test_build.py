"""The GA forms of the seed's utilities, and GA's own checks."""

from __future__ import annotations

import base64
import json
from typing import Any, cast

import numpy as np
import pytest
from msgspec import UNSET

import realtime
from realtime import beta, spec


def test_models_are_the_tables() -> None:
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
                "transcription": {"model": "whisper-1"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                },
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin"},
        },
        "max_output_tokens": 4096,
    }
    realtime.validate_session_config(config)


def test_create_session_config_has_defaults() -> None:
    config = realtime.create_session_config()
    assert config.model == "gpt-realtime"
    assert config.instructions is UNSET
    assert isinstance(config.audio, realtime.AudioConfig)
    assert isinstance(config.audio.output, realtime.AudioOutput)
    assert config.audio.output.voice == "alloy"
    assert config.audio.output.format == realtime.PcmFormat(rate=24_000)


def test_create_session_config_takes_what_calls_need() -> None:
    tool = realtime.FunctionTool(name="f")
    config = realtime.create_session_config(turn_detection=None, transcription=None, tools=[tool])
    wire = json.loads(realtime.encode(realtime.SessionUpdate(session=config)))["session"]
    assert wire["audio"]["input"]["turn_detection"] is None
    assert wire["audio"]["input"]["transcription"] is None
    assert wire["tools"] == [{"type": "function", "name": "f"}]
    realtime.validate_session_config(config)


@pytest.mark.parametrize("format", list(realtime.AudioFormat))
def test_wire_formats_read_back(format: realtime.AudioFormat) -> None:
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


def test_create_audio_input_refuses_what_is_not_audio() -> None:
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
def test_a_price_that_is_not_known_is_an_error(model: str) -> None:
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
    "infinite tokens, misspelt": ({"max_output_tokens": "infinite"}, ["max_output_tokens"]),
    "speed": (
        {"audio": realtime.AudioConfig(output=realtime.AudioOutput(speed=2.0))},
        ["audio.output.speed"],
    ),
    "rate": (
        {"audio": _audio(format=realtime.PcmFormat(rate=16_000))},
        ["audio.input.format.rate"],
    ),
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
    "several at once": (
        {"model": "x", "max_output_tokens": 0},
        ["model", "max_output_tokens"],
    ),
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
def test_settings_that_pass(config: Any) -> None:
    realtime.validate_session_config(config)


def test_only_settings_can_be_checked() -> None:
    with pytest.raises(TypeError):
        realtime.validate_session_config({"type": "realtime"})  # type: ignore[arg-type]
