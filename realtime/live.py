"""The Live dialect: the names of `realtime` for its own wire.

The events are defined in `events.live`, the codec that all dialects share in `codec`.
"""

from __future__ import annotations

from ._members import extras
from .codec import DialectCodec
from .events import live as events, live_backend, live_decisions, live_items
from .events.live import *
from .events.live_backend import *
from .events.live_decisions import *
from .events.live_items import *
from .state import delegations, live as state
from .state.delegations import *
from .state.live import *
from .validate_live import validate_live_event, validate_live_session

__all__ = [
    "Codec", "decode_client", "decode_client_if", "decode_server", "decode_server_if", "encode",
    "encode_append", "extras", "validate_live_event",
    "validate_live_session",
]  # fmt: skip
__all__ += events.__all__
# Type checkers do not follow the `__all__` of `events` to these.
__all__ += live_backend.__all__
__all__ += live_items.__all__
__all__ += live_decisions.__all__
__all__ += state.__all__
__all__ += delegations.__all__


class Codec(DialectCodec[events.ServerEvent, events.ClientEvent]):
    """The codec of the Live dialect. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = events.ServerEvent
    client_events = events.ClientEvent
    append = events.SessionInputAudioAppend


CODEC = Codec()

decode_server, decode_client, decode_server_if, decode_client_if, encode, encode_append = CODEC.functions()


def __dir__() -> list[str]:
    return sorted(__all__)
