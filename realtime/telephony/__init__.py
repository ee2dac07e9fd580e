"""The wires of the telephone: carriers' media WebSockets, AudioSocket, RTP. No sockets, no clocks.

How a call's audio flows, where session and carrier speak the same format::

    Twilio, Telnyx, Plivo   media frame  ->  media_to_append  ->  append frame     the model
                            media frame  <-  delta_to_media   <-  delta frame

`Bridge` is the whole of a call between the two: it takes frames of either side and returns frames for
the other, with marks, barge-in and conversion where the formats differ. What it is made of is here too.

Each carrier is a module with the same names (`carrier.Carrier`); `CARRIERS` has them by name. Its
messages are typed, `decode` gives what the carrier sends, and `as_call()` says what that means in the
words of `call`, which are the same for all. The two functions above splice: base64 goes from frame
to frame as it came. Where they give None, `decode` and `realtime.encode_append`, or
`realtime.decode_server` and `encode_media`, do it the long way, with a converter between where the
formats differ. Read `twilio` first.
"""

from __future__ import annotations

from . import (
    audiosocket as audiosocket,
    plivo as plivo,
    rtp as rtp,
    telnyx as telnyx,
    twilio as twilio,
    vonage as vonage,
)
from ._base64 import nbytes_of as nbytes_of
from ._bridged import Bridged as Bridged, BridgeEvent as BridgeEvent, BridgeStats as BridgeStats
from ._splice import append_splicer as append_splicer, cut_delta as cut_delta
from ._wire import UnknownMessage as UnknownMessage
from .bridge import Bridge as Bridge
from .call import (
    CallAudio as CallAudio,
    CallCleared as CallCleared,
    CallDigit as CallDigit,
    CallEnded as CallEnded,
    CallEvent as CallEvent,
    CallFailed as CallFailed,
    CallMark as CallMark,
    CallStarted as CallStarted,
)
from .carrier import CARRIERS as CARRIERS, Carrier as Carrier
from .media import MediaFormat as MediaFormat, swap16 as swap16
from .order import Gap as Gap, Reorder as Reorder
