"""For tests and demos: a Realtime server of one's own, on this machine, and what goes wrong with servers.

`LoopbackServer` is a real WebSocket server that plays the caller's turns back, or a `script` of `Say`,
`Call` and `Fail`; `Loopback` is the protocol inside it, one session, frames in and events out, without
I/O. `faults` are what it does wrong on demand. With pytest, the fixture `realtime_server` is one. Needs
websockets (``pip install realtime-codec[testing]``) and numpy, when one of these is first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

__all__ = [
    "FAULTS",
    "BetaLoopback",
    "Call",
    "Fail",
    "Fault",
    "Loopback",
    "LoopbackServer",
    "RateLimits",
    "Say",
    "TranslationLoopback",
    "Turn",
    "faults",
]
# Where each is. pytest loads the plugin beside this at every start, whoever uses it.
_HOMES: Final = {
    "BetaLoopback": "beta",
    "Call": "script",
    "FAULTS": "faults",
    "Fail": "script",
    "Fault": "faults",
    "Loopback": "loopback",
    "LoopbackServer": "server",
    "RateLimits": "_limits",
    "Say": "script",
    "TranslationLoopback": "translation",
    "Turn": "_history",
}

if TYPE_CHECKING:
    from . import faults as faults
    from ._history import Turn as Turn
    from ._limits import RateLimits as RateLimits
    from .beta import BetaLoopback as BetaLoopback
    from .faults import FAULTS as FAULTS, Fault as Fault
    from .loopback import Loopback as Loopback
    from .script import Call as Call, Fail as Fail, Say as Say
    from .server import LoopbackServer as LoopbackServer
    from .translation import TranslationLoopback as TranslationLoopback
else:

    def __getattr__(name):
        import importlib

        if name == "faults":
            return importlib.import_module(f"{__name__}.faults")
        if name in _HOMES:
            return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})
