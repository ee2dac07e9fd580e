"""Builders and lookups for GA: what today's servers accept.

They correspond to the utilities of the seed (litellm-rs 0.4.16, docs/seed.md); their forms with the
seed's own shapes and defaults are in `realtime.beta`. Rules for finished settings are in `validate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import msgspec
from msgspec import UNSET, Raw

from . import events, spec
from ._guard import DEFAULT_MAX_DEPTH, check_depth
from ._provider import Provider, ProviderLike, field_at, get_provider, provider_for, replaced, value_at
from ._text import did_you_mean
from .append import as_bytes_view, from_base64
from .codec import encode_json, is_finite
from .errors import AudioError, ConfigError, DecodeError, ModelNotFoundError, reason_of, snippet
from .events.base import first_byte
from .format import SIDES, AudioFormat, AudioFormatLike, Side, stated_formats
from .repair import (
    LenientDecoder,
    ValidationFailure,
    argument_of,
    fields_of,
    structs_by_tag,
    tag_of,
    untagged_struct,
)

if TYPE_CHECKING:
    from .append import Buffer

# The JSON form of settings: checked member by member.
Settings: TypeAlias = Mapping[str, object]

# Source: litellm-rs 0.4.16, create_session_config; GA has no temperature.
TRANSCRIPTION_MODEL = "whisper-1"
VAD_THRESHOLD = 0.5
VAD_PREFIX_PADDING_MS = 300
VAD_SILENCE_DURATION_MS = 500
# An assumption, not a fact of the protocol: 150 spoken words a minute, 4 tokens to 3 words.
TEXT_TOKENS_PER_MINUTE = 200

_WIRE_FORMATS: dict[str, type[events.PcmFormat | events.PcmuFormat | events.PcmaFormat]] = {
    "pcm16": events.PcmFormat,
    "g711_ulaw": events.PcmuFormat,
    "g711_alaw": events.PcmaFormat,
}


# --- Lookups -------------------------------------------------------------------------


def get_supported_models() -> list[str]:
    """Return the models that today's Realtime API lists; the wire accepts others, too."""
    return list(spec.MODELS)


def supports_realtime(model_id: str) -> bool:
    """Return True if `model_id` is one of `get_supported_models()`."""
    return model_id in spec.MODELS


def get_recommended_voice(use_case: str) -> str:
    """Return a voice that GA accepts for a use case ("assistant", "narrator", ...; alloy for others)."""
    return spec.RECOMMENDED_VOICES.get(use_case.lower(), spec.DEFAULT_VOICE)


def get_sample_rate(
    format: AudioFormatLike, *, provider: ProviderLike | None = None, side: Side | None = None
) -> int:
    """Return the sample rate of a format in any spelling, in Hz.

    With `provider`, as that server means it. `side` is needed where the same name is another
    rate in the input than in the output, such as Qwen's "pcm".

    Raises:
        ConfigError: an unknown format or provider, a format that the provider does not have, or
            `side` is needed.
        TypeError: a format of a wrong type.
    """
    if provider is None:
        return AudioFormat.of(format).sample_rate
    row = get_provider(provider)
    if side is not None:
        return row.check_format(format, side).sample_rate
    by_side: dict[Side, AudioFormat] = {side: row.format_of(format, side) for side in SIDES}
    if by_side["input"] != by_side["output"]:
        stated = " and ".join(f"{format.sample_rate} Hz in the {side}" for side, format in by_side.items())
        raise ConfigError(f"{snippet(format)} is {stated} of {row.name}: side= is needed")
    has: list[Side] = [side for side in SIDES if by_side[side] in row.formats(side)]
    return row.check_format(format, has[0] if has else "input").sample_rate


def estimate_cost_per_minute(model: str, include_audio: bool = True) -> float:
    """Return the approximate cost of one minute of conversation in USD, without repeated context.

    By token prices: the user speaks half of the minute and the assistant the other half, by
    audio tokens (one per 100 ms and one per 50 ms) or, without audio, by
    `TEXT_TOKENS_PER_MINUTE` of text in equal parts. For models billed by the minute, their price.
    gpt-4o-realtime-preview and its first snapshot cost what litellm-rs 0.4.16 states: 0.06
    with audio, 0.03 without.

    Raises:
        ModelNotFoundError: the price of `model` is not known.
    """
    if model in spec.BETA_MINUTE_PRICES:
        with_audio, text_only = spec.BETA_MINUTE_PRICES[model]
        return with_audio if include_audio else text_only
    if model in spec.MINUTE_PRICES:
        return spec.MINUTE_PRICES[model]
    if model not in spec.PRICES:
        reason = f"no price of {snippet(repr(model))} is known (prices of {spec.PRICES_READ})"
        raise ModelNotFoundError(model, reason=reason + did_you_mean(model, spec.PRICES))
    price = spec.PRICES[model]
    if include_audio:
        user_tokens = 30_000 / spec.USER_AUDIO_MS_PER_TOKEN
        assistant_tokens = 30_000 / spec.ASSISTANT_AUDIO_MS_PER_TOKEN
        kind = price.audio
    else:
        user_tokens = assistant_tokens = TEXT_TOKENS_PER_MINUTE / 2
        kind = price.text
    return (user_tokens * kind.input + assistant_tokens * kind.output) / 1e6


# --- Sessions ------------------------------------------------------------------------


def wire_format(format: AudioFormatLike) -> events.Format:
    """Return the GA object for an audio format in any spelling. Raises the errors of `AudioFormat.of`."""
    found = AudioFormat.of(format)
    wire = _WIRE_FORMATS[found.encoding]()
    if isinstance(wire, events.PcmFormat):
        wire.rate = found.sample_rate
    return wire


@overload
def create_session_config(
    model: spec.Model = spec.DEFAULT_MODEL,
    voice: spec.Voice | None = None,
    instructions: str | None = None,
    *,
    format: AudioFormatLike = AudioFormat.PCM16,
    turn_detection: events.Maybe[events.TurnDetection | Settings] = UNSET,
    transcription: events.Maybe[events.Transcription | Settings] = UNSET,
    tools: events.Maybe[Sequence[events.Tool | Settings]] = UNSET,
    max_output_tokens: events.Maybe[events.MaxTokens] = UNSET,
    provider: None = None,
) -> events.RealtimeSession: ...
@overload
def create_session_config(
    model: str | None = None,
    voice: str | Settings | None = None,
    instructions: str | None = None,
    *,
    provider: ProviderLike,
    format: AudioFormatLike | None = None,
    turn_detection: Any = UNSET,
    transcription: Any = UNSET,
    tools: events.Maybe[Sequence[Any]] = UNSET,
    max_output_tokens: events.Maybe[events.MaxTokens] = UNSET,
    **settings: Any,
) -> events.RealtimeSession: ...
def create_session_config(
    model: str | None = None,
    voice: str | Settings | None = None,
    instructions: str | None = None,
    *,
    provider: ProviderLike | None = None,
    format: AudioFormatLike | None = None,
    **settings: Any,
) -> events.RealtimeSession:
    """Return the settings of a session with audio input and output in `format`, PCM16 by default.

    Defaults: voice alloy, and server VAD with a threshold of 0.5, 300 ms before speech and 500 ms
    of silence. Transcription is off and the number of output tokens has no limit unless they
    are given. None switches `turn_detection` or `transcription` off.

    `turn_detection`, `transcription` and each of `tools` may be a dict, whose members are
    checked; a turn detection without a ``type`` is server VAD, a tool without one a function.

    With `provider`, the settings are of that server's own type, with its default formats, server VAD
    and nothing else that is not given; every member of its session is accepted by name, such as
    ``enable_noise_suppression=True`` for xAI. Providers that speak beta are for
    `realtime.beta.create_session_config`.

    Raises:
        ConfigError: an unknown format or provider, a format or setting that the provider does not
            have, or a dict with unknown members or values of a wrong type; `problems` has all that
            were found, each with its path.
        TypeError: a format of a wrong type.
    """
    row = provider_for("openai" if provider is None else provider, "ga", "create_session_config")
    if provider is None and not settings.keys() <= _SETTINGS:
        name = min(settings.keys() - _SETTINGS)
        raise TypeError(f"create_session_config() has no argument {snippet(repr(name))} without provider=")
    defaults: dict[str, Any] = {}
    if "models" in row.openai_rules:
        defaults["model"] = spec.DEFAULT_MODEL
    if "settings" in row.openai_rules:
        defaults |= {
            "output_modalities": ["audio"],
            "voice": spec.DEFAULT_VOICE,
            "turn_detection": events.ServerVad(
                threshold=VAD_THRESHOLD,
                prefix_padding_ms=VAD_PREFIX_PADDING_MS,
                silence_duration_ms=VAD_SILENCE_DURATION_MS,
            ),
        }
    given = {"model": model, "voice": voice or None, "instructions": instructions}
    session: events.RealtimeSession = session_of(row, {**given, **settings}, defaults)
    if provider is None:  # any format, for servers without a row
        wire = wire_format(AudioFormat.PCM16 if format is None else format)
        for side in SIDES:
            session = replaced(session, f"audio.{side}.format", wire)
        return session
    return with_formats(row, session, format)  # type: ignore[no-any-return]


# What `create_session_config` takes beside its own arguments if no provider is given.
_SETTINGS = frozenset(("turn_detection", "transcription", "tools", "max_output_tokens"))


def session_of(row: Provider, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Any:
    """Return the settings of a session of `row`, in its own type, without formats.

    `defaults`, and server VAD, are for settings that are absent; model, voice and instructions are
    absent if they are None.

    Raises:
        ConfigError: a setting that the server's sessions do not have, or a dict that does not fit one.
    """
    session = row.session_type()
    given = {name: value for name, value in given.items() if not (value is None and name in _OPTIONAL)}
    # First those that contain others.
    for name in sorted(given, key=lambda name: row.place_of(name).count(".")):
        path, value = row.place_of(name), given[name]
        tp = field_at(type(session), path)
        if tp is None:
            near = did_you_mean(name, type(session).__struct_fields__)
            raise ConfigError(problems=[(snippet(name), f"is not a setting of {row.name}{near}")])
        if value is not UNSET:
            session = replaced(session, path, _typed_setting(value, tp, name))
    for name, value in {"turn_detection": {}, **defaults}.items():
        path = row.place_of(name)
        if value_at(session, path) is UNSET:
            session = replaced(session, path, _typed_setting(value, field_at(type(session), path), name))
    return session


_OPTIONAL = ("model", "voice", "instructions")


def with_formats(row: Provider, session: Any, format: AudioFormatLike | None) -> Any:
    """Return `session` in `format`; by default in the formats that it states, or that `row` has by default.

    Raises:
        ConfigError: an unknown format, or one that the server does not have.
        TypeError: a format of a wrong type.
    """
    formats: dict[Side, AudioFormat] = {}
    for side in SIDES:
        if format is not None:
            formats[side] = row.check_format(format, side)
        elif not any(stated_formats(session, side)):
            formats[side] = row.formats(side)[0]
    return row.with_formats(session, formats)


def _typed_setting(value: Any, tp: Any, name: str) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str) and argument_of(tp, list) is not None:
        item, tag = argument_of(tp, list), _DEFAULT_TAGS.get(name, "")
        return [_typed(each, item, f"{name}[{i}]", tag) for i, each in enumerate(value)]
    return _typed(value, tp, name, _DEFAULT_TAGS.get(name, ""))


# The types of dicts that have none.
_DEFAULT_TAGS = {"turn_detection": "server_vad", "tools": "function"}


def _typed(value: Any, tp: Any, path: str, default_tag: str = "") -> Any:
    """Return `value` as a `tp` if it is a dict, refusing unknown members; else return it unchanged."""
    if not isinstance(value, Mapping):
        return value
    value = {str(key): item for key, item in value.items() if item is not UNSET}
    if default_tag:
        value.setdefault("type", default_tag)
    raw = Raw(_encoded(value, path))
    problems = [*_unknown_members(raw, tp, path)]
    try:
        settings = None if problems else LenientDecoder(fills=False).decode(raw, tp, path)
    except ValidationFailure as failure:
        problems, settings = [(failure.path, failure.reason)], None
    if problems:
        raise ConfigError(problems=problems)
    return settings


def _encoded(value: object, path: str) -> bytes:
    """Encode the setting at `path`, raising ConfigError for what JSON or the codec's limit does not allow."""
    try:
        encoded = encode_json(value)
        check_depth(encoded, DEFAULT_MAX_DEPTH)
        if b"null" in encoded and not is_finite(value):
            raise ValueError("NaN and infinity cannot be sent")
        return encoded
    except DecodeError as error:
        reason = error.reason
    except (ValueError, RecursionError, OverflowError) as error:
        reason = reason_of(error)
    raise ConfigError(problems=[(path, reason)])


def _unknown_members(raw: Raw, tp: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the problem of each member in the JSON `raw` that no Struct of `tp` has."""
    first = first_byte(raw)
    item_type = argument_of(tp, list)
    if first == b"[" and item_type is not None:
        for index, item in enumerate(msgspec.json.decode(raw, type=list[Raw])):
            yield from _unknown_members(item, item_type, f"{path}[{index}]")
    if first != b"{":
        return
    parts = msgspec.json.decode(raw, type=dict[str, Raw])
    struct: Any = untagged_struct(tp)
    by_tag = structs_by_tag(tp)
    if by_tag:
        tag = tag_of(parts)
        if tag not in by_tag:
            what = f"must be {' or '.join(by_tag)}, not {snippet(repr(tag))}{did_you_mean(tag, by_tag)}"
            yield f"{path}.type", what
            return
        struct = by_tag[tag]
        del parts["type"]
    if struct is None:
        return  # user-defined members, such as a JSON schema
    fields = {field.encode_name: field.type for field in fields_of(struct)}
    for name, part in struct.normalize_legacy(parts).items():
        if name in fields:
            yield from _unknown_members(part, fields[name], f"{path}.{name}")
        else:
            yield f"{path}.{snippet(name)}", f"is not a setting{did_you_mean(name, fields)}"


# --- Events --------------------------------------------------------------------------


def create_text_input(text: str, previous_item_id: str | None = None) -> events.ConversationItemCreate:
    """Return the event that adds a user message of `text`, after `previous_item_id` or at the end."""
    return events.ConversationItemCreate(
        previous_item_id=UNSET if previous_item_id is None else previous_item_id,
        item=events.MessageItem(role="user", content=[events.InputText(text=text)]),
    )


def create_audio_input(audio: Buffer | str) -> events.InputAudioBufferAppend:
    """Return the event that appends `audio`: raw audio of any buffer, copied, or a str of base64.

    Raises:
        AudioError: a str that is not base64.
        TypeError: `audio` is neither a buffer nor a str.
    """
    if not isinstance(audio, str):
        return events.InputAudioBufferAppend(audio=bytes(as_bytes_view(audio)))
    try:
        return events.InputAudioBufferAppend(audio=from_base64(audio))
    except ValueError:
        raise AudioError("a str of audio must be base64") from None


def create_function_output(
    call_id: str, output: str, previous_item_id: str | None = None
) -> events.ConversationItemCreate:
    """Return the event that adds the output of the function call `call_id`."""
    return events.ConversationItemCreate(
        previous_item_id=UNSET if previous_item_id is None else previous_item_id,
        item=events.FunctionCallOutputItem(call_id=call_id, output=output),
    )
