"""The carriers of media WebSockets, in one table: a carrier is one module, and a row here.

Each module offers the same names, as the dialects do: `Carrier` is what they have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol

from . import plivo, telnyx, twilio, vonage

if TYPE_CHECKING:
    from .._types import Buffer, Frame
    from .media import MediaFormat


class Carrier(Protocol):
    """What each carrier's module offers. `Any` is the module's own `Message` or `Command`."""

    @property
    def NAME(self) -> str:
        """The carrier's name, its key in `CARRIERS`."""
        ...

    @property
    def IN_ORDER(self) -> bool:
        """Whether messages come in order; if not, `order.Reorder` by their `sequence` puts them so."""
        ...

    @property
    def FORMAT(self) -> MediaFormat:
        """What the audio is where the start does not tell."""
        ...

    @property
    def MEDIA_IS_BINARY(self) -> bool:
        """Whether what `encode_media` gives is a binary frame; all other frames are text."""
        ...

    @property
    def FRAME_MS(self) -> int | None:
        """How long the audio of each frame to the carrier must be, in ms; None where it may differ."""
        ...

    def decode(self, frame: Frame, /) -> Any:
        """What the carrier sends; each message has `type`, `sequence` and `as_call()`."""
        ...

    def decode_command(self, frame: Frame, /) -> Any:
        """What the carrier receives."""
        ...

    def encode(self, message: Any, /) -> bytes:
        """A message of either side as a frame."""
        ...

    def encode_media(self, audio: Buffer | str, stream_id: str, format: MediaFormat | None = None) -> bytes:
        """The frame that plays `audio`: raw bytes in the stream's format, or a str that is base64."""
        ...

    def encode_mark(self, name: str, stream_id: str) -> bytes:
        """The frame that asks to be told when what was sent so far was played."""
        ...

    def encode_clear(self, stream_id: str) -> bytes:
        """The frame that drops what is not yet played."""
        ...

    def cut_media(self, frame: Frame, /) -> tuple[Any, bytes] | None:
        """The message of the caller's audio and the audio as base64, or None: then `decode`."""
        ...

    def media_to_append(self, frame: Frame, /) -> bytes | None:
        """The append frame of a frame of the caller's audio, or None: then `decode`."""
        ...

    def delta_to_media(self, frame: Frame, stream_id: str, format: MediaFormat | None = None) -> bytes | None:
        """The frame that plays an audio delta, or None: then `realtime.decode_server`."""
        ...


CARRIERS: Final[Mapping[str, Carrier]] = MappingProxyType(
    {twilio.NAME: twilio, telnyx.NAME: telnyx, plivo.NAME: plivo, vonage.NAME: vonage}
)
