"""The table of providers: addresses, keys, formats, codecs."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from typing import Any, get_args

import pytest

import realtime
from realtime import AudioFormat, ConfigError, providers
from realtime.providers import PROVIDERS, Provider, get_provider

ROWS = [pytest.param(row, id=row.name) for row in PROVIDERS.values()]
OWN_HOST = {"azure": "r.openai.azure.com", "azure_voice_live": "r.services.ai.azure.com"}


def test_the_names_for_type_checkers_are_those_of_the_table() -> None:
    assert list(get_args(providers.ProviderName)) == list(PROVIDERS)
    assert [row.name for row in PROVIDERS.values()] == list(PROVIDERS)


@pytest.mark.parametrize("row", ROWS)
def test_a_provider_by_name_or_value(row: Provider) -> None:
    assert get_provider(row.name) is row
    assert get_provider(row) is row


def test_an_unknown_provider() -> None:
    with pytest.raises(ConfigError, match=r"unknown provider 'opanai'.*did you mean 'openai'"):
        get_provider("opanai")
    wrong: Any = 3
    with pytest.raises(TypeError, match="not int"):
        get_provider(wrong)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("openai", "wss://api.openai.com/v1/realtime?model=a%20b"),
        ("azure", "wss://r.openai.azure.com/openai/v1/realtime?model=a%20b"),
        (
            "azure_voice_live",
            "wss://r.services.ai.azure.com/voice-live/realtime?model=a%20b&api-version=2026-07-15",
        ),
        ("xai", "wss://api.x.ai/v1/realtime?model=a%20b"),
        ("qwen", "wss://dashscope-intl.aliyuncs.com/api-ws/v1/realtime?model=a%20b"),
        ("glm", "wss://open.bigmodel.cn/api/paas/v4/realtime"),
        ("inworld", "wss://api.inworld.ai/api/v1/realtime/session?protocol=realtime"),
        ("vllm", "ws://localhost:8000/v1/realtime"),
        ("localai", "ws://localhost:8080/v1/realtime?model=a%20b"),
        ("speaches", "ws://localhost:8000/v1/realtime?model=a%20b"),
    ],
)
def test_addresses(name: str, url: str) -> None:
    assert get_provider(name).url("a b", host=OWN_HOST.get(name, "")) == url


def test_other_hosts_and_parameters() -> None:
    openai, inworld = get_provider("openai"), get_provider("inworld")
    assert openai.url("m", host="127.0.0.1:8123") == "wss://127.0.0.1:8123/v1/realtime?model=m"
    assert openai.url("m", host="ws://127.0.0.1:8123/") == "ws://127.0.0.1:8123/v1/realtime?model=m"
    assert openai.url(call_id="rtc 1") == "wss://api.openai.com/v1/realtime?call_id=rtc%201"
    assert inworld.url(key="s") == "wss://api.inworld.ai/api/v1/realtime/session?protocol=realtime&key=s"
    assert "api-version=x" in get_provider("azure_voice_live").url(host="h", **{"api-version": "x"})


def test_dated_endpoints_of_azure() -> None:
    """Source: learn.microsoft.com, "Use the GPT Realtime API via WebSockets", its preview version. Read 2026-11-29."""
    azure = get_provider("azure")
    assert azure.url("my deployment", host="r.openai.azure.com", api_version="2025-04-01-preview") == (
        "wss://r.openai.azure.com/openai/realtime?deployment=my%20deployment&api-version=2025-04-01-preview"
    )
    assert azure.url("d", host="h", **{"api-version": "x"}) == azure.url("d", host="h", api_version="x")


def test_agents_of_azure_voice_live() -> None:
    """Source: azure-ai-voicelive 1.3.1, aio.connect."""
    row = get_provider("azure_voice_live")
    assert row.url(
        host="r.services.ai.azure.com", agent_name="a", agent_project_name="p", conversation_id="c"
    ) == (
        "wss://r.services.ai.azure.com/voice-live/realtime"
        "?api-version=2026-07-15&agent-name=a&agent-project-name=p&conversation-id=c"
    )
    assert row.url("m", host="h", api_version="2025-10-01") == (
        "wss://h/voice-live/realtime?model=m&api-version=2025-10-01"
    )


@pytest.mark.parametrize("name", OWN_HOST)
def test_azure_needs_the_host_of_a_resource(name: str) -> None:
    with pytest.raises(ConfigError, match=r"needs host=, such as '<resource>"):
        get_provider(name).url("m")


@pytest.mark.parametrize("row", ROWS)
def test_keys(row: Provider) -> None:
    assert row.headers("") == {}
    ((name, value),) = row.headers("KEY").items()
    assert name in ("Authorization", "api-key")
    assert value.endswith("KEY")
    assert repr(row) == f"<Provider {row.name!r}>"


@pytest.mark.parametrize("row", ROWS)
def test_every_row_has_sources_and_formats(row: Provider) -> None:
    assert row.sources
    assert all(quirk.text.endswith(".") and quirk.source for quirk in row.quirks)
    assert row.input_formats
    assert row.output_formats or row.name == "vllm"  # it transcribes only
    assert len(set(row.input_formats)) == len(row.input_formats)
    for side, formats in (("input", row.input_formats), ("output", row.output_formats)):
        assert row.session_format({}, side) == (formats or (AudioFormat.PCM16,))[0]  # type: ignore[arg-type]
        for format in formats:
            assert row.format_of(format, side) == format  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "session", "formats"),
    [
        ("openai", {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, ("g711_ulaw", 8_000, "pcm16", 24_000)),
        ("qwen", {"input_audio_format": "pcm", "output_audio_format": "pcm"}, ("pcm16", 16_000, "pcm16", 24_000)),
        ("qwen", {"input_audio_format": "pcm16", "output_audio_format": "pcm24"}, ("pcm16", 16_000, "pcm16", 24_000)),
        (
            "qwen",
            {"audio": {"input": {"format": {"type": "pcm", "sample_rate": 8000}}}},
            ("pcm16", 8_000, "pcm16", 24_000),
        ),
        (
            "azure_voice_live",
            {"input_audio_format": "pcm16", "input_audio_sampling_rate": 16000, "output_audio_format": "pcm16_8000hz"},
            ("pcm16", 16_000, "pcm16", 8_000),
        ),
        (
            "xai",
            {"input_audio_format": "not specified", "audio": {"output": {"format": {"type": "audio/pcm", "rate": 44100}}}},
            ("pcm16", 24_000, "pcm16", 44_100),
        ),
        ("glm", {"input_audio_format": "pcm", "output_audio_format": "mp3"}, ("pcm16", 16_000, "pcm16", 24_000)),
        ("vllm", {}, ("pcm16", 16_000, "pcm16", 24_000)),
    ],
)  # fmt: skip
def test_formats_of_sessions(name: str, session: Any, formats: tuple[Any, int, Any, int]) -> None:
    row = get_provider(name)
    assert row.session_format(session, "input") == AudioFormat(*formats[:2])
    assert row.session_format(session, "output") == AudioFormat(*formats[2:])


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("side", ["input", "output"])
def test_the_nearest_format(row: Provider, side: Any) -> None:
    formats = row.formats(side)
    if not formats:
        with pytest.raises(ConfigError, match=f"no audio {side}: it only transcribes"):
            row.nearest_format(AudioFormat.PCM16, side)
        return
    for rate in (8_000, 16_000, 24_000, 32_000, 44_100, 48_000):
        wanted = AudioFormat("pcm16", rate)
        found = row.nearest_format(wanted, side)
        rates = {format.sample_rate for format in formats if format.encoding == "pcm16"}
        higher = [other for other in rates if other >= rate]
        assert found in formats
        assert found.sample_rate == (min(higher) if higher else max(rates))
    for law in (AudioFormat.G711_ULAW, AudioFormat.G711_ALAW):
        assert row.nearest_format(law, side) == (law if law in formats else formats[0])


@pytest.mark.parametrize("row", ROWS)
def test_the_functions_of_a_dialect(row: Provider) -> None:
    frame = row.encode_append(b"\0\0")
    append = row.decode_client(frame)
    assert append.audio == b"\0\0"
    assert row.encode(append) == frame
    assert row.decode_client_if(frame, {append.type}) == append
    unknown = row.decode_server('{"type":"zap"}')
    assert isinstance(unknown, realtime.UnknownEvent)
    assert row.decode_server_if('{"type":"zap"}', {"x"}) is None
    error = row.decode_server('{"type":"error","error":"text","code":"x"}')
    assert (error.error.message, error.error.code) == ("text", "x")


@pytest.mark.parametrize("row", ROWS)
def test_own_events_encode_and_decode(row: Provider) -> None:
    module = getattr(providers, row.name, None)
    if module is None:
        return
    for name in module.__all__:
        cls = getattr(module, name)
        if not (inspect.isclass(cls) and issubclass(cls, (realtime.ServerSide, realtime.ClientSide))):
            continue
        decode = row.decode_server if issubclass(cls, realtime.ServerSide) else row.decode_client
        event = decode(json.dumps({"type": cls.__struct_config__.tag, **REQUIRED.get(name, {})}))
        assert type(event) is cls, name
        assert decode(row.encode(event)) == event


# Members of own events that are not filled in.
REQUIRED: dict[str, dict[str, Any]] = {
    "ResponseDone": {"response": {}},
    "Warning": {"warning": {"message": "m"}},
    "SessionUpdate": {"session": {}},
    "SessionAvatarConnect": {"client_sdp": "v=0"},
    "InputAudioTurnStart": {"turn_id": "t"},
    "InputAudioTurnAppend": {"turn_id": "t", "audio": "AAAA"},
    "InputAudioTurnEnd": {"turn_id": "t"},
    "InputAudioTurnCancel": {"turn_id": "t"},
    "InputTextDelta": {"id": "i", "delta": "x"},
    "InputTextDone": {"id": "i"},
    "ResponseAnimationBlendshapesDelta": {"frames": [[0.5]]},
    "InputImageBufferAppend": {"image": "AAAA"},
    "InputAudioBufferAppendVideoFrame": {"video_frame": "AAAA"},
}


@pytest.mark.parametrize("row", ROWS)
def test_copies(row: Provider) -> None:
    assert copy.copy(row) is copy.deepcopy(row) is pickle.loads(pickle.dumps(row)) is row
