"""Events and settings of GA for servers of every dialect, and the merging of settings.

The client works with GA's events. `Dialect` encodes them for a provider: as they are, converted to beta, or as the
server's own classes. A session in the server's own classes is passed on as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from .. import events as ga
from .._provider import Provider
from ..beta import from_ga
from ..codec import event_classes
from ..state import Toolbox
from .live_session import get


class Dialect:
    """The encoder and decoder of a provider. Attributes: `decode`, `encode_append`."""

    def __init__(self, provider: Provider) -> None:
        codec = provider.codec
        self.decode, self.encode_append = codec.decode_server, codec.encode_append
        self._encode, self._is_beta = codec.encode, provider.base == "beta"
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
