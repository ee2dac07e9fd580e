"""Phone calls: carriers' media WebSockets, AudioSocket and RTP. No sockets, no clocks.

`Bridge` is a complete call between a carrier and a session: it takes frames of either side and returns
frames for the other, with marks, barge-in, and conversion if the formats differ. If they do not, base64 is
copied from frame to frame.

Each carrier has a `Carrier` in the table `CARRIERS`, and a module with its message types and functions.
`decode` returns a message of the carrier; the message's `as_call()` returns an event of the call (`call`),
which is the same for every carrier. Without `Bridge`, combine `decode` with `realtime.encode_append`, and
`realtime.decode_server` with `encode_media`. Read `twilio` first.
"""

from __future__ import annotations

from .._base64 import decoded_nbytes
from . import audiosocket, plivo, rtp, telnyx, twilio, vonage
from ._player import AudioDropped
from .bridge import Bridge, BridgeEvent, BridgeOutput, BridgeStats
from .call import CallAudio, CallCleared, CallDigit, CallEnded, CallEvent, CallFault, CallMark, CallStarted
from .carrier import Carrier, UnknownMessage
from .carriers import CARRIERS
from .media import MediaFormat, swap16
from .order import Gap, Reorder
from .splice import cut_delta

__all__ = [
    "CARRIERS", "AudioDropped", "Bridge", "BridgeEvent", "BridgeOutput", "BridgeStats", "CallAudio",
    "CallCleared", "CallDigit", "CallEnded", "CallEvent", "CallFault", "CallMark", "CallStarted",
    "Carrier", "Gap", "MediaFormat", "Reorder", "UnknownMessage", "audiosocket", "cut_delta",
    "decoded_nbytes", "plivo", "rtp", "swap16", "telnyx", "twilio", "vonage",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)
