"""GA events as the beta dialect says them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from .. import events as ga
from ..errors import ConfigError
from ..events import beta
from ..events.base import Unknown
from ..format import AudioFormat
from ._moves import ASKING, PARTS, RENAMED, TELLING, Asking, Items, copied, is_given, moved, refuse

_NULL = "null cannot be said in the beta dialect"


def from_ga(event: ga.ServerEvent | ga.ClientEvent) -> beta.ServerEvent | beta.ClientEvent:
    """A GA event, of either side, as the beta dialect says it.

    What both say alike is returned as it is, and so is an UnknownEvent. In what a client
    asks for, everything that is set must have a place in the beta dialect. Of what a server
    tells no part is refused: settings that beta has no word for are left out, and an item
    that beta cannot say is an UnknownItem with its JSON.

    Raises:
        ConfigError: the beta dialect cannot say this; `field` is the path of what.
        TypeError: `event` is no event.
    """
    return moved(event, _MOVES, RENAMED, "the beta dialect")  # type: ignore[no-any-return]


# --- Items ---------------------------------------------------------------------------


def _known_item(item: Any, path: str) -> beta.ConversationItem:
    if item.type not in beta.ConversationItem.types:
        raise refuse(f"{path}.type", f"{item.type} is not in the beta dialect")
    content = getattr(item, "content", UNSET)
    if isinstance(content, list):
        content = [_part(part, f"{path}.content[{i}]") for i, part in enumerate(content)]
    found: beta.ConversationItem = copied(item, beta.ConversationItem, type=item.type, content=content)
    return found


def _part(part: Any, path: str) -> Any:
    if isinstance(part, ga.InputImage):
        raise refuse(f"{path}.type", "input_image is not in the beta dialect")
    return copied(part, PARTS[type(part)]) if type(part) in PARTS else part


_items = Items(_known_item)


# --- Sessions and responses ----------------------------------------------------------


def _modalities(modalities: Any) -> Any:
    # Beta takes ["text"] or ["audio", "text"]; GA's ["audio"] has its transcript too.
    return ["audio", "text"] if modalities == ["audio"] else modalities


def _format(format: Any, path: str, policy: Asking) -> Any:
    if not is_given(format):
        return format
    try:
        return AudioFormat.of(format).beta_name
    except ConfigError as why:
        return policy.cannot(path, why.reason)


def _voice(voice: Any, path: str, policy: Asking) -> Any:
    if isinstance(voice, ga.CustomVoice):
        return policy.cannot(path, "a custom voice is not in the beta dialect")
    return voice


def _tools(tools: Any, path: str, policy: Asking) -> Any:
    if not is_given(tools):
        return tools
    for index, tool in enumerate(tools):
        if isinstance(tool, ga.McpTool):
            policy.cannot(f"{path}[{index}].type", "mcp is not in the beta dialect")
    return [tool for tool in tools if not isinstance(tool, ga.McpTool)]


def _tool_choice(choice: Any, path: str, policy: Asking) -> Any:
    if isinstance(choice, ga.ToolChoiceMcp):
        return policy.cannot(f"{path}.type", "mcp is not in the beta dialect")
    return choice


def _transcription(transcription: Any, path: str, policy: Asking) -> Any:
    if not is_given(transcription):
        return transcription
    policy.drop(transcription, path, "languages", "keywords", "delay")
    return copied(transcription, beta.TranscriptionConfig)


def _noise_reduction(noise_reduction: Any, path: str, policy: Asking) -> Any:
    if not is_given(noise_reduction):
        return noise_reduction
    policy.drop(noise_reduction, path, "strength")
    return ga.NoiseReduction(type=noise_reduction.type)


def _turn_detection(detection: Any, path: str, policy: Asking) -> Any:
    if not is_given(detection) or isinstance(detection, Unknown):
        return detection
    if isinstance(detection, ga.ServerVad):
        policy.drop(detection, path, "idle_timeout_ms")
    return copied(detection, beta.TurnDetectionConfig, type=detection.type)


def _half(audio: Any, name: str, path: str, policy: Asking) -> Any:
    """``audio.input`` or ``audio.output``; UNSET where it is not there."""
    if audio is None:
        return policy.cannot(path, _NULL)
    half = UNSET if audio is UNSET else getattr(audio, name)
    return policy.cannot(f"{path}.{name}", _NULL) if half is None else half


def _input(audio: Any, path: str, policy: Asking) -> dict[str, Any]:
    """The flat fields of an ``audio.input``."""
    given = _half(audio, "input", path, policy)
    if given is UNSET:
        return {}
    path = f"{path}.input"
    noise_reduction = _noise_reduction(given.noise_reduction, f"{path}.noise_reduction", policy)
    return {
        "input_audio_format": _format(given.format, f"{path}.format", policy),
        "input_audio_transcription": _transcription(given.transcription, f"{path}.transcription", policy),
        "input_audio_noise_reduction": noise_reduction,
        "turn_detection": _turn_detection(given.turn_detection, f"{path}.turn_detection", policy),
    }


def _output(audio: Any, path: str, policy: Asking) -> dict[str, Any]:
    """The flat fields of an ``audio.output``."""
    given = _half(audio, "output", path, policy)
    if given is UNSET:
        return {}
    path = f"{path}.output"
    return {
        "output_audio_format": _format(given.format, f"{path}.format", policy),
        "voice": _voice(given.voice, f"{path}.voice", policy),
        "speed": given.speed,
    }


def _realtime_session(session: ga.RealtimeSession, target: type[Any], policy: Asking) -> Any:
    policy.drop(session, "session", "parallel_tool_calls", "reasoning", "truncation", "prompt", "include")
    return copied(
        session,
        target,
        modalities=_modalities(session.output_modalities),
        tools=_tools(session.tools, "session.tools", policy),
        tool_choice=_tool_choice(session.tool_choice, "session.tool_choice", policy),
        max_response_output_tokens=session.max_output_tokens,
        **_input(session.audio, "session.audio", policy),
        **_output(session.audio, "session.audio", policy),
    )


def _transcription_session(session: ga.TranscriptionSession, target: type[Any], policy: Asking) -> Any:
    if is_given(session.audio):
        policy.drop(session.audio, "session.audio", "output")
    return copied(session, target, **_input(session.audio, "session.audio", policy))


def _session_event(
    realtime: tuple[type[Any], type[Any]], transcription: tuple[type[Any], type[Any]], policy: Asking
) -> Callable[[Any], Any]:
    """The move of an event with a session; each pair is beta's event and its session."""

    def move(event: Any) -> Any:
        session = event.session
        if isinstance(session, ga.RealtimeSession):
            target, settings = realtime[0], _realtime_session(session, realtime[1], policy)
        elif isinstance(session, ga.TranscriptionSession):
            target, settings = transcription[0], _transcription_session(session, transcription[1], policy)
        else:
            raise refuse("session.type", f"{session.type} is not in the beta dialect")
        return target(event_id=event.event_id, session=settings)

    return move


def _response_create(event: ga.ResponseCreate) -> Any:
    given = event.response
    if not isinstance(given, ga.ResponseParams):
        return beta.ResponseCreate(event_id=event.event_id, response=given)
    ASKING.drop(given, "response", "parallel_tool_calls", "reasoning", "prompt")
    output = _output(given.audio, "response.audio", ASKING)
    if is_given(output.pop("speed", UNSET)):
        raise refuse("response.audio.output.speed", "cannot be said in the other dialect")
    params = copied(
        given,
        beta.RealtimeResponse,
        modalities=_modalities(given.output_modalities),
        input=_items.all(given.input, "response.input", ASKING),
        tools=_tools(given.tools, "response.tools", ASKING),
        tool_choice=_tool_choice(given.tool_choice, "response.tool_choice", ASKING),
        max_output_tokens=UNSET,
        max_response_output_tokens=given.max_output_tokens,
        **output,
    )
    return beta.ResponseCreate(event_id=event.event_id, response=params)


def _response_told(target: type[Any]) -> Callable[[Any], Any]:
    def move(event: Any) -> Any:
        told = event.response
        output = _output(told.audio or UNSET, "response.audio", TELLING)
        response = copied(
            told,
            beta.Response,
            modalities=_modalities(told.output_modalities),
            output=_items.all(told.output, "response.output", TELLING),
            voice=output.get("voice") or None,
            output_audio_format=output.get("output_audio_format") or None,
        )
        return target(event_id=event.event_id, response=response)

    return move


_TOLD = beta.RealtimeSessionInfo, beta.TranscriptionSessionInfo
_MOVES: dict[type[Any], Callable[[Any], Any]] = {
    ga.SessionUpdate: _session_event(
        (beta.SessionUpdate, beta.RealtimeSessionConfig),
        (beta.TranscriptionSessionUpdate, beta.TranscriptionSessionConfig),
        ASKING,
    ),
    ga.SessionCreated: _session_event(
        (beta.SessionCreated, _TOLD[0]), (beta.TranscriptionSessionCreated, _TOLD[1]), TELLING
    ),
    ga.SessionUpdated: _session_event(
        (beta.SessionUpdated, _TOLD[0]), (beta.TranscriptionSessionUpdated, _TOLD[1]), TELLING
    ),
    ga.ConversationItemCreate: _items.of_event(beta.ConversationItemCreate, ASKING),
    ga.ConversationItemCreated: _items.of_event(beta.ConversationItemCreated),
    ga.ConversationItemAdded: _items.of_event(beta.ConversationItemCreated),
    ga.ConversationItemRetrieved: _items.of_event(beta.ConversationItemRetrieved),
    ga.ResponseOutputItemAdded: _items.of_event(beta.ResponseOutputItemAdded),
    ga.ResponseOutputItemDone: _items.of_event(beta.ResponseOutputItemDone),
    ga.ResponseCreate: _response_create,
    ga.ResponseCreated: _response_told(beta.ResponseCreated),
    ga.ResponseDone: _response_told(beta.ResponseDone),
}
