"""Encoding of events and settings for servers of every dialect, and merging of settings.

The client works with GA's events. `Dialect` encodes them for a provider: as they are, converted to beta, or as the
server's own classes. A session in the server's own classes is passed on as it is. `LiveDialect` encodes Live's events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from .. import events as ga, live, spec
from .._text import one_line
from ..beta import from_ga
from ..codec import DialectCodec, encode_json, event_classes
from ..errors import ConfigError, EncodeError
from ..live import CODEC
from ..state import Toolbox
from .session_state import get


class Dialect:
    """The encoder and decoder of a provider's codec. Attributes: `decode`, `encode_append`."""

    def __init__(self, codec: DialectCodec[Any, Any], *, is_beta: bool = False) -> None:
        self.decode, self.encode_append = codec.decode_server, codec.encode_append
        self._encode, self._is_beta = codec.encode, is_beta
        self._own = {kind.__struct_config__.tag: kind for kind in event_classes(codec.client_events)}

    def session_update(self, settings: Any, event_id: str) -> Any:
        """Return the session.update for settings, of GA or of the server's own."""
        if isinstance(settings, (ga.RealtimeSession, ga.TranscriptionSession)):
            return ga.SessionUpdate(session=settings, event_id=event_id)
        return self._own["session.update"](session=settings, event_id=event_id)

    def wire(self, event: Any) -> Any:
        """Return an event as the server's class of it.

        Raises:
            ConfigError: beta has no place for something that is set.
        """
        if isinstance(event, ga.Unknown) or self._own.get(event.type) is type(event):
            return event
        converted: Any = from_ga(event) if self._is_beta else event
        own = self._own.get(converted.type)
        if own is None or isinstance(converted, own) or not issubclass(own, type(converted)):
            return converted
        return own(**{name: getattr(converted, name) for name in converted.__struct_fields__})

    def encode(self, event: Any) -> bytes:
        """Encode an event for the server.

        Raises:
            EncodeError, ConfigError: the event cannot be sent to it.
        """
        frame: bytes = self._encode(self.wire(event))
        return frame


class LiveDialect(Dialect):
    """The encoder and decoder of Live."""

    def __init__(self) -> None:
        super().__init__(CODEC)

    def wire(self, event: Any) -> Any:
        """Return an event as Live's. The output of a function call may be GA's, as a `Toolbox` makes it.

        Raises:
            EncodeError: the event is GA's, and Live has nothing like it.
        """
        if isinstance(event, ga.ConversationItemCreate) and isinstance(event.item, ga.FunctionCallOutputItem):
            item = live.FunctionCallOutput(call_id=event.item.call_id, output=event.item.output)
            return live.ResponseItemCreate(item=item)
        if type(event) in _INSTEAD:
            reason = f"not an event of this dialect (on Live, {_INSTEAD[type(event)]})"
            raise EncodeError(reason, event_type=event.type)
        return super().wire(event)


# What to do on Live in place of GA's requests.
_INSTEAD: Final[Mapping[type[Any], str]] = {
    ga.ResponseCreate: "say() has the model speak a text, a live.SessionInstructionsAppend instructs it, and a"
    " live.ResponseCreate continues delegated work",
    ga.ResponseCancel: "interrupt() asks the model to stop speaking",
    ga.InputAudioBufferCommit: "the model finds the user's turns itself",
    ga.ConversationItemCreate: "texts are appended by a live.SessionThinkingAppend or a live.SessionCommentaryAppend",
}


# Parts of a session whose members are updated one by one.
_NESTED: Final = (ga.AudioConfig, ga.AudioInput, ga.AudioOutput)


def merged(old: Any, new: Any) -> Any:
    """Return the settings `old` after an update by `new`: absent members stay."""
    if old is None or type(old) is not type(new):
        return new
    values = {}
    for name in new.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if after is msgspec.UNSET:
            continue
        is_nested = isinstance(after, _NESTED) and type(before) is type(after)
        values[name] = merged(before, after) if is_nested else after
    return msgspec.structs.replace(old, **values)


def with_tools(session: Any, tools: Toolbox | Sequence[Any]) -> Any:
    """Return the settings with tools added."""
    declared = tools.tools if isinstance(tools, Toolbox) else [*tools]
    if not declared:
        return session
    session = ga.RealtimeSession() if session is None else session
    return msgspec.structs.replace(session, tools=[*(get(session, "tools") or ()), *declared])


# --- Live ----------------------------------------------------------------------------

# The paths of Live sessions, by provider. Sources: https://platform.openai.com/docs/guides/voice-websockets;
# https://learn.microsoft.com/azure/foundry/openai/gpt-live-reference. Read 2026-11-29.
LIVE_PATHS: Final[Mapping[str, str]] = {"openai": "/v1/live/sessions", "azure": "/openai/v1/live/sessions"}


def with_model(session: Any, model: str) -> Any:
    """Return settings with the model, if it is named in them and not in the address.

    Raises:
        ConfigError: the model is one of Live, and the settings are not.
    """
    if model in spec.LIVE_MODELS and not isinstance(session, live.LiveSession):
        if session is not None:
            raise ConfigError(
                f"the settings of {model} are a live.LiveSession, not a {type(session).__name__}"
            )
        return live.LiveSession(model=model)
    if isinstance(session, live.LiveSession) and not session.model:
        return msgspec.structs.replace(session, model=model)
    return session


def with_live_tools(
    session: live.LiveSession, tools: Toolbox | Sequence[Any], client_tool: str
) -> live.LiveSession:
    """Return the settings with tools added to the body of their delegation.

    Raises:
        ConfigError: the delegation is not to a model of the Responses API, and `tools` is no Toolbox of `client_tool` alone;
            or its body is not a JSON object.
    """
    declared = tools.tools if isinstance(tools, Toolbox) else [*tools]
    if not declared:
        return session
    if isinstance(session.delegation, live.ResponsesDelegation):
        old = session.delegation.responses
        own = _members(old).get("tools")
        responses = _config({"tools": [*(own if isinstance(own, list) else ()), *declared]}, old)
        delegation = msgspec.structs.replace(session.delegation, responses=responses)
        return msgspec.structs.replace(session, delegation=delegation)
    names = [_name(tool) for tool in declared]
    if isinstance(tools, Toolbox) and names == [client_tool]:
        return session
    raise ConfigError(
        f"nothing can call {', '.join(name for name in names if name != client_tool) or client_tool}: "
        "tools need a live.ResponsesDelegation, whose model calls them; "
        f"work that is delegated to the client is done by a Toolbox with a tool named {client_tool!r} alone"
    )


def with_live_update(session: live.LiveSession, update: live.LiveSessionUpdate) -> live.LiveSession:
    """Return the settings of a Live session after an update: members of the delegation's body are merged.

    Raises:
        ConfigError: a body is not a JSON object.
    """
    changed: dict[str, Any] = {}
    if update.triggers is not msgspec.UNSET:
        changed["triggers"] = update.triggers
    new, old = update.delegation, session.delegation
    if isinstance(new, live.ResponsesDelegation) and isinstance(old, live.ResponsesDelegation):
        delay = (
            old.acknowledgement_delay_ms
            if new.acknowledgement_delay_ms is msgspec.UNSET
            else new.acknowledgement_delay_ms
        )
        new = live.ResponsesDelegation(
            responses=_config(_members(new.responses), old.responses, new.responses),
            acknowledgement_delay_ms=delay,
        )
    if new is not msgspec.UNSET:
        changed["delegation"] = new
    return msgspec.structs.replace(session, **changed)


def _name(tool: Any) -> str:
    """Return the name of a tool, its type if it has none."""
    find = tool.get if isinstance(tool, Mapping) else partial(get, tool)
    return str(find("name") or find("type"))


def _config(changed: dict[str, Any], *sources: Any) -> Any:
    """Return the settings of a backend: the first of `sources` with changed members. JSON if one of them is no Struct."""
    members = {**_members(sources[0]), **changed}
    if all(source in (None, msgspec.UNSET) or isinstance(source, live.ResponsesConfig) for source in sources):
        return live.ResponsesConfig(**members)
    return live.Json(encode_json(members))


def _members(settings: Any) -> dict[str, Any]:
    """Return the members of a backend's settings that are set, {} if there are none.

    Raises:
        ConfigError: they are no JSON object.
    """
    if settings is None or settings is msgspec.UNSET:
        return {}
    if isinstance(settings, live.ResponsesConfig):
        members = {name: getattr(settings, name) for name in settings.__struct_fields__}
        return {name: value for name, value in members.items() if value is not msgspec.UNSET}
    try:
        return msgspec.json.decode(encode_json(settings), type=dict[str, Any] | None) or {}
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ConfigError(f"delegation.responses is not a JSON object: {one_line(str(error))}") from None
