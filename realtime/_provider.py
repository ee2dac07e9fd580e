"""The table of the servers that speak this protocol, or nearly: one row each, with sources.

A `Provider` has a server's address, formats and quirks. Events of a server's own are defined in
`providers`, in the module of its name; they are imported when its codec is first used, so that
everything that takes a session can take a provider. Adding a provider is a row here, and a module
there if it has events or settings of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode

from msgspec import UNSET, Raw, structs

from ._text import did_you_mean
from .codec import DialectCodec, encode_json, event_classes
from .errors import ConfigError, snippet
from .format import AudioFormat, Side, stated_formats
from .repair import LenientDecoder, fields_of, members_of, untagged_struct

ProviderName: TypeAlias = Literal[
    "openai", "azure", "azure_voice_live", "xai", "qwen", "glm", "inworld", "vllm", "localai", "speaches"
]


@dataclass(frozen=True, slots=True)
class Quirk:
    """A difference between a server and OpenAI's, and where it was seen.

    `evidence` is "recorded", "documented", "source" (the server's code) or "reported".
    """

    text: str
    source: str
    evidence: Literal["recorded", "documented", "source", "reported"] = "documented"


class Range(NamedTuple):
    """The documented values of a setting: from `minimum` to `maximum`, without those in `excluded`."""

    minimum: float
    maximum: float = math.inf
    excluded: tuple[float, ...] = ()

    def allows(self, value: object) -> bool:
        """Return True if `value` is a number in this range."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return self.minimum <= value <= self.maximum and value not in self.excluded

    def __str__(self) -> str:
        limits = f"from {self.minimum} to {self.maximum}"
        if math.isinf(self.maximum):
            limits = f"at least {self.minimum}"
        return limits + "".join(f", not {value}" for value in self.excluded)


# --- Statements of formats -------------------------------------------------------------

# The members of a session that state the formats of its sides, by path. UNSET removes a member that would
# contradict them.
Formats: TypeAlias = Mapping[Side, AudioFormat]
Members: TypeAlias = dict[str, object]


def _ga_members(formats: Formats) -> Members:
    members: Members = {}
    for side, format in formats.items():
        rate = {"rate": format.sample_rate} if format.encoding == "pcm16" else {}
        members[f"audio.{side}.format"] = {"type": format.ga_type, **rate}
        members[f"{side}_audio_format"] = UNSET
    return members


def _voice_live_members(formats: Formats) -> Members:
    # The input's rate is a member of its own, the output's a part of the name. G.711 has one rate.
    members: Members = {}
    for side, format in formats.items():
        name, rate = format.encoding, format.sample_rate
        is_named = format in (AudioFormat.PCM16, *_G711)
        if side == "input":
            members["input_audio_sampling_rate"] = UNSET if is_named else rate
        members[f"{side}_audio_format"] = name if is_named or side == "input" else f"{name}_{rate}hz"
    return members


def _qwen_members(formats: Formats) -> Members:
    # Only version 3.5 has other rates than the defaults, as objects. dashscope sends either form, never both.
    if all(format.sample_rate == _QWEN_RATES[side] for side, format in formats.items()):
        flat: Members = {f"{side}_audio_format": "pcm" for side in formats}
        return {**flat, **{f"audio.{side}.format": UNSET for side in formats}}
    members: Members = {f"{side}_audio_format": UNSET for side in formats}
    for side, format in formats.items():
        members[f"audio.{side}.format"] = {"type": "pcm", "sample_rate": format.sample_rate}
    return members


def _glm_members(formats: Formats) -> Members:
    return {f"{side}_audio_format": "pcm" for side in formats}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Provider:
    """A server: its address, its codec, its formats and what it does differently.

    Attributes:
        base: the dialect that it is closest to.
        module: the module of this package with its event classes and its `CODEC`.
        api_key_env: environment variable with the key, "" if it needs none.
        input_formats, output_formats: accepted audio formats, the default first. Without output
            formats, it only transcribes, and has no session settings.
        usage_path: JSON path of the usage in `response.done`, "" if no usage is reported.
        listed_formats: formats that it accepts and this library cannot process, such as "mp3".
        openai_rules: which of OpenAI's own rules hold: for "models", and for "settings" (voices,
            tools, ranges).
        ranges: documented ranges of settings, by path in the session.
    """

    name: str
    base: Literal["ga", "beta"]
    module: str
    host: str
    path: str
    api_key_env: str
    input_formats: tuple[AudioFormat, ...]
    output_formats: tuple[AudioFormat, ...]
    sources: tuple[str, ...]
    # Where the address and the header of the key are documented.
    address_source: str
    quirks: tuple[Quirk, ...] = ()
    usage_path: str = "$.response.usage"
    listed_formats: tuple[str, ...] = ()
    # The query parameter of the model; "" if the model is stated in the session.
    model_parameter: str = "model"
    parameters: Mapping[str, str] = field(default_factory=dict)
    # The header of the key, and what precedes the key in it.
    key_header: tuple[str, str] = ("Authorization", "Bearer ")
    # Names of query parameters that are written differently as keyword arguments of `url`.
    parameter_names: Mapping[str, str] = field(default_factory=dict)
    # The path and the model's parameter of endpoints whose URL states an `api_version`.
    dated: tuple[str, str] | None = None
    # Spellings of formats that have another meaning here, by direction.
    spellings: Mapping[Side, Mapping[str, AudioFormat]] = field(default_factory=dict)
    # Returns the members of a session that state one of its formats.
    members: Callable[[Formats], Members] = _ga_members
    openai_rules: frozenset[Literal["models", "settings"]] = frozenset()
    ranges: Mapping[str, Range] = field(default_factory=dict)
    # The place of a setting of `create_session_config` in the session, if it is not that of `base`.
    places: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Provider {self.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        # Codecs consist of closures; a row of the table is found by its name.
        return get_provider, (self.name,)

    @property
    def codec(self) -> DialectCodec[Any, Any]:
        """The decoders and encoders with the server's own events. Its functions are attributes of the provider too."""
        return _codec(self.module)

    @property
    def decode_server(self) -> Callable[..., Any]:
        """Decode a frame sent by this server. As `realtime.decode_server` otherwise."""
        return self.codec.decode_server

    @property
    def decode_client(self) -> Callable[..., Any]:
        """Decode a frame sent to this server."""
        return self.codec.decode_client

    @property
    def decode_server_if(self) -> Callable[..., Any]:
        """Decode a frame sent by this server if its type is wanted."""
        return self.codec.decode_server_if

    @property
    def decode_client_if(self) -> Callable[..., Any]:
        """Decode a frame sent to this server if its type is wanted."""
        return self.codec.decode_client_if

    @property
    def encode(self) -> Callable[..., bytes]:
        """Encode an event for this server."""
        return self.codec.encode

    @property
    def encode_append(self) -> Callable[..., bytes]:
        """Encode audio as an append for this server."""
        return self.codec.encode_append

    def url(self, model: str = "", *, host: str = "", **parameters: str) -> str:
        """Return the address of the WebSocket, with `model` and other query parameters.

        `host` replaces the server's, with a port if it needs one; Azure's contains the resource's
        name, such as ``my-resource.openai.azure.com``. With a scheme (``ws://``), it replaces that too.
        Azure's ``api_version="2025-04-01-preview"`` returns a dated endpoint, which speaks beta, of the
        deployment `model`; Azure Voice Live's ``agent_name=`` and ``agent_project_name=`` replace the model.

        Raises:
            ConfigError: the server has no host of its own, and none is given.
        """
        host = host or self.host
        if "<" in host:
            raise ConfigError(f"{self.name} needs host=, such as {host.partition('://')[2]!r}")
        if "://" not in host:
            host = f"{self.host.partition('://')[0]}://{host}"
        query = dict(self.parameters)
        query |= {self.parameter_names.get(name, name): value for name, value in parameters.items()}
        path, model_parameter = self.path, self.model_parameter
        if self.dated is not None and "api-version" in query:
            path, model_parameter = self.dated
        if model and model_parameter:
            query = {model_parameter: model, **query}
        return f"{host.rstrip('/')}{path}" + ("?" + urlencode(query, quote_via=quote) if query else "")

    def headers(self, api_key: str) -> dict[str, str]:
        """Return the HTTP headers that authenticate a connection; none for an empty key."""
        name, prefix = self.key_header
        return {name: prefix + api_key} if api_key else {}

    def format_of(self, stated: object, side: Side) -> AudioFormat:
        """Return the audio format that this server means by `stated`, in any spelling.

        Raises:
            ConfigError: an unknown format, or one that this library cannot process.
            TypeError: `stated` is not a format.
        """
        if isinstance(stated, str):
            own = self.spellings.get(side, {}).get(stated.lower())
            if own is not None:
                return own
        return AudioFormat.of(stated)

    def formats(self, side: Side) -> tuple[AudioFormat, ...]:
        """Return the accepted formats of `side`, the default first."""
        return self.input_formats if side == "input" else self.output_formats

    def stated_format(self, session: object, side: Side) -> AudioFormat | None:
        """Return the audio format that a session or response states for `side`; None if it states none."""
        for stated in stated_formats(session, side):
            try:
                return self.format_of(stated, side)
            except (TypeError, ValueError):
                continue
        return None

    def session_format(self, session: object, side: Side) -> AudioFormat:
        """Return the audio format of a session or response for `side`; the default if it states none."""
        return self.stated_format(session, side) or self.default_format(side)

    def default_format(self, side: Side) -> AudioFormat:
        """Return the first of the formats for `side`; 24 kHz PCM if there are none."""
        return next(iter(self.formats(side)), AudioFormat.default())

    def check_format(self, stated: object, side: Side) -> AudioFormat:
        """Return the format that `stated` means, one that this server has for `side`.

        Raises:
            ConfigError: the server does not have it; the message lists what it has.
            TypeError: `stated` is not a format.
        """
        formats = self.formats(side)
        format = self.format_of(stated, side)
        if format not in formats:
            known = ", ".join(map(str, formats)) or "no audio"
            raise ConfigError(f"{self.name} does not have {format} as {side}, but {known}")
        return format

    def nearest_format(self, format: AudioFormat, side: Side) -> AudioFormat:
        """Return the format of this server that needs the least conversion from or to `format`.

        That is `format` itself if the server has it; else the same encoding at the next higher of
        its rates, or at the next lower one; else the default.

        Raises:
            ConfigError: the server has no formats for `side`.
        """
        formats = self.formats(side)
        if not formats:
            raise ConfigError(f"{self.name} has no audio {side}: it only transcribes")
        wanted = format.sample_rate
        return min(
            (other for other in formats if other.encoding == format.encoding),
            key=lambda other: (other.sample_rate < wanted, abs(other.sample_rate - wanted)),
            default=formats[0],
        )

    @property
    def update_type(self) -> Any:
        """The class of this server's `session.update`."""
        return self.client_type("session.update")

    def client_type(self, event_type: str) -> Any:
        """Return the class of this server's client event `event_type`, which must exist."""
        classes = event_classes(type(self.codec).client_events)
        return next(cls for cls in classes if cls.__struct_config__.tag == event_type)

    @property
    def session_type(self) -> Any:
        """The Struct of the settings of a conversation.

        Raises:
            ConfigError: the server has none.
        """
        if not self.output_formats:
            raise ConfigError(f"{self.name} has no session settings: it only transcribes")
        return members_of(field_at(self.update_type, "session"))[0]

    def place_of(self, setting: str) -> str:
        """Return the path in a session of a setting of `create_session_config`."""
        return self.places.get(setting) or _PLACES[self.base].get(setting, setting)

    def with_formats(self, session: Any, formats: Formats) -> Any:
        """Return the settings `session` in `formats`, by side, as this server spells them."""
        for path, value in self.members(formats).items():
            tp = field_at(type(session), path)
            if value is not UNSET:
                value = LenientDecoder(fills=False).decode(Raw(encode_json(value)), tp, path)
            elif tp is None:
                continue
            session = replaced(session, path, value)
        return session


# The places of settings that a session has under another name.
_PLACES: Final[Mapping[str, Mapping[str, str]]] = {
    "ga": {
        "voice": "audio.output.voice",
        "turn_detection": "audio.input.turn_detection",
        "transcription": "audio.input.transcription",
    },
    "beta": {"transcription": "input_audio_transcription", "max_output_tokens": "max_response_output_tokens"},
}


def field_at(struct: Any, path: str) -> Any:
    """Return the type of the member at `path` in a Struct's class, None if there is none."""
    name, _, rest = path.partition(".")
    tp = next((field.type for field in fields_of(struct) if field.name == name), None)
    if tp is None or not rest:
        return tp
    inner = untagged_struct(tp)
    return inner and field_at(inner, rest)


def value_at(owner: Any, path: str) -> Any:
    """Return the value of the member at `path` of a Struct; UNSET if it is absent, or what contains it is."""
    for name in path.split("."):
        owner = getattr(owner, name, UNSET)
    return owner


def replaced(owner: Any, path: str, value: object) -> Any:
    """Return the Struct `owner` with the member at `path`, which must exist, set to `value`."""
    name, _, rest = path.partition(".")
    if rest:
        inner: Any = untagged_struct(field_at(type(owner), name))
        present = getattr(owner, name)
        if not present and value is UNSET:
            return owner
        value = replaced(present or inner(), rest, value)
    return structs.replace(owner, **{name: value})


@cache
def _codec(module: str) -> DialectCodec[Any, Any]:
    codec: DialectCodec[Any, Any] = import_module(f".{module}", __package__).CODEC
    return codec


ProviderLike: TypeAlias = Provider | ProviderName


def get_provider(provider: ProviderLike | str) -> Provider:
    """Return the provider of a name, or `provider` itself.

    Raises:
        ConfigError: an unknown name.
        TypeError: `provider` is neither a name nor a Provider.
    """
    if isinstance(provider, Provider):
        return provider
    if not isinstance(provider, str):
        raise TypeError(f"a provider is a name or a Provider, not {type(provider).__name__}")
    found = PROVIDERS.get(provider)
    if found is None:
        raise ConfigError(
            f"unknown provider {snippet(repr(provider))}; known are {', '.join(PROVIDERS)}"
            + did_you_mean(provider, PROVIDERS)
        )
    return found


def provider_for(provider: ProviderLike | str, base: Literal["ga", "beta"], function: str) -> Provider:
    """Return the provider `provider`, whose base must be `base`, for a function of that dialect's module.

    Raises:
        ConfigError: an unknown name, or a provider of the other base.
    """
    row = get_provider(provider)
    if row.base != base:
        module, dialect = {"ga": ("realtime", "GA"), "beta": ("realtime.beta", "the beta dialect")}[row.base]
        raise ConfigError(f"{row.name} speaks {dialect}: use {module}.{function}")
    return row


# --- The table -----------------------------------------------------------------------


def _pcm(*rates: int) -> tuple[AudioFormat, ...]:
    return tuple(AudioFormat("pcm16", rate) for rate in rates)


_G711: Final = (AudioFormat.G711_ULAW, AudioFormat.G711_ALAW)
_OPENAI: Final = (AudioFormat.PCM16, *_G711)
_VOICE_LIVE_SDK: Final = "azure-ai-voicelive 1.3.1, models"
_XAI_DOCS: Final = "https://docs.x.ai/docs/guides/voice/agent"
_QWEN_CLIENT: Final = "https://www.alibabacloud.com/help/en/model-studio/client-events"
_QWEN_SERVER: Final = "https://www.alibabacloud.com/help/en/model-studio/server-events"
_QWEN_RATES: Final[Mapping[Side, int]] = {"input": 16_000, "output": 24_000}
_GLM_DOCS: Final = "https://docs.bigmodel.cn/cn/asyncapi/realtime"
_VLLM_DOCS: Final = "https://docs.vllm.ai, vllm.entrypoints.speech_to_text.realtime 0.22.1"

# Read 2026-11-29.
_ROWS: Final = (
    Provider(
        name="openai",
        base="ga",
        module="codec",
        host="wss://api.openai.com",
        path="/v1/realtime",
        address_source="https://developers.openai.com/api/docs/guides/realtime-websocket",
        api_key_env="OPENAI_API_KEY",
        input_formats=_OPENAI,
        output_formats=_OPENAI,
        sources=("https://platform.openai.com/docs/api-reference/realtime", "openai-python 3.57.0"),
        openai_rules=frozenset(("models", "settings")),
    ),
    Provider(
        name="azure",
        base="ga",
        module="codec",
        host="wss://<resource>.openai.azure.com",
        path="/openai/v1/realtime",
        address_source="https://learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets",
        api_key_env="AZURE_OPENAI_API_KEY",
        key_header=("api-key", ""),
        parameter_names={"api_version": "api-version"},
        dated=("/openai/realtime", "deployment"),
        input_formats=_OPENAI,
        output_formats=_OPENAI,
        sources=("https://learn.microsoft.com/azure/ai-foundry/openai/how-to/realtime-audio-websockets",),
        openai_rules=frozenset(("settings",)),  # models are names of deployments
        quirks=(
            Quirk(
                "Dated endpoints (/openai/realtime?api-version=2025-04-01-preview&deployment=...) speak beta: "
                "use realtime.beta.",
                "https://learn.microsoft.com/azure/ai-foundry/openai/realtime-audio-reference",
            ),
            Quirk(
                "Semantic VAD is accepted and, with some models, never reports speech.",
                "https://github.com/openai/openai-agents-python/issues",
                "reported",
            ),
        ),
    ),
    Provider(
        name="azure_voice_live",
        base="beta",
        module="providers.azure_voice_live",
        host="wss://<resource>.services.ai.azure.com",
        path="/voice-live/realtime",
        parameters={"api-version": "2026-07-15"},
        address_source="azure-ai-voicelive 1.3.1, aio.connect; https://learn.microsoft.com/azure/ai-services/speech-service/voice-live-how-to",
        api_key_env="AZURE_VOICELIVE_API_KEY",
        key_header=("api-key", ""),
        parameter_names={
            "api_version": "api-version",
            "agent_name": "agent-name",
            "agent_project_name": "agent-project-name",
            "agent_version": "agent-version",
            "conversation_id": "conversation-id",
        },
        input_formats=(*_pcm(24_000, 16_000, 8_000), *_G711),
        output_formats=(*_pcm(24_000, 16_000, 8_000), *_G711),
        members=_voice_live_members,
        ranges={"temperature": Range(0, 1), "turn_detection.threshold": Range(0, 1)},
        sources=(
            _VOICE_LIVE_SDK,
            "https://learn.microsoft.com/azure/ai-services/speech-service/voice-live-how-to",
        ),
        quirks=(
            Quirk("Voices are objects with a type and a name.", _VOICE_LIVE_SDK, "recorded"),
            Quirk(
                "The input's rate is input_audio_sampling_rate, beside its format.",
                _VOICE_LIVE_SDK,
                "recorded",
            ),
            Quirk(
                "The address has a model, or an agent: url(agent_name=..., agent_project_name=...).",
                "azure-ai-voicelive 1.3.1, aio.connect",
            ),
            Quirk("The output formats pcm16_8000hz and pcm16_16000hz contain their rate.", _VOICE_LIVE_SDK),
            Quirk("Sends GA's conversation.item.done beside beta's events.", _VOICE_LIVE_SDK, "recorded"),
        ),
    ),
    Provider(
        name="xai",
        base="ga",
        module="providers.xai",
        host="wss://api.x.ai",
        path="/v1/realtime",
        address_source="https://docs.x.ai/developers/model-capabilities/audio/speech-to-speech",
        api_key_env="XAI_API_KEY",
        input_formats=(*_pcm(24_000, 8_000, 16_000, 22_050, 32_000, 44_100, 48_000), *_G711),
        output_formats=(*_pcm(24_000, 8_000, 16_000, 22_050, 32_000, 44_100, 48_000), *_G711),
        usage_path="$.usage",
        places={"voice": "voice", "turn_detection": "turn_detection"},
        sources=(_XAI_DOCS,),
        quirks=(
            Quirk("One session has GA's audio and beta's flat members.", _XAI_DOCS, "recorded"),
            Quirk(
                "The usage stands at the top of response.done; response.usage is {}.", _XAI_DOCS, "recorded"
            ),
            Quirk(
                "Message items may have no content, response.content_part.done no part.",
                _XAI_DOCS,
                "recorded",
            ),
            Quirk("response.function_call_arguments.delta has no output_index.", _XAI_DOCS, "recorded"),
            Quirk('A turn detection that is off is {"type": null}.', _XAI_DOCS, "recorded"),
            Quirk("input_audio_buffer.speech_started may have neither a time nor an item.", _XAI_DOCS),
            Quirk("A deletion is confirmed with an empty item_id.", _XAI_DOCS),
        ),
    ),
    Provider(
        name="qwen",
        base="beta",
        module="providers.qwen",
        host="wss://dashscope-intl.aliyuncs.com",
        path="/api-ws/v1/realtime",
        address_source="https://www.alibabacloud.com/help/en/model-studio/realtime-websocket-overview",
        api_key_env="DASHSCOPE_API_KEY",
        input_formats=_pcm(16_000, 8_000, 24_000, 48_000),
        output_formats=_pcm(24_000, 8_000, 16_000, 48_000),
        listed_formats=("wav",),
        spellings={
            "input": dict.fromkeys(("pcm", "pcm16"), AudioFormat("pcm16", _QWEN_RATES["input"])),
            "output": dict.fromkeys(("pcm", "pcm16", "pcm24"), AudioFormat("pcm16", _QWEN_RATES["output"])),
        },
        members=_qwen_members,
        ranges={
            "temperature": Range(0, 2, (2,)),
            "top_p": Range(0, 1, (0,)),
            "top_k": Range(0),
            "presence_penalty": Range(-2, 2),
            "repetition_penalty": Range(0, excluded=(0,)),
            "turn_detection.threshold": Range(-1, 1),
            "turn_detection.silence_duration_ms": Range(200, 6000),
        },
        sources=(_QWEN_CLIENT, _QWEN_SERVER, "dashscope 2.0.2, omni_realtime"),
        quirks=(
            Quirk("pcm and pcm16 are 16 kHz in the input, 24 kHz in the output.", _QWEN_CLIENT),
            Quirk("Usage details are input_tokens_details and output_tokens_details.", _QWEN_SERVER),
            Quirk(
                "Transcripts of the user arrive as a final text and a stash that may change.", _QWEN_SERVER
            ),
            Quirk("Version 3.5 has GA's audio in the session, formats with sample_rate.", "dashscope 2.0.2"),
        ),
    ),
    Provider(
        name="glm",
        base="beta",
        module="providers.glm",
        host="wss://open.bigmodel.cn",
        path="/api/paas/v4/realtime",
        model_parameter="",
        address_source="https://docs.bigmodel.cn/cn/asyncapi/realtime",
        api_key_env="ZHIPUAI_API_KEY",
        input_formats=_pcm(16_000),
        output_formats=_pcm(24_000),
        listed_formats=("wav", "mp3"),
        spellings={
            "input": {name: AudioFormat("pcm16", 16_000) for name in ("pcm", "pcm16", "pcm24")},
            "output": {name: AudioFormat("pcm16", 24_000) for name in ("pcm", "pcm16")},
        },
        members=_glm_members,
        sources=(_GLM_DOCS, "https://github.com/MetaGLM/glm-realtime-sdk"),
        quirks=(
            Quirk("Deltas, arguments and speech events have no item_id.", _GLM_DOCS),
            Quirk("The transcript of the user has no content_index.", _GLM_DOCS),
            Quirk("Settings of its own are in session.beta_fields.", _GLM_DOCS),
            Quirk("Sends heartbeat events.", _GLM_DOCS),
        ),
    ),
    Provider(
        name="inworld",
        base="ga",
        module="codec",
        host="wss://api.inworld.ai",
        path="/api/v1/realtime/session",
        parameters={"protocol": "realtime"},
        model_parameter="",
        address_source="https://docs.inworld.ai/realtime/connect/websocket",
        api_key_env="INWORLD_API_KEY",
        key_header=("Authorization", "Basic "),
        input_formats=_OPENAI,
        output_formats=_OPENAI,
        sources=("https://docs.inworld.ai/realtime/connect/websocket.md",),
        quirks=(
            Quirk(
                "The address has the id of a session: url(key=...). The key is base64 already.",
                "https://docs.inworld.ai/realtime/connect/websocket.md",
            ),
            Quirk(
                "response.metadata.attempts is a list.",
                "https://docs.inworld.ai/api-reference/realtimeAPI/realtime/realtime-websocket",
            ),
            Quirk(
                "The model of the voice is audio.output.model.",
                "https://docs.inworld.ai/api-reference/realtimeAPI/realtime/realtime-websocket",
            ),
        ),
    ),
    Provider(
        name="vllm",
        base="ga",
        module="providers.vllm",
        host="ws://localhost:8000",
        path="/v1/realtime",
        model_parameter="",
        address_source="https://docs.vllm.ai/en/v0.22.1/api/vllm/entrypoints/speech_to_text/realtime/api_router/",
        api_key_env="VLLM_API_KEY",
        input_formats=_pcm(16_000),
        output_formats=(),
        usage_path="$.usage",
        sources=(_VLLM_DOCS,),
        quirks=(
            Quirk("Transcribes only: transcription.delta and transcription.done.", _VLLM_DOCS, "source"),
            Quirk(
                "session.created has no session; session.update has the model at its top.",
                _VLLM_DOCS,
                "source",
            ),
            Quirk("An error is a text, with its code beside it.", _VLLM_DOCS, "source"),
            Quirk("A binary message closes the connection without an error.", _VLLM_DOCS, "source"),
        ),
    ),
    Provider(
        name="localai",
        base="ga",
        module="providers.localai",
        host="ws://localhost:8080",
        path="/v1/realtime",
        address_source="https://localai.io/features/openai-realtime",
        api_key_env="LOCALAI_API_KEY",
        input_formats=_pcm(24_000),
        output_formats=_pcm(24_000),
        sources=("https://localai.io/features/openai-realtime",),
        quirks=(
            Quirk("Empty content and arguments are left out.", "https://github.com/mudler/LocalAI", "source"),
            Quirk(
                "conversation.item.speaker names the speaker of an item.", "https://github.com/mudler/LocalAI"
            ),
        ),
    ),
    Provider(
        name="speaches",
        base="ga",
        module="codec",
        host="ws://localhost:8000",
        path="/v1/realtime",
        address_source="https://speaches.ai/usage/realtime-api",
        api_key_env="SPEACHES_API_KEY",
        input_formats=_pcm(24_000),
        output_formats=_pcm(24_000),
        sources=("https://speaches.ai/usage/realtime-api", "https://github.com/speaches-ai/speaches"),
        quirks=(
            Quirk(
                "session.speech_model names the model of the voice.",
                "https://github.com/speaches-ai/speaches",
                "source",
            ),
        ),
    ),
)
PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({row.name: row for row in _ROWS})
"""The rows by name."""
