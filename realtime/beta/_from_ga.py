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
from ._moves import PARTS, RENAMED, SHARED, copied, is_given, refuse, refuse_set


def from_ga(event: ga.ServerEvent | ga.ClientEvent) -> beta.ServerEvent | beta.ClientEvent:
    """A GA event, of either side, as the beta dialect says it.

    What both say alike is returned as it is, and so is an UnknownEvent. In what a client
    asks for, everything that is set must have a place in the beta dialect; in what a server
    tells of its session or response, the settings that beta has no word for are left out.

    Raises:
        ConfigError: the beta dialect cannot say this; `field` is the path of what.
        TypeError: `event` is no event.
    """
    kind = type(event)
    if kind in _MOVES:
        return _MOVES[kind](event)  # type: ignore[no-any-return]
    if kind in RENAMED:
        return copied(event, RENAMED[kind])  # type: ignore[arg-type,no-any-return]
    if kind in SHARED:
        return event  # type: ignore[return-value]
    if isinstance(event, ga.Tagged):
        raise refuse("type", f"{event.type} is not in the beta dialect")
    raise TypeError(f"an event is needed, not {kind.__name__}")


# --- Items ---------------------------------------------------------------------------


def _item(item: Any, path: str) -> Any:
    if isinstance(item, Unknown):
        return item
    if item.type not in beta.ConversationItem.types:
        raise refuse(f"{path}.type", f"{item.type} is not in the beta dialect")
    content = getattr(item, "content", UNSET)
    if isinstance(content, list):
        content = [_part(part, f"{path}.content[{i}]") for i, part in enumerate(content)]
    return copied(item, beta.ConversationItem, type=item.type, content=content)


def _part(part: Any, path: str) -> Any:
    if isinstance(part, ga.InputImage):
        raise refuse(f"{path}.type", "input_image is not in the beta dialect")
    return copied(part, PARTS[type(part)]) if type(part) in PARTS else part


def _items(items: Any, path: str) -> Any:
    return [_item(item, f"{path}[{i}]") for i, item in enumerate(items)] if is_given(items) else items


# --- Sessions and responses ----------------------------------------------------------


def _modalities(modalities: Any) -> Any:
    # Beta takes ["text"] or ["audio", "text"]; GA's ["audio"] has its transcript too.
    return ["audio", "text"] if modalities == ["audio"] else modalities


def _format(format: Any, path: str) -> Any:
    if not is_given(format):
        return format
    try:
        return AudioFormat.of(format).beta_name
    except ConfigError as why:
        raise refuse(path, why.reason) from None


def _voice(voice: Any, path: str) -> Any:
    if isinstance(voice, ga.CustomVoice):
        raise refuse(path, "a custom voice is not in the beta dialect")
    return voice


def _tools(tools: Any, path: str) -> Any:
    for index, tool in enumerate(tools or ()):
        if isinstance(tool, ga.McpTool):
            raise refuse(f"{path}[{index}].type", "mcp is not in the beta dialect")
    return tools


def _tool_choice(choice: Any, path: str) -> Any:
    if isinstance(choice, ga.ToolChoiceMcp):
        raise refuse(f"{path}.type", "mcp is not in the beta dialect")
    return choice


def _transcription(transcription: Any, path: str) -> Any:
    if not is_given(transcription):
        return transcription
    refuse_set(transcription, path, "languages", "keywords", "delay")
    return copied(transcription, beta.TranscriptionConfig)


def _noise_reduction(noise_reduction: Any, path: str) -> Any:
    if is_given(noise_reduction):
        refuse_set(noise_reduction, path, "strength")
    return noise_reduction


def _turn_detection(detection: Any, path: str) -> Any:
    if not is_given(detection) or isinstance(detection, Unknown):
        return detection
    if isinstance(detection, ga.ServerVad):
        refuse_set(detection, path, "idle_timeout_ms")
    return copied(detection, beta.TurnDetectionConfig, type=detection.type)


def _input(audio: Any) -> dict[str, Any]:
    """The flat fields of ``session.audio.input``."""
    path = "session.audio.input"
    given: Any = audio.input if is_given(audio) else UNSET
    if not is_given(given):
        return {}
    return {
        "input_audio_format": _format(given.format, f"{path}.format"),
        "input_audio_transcription": _transcription(given.transcription, f"{path}.transcription"),
        "input_audio_noise_reduction": _noise_reduction(given.noise_reduction, f"{path}.noise_reduction"),
        "turn_detection": _turn_detection(given.turn_detection, f"{path}.turn_detection"),
    }


def _output(audio: Any, path: str) -> dict[str, Any]:
    """The flat fields of an ``audio.output``."""
    given: Any = audio.output if is_given(audio) else UNSET
    if not is_given(given):
        return {}
    return {
        "output_audio_format": _format(given.format, f"{path}.format"),
        "voice": _voice(given.voice, f"{path}.voice"),
        "speed": given.speed,
    }


def _realtime_session(session: ga.RealtimeSession, target: type[Any]) -> Any:
    return copied(
        session,
        target,
        modalities=_modalities(session.output_modalities),
        tools=_tools(session.tools, "session.tools"),
        tool_choice=_tool_choice(session.tool_choice, "session.tool_choice"),
        max_response_output_tokens=session.max_output_tokens,
        **_input(session.audio),
        **_output(session.audio, "session.audio.output"),
    )


def _session_update(event: ga.SessionUpdate) -> Any:
    session = event.session
    if isinstance(session, ga.RealtimeSession):
        refuse_set(session, "session", "parallel_tool_calls", "reasoning", "truncation", "prompt", "include")
        settings = _realtime_session(session, beta.RealtimeSessionConfig)
        return beta.SessionUpdate(event_id=event.event_id, session=settings)
    if isinstance(session, ga.TranscriptionSession):
        if is_given(session.audio):
            refuse_set(session.audio, "session.audio", "output")
        transcribing = copied(session, beta.TranscriptionSessionConfig, **_input(session.audio))
        return beta.TranscriptionSessionUpdate(event_id=event.event_id, session=transcribing)
    raise refuse("session.type", f"{session.type} is not in the beta dialect")


def _session_told(realtime: type[Any], transcription: type[Any]) -> Callable[[Any], Any]:
    def move(event: Any) -> Any:
        session = event.session
        if isinstance(session, ga.RealtimeSession):
            settings = _realtime_session(_without_mcp(session), beta.RealtimeSessionInfo)
            return realtime(event_id=event.event_id, session=settings)
        if isinstance(session, ga.TranscriptionSession):
            told = copied(session, beta.TranscriptionSessionInfo, **_input(session.audio))
            return transcription(event_id=event.event_id, session=told)
        raise refuse("session.type", f"{session.type} is not in the beta dialect")

    return move


def _without_mcp(session: Any) -> Any:
    """A told session less the tools that only GA has: the server runs those itself."""
    if not is_given(session.tools):
        return session
    return copied(session, type(session), tools=[t for t in session.tools if not isinstance(t, ga.McpTool)])


def _response_create(event: ga.ResponseCreate) -> Any:
    given = event.response
    if not is_given(given):
        return beta.ResponseCreate(event_id=event.event_id, response=given)  # type: ignore[arg-type]
    assert isinstance(given, ga.ResponseParams)
    refuse_set(given, "response", "parallel_tool_calls", "reasoning", "prompt")
    output = _output(given.audio, "response.audio.output")
    if is_given(output.pop("speed", UNSET)):
        raise refuse("response.audio.output.speed", "cannot be said in the other dialect")
    params = copied(
        given,
        beta.RealtimeResponse,
        modalities=_modalities(given.output_modalities),
        input=_items(given.input, "response.input"),
        tools=_tools(given.tools, "response.tools"),
        tool_choice=_tool_choice(given.tool_choice, "response.tool_choice"),
        max_output_tokens=UNSET,
        max_response_output_tokens=given.max_output_tokens,
        **output,
    )
    return beta.ResponseCreate(event_id=event.event_id, response=params)


def _response_told(target: type[Any]) -> Callable[[Any], Any]:
    def move(event: Any) -> Any:
        told = event.response
        output = {
            k: v or None for k, v in _output(told.audio, "response.audio.output").items() if k != "speed"
        }
        response = copied(
            told,
            beta.Response,
            modalities=_modalities(told.output_modalities),
            output=_items(told.output, "response.output"),
            **output,
        )
        return target(event_id=event.event_id, response=response)

    return move


def _with_item(target: type[Any]) -> Callable[[Any], Any]:
    return lambda event: copied(event, target, item=_item(event.item, "item"))


_MOVES: dict[type[Any], Callable[[Any], Any]] = {
    ga.SessionUpdate: _session_update,
    ga.SessionCreated: _session_told(beta.SessionCreated, beta.TranscriptionSessionCreated),
    ga.SessionUpdated: _session_told(beta.SessionUpdated, beta.TranscriptionSessionUpdated),
    ga.ConversationItemCreate: _with_item(beta.ConversationItemCreate),
    ga.ConversationItemCreated: _with_item(beta.ConversationItemCreated),
    ga.ConversationItemAdded: _with_item(beta.ConversationItemCreated),
    ga.ConversationItemRetrieved: _with_item(beta.ConversationItemRetrieved),
    ga.ResponseOutputItemAdded: _with_item(beta.ResponseOutputItemAdded),
    ga.ResponseOutputItemDone: _with_item(beta.ResponseOutputItemDone),
    ga.ResponseCreate: _response_create,
    ga.ResponseCreated: _response_told(beta.ResponseCreated),
    ga.ResponseDone: _response_told(beta.ResponseDone),
}
