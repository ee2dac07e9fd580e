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
from ._moves import ASKING, PARTS, RENAMED, TELLING, Asking, Items, copied, is_given, moved, refuse

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
    must have a place in GA. Of what a server tells no part is refused: settings that GA has no
    word for (temperature, the client secret) are left out, and an item that GA cannot say is
    an UnknownItem with its JSON.

    Raises:
        ConfigError: GA cannot say this; `field` is the path of what.
        TypeError: `event` is no event.
    """
    return moved(event, _MOVES, _NEW_NAMES, "GA")  # type: ignore[no-any-return]


# --- Items ---------------------------------------------------------------------------


def _known_item(item: beta.ConversationItem, path: str) -> Any:
    target = _ITEMS.get(item.type or "")
    if target is None:
        raise refuse(f"{path}.type", "an item of GA needs its type")
    for field in msgspec.structs.fields(target):
        if field.required and not is_given(getattr(item, field.name)):
            raise refuse(f"{path}.{field.name}", f"a {item.type} of GA needs it")
    extra = set(item.__struct_fields__) - set(target.__struct_fields__) - {"type"}
    ASKING.drop(item, path, *sorted(extra))
    if isinstance(item.content, list) and target is ga.MessageItem:
        parts = [_part(part, f"{path}.content[{index}]") for index, part in enumerate(item.content)]
        return copied(item, target, content=parts)
    return copied(item, target)


def _part(part: Any, path: str) -> Any:
    if isinstance(part, beta.ItemReferencePart):
        raise refuse(f"{path}.type", "item_reference is no content part of GA")
    return copied(part, _NEW_PARTS[type(part)]) if type(part) in _NEW_PARTS else part


_items = Items(_known_item)


# --- Sessions and responses ----------------------------------------------------------


def _modalities(modalities: Any) -> Any:
    # GA takes ["text"] or ["audio"]; speech has its transcript without being asked for text.
    return ["audio"] if isinstance(modalities, list) and "audio" in modalities else modalities


def _format(name: Any, path: str, policy: Asking) -> Any:
    if not is_given(name):
        return name
    try:
        return wire_format(name)
    except ConfigError as why:
        return policy.cannot(path, why.reason)


def _tools(tools: Any) -> Any:
    if not is_given(tools):
        return tools
    return [
        copied(tool.function, ga.FunctionTool) if isinstance(tool, beta.RealtimeTool) else tool
        for tool in tools
    ]


def _turn_detection(detection: Any, path: str, policy: Asking) -> Any:
    if not is_given(detection) or isinstance(detection, Unknown):
        return detection
    if detection.type == "semantic_vad":
        policy.drop(detection, path, "threshold", "prefix_padding_ms", "silence_duration_ms")
        return copied(detection, ga.SemanticVad)
    if detection.type == "server_vad":
        policy.drop(detection, path, "eagerness")
        return copied(detection, ga.ServerVad)
    return policy.cannot(f"{path}.type", "a turn detection of GA needs its type")


def _audio(input: dict[str, Any], output: dict[str, Any]) -> Any:
    """The nested audio of the given flat fields; absent where none is given."""
    halves: dict[str, Any] = {}
    for name, cls, fields in (("input", ga.AudioInput, input), ("output", ga.AudioOutput, output)):
        if any(value is not UNSET for value in fields.values()):
            halves[name] = cls(**fields)
    return ga.AudioConfig(**halves) if halves else UNSET


def _input(session: Any, policy: Asking) -> dict[str, Any]:
    transcription = session.input_audio_transcription
    return {
        "format": _format(session.input_audio_format, "session.input_audio_format", policy),
        "transcription": copied(transcription, ga.Transcription)
        if is_given(transcription)
        else transcription,
        "noise_reduction": session.input_audio_noise_reduction,
        "turn_detection": _turn_detection(session.turn_detection, "session.turn_detection", policy),
    }


def _realtime_session(session: Any, target: type[Any], policy: Asking) -> Any:
    policy.drop(session, "session", "temperature", "client_secret")
    output = {
        "format": _format(session.output_audio_format, "session.output_audio_format", policy),
        "voice": session.voice,
        "speed": session.speed,
    }
    return copied(
        session,
        target,
        audio=_audio(_input(session, policy), output),
        output_modalities=_modalities(session.modalities),
        tools=_tools(session.tools),
        max_output_tokens=session.max_response_output_tokens,
    )


def _transcription_session(session: Any, target: type[Any], policy: Asking) -> Any:
    policy.drop(session, "session", "modalities", "client_secret")
    return copied(session, target, audio=_audio(_input(session, policy), {}))


def _session_event(
    target: type[Any], session: type[Any], move: Callable[[Any, Any, Asking], Any], policy: Asking = TELLING
) -> Callable[[Any], Any]:
    return lambda event: target(event_id=event.event_id, session=move(event.session, session, policy))


def _tokens(given: beta.RealtimeResponse) -> Any:
    """The limit, by whichever of its two names it was given."""
    older, newer = given.max_output_tokens, given.max_response_output_tokens
    if older is UNSET or newer is UNSET or older == newer:
        return older if newer is UNSET else newer
    raise refuse("response.max_output_tokens", "differs from max_response_output_tokens, its other name")


def _response_create(event: beta.ResponseCreate) -> ga.ResponseCreate:
    given = event.response
    if not isinstance(given, beta.RealtimeResponse):
        return ga.ResponseCreate(event_id=event.event_id, response=given)
    ASKING.drop(given, "response", "temperature")
    params = copied(
        given,
        ga.ResponseParams,
        output_modalities=_modalities(given.modalities),
        input=_items.all(given.input, "response.input", ASKING),
        audio=_response_audio(given, UNSET, ASKING),
        tools=_tools(given.tools),
        max_output_tokens=_tokens(given),
    )
    return ga.ResponseCreate(event_id=event.event_id, response=params)


def _response_audio(given: Any, absent: Any, policy: Asking) -> Any:
    """The nested audio of a response's voice and format; `absent` is how both are left out there."""
    format = _format(given.output_audio_format, "response.output_audio_format", policy)
    fields = {"format": format, "voice": given.voice}
    output = {name: value for name, value in fields.items() if value is not absent and value is not UNSET}
    return ga.ResponseAudio(output=ga.AudioOutput(**output)) if output else absent


def _response_told(target: type[Any]) -> Callable[[Any], Any]:
    def move(event: Any) -> Any:
        told = event.response
        response = copied(
            told,
            ga.Response,
            output_modalities=_modalities(told.modalities),
            output=_items.all(told.output, "response.output", TELLING),
            audio=_response_audio(told, None, TELLING),
        )
        return target(event_id=event.event_id, response=response)

    return move


_MOVES: dict[type[Any], Callable[[Any], Any]] = {
    beta.SessionUpdate: _session_event(ga.SessionUpdate, ga.RealtimeSession, _realtime_session, ASKING),
    beta.TranscriptionSessionUpdate: _session_event(
        ga.SessionUpdate, ga.TranscriptionSession, _transcription_session, ASKING
    ),
    beta.SessionCreated: _session_event(ga.SessionCreated, ga.RealtimeSessionInfo, _realtime_session),
    beta.SessionUpdated: _session_event(ga.SessionUpdated, ga.RealtimeSessionInfo, _realtime_session),
    beta.TranscriptionSessionCreated: _session_event(
        ga.SessionCreated, ga.TranscriptionSessionInfo, _transcription_session
    ),
    beta.TranscriptionSessionUpdated: _session_event(
        ga.SessionUpdated, ga.TranscriptionSessionInfo, _transcription_session
    ),
    beta.ConversationItemCreate: _items.of_event(ga.ConversationItemCreate, ASKING),
    beta.ConversationItemCreated: _items.of_event(ga.ConversationItemAdded),
    beta.ConversationItemRetrieved: _items.of_event(ga.ConversationItemRetrieved),
    beta.ResponseOutputItemAdded: _items.of_event(ga.ResponseOutputItemAdded),
    beta.ResponseOutputItemDone: _items.of_event(ga.ResponseOutputItemDone),
    beta.ResponseCreate: _response_create,
    beta.ResponseCreated: _response_told(ga.ResponseCreated),
    beta.ResponseDone: _response_told(ga.ResponseDone),
}
