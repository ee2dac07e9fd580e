"""All events of GA, today's protocol, and the Structs that they carry: one module per wire noun.

    base          base classes, `Maybe`, `Unknown`
    items, tools  objects that sessions, responses and conversations share
    session, audio_buffer, conversation, response
                  the events, each module's union at its end
    beta, translation, live
                  the other dialects

To add an event, write its class in the module of its noun, add it to that module's union and
`__all__`, and add a frame to tests/cases.
"""

from __future__ import annotations

from . import audio_buffer, base, conversation, items, response, session, tools
from .audio_buffer import *
from .base import *
from .conversation import *
from .items import *
from .response import *
from .session import *
from .tools import *

__all__ = ["ClientEvent", "ServerEvent"]
__all__ += audio_buffer.__all__
__all__ += base.__all__
__all__ += conversation.__all__
__all__ += items.__all__
__all__ += response.__all__
__all__ += session.__all__
__all__ += tools.__all__

ServerEvent = (
    SessionServerEvent | AudioBufferServerEvent | ConversationServerEvent | ResponseServerEvent | UnknownEvent
)
ClientEvent = (
    SessionClientEvent | AudioBufferClientEvent | ConversationClientEvent | ResponseClientEvent | UnknownEvent
)


def __dir__() -> list[str]:
    return sorted(__all__)
