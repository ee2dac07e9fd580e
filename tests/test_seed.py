"""The seed's own tests (litellm-rs 0.4.16), by their names, against `realtime.beta`.

Each has the seed's assertions; after them come the bytes that its serde writes.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from msgspec import UNSET

from realtime import ConfigError, ModelNotFoundError, beta
from realtime.beta import Voice

MODEL = "gpt-4o-realtime-preview"


def test_supports_realtime() -> None:
    assert beta.supports_realtime("gpt-4o-realtime-preview")
    assert beta.supports_realtime("gpt-4o-realtime-preview-2024-10-01")
    assert not beta.supports_realtime("gpt-4")
    assert not beta.supports_realtime("gpt-3.5-turbo")


def test_create_session_config() -> None:
    config = beta.create_session_config(MODEL, Voice.ECHO, "You are a helpful assistant.")
    assert config.model == MODEL
    assert config.voice == Voice.ECHO
    assert config.instructions == "You are a helpful assistant."
    assert isinstance(config.modalities, list)
    assert len(config.modalities) == 2


def test_validate_session_config() -> None:
    valid = beta.create_session_config(MODEL)
    beta.validate_session_config(valid)

    invalid_model = copy.copy(valid)
    invalid_model.model = "gpt-4"
    with pytest.raises(ModelNotFoundError) as caught:
        beta.validate_session_config(invalid_model)
    assert caught.value.model == "gpt-4"

    invalid_temperature = copy.copy(valid)
    invalid_temperature.temperature = 3.0
    with pytest.raises(ConfigError, match=r"temperature must be between 0\.0 and 2\.0"):
        beta.validate_session_config(invalid_temperature)

    invalid_tokens = copy.copy(valid)
    invalid_tokens.max_response_output_tokens = 0
    with pytest.raises(ConfigError, match="max_response_output_tokens must be between 1 and 4096"):
        beta.validate_session_config(invalid_tokens)


def test_create_text_input() -> None:
    event = beta.create_text_input("Hello")
    assert isinstance(event, beta.ConversationItemCreate)
    assert isinstance(event.item, beta.ConversationItem)
    assert event.item.type == beta.ItemType.MESSAGE
    assert event.item.role == beta.ItemRole.USER
    assert isinstance(event.item.content, list)
    assert isinstance(event.item.content[0], beta.InputText)


def test_create_audio_input() -> None:
    event = beta.create_audio_input("audio_data")
    assert isinstance(event, beta.InputAudioBufferAppend)
    assert event.audio == "audio_data"  # type: ignore[comparison-overlap]


def test_get_recommended_voice() -> None:
    assert beta.get_recommended_voice("customer_service") is Voice.ALLOY
    assert beta.get_recommended_voice("narrator") is Voice.ONYX
    assert beta.get_recommended_voice("unknown") is Voice.ALLOY


def test_get_sample_rate() -> None:
    assert beta.get_sample_rate(beta.AudioFormat.PCM16) == 24_000
    assert beta.get_sample_rate(beta.AudioFormat.G711_ULAW) == 8_000
    assert beta.get_sample_rate(beta.AudioFormat.G711_ALAW) == 8_000


def test_estimate_cost_per_minute() -> None:
    assert beta.estimate_cost_per_minute(MODEL, True) == 0.06
    assert beta.estimate_cost_per_minute(MODEL, False) == 0.03
    with pytest.raises(ConfigError):
        beta.estimate_cost_per_minute("unknown-model", True)


# --- Cases that the seed does not test -----------------------------------------------


@pytest.mark.parametrize(
    ("use_case", "voice"),
    [
        ("customer_service", "alloy"), ("assistant", "nova"), ("narrator", "onyx"), ("casual", "echo"),
        ("professional", "fable"), ("NARRATOR", "onyx"), ("", "alloy"),
    ],
)  # fmt: skip
def test_every_recommended_voice(use_case: str, voice: str) -> None:
    assert beta.get_recommended_voice(use_case) == voice


@pytest.mark.parametrize("temperature", [0.0, 2.0, None, UNSET])
def test_valid_temperatures(temperature: Any) -> None:
    config = beta.create_session_config(MODEL)
    config.temperature = temperature
    beta.validate_session_config(config)


@pytest.mark.parametrize("temperature", [-0.1, 2.01, float("nan")])
def test_invalid_temperatures(temperature: float) -> None:
    config = beta.create_session_config(MODEL)
    config.temperature = temperature
    with pytest.raises(ConfigError) as caught:
        beta.validate_session_config(config)
    assert caught.value.field == "temperature"


@pytest.mark.parametrize(("threshold", "passes"), [(0.0, True), (1.0, True), (1.1, False), (-1, False)])
def test_thresholds(threshold: float, passes: bool) -> None:
    config = beta.create_session_config(MODEL)
    assert isinstance(config.turn_detection, beta.TurnDetectionConfig)
    config.turn_detection.threshold = threshold
    if passes:
        beta.validate_session_config(config)
        return
    with pytest.raises(ConfigError, match="threshold must be between"):
        beta.validate_session_config(config)


def test_the_maximum_of_tokens_and_inf() -> None:
    config = beta.create_session_config(MODEL)
    for tokens in (1, 4096, "inf"):
        config.max_response_output_tokens = tokens
        beta.validate_session_config(config)
    config.max_response_output_tokens = 4097
    with pytest.raises(ConfigError):
        beta.validate_session_config(config)


def test_turn_detection_none_is_sent_as_null() -> None:
    config = beta.RealtimeSessionConfig(
        turn_detection=beta.TurnDetectionConfig(type=beta.TurnDetectionType.NONE)
    )
    assert beta.encode(beta.SessionUpdate(session=config)) == (
        b'{"type":"session.update","session":{"turn_detection":null}}'
    )


def test_defaults() -> None:
    assert Voice.default() is Voice.ALLOY
    assert beta.TurnDetectionType.default() is beta.TurnDetectionType.SERVER_VAD
    assert beta.AudioFormat.default() is beta.AudioFormat.PCM16


# --- Bytes on the wire ---------------------------------------------------------------

SESSION = (
    b'{"type":"session.update","session":{"model":"gpt-4o-realtime-preview",'
    b'"modalities":["text","audio"],"instructions":"Be brief.","voice":"echo",'
    b'"input_audio_format":"pcm16","output_audio_format":"pcm16",'
    b'"input_audio_transcription":{"model":"whisper-1"},"turn_detection":{"type":"server_vad",'
    b'"threshold":0.5,"prefix_padding_ms":300,"silence_duration_ms":500},"temperature":0.8,'
    b'"max_response_output_tokens":4096}}'
)
FULL_ITEM = (
    b'{"type":"conversation.item.create","item":{"id":"i","type":"function_call",'
    b'"status":"in_progress","role":"assistant","content":[{"type":"text","text":"t"},'
    b'{"type":"input_audio"},{"type":"audio","audio":"AAA=","transcript":"x"}],"call_id":"c",'
    b'"name":"f","arguments":"{}","output":"o"}}'
)
RESPONSE = (
    b'{"type":"response.create","response":{"modalities":["audio"],"instructions":"i","voice":"sage",'
    b'"output_audio_format":"g711_ulaw","tools":[],"tool_choice":"auto","temperature":1.0,'
    b'"max_output_tokens":7}}'
)


def _full_item() -> beta.ConversationItemCreate:
    return beta.ConversationItemCreate(
        item=beta.ConversationItem(
            id="i", type=beta.ItemType.FUNCTION_CALL, status=beta.ItemStatus.IN_PROGRESS,
            role=beta.ItemRole.ASSISTANT,
            content=[beta.Text(text="t"), beta.InputAudio(), beta.Audio(audio=b"\0\0", transcript="x")],
            call_id="c", name="f", arguments="{}", output="o",
        )
    )  # fmt: skip


def _response() -> beta.ResponseCreate:
    return beta.ResponseCreate(
        response=beta.RealtimeResponse(
            modalities=[beta.Modality.AUDIO], instructions="i", voice=Voice.SAGE,
            output_audio_format=beta.AudioFormat.G711_ULAW.encoding, tools=[], tool_choice="auto",
            temperature=1.0, max_output_tokens=7,
        )
    )  # fmt: skip


WIRE: dict[str, tuple[Any, bytes]] = {
    "session.update": (
        beta.SessionUpdate(session=beta.create_session_config(MODEL, Voice.ECHO, "Be brief.")),
        SESSION,
    ),
    "append": (
        beta.create_audio_input("audio_data"),
        b'{"type":"input_audio_buffer.append","audio":"audio_data"}',
    ),
    "append of a str that needs escapes": (
        beta.create_audio_input('a"\\\n'),
        b'{"type":"input_audio_buffer.append","audio":"a\\"\\\\\\n"}',
    ),
    "append of bytes": (
        beta.create_audio_input(b"\0\0\0"),
        b'{"type":"input_audio_buffer.append","audio":"AAAA"}',
    ),
    "commit": (beta.InputAudioBufferCommit(), b'{"type":"input_audio_buffer.commit"}'),
    "clear": (beta.InputAudioBufferClear(), b'{"type":"input_audio_buffer.clear"}'),
    # The seed writes "previous_item_id":null, which servers refuse as not found (a bug of the seed).
    "text": (
        beta.create_text_input("Hello"),
        b'{"type":"conversation.item.create","item":{"type":"message","status":"completed",'
        b'"role":"user","content":[{"type":"input_text","text":"Hello"}]}}',
    ),
    "text after an item": (
        beta.create_text_input("Hello", "p"),
        b'{"type":"conversation.item.create","previous_item_id":"p","item":{"type":"message",'
        b'"status":"completed","role":"user","content":[{"type":"input_text","text":"Hello"}]}}',
    ),
    "function output": (
        beta.create_function_output("c", "o"),
        b'{"type":"conversation.item.create","item":{"type":"function_call_output",'
        b'"status":"completed","call_id":"c","output":"o"}}',
    ),
    "a full item": (_full_item(), FULL_ITEM),
    "truncate": (
        beta.ConversationItemTruncate(item_id="i", content_index=0, audio_end_ms=1500),
        b'{"type":"conversation.item.truncate","item_id":"i","content_index":0,"audio_end_ms":1500}',
    ),
    "delete": (
        beta.ConversationItemDelete(item_id="i"),
        b'{"type":"conversation.item.delete","item_id":"i"}',
    ),
    "response": (_response(), RESPONSE),
    "a bare response": (beta.ResponseCreate(), b'{"type":"response.create"}'),
    "cancel": (beta.ResponseCancel(), b'{"type":"response.cancel"}'),
    # The seed's nested tool, which only some servers accept; decoding flattens it.
    "the seed's nested tool": (
        beta.SessionUpdate(
            session=beta.RealtimeSessionConfig(
                tools=[beta.RealtimeTool(function=beta.RealtimeFunction(name="f", parameters={"a": 1}))]
            )
        ),
        b'{"type":"session.update","session":{"tools":[{"type":"function","function":{"name":"f",'
        b'"parameters":{"a":1}}}]}}',
    ),
    "a forced function": (
        beta.SessionUpdate(session=beta.RealtimeSessionConfig(tool_choice=beta.ToolChoiceFunction(name="f"))),
        b'{"type":"session.update","session":{"tool_choice":{"type":"function","name":"f"}}}',
    ),
}


@pytest.mark.parametrize(("event", "frame"), WIRE.values(), ids=WIRE)
def test_bytes_on_the_wire(event: Any, frame: bytes) -> None:
    assert beta.encode(event) == frame


@pytest.mark.parametrize("name", [name for name in WIRE if "append" not in name and "tool" not in name])
def test_encoded_events_decode_to_themselves(name: str) -> None:
    event, frame = WIRE[name]
    assert beta.decode_client(frame) == event
