"""Session builders, validation and sample rates by provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import AudioFormat, ConfigError, ModelNotFoundError, beta
from realtime.format import SIDES, Side, formats_by_path
from realtime.providers import PROVIDERS, Provider, azure_voice_live, get_provider, glm, localai, qwen, xai

SPEAKING = [row for row in PROVIDERS.values() if row.output_formats]
EVERY_PROVIDER = pytest.mark.parametrize("row", SPEAKING, ids=lambda row: row.name)
WIDEBAND = AudioFormat("pcm16", 16_000)


def functions(row: Provider) -> tuple[Any, Any]:
    """Return the builder and the validation of the provider's base."""
    module: Any = realtime if row.base == "ga" else beta
    return module.create_session_config, module.validate_session_config


def sent(row: Provider, session: Any) -> dict[str, Any]:
    """Return the session of the update that states `session`, as JSON."""
    frame = row.encode(row.update_type(session=session))
    assert row.decode_client(frame).session == session
    found: dict[str, Any] = json.loads(frame)["session"]
    return found


# --- The builder ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings", "wire"),
    [
        (
            "xai",
            {"voice": "eve", "format": WIDEBAND, "enable_noise_suppression": True, "transcription": {"model": "grok-transcribe"}},
            {
                "type": "realtime",
                "voice": "eve",
                "turn_detection": {"type": "server_vad"},
                "enable_noise_suppression": True,
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 16_000},
                        "transcription": {"model": "grok-transcribe"},
                    },
                    "output": {"format": {"type": "audio/pcm", "rate": 16_000}},
                },
            },
        ),
        (
            "inworld",
            {"model": "openai/gpt-4o-mini", "voice": "Clive", "turn_detection": None, "format": "ulaw"},
            {
                "type": "realtime",
                "model": "openai/gpt-4o-mini",
                "audio": {
                    "input": {"format": {"type": "audio/pcmu"}, "turn_detection": None},
                    "output": {"format": {"type": "audio/pcmu"}, "voice": "Clive"},
                },
            },
        ),
        (
            "azure_voice_live",
            {
                "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
                "format": WIDEBAND,
                "turn_detection": {"type": "azure_semantic_vad", "remove_filler_words": True},
                "avatar": {"character": "lisa"},
                "max_output_tokens": 100,
            },
            {
                "modalities": ["text", "audio"],
                "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
                "input_audio_format": "pcm16",
                "input_audio_sampling_rate": 16_000,
                "output_audio_format": "pcm16_16000hz",
                "turn_detection": {"type": "azure_semantic_vad", "remove_filler_words": True},
                "avatar": {"character": "lisa"},
                "max_response_output_tokens": 100,
            },
        ),
        (
            "azure_voice_live",
            {"format": "g711_alaw", "transcription": {"model": "azure-speech", "phrase_list": ["Anna"]}},
            {
                "modalities": ["text", "audio"],
                "input_audio_format": "g711_alaw",
                "output_audio_format": "g711_alaw",
                "turn_detection": {"type": "server_vad"},
                "input_audio_transcription": {"model": "azure-speech", "phrase_list": ["Anna"]},
            },
        ),
        (
            "qwen",
            {"model": "qwen3-omni-flash-realtime", "voice": "Cherry", "enable_search": True, "top_k": 50},
            {
                "model": "qwen3-omni-flash-realtime",
                "modalities": ["text", "audio"],
                "voice": "Cherry",
                "input_audio_format": "pcm",
                "output_audio_format": "pcm",
                "turn_detection": {"type": "server_vad"},
                "enable_search": True,
                "top_k": 50,
            },
        ),
        (
            "qwen",
            {"format": AudioFormat("pcm16", 48_000)},
            {
                "modalities": ["text", "audio"],
                "turn_detection": {"type": "server_vad"},
                "audio": {side: {"format": {"type": "pcm", "sample_rate": 48_000}} for side in SIDES},
            },
        ),
        (
            "glm",
            {"beta_fields": {"chat_mode": "audio"}, "tools": [{"name": "f", "parameters": {}}]},
            {
                "modalities": ["text", "audio"],
                "input_audio_format": "pcm",
                "output_audio_format": "pcm",
                "turn_detection": {"type": "server_vad"},
                "beta_fields": {"chat_mode": "audio"},
                "tools": [{"type": "function", "name": "f", "parameters": {}}],
            },
        ),
        (
            "localai",
            {"localai_classifier": {"enabled": True}},
            {
                "type": "realtime",
                "localai_classifier": {"enabled": True},
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24_000},
                        "turn_detection": {"type": "server_vad"},
                    },
                    "output": {"format": {"type": "audio/pcm", "rate": 24_000}},
                },
            },
        ),
    ],
)  # fmt: skip
def test_settings_on_the_wire(name: str, settings: dict[str, Any], wire: dict[str, Any]) -> None:
    row = get_provider(name)
    create, validate = functions(row)
    session = create(**settings, provider=name)
    assert sent(row, session) == wire
    validate(session, provider=row)


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("openai", realtime.RealtimeSession),
        ("azure", realtime.RealtimeSession),
        ("azure_voice_live", azure_voice_live.VoiceLiveSession),
        ("xai", xai.XaiSession),
        ("qwen", qwen.QwenSession),
        ("glm", glm.GlmSession),
        ("inworld", realtime.RealtimeSession),
        ("localai", localai.LocalAiSession),
        ("speaches", realtime.RealtimeSession),
    ],
)
def test_settings_are_of_the_servers_own_type(name: str, cls: type[Any]) -> None:
    create, _ = functions(get_provider(name))
    assert type(create(provider=name)) is type(create(provider=get_provider(name))) is cls


def test_openai_and_azure_have_openais_defaults() -> None:
    assert realtime.create_session_config(provider="openai") == realtime.create_session_config()
    azure = realtime.create_session_config(provider="azure")
    azure.model = realtime.create_session_config().model  # a deployment, which the URL names
    assert azure == realtime.create_session_config()


@EVERY_PROVIDER
def test_every_format_of_every_provider_is_read_as_it_was_stated(row: Provider) -> None:
    create, validate = functions(row)
    for side in SIDES:
        for format in row.formats(side):
            session = row.with_formats(row.session_type(), {side: format})
            assert row.stated_format(session, side) == format
            assert row.stated_format(sent(row, session), side) == format
            validate(session, provider=row)
            # A format replaces another, however that was stated.
            for other in row.formats(side):
                again = row.with_formats(row.with_formats(session, {side: other}), {side: format})
                assert row.session_format(again, side) == format
                assert len([*formats_by_path(again, side)]) == 1
    for format in {*row.input_formats} & {*row.output_formats}:
        session = create(format=format, provider=row)
        assert {row.stated_format(session, side) for side in SIDES} == {format}


@pytest.mark.parametrize(
    ("name", "format", "message"),
    [
        ("xai", AudioFormat("pcm16", 11_025), r"xai does not have pcm16 at 11025 Hz as input, but pcm16, pcm16 at 8000"),
        ("openai", WIDEBAND, "openai does not have pcm16 at 16000 Hz as input, but pcm16, g711_ulaw, g711_alaw"),
        ("qwen", "g711_ulaw", "qwen does not have g711_ulaw as input, but pcm16 at 16000 Hz, pcm16 at 8000 Hz, pcm16,"),
        ("glm", "pcmu", "glm does not have g711_ulaw"),
        ("azure_voice_live", AudioFormat("pcm16", 48_000), "azure_voice_live does not have pcm16 at 48000 Hz"),
        ("localai", "alaw", "localai does not have g711_alaw as input, but pcm16"),
        ("xai", "mulow", "unknown audio format 'mulow'"),
    ],
)  # fmt: skip
def test_a_format_that_the_server_does_not_have(name: str, format: Any, message: str) -> None:
    create, _ = functions(get_provider(name))
    with pytest.raises(ConfigError, match=message):
        create(format=format, provider=name)


def test_settings_that_contain_others_are_combined_with_them() -> None:
    session: Any = realtime.create_session_config(
        provider="inworld",
        voice="Clive",
        audio={"input": {"turn_detection": None, "format": {"type": "audio/pcmu"}}, "output": {"speed": 1.1}},
    )
    assert session.audio.input.turn_detection is None
    assert session.audio.input.format == realtime.PcmuFormat()
    assert session.audio.output == realtime.AudioOutput(
        voice="Clive", speed=1.1, format=realtime.PcmFormat(rate=24_000)
    )
    openai: Any = realtime.create_session_config(provider="openai", audio={"output": {"voice": "marin"}})
    assert openai.audio.output.voice == "marin"


def test_a_stated_format_is_not_replaced_by_the_default() -> None:
    session = beta.create_session_config(provider="glm", input_audio_format="wav")
    assert (session.input_audio_format, session.output_audio_format) == ("wav", "pcm")
    session = beta.create_session_config(provider="qwen", input_audio_format="wav", format="pcm")
    assert session.input_audio_format == "pcm"


def test_a_format_in_betas_form_is_replaced_by_gas() -> None:
    stated = xai.XaiSession(input_audio_format="g711_ulaw")
    session = realtime.create_session_config(provider="xai", input_audio_format="g711_ulaw", format=WIDEBAND)
    for found in (session, get_provider("xai").with_formats(stated, {"input": WIDEBAND})):
        assert [*formats_by_path(found, "input")] == [("audio.input.format", realtime.PcmFormat(rate=16_000))]


def test_a_spelling_means_what_the_server_means_by_it() -> None:
    session = beta.create_session_config(provider="qwen", format="pcm")
    assert session == beta.create_session_config(provider="qwen")
    spelling: Any = "pcm16_8000hz"
    session = beta.create_session_config(provider="azure_voice_live", format=spelling)
    assert get_provider("azure_voice_live").session_format(session, "input") == AudioFormat("pcm16", 8_000)


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("xai", {"enable_noise_supression": True}, ("enable_noise_supression", "did you mean 'enable_noise_suppression'")),
        ("openai", {"temperature": 0.5}, ("temperature", "is not a setting of openai")),
        ("qwen", {"top_q": 1}, ("top_q", "did you mean 'top_")),
        ("glm", {"beta_fields": {"chat_mod": "audio"}}, ("beta_fields.chat_mod", "did you mean 'chat_mode'")),
        ("xai", {"turn_detection": {"treshold": 0.5}}, ("turn_detection.treshold", "did you mean 'threshold'")),
        ("xai", {"tools": [{"name": "a"}, {"nam": "b"}]}, ("tools[1].nam", "did you mean 'name'")),
        ("azure_voice_live", {"voice": {"name": "Ava"}}, ("voice", "missing required field `type`")),
        ("azure_voice_live", {"turn_detection": {"threshold": "loud"}}, ("turn_detection.threshold", "Expected")),
    ],
)  # fmt: skip
def test_settings_that_do_not_exist(name: str, settings: dict[str, Any], problem: tuple[str, str]) -> None:
    create, _ = functions(get_provider(name))
    with pytest.raises(ConfigError) as caught:
        create(provider=name, **settings)
    path, sentence = problem
    assert caught.value.field == path
    assert sentence in str(caught.value)


def test_a_provider_of_the_other_base_names_the_module() -> None:
    ga: Any = realtime.RealtimeSession()
    flat: Any = beta.RealtimeSessionConfig()
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: realtime.create_session_config(provider="qwen"), "qwen speaks the beta dialect: use realtime.beta.create_session_config"),
        (lambda: beta.create_session_config(provider="xai"), "xai speaks GA: use realtime.create_session_config"),
        (lambda: realtime.validate_session_config(ga, provider="glm"), "use realtime.beta.validate_session_config"),
        (lambda: beta.validate_session_config(flat, provider="azure"), "azure speaks GA: use realtime.validate_session_config"),
    ]  # fmt: skip
    for call, message in cases:
        with pytest.raises(ConfigError, match=message):
            call()


def test_a_server_without_settings() -> None:
    for call in (
        lambda: realtime.create_session_config(provider="vllm"),
        lambda: realtime.validate_session_config(realtime.RealtimeSession(), provider="vllm"),
    ):
        with pytest.raises(ConfigError, match="vllm has no session settings: it only transcribes"):
            call()


def test_other_settings_need_a_provider() -> None:
    anything: Any = {"temperature": 0.5}
    with pytest.raises(TypeError, match="no argument 'temperature' without provider="):
        realtime.create_session_config(**anything)
    with pytest.raises(TypeError, match="only with provider="):
        beta.create_session_config("gpt-4o-realtime-preview", **anything)
    with pytest.raises(TypeError, match="takes a model"):
        beta.create_session_config()  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="unknown provider 'xia'"):
        realtime.create_session_config(provider="xia")  # type: ignore[call-overload]


# --- Validation -----------------------------------------------------------------------------


def problems(row: Provider, session: Any) -> list[tuple[str, str]]:
    _, validate = functions(row)
    try:
        validate(session, provider=row)
    except ConfigError as error:
        return [*error.problems]
    return []


@pytest.mark.parametrize(
    ("name", "session", "paths"),
    [
        # OpenAI's rules are OpenAI's.
        ("openai", {"model": "grok"}, ["model"]),
        ("azure", {"model": "my-deployment"}, []),
        ("azure", {"model": "my-deployment", "max_output_tokens": 10_000}, ["max_output_tokens"]),
        ("xai", {"model": "grok-voice-latest", "voice": "eve", "max_output_tokens": 10_000}, []),
        ("inworld", {"audio": {"output": {"voice": "fable", "speed": 4.0}}}, []),
        ("openai", {"audio": {"output": {"voice": "fable", "speed": 4.0}}}, ["audio.output.voice", "audio.output.speed"]),
        # Formats.
        ("xai", {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 44_100}}}}, []),
        ("xai", {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 11_025}}}}, ["audio.input.format"]),
        ("xai", {"audio": {"output": {"format": {"type": "audio/opus"}}}}, ["audio.output.format"]),
        ("xai", {"input_audio_format": "mulow"}, ["input_audio_format"]),
        (
            "xai",
            {"input_audio_format": "not specified", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24_000}}}},
            [],
        ),
        ("openai", {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}}, ["audio.input.format.rate"]),
        ("localai", {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}, ["audio.output.format"]),
        ("azure_voice_live", {"input_audio_format": "pcm16", "input_audio_sampling_rate": 48_000}, ["input_audio_format"]),
        ("azure_voice_live", {"input_audio_format": "g711_ulaw", "input_audio_sampling_rate": 8_000}, []),
        ("azure_voice_live", {"output_audio_format": "pcm16_44100hz"}, ["output_audio_format"]),
        ("glm", {"input_audio_format": "wav", "output_audio_format": "mp3"}, []),
        ("glm", {"input_audio_format": "opus"}, ["input_audio_format"]),
        ("qwen", {"audio": {"output": {"format": {"type": "wav", "sample_rate": 16_000}}}}, []),
        ("qwen", {"audio": {"output": {"format": {"type": "pcm", "sample_rate": 44_100}}}}, ["audio.output.format"]),
        # Ranges.
        ("qwen", {"temperature": 1.99, "top_p": 1.0, "top_k": 0, "repetition_penalty": 7.0}, []),
        ("qwen", {"temperature": 2.0, "top_p": 0.0, "top_k": -1, "repetition_penalty": 0.0},
         ["temperature", "top_p", "top_k", "repetition_penalty"]),
        ("qwen", {"turn_detection": {"type": "server_vad", "threshold": -1.0, "silence_duration_ms": 200}}, []),
        ("qwen", {"turn_detection": {"type": "server_vad", "threshold": -1.5, "silence_duration_ms": 199}},
         ["turn_detection.threshold", "turn_detection.silence_duration_ms"]),
        ("azure_voice_live", {"temperature": 1.2}, ["temperature"]),
        ("azure_voice_live", {"turn_detection": {"threshold": 1.5}}, ["turn_detection.threshold"]),
        ("glm", {"temperature": 9.0}, []),  # it documents no range
    ],
)  # fmt: skip
def test_the_rules_of_each_server(name: str, session: dict[str, Any], paths: list[str]) -> None:
    row = get_provider(name)
    update = row.decode_client(json.dumps({"type": "session.update", "session": session}))
    assert [path for path, _ in problems(row, update.session)] == paths


def test_problems_state_what_is_allowed() -> None:
    row = get_provider("qwen")
    session = qwen.QwenSession(temperature=2.0, top_k=-1, presence_penalty=True, input_audio_format="ulaw")
    assert dict(problems(row, session)) == {
        "input_audio_format": "qwen does not have g711_ulaw as input, but pcm16 at 16000 Hz, pcm16 at 8000 Hz, pcm16, pcm16 at 48000 Hz",
        "temperature": "must be from 0 to 2, not 2",
        "top_k": "must be at least 0",
        "presence_penalty": "must be from -2 to 2",
    }  # fmt: skip


def test_validation_takes_sessions_only() -> None:
    wrong: Any = {}
    with pytest.raises(TypeError, match="RealtimeSessionConfig"):
        beta.validate_session_config(wrong, provider="qwen")
    with pytest.raises(TypeError, match="RealtimeSession"):
        realtime.validate_session_config(wrong, provider="xai")
    with pytest.raises(ModelNotFoundError):
        realtime.validate_session_config(realtime.RealtimeSession(model="x"), provider="openai")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(SPEAKING), st.data())
def test_any_setting_gives_a_session_or_a_clear_error(row: Provider, data: Any) -> None:
    create, _ = functions(row)
    names = [*row.session_type.__struct_fields__, "transcription", "max_output_tokens", "x"]
    names.remove("voice" if "voice" in names else "model")
    settings = data.draw(st.dictionaries(st.sampled_from(names), JSON, max_size=2))
    try:
        create(provider=row, **settings)
    except (ConfigError, TypeError) as error:
        assert str(error)


# --- Sample rates ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "name", "side", "rate"),
    [
        ("pcm", "qwen", "input", 16_000),
        ("pcm", "qwen", "output", 24_000),
        ("pcm", "openai", None, 24_000),
        ("ulaw", "xai", None, 8_000),
        ({"type": "pcm", "sample_rate": 48_000}, "qwen", None, 48_000),
        (AudioFormat("pcm16", 44_100), "xai", "output", 44_100),
        ("pcm24", "qwen", "output", 24_000),
        (WIDEBAND, "vllm", None, 16_000),
    ],
)
def test_sample_rates(format: Any, name: Any, side: Side | None, rate: int) -> None:
    assert realtime.get_sample_rate(format, provider=name, side=side) == rate


def test_sample_rates_are_not_guessed() -> None:
    with pytest.raises(
        ConfigError, match="16000 Hz in the input and 24000 Hz in the output of qwen: side= is needed"
    ):
        realtime.get_sample_rate("pcm", provider="qwen")
    with pytest.raises(ConfigError, match="glm does not have g711_ulaw"):
        realtime.get_sample_rate("ulaw", provider="glm")
    assert realtime.get_sample_rate({"type": "pcm", "sample_rate": 16_000}) == 16_000
