"""Events of the beta dialect as GA says them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from .. import events as ga
from ..build import wire_format
from ..errors import ConfigError
from ..events import beta
from ..events.base import Unknown
from ._moves import PARTS, RENAMED, SHARED, copied, is_given, refuse, refuse_set

_NEW_NAMES = {old: new for new, old in RENAMED.items()}
_NEW_PARTS = {old: new for new, old in PARTS.items()}
_ITEMS: dict[str, type[Any]] = {
    "message": ga.MessageItem,
    "function_call": ga.FunctionCallItem,
    "function_call_output": ga.FunctionCallOutputItem,
    "item_reference": ga.ItemReference,
}


def to_ga(event: beta.ServerEvent | beta.ClientEvent) -> ga.ServerEvent | ga.ClientEvent:
    """An event of the beta dialect, of either side, as GA says it.

    What both say alike is returned as it is, and so is an UnknownEvent. A created item
    becomes `conversation.item.added`. In what a client asks for, everything that is set
    must have a place in GA; in what a server tells of its session or response, the settings
    that GA has no word for (temperature, the client secret) are left out.

    Raises:
        ConfigError: GA cannot say this; `field` is the path of what.
        TypeError: `event` is no event.
    """
    kind = type(event)
    if kind in _MOVES:
        return _MOVES[kind](event)  # type: ignore[no-any-return]
    if kind in _NEW_NAMES:
        return copied(event, _NEW_NAMES[kind])  # type: ignore[arg-type,no-any-return]
    if kind in SHARED:
        return event  # type: ignore[return-value]
    if isinstance(event, ga.Tagged):
        raise refuse("type", f"{event.type} is not in GA")
    raise TypeError(f"an event is needed, not {kind.__name__}")


# --- Items ---------------------------------------------------------------------------


def _item(item: Any, path: str) -> Any:
    if isinstance(item, Unknown):
        return item
    if item.type not in _ITEMS:
        raise refuse(f"{path}.type", "an item of GA needs its type")
    target = _ITEMS[item.type]
    for field in msgspec.structs.fields(target):
        if field.required and not is_given(getattr(item, field.name)):
            raise refuse(f"{path}.{field.name}", f"a {item.type} of GA needs it")
    if target is ga.MessageItem:
        return copied(item, target, content=_parts(item.content, f"{path}.content"))
    return copied(item, target)


def _parts(parts: list[Any], path: str) -> list[Any]:
    return [_part(part, f"{path}[{index}]") for index, part in enumerate(parts)]


def _part(part: Any, path: str) -> Any:
    if isinstance(part, beta.ItemReferencePart):
        raise refuse(f"{path}.type", "item_reference is no content part of GA")
    return copied(part, _NEW_PARTS[type(part)]) if type(part) in _NEW_PARTS else part


def _items(items: Any, path: str) -> Any:
    return [_item(item, f"{path}[{i}]") for i, item in enumerate(items)] if is_given(items) else items


# --- Sessions and responses ----------------------------------------------------------


def _modalities(modalities: Any) -> Any:
    # GA takes ["text"] or ["audio"]; speech has its transcript without being asked for text.
    return ["audio"] if isinstance(modalities, list) and "audio" in modalities else modalities


def _format(name: Any, path: str) -> Any:
    if not is_given(name):
        return name
    try:
        return wire_format(name)
    except ConfigError as why:
        raise refuse(path, why.reason) from None


def _tools(tools: Any) -> Any:
    if not is_given(tools):
        return tools
    return [
        copied(tool.function, ga.FunctionTool) if isinstance(tool, beta.RealtimeTool) else tool
        for tool in tools
    ]


def _turn_detection(detection: Any, path: str) -> Any:
    if not is_given(detection) or isinstance(detection, Unknown):
        return detection
    if detection.type == "semantic_vad":
        refuse_set(detection, path, "threshold", "prefix_padding_ms", "silence_duration_ms")
        return copied(detection, ga.SemanticVad)
    if detection.type == "server_vad":
        refuse_set(detection, path, "eagerness")
        return copied(detection, ga.ServerVad)
    raise refuse(f"{path}.type", "a turn detection of GA needs its type")


def _audio(input: dict[str, Any], output: dict[str, Any], target: type[Any] = ga.AudioConfig) -> Any:
    """The nested audio of the given flat fields; absent where none is given."""
    halves: dict[str, Any] = {}
    for name, cls, fields in (("input", ga.AudioInput, input), ("output", ga.AudioOutput, output)):
        if any(value is not UNSET for value in fields.values()):
            halves[name] = cls(**fields)
    return target(**halves) if halves else UNSET


def _input(session: Any) -> dict[str, Any]:
    transcription = session.input_audio_transcription
    return {
        "format": _format(session.input_audio_format, "session.input_audio_format"),
        "transcription": copied(transcription, ga.Transcription)
        if is_given(transcription)
        else transcription,
        "noise_reduction": session.input_audio_noise_reduction,
        "turn_detection": _turn_detection(session.turn_detection, "session.turn_detection"),
    }


def _realtime_session(session: beta.RealtimeSessionConfig, target: type[Any]) -> Any:
    output = {
        "format": _format(session.output_audio_format, "session.output_audio_format"),
        "voice": session.voice,
        "speed": session.speed,
    }
    return copied(
        session,
        target,
        audio=_audio(_input(session), output),
        output_modalities=_modalities(session.modalities),
        tools=_tools(session.tools),
        max_output_tokens=session.max_response_output_tokens,
    )


def _session_update(event: beta.SessionUpdate) -> ga.SessionUpdate:
    refuse_set(event.session, "session", "temperature", "client_secret")
    settings = _realtime_session(event.session, ga.RealtimeSession)
    return ga.SessionUpdate(event_id=event.event_id, session=settings)


def _transcription_session_update(event: beta.TranscriptionSessionUpdate) -> ga.SessionUpdate:
    refuse_set(event.session, "session", "modalities", "client_secret")
    settings = copied(event.session, ga.TranscriptionSession, audio=_audio(_input(event.session), {}))
    return ga.SessionUpdate(event_id=event.event_id, session=settings)


def _session_told(target: type[Any]) -> Callable[[Any], Any]:
    return lambda event: target(
        event_id=event.event_id, session=_realtime_session(event.session, ga.RealtimeSessionInfo)
    )


def _transcription_told(target: type[Any]) -> Callable[[Any], Any]:
    def move(event: Any) -> Any:
        audio = _audio(_input(event.session), {})
        session = copied(event.session, ga.TranscriptionSessionInfo, audio=audio)
        return target(event_id=event.event_id, session=session)

    return move


def _response_create(event: beta.ResponseCreate) -> ga.ResponseCreate:
    given = event.response
    if not isinstance(given, beta.RealtimeResponse):
        return ga.ResponseCreate(event_id=event.event_id, response=given)
    refuse_set(given, "response", "temperature")
    tokens = given.max_response_output_tokens
    params = copied(
        given,
        ga.ResponseParams,
        output_modalities=_modalities(given.modalities),
        input=_items(given.input, "response.input"),
        audio=_response_audio(given, UNSET),
        tools=_tools(given.tools),
        max_output_tokens=given.max_output_tokens if tokens is UNSET else tokens,
    )
    return ga.ResponseCreate(event_id=event.event_id, response=params)


def _response_audio(given: Any, absent: Any) -> Any:
    """The nested audio of a response's voice and format."""
    format = _format(given.output_audio_format, "response.output_audio_format")
    if not is_given(format) and not is_given(given.voice):
        return absent
    return ga.ResponseAudio(
        output=ga.AudioOutput(
            format=UNSET if format is None else format, voice=UNSET if given.voice is None else given.voice
        )
    )


def _response_told(target: type[Any]) -> Callable[[Any], Any]:
    def move(event: Any) -> Any:
        told = event.response
        response = copied(
            told,
            ga.Response,
            output_modalities=_modalities(told.modalities),
            output=_items(told.output, "response.output"),
            audio=_response_audio(told, None),
        )
        return target(event_id=event.event_id, response=response)

    return move


def _with_item(target: type[Any]) -> Callable[[Any], Any]:
    return lambda event: copied(event, target, item=_item(event.item, "item"))


_MOVES: dict[type[Any], Callable[[Any], Any]] = {
    beta.SessionUpdate: _session_update,
    beta.TranscriptionSessionUpdate: _transcription_session_update,
    beta.SessionCreated: _session_told(ga.SessionCreated),
    beta.SessionUpdated: _session_told(ga.SessionUpdated),
    beta.TranscriptionSessionCreated: _transcription_told(ga.SessionCreated),
    beta.TranscriptionSessionUpdated: _transcription_told(ga.SessionUpdated),
    beta.ConversationItemCreate: _with_item(ga.ConversationItemCreate),
    beta.ConversationItemCreated: _with_item(ga.ConversationItemAdded),
    beta.ConversationItemRetrieved: _with_item(ga.ConversationItemRetrieved),
    beta.ResponseOutputItemAdded: _with_item(ga.ResponseOutputItemAdded),
    beta.ResponseOutputItemDone: _with_item(ga.ResponseOutputItemDone),
    beta.ResponseCreate: _response_create,
    beta.ResponseCreated: _response_told(ga.ResponseCreated),
    beta.ResponseDone: _response_told(ga.ResponseDone),
}
