"""For tests and demos: a Realtime server of one's own, on this machine.

`LoopbackServer` is a real WebSocket server that plays the caller's own turns back;
`Loopback` is the protocol inside it, one session, frames in and events out, without I/O.
Needs websockets (``pip install realtime-codec[testing]``) and numpy.
"""

from __future__ import annotations

from .loopback import Loopback
from .server import LoopbackServer

__all__ = ["Loopback", "LoopbackServer"]
