"""A Realtime server for tests and demos, running locally, and the failures of real servers.

`LoopbackServer` is a real WebSocket server that echoes the user's turns, or plays a `script` of `Say`,
`Call` and `Fail`. `ServerProtocol` is one of its sessions without I/O: frames in, events out. `faults`
are failures on demand. The pytest fixture `realtime_server` is a running server. Needs websockets, h11
(``pip install realtime-codec[testing]``) and numpy, which are imported when a name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

__all__ = [
    "FAULTS", "Call", "ConnectionObserver", "Delegate", "Fail", "Fault", "IncomingCall", "LoopbackServer", "Observer",
    "RateLimits", "Say", "Script", "ServerProtocol", "Transcribe", "Turn", "faults",
]  # fmt: skip
# The module of each name. Suites that load the plugin of this package, but do not use its fixture, need neither
# the server nor its dependencies, so nothing is imported here.
_HOMES: Final = {
    "Call": "script",
    "ConnectionObserver": "connection",
    "Delegate": "script",
    "FAULTS": "faults",
    "Fail": "script",
    "Fault": "faults",
    "IncomingCall": "calls",
    "LoopbackServer": "server",
    "Observer": "connection",
    "RateLimits": "rate_limits",
    "Say": "script",
    "Script": "script",
    "ServerProtocol": "protocol",
    "Transcribe": "script",
    "Turn": "script",
}


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from . import faults as faults
    from .calls import IncomingCall as IncomingCall
    from .connection import ConnectionObserver as ConnectionObserver, Observer as Observer
    from .faults import FAULTS as FAULTS, Fault as Fault
    from .protocol import ServerProtocol as ServerProtocol
    from .rate_limits import RateLimits as RateLimits
    from .script import (
        Call as Call,
        Delegate as Delegate,
        Fail as Fail,
        Say as Say,
        Script as Script,
        Transcribe as Transcribe,
        Turn as Turn,
    )
    from .server import LoopbackServer as LoopbackServer
else:

    def __getattr__(name):
        import importlib

        if name == "faults":
            return importlib.import_module(f"{__name__}.faults")
        if name in _HOMES:
            return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
