"""What a `Bridge` gives back: what to send, what was told, and how much went through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..events import ServerEvent
from ..state.playback import Interruption
from .call import CallEvent

# What a frame told: of the call, of the session, or of what a barge-in has cut.
BridgeEvent: TypeAlias = CallEvent | ServerEvent | Interruption


@dataclass(frozen=True, slots=True)
class Bridged:
    """What a frame leaves to do: send these, each in order; a str is a text frame, bytes a binary one.

    `events` is what the frame told. The caller's audio is not among it, an audio delta that was
    spliced is there without its audio, and a `CallMark` of the bridge's own only where its audio was heard.
    """

    to_carrier: tuple[str | bytes, ...] = ()
    to_server: tuple[str, ...] = ()
    events: tuple[BridgeEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class BridgeStats:
    """What went through so far, in frames.

    Spliced frames carry base64 as it came. Of re-encoded ones the audio was decoded: to be converted, to
    be cut into frames as the carrier wants them, or because the frame that brought it was not plain.
    `deltas_dropped` were of what had been interrupted, or did not fit before the stream was known.
    `messages_lost` of a carrier that promises no order did not come in time, `messages_dropped` came twice or late.
    """

    spliced_to_server: int = 0
    spliced_to_carrier: int = 0
    reencoded_to_server: int = 0
    reencoded_to_carrier: int = 0
    deltas_dropped: int = 0
    messages_lost: int = 0
    messages_dropped: int = 0

    @property
    def spliced(self) -> int:
        """Both ways."""
        return self.spliced_to_server + self.spliced_to_carrier

    @property
    def reencoded(self) -> int:
        """Both ways."""
        return self.reencoded_to_server + self.reencoded_to_carrier
