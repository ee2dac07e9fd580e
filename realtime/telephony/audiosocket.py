"""Asterisk's AudioSocket: frames of a TCP stream, without the socket.

Asterisk connects to us, sends a `Uuid`, then `Audio`, `Dtmf` and perhaps `Error`; we send `Audio` and
`Hangup`. Asterisk does not pace the audio that it plays: send 20 ms every 20 ms. A `Parser` decodes the
stream, `encode` and `encode_audio` write it. It is no `Carrier`: it has no WebSocket and no marks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct

from ..append import as_bytes_view
from ..errors import AudioError, DecodeError, EncodeError
from .call import CallAudio, CallDigit, CallEnded, CallFault, CallStarted
from .media import MediaFormat

if TYPE_CHECKING:
    from ..append import Buffer

# Source: Asterisk's documentation, "AudioSocket" (docs.asterisk.org), the protocol's README
# (github.com/CyCoreSystems/audiosocket) and res_audiosocket.c. Read 2026-11-24.
# - A frame is one byte of kind, two of length (big-endian), the payload.
# - Audio is signed linear PCM, 16 bits, mono, little-endian, at 8,000 Hz from the dialplan application
#   and at the rate of the kind from the channel driver. A build of 2025 used 0x11 for 16,000 Hz; it is
#   12,000 Hz now.
# - Asterisk accepts audio and a hangup, and hangs up on any other kind and on empty audio.
HANGUP: Final = 0x00
UUID_KIND: Final = 0x01
DTMF: Final = 0x03
ERROR: Final = 0xFF
SAMPLE_RATES: Final = {
    0x10: 8_000,
    0x11: 12_000,
    0x12: 16_000,
    0x13: 24_000,
    0x14: 32_000,
    0x15: 44_100,
    0x16: 48_000,
    0x17: 96_000,
    0x18: 192_000,
}
# The bits of an error's one byte.
ERRORS: Final = {0x01: "the caller hung up", 0x02: "a frame was not forwarded", 0x04: "out of memory"}

NAME: Final = "audiosocket"
FORMAT: Final = MediaFormat("L16", 8_000)
FRAME_MS: Final = 20
MAX_PAYLOAD_BYTES: Final = 0xFFFF
HEADER_BYTES: Final = 3
# Whole samples.
_MAX_AUDIO_BYTES = MAX_PAYLOAD_BYTES - 1
_KINDS = {rate: kind for kind, rate in SAMPLE_RATES.items()}


class Hangup(Struct, frozen=True, gc=False):
    """From Asterisk: the call has ended. To Asterisk: end it."""

    def as_call(self) -> CallEnded:
        """Return the end of the call."""
        return CallEnded()


class Uuid(Struct, frozen=True, gc=False):
    """The first message: the id that the dialplan gave the stream."""

    uuid: UUID

    def as_call(self) -> CallStarted:
        """Return the start of the call. Its format is that of the first `Audio`."""
        return CallStarted(str(self.uuid))


class Dtmf(Struct, frozen=True, gc=False):
    """The caller pressed a key."""

    digit: str

    def as_call(self) -> CallDigit:
        """Return the key."""
        return CallDigit(self.digit)


class Audio(Struct, frozen=True, gc=False):
    """Raw PCM16, little-endian, mono, at one of `SAMPLE_RATES`."""

    audio: bytes
    sample_rate: int = 8_000

    @property
    def format(self) -> MediaFormat:
        """The format of this audio."""
        return MediaFormat("L16", self.sample_rate)

    def as_call(self) -> CallAudio:
        """Return the caller's audio."""
        return CallAudio(self.audio)


class Error(Struct, frozen=True, gc=False):
    """An error of Asterisk; `code` is usually one byte with the bits in `ERRORS`."""

    code: bytes = b""

    def as_call(self) -> CallFault:
        """Return the error."""
        bits = self.code[0] if len(self.code) == 1 else 0
        reasons = [sentence for bit, sentence in ERRORS.items() if bits & bit]
        return CallFault(", ".join(reasons) or "an error without a known code", self.code.hex() or None)


class UnknownMessage(Struct, frozen=True, gc=False):
    """A frame of a kind that this version does not know."""

    kind: int
    payload: bytes

    def as_call(self) -> None:
        """Return None: the meaning is not known."""


Message = Hangup | Uuid | Dtmf | Audio | Error | UnknownMessage


# --- Decoding ------------------------------------------------------------------------


class Parser:
    """Incremental decoder of a byte stream, which may arrive in pieces of any size.

    It buffers at most one frame (64 KiB). An error is raised after the messages before it were
    returned, and on every call from then on: there is no way to find the next frame.
    """

    __slots__ = ("_buffer", "_error")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._error: DecodeError | None = None

    def feed(self, data: Buffer) -> list[Message]:
        """Add the next bytes of the stream. Returns the messages that are complete.

        Raises:
            DecodeError: the next frame is not valid for its kind.
            TypeError: `data` is not a contiguous buffer.
        """
        stream = self._buffer
        stream += memoryview(data).cast("B")
        messages: list[Message] = []
        at = 0
        while self._error is None and len(stream) - at >= HEADER_BYTES:
            start = at + HEADER_BYTES
            stop = start + int.from_bytes(stream[at + 1 : start], "big")
            if stop > len(stream):
                break
            try:
                messages.append(_decode(stream[at], bytes(stream[start:stop])))
            except DecodeError as error:
                self._error = error
            at = stop
        del stream[: at if self._error is None else len(stream)]
        if self._error is not None and not messages:
            raise self._error
        return messages

    def close(self) -> None:
        """End the stream.

        Raises:
            DecodeError: it ended within a frame, or an earlier frame was not valid.
        """
        if self._error is not None:
            raise self._error
        if self._buffer:
            raise DecodeError(f"the stream ended {len(self._buffer)} bytes into a frame")


def _decode(kind: int, payload: bytes) -> Message:
    if kind in SAMPLE_RATES:
        if len(payload) % 2:
            raise DecodeError(
                f"{len(payload)} bytes are not a whole number of 16-bit samples", event_type="audio"
            )
        return Audio(payload, SAMPLE_RATES[kind])
    if kind == HANGUP:
        return Hangup()
    if kind == UUID_KIND:
        if len(payload) != 16:
            raise DecodeError(f"a UUID has 16 bytes, not {len(payload)}", event_type="uuid")
        return Uuid(UUID(bytes=payload))
    if kind == DTMF:
        if len(payload) != 1 or not 0x20 < payload[0] < 0x7F:
            raise DecodeError("a key must be one ASCII character", event_type="dtmf")
        return Dtmf(payload.decode())
    return Error(payload) if kind == ERROR else UnknownMessage(kind, payload)


# --- Encoding ------------------------------------------------------------------------


def encode(message: Message, /) -> bytes:
    """Encode a message as one frame, audio of more than 64 KiB as several.

    Raises:
        AudioError: audio that is empty or not a whole number of samples.
        EncodeError: a payload that does not fit a frame, or a sample rate that no kind has.
        TypeError: `message` is not a message of AudioSocket.
    """
    match message:
        case Audio():
            return encode_audio(message.audio, message.sample_rate)
        case Hangup():
            return _frame(HANGUP, b"")
        case Uuid():
            return _frame(UUID_KIND, message.uuid.bytes)
        case Dtmf():
            if len(message.digit) != 1 or not " " < message.digit < "\x7f":
                raise EncodeError("a key must be one ASCII character", event_type="dtmf")
            return _frame(DTMF, message.digit.encode())
        case Error():
            return _frame(ERROR, message.code)
        case UnknownMessage():
            if not 0 <= message.kind <= 0xFF:
                raise EncodeError(f"a kind must be one byte, not {message.kind}")
            return _frame(message.kind, message.payload)
    raise TypeError(f"a message of AudioSocket is needed, not {type(message).__name__}")


def encode_audio(audio: Buffer, sample_rate: int = 8_000) -> bytes:
    """Encode raw PCM16 as one frame, or as several if it does not fit.

    Raises:
        AudioError: not a whole number of samples, or none, on which Asterisk would hang up.
        EncodeError: a sample rate that no kind has.
        TypeError: `audio` is not a buffer of bytes or int16.
    """
    kind = _KINDS.get(sample_rate)
    if kind is None:
        raise EncodeError(f"AudioSocket has no kind for audio at {sample_rate} Hz")
    view = as_bytes_view(audio)
    if len(view) % 2 or not len(view):
        raise AudioError(f"{len(view)} bytes are not a positive whole number of 16-bit samples")
    pieces = range(0, len(view), _MAX_AUDIO_BYTES)
    return b"".join(_frame(kind, bytes(view[at : at + _MAX_AUDIO_BYTES])) for at in pieces)


def _frame(kind: int, payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise EncodeError(f"{len(payload)} bytes are more than the {MAX_PAYLOAD_BYTES} of one frame")
    return b"%c%b%b" % (kind, len(payload).to_bytes(2, "big"), payload)
