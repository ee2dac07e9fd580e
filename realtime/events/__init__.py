"""GA, today's protocol: every event, in one module a wire noun.

    base          what all Structs share; `Unknown`
    items, tools  what sessions, responses and conversations carry
    session, audio_buffer, conversation, response
                  the events, each module's union at its bottom
    beta, translation, live
                  the other dialects, as differences from this one

To add an event: its class in the module of its noun, a line in that module's union, a case
in the tests' table.
"""

# Star imports bring msgspec's Final UNSET more than once, the same object each time.
# pyright: reportGeneralTypeIssues=false

from __future__ import annotations

from typing import TYPE_CHECKING

from .audio_buffer import *
from .base import *
from .conversation import *
from .items import *
from .response import *
from .session import *
from .tools import *

ServerEvent = (
    SessionServerEvent | AudioBufferServerEvent | ConversationServerEvent | ResponseServerEvent | UnknownEvent
)
ClientEvent = (
    SessionClientEvent | AudioBufferClientEvent | ConversationClientEvent | ResponseClientEvent | UnknownEvent
)

if not TYPE_CHECKING:
    from .._names import public_names as _public_names

    __all__ = _public_names(globals())
