"""The Live dialect: a model that talks while another one thinks.

`session` has the settings, `client` and `server` the events. Its own events are typed;
bodies of the Responses and Decisions APIs are `Json`, kept as they came.
"""

# Star imports bring msgspec's Final UNSET more than once, the same object each time.
# pyright: reportGeneralTypeIssues=false

from __future__ import annotations

from ..base import Unknown as Unknown, UnknownEvent as UnknownEvent
from .client import *
from .server import *
from .session import *

# --- The unions ----------------------------------------------------------------------

ClientEvent = LiveClientEvent | UnknownEvent
ServerEvent = LiveServerEvent | UnknownEvent
