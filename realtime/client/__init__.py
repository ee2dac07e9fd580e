"""A client of the protocol: sessions that survive their connections, run tools, and may be interrupted.

`connect` opens a session on websockets (``pip install realtime-codec[client]``) or on picows (``[picows]``);
`ToolRunner` runs the calls of its tools. `ClientProtocol` is the same without I/O, and needs no network library.
Read `protocol` for the states, `policy` for the meaning of the end of a connection, `restore` for the items that a
new session gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .errors import (
    ClientError,
    ConnectFailed,
    RequestRefused,
    SendQueueFull,
    SessionClosed,
    SessionLost,
    SessionRefused,
    SpendLimitReached,
)
from .events import (
    ClientNotice,
    Connected,
    Expiring,
    Interrupted,
    Overflow,
    Reconnecting,
    RequestFailed,
    ResponseDelayed,
    ResponseOutcome,
    Resumed,
    SessionEnded,
    SettingsDiffer,
    ToolCalled,
    Undecodable,
)
from .live import LiveClientProtocol
from .policy import POLICY, Decision, RetryPolicy, Rule
from .protocol import ClientProtocol, ClientState, Connect, GiveUp, Run, Wait

__all__ = [
    "POLICY", "ClientError", "ClientNotice", "ClientProtocol", "ClientState", "Connect", "ConnectFailed",
    "Connected", "Decision", "Expiring", "GiveUp", "Interrupted", "LiveClientProtocol", "Overflow", "Reconnecting",
    "RequestFailed", "RequestRefused", "ResponseDelayed", "ResponseHandle", "ResponseOutcome", "Resumed",
    "RetryPolicy", "Rule", "Run", "SendQueueFull", "Session", "SessionClosed", "SessionEnded", "SessionLost",
    "SessionRefused", "SettingsDiffer", "SpendLimitReached", "ToolCalled", "ToolRunner", "Undecodable",
    "UpdateResult", "Wait", "connect",
]  # fmt: skip
# Imported when they are first used: they need asyncio.
_HOMES: Final = {
    "ResponseHandle": "connection",
    "Session": "connection",
    "ToolRunner": "tools",
    "UpdateResult": "connection",
    "connect": "connection",
}


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from .connection import (
        ResponseHandle as ResponseHandle,
        Session as Session,
        UpdateResult as UpdateResult,
        connect as connect,
    )
    from .tools import ToolRunner as ToolRunner
else:

    def __getattr__(name):
        if name in _HOMES:
            import importlib

            return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
