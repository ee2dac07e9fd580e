"""RTP packets (RFC 3550) with the audio of RFC 3551, as bytes: no sockets, no RTCP.

`parse` and `build` handle one packet; a `Sequencer` numbers the packets to send, and `order.Reorder`
with ``modulus=SEQUENCES`` sorts those that arrive.
"""

from __future__ import annotations

import secrets
import struct
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ..append import as_bytes_view
from ..errors import AudioError, ConfigError, DecodeError, EncodeError
from .media import MediaFormat

if TYPE_CHECKING:
    from ..append import Buffer

# Source: RFC 3550, section 5.1 (fixed header), 5.3.1 (extension). Read 2026-11-24.
VERSION: Final = 2
HEADER_BYTES: Final = 12
MAX_CSRCS: Final = 15
SEQUENCES: Final = 1 << 16
TIMESTAMPS: Final = 1 << 32
_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
_MARKER, _PADDING, _EXTENDED = 0x80, 0x20, 0x10

# The static payload types of audio that consists of samples. L16 is in network byte order
# (`media.swap16` converts it to PCM16); at 8,000, 16,000 and 24,000 Hz it has dynamic types, 96 to 127, which
# SDP assigns.
# Source: RFC 3551, section 6, table 4, and section 4.5.11. Read 2026-11-24.
PAYLOAD_TYPES: Final = {
    0: MediaFormat("PCMU", 8_000),
    8: MediaFormat("PCMA", 8_000),
    10: MediaFormat("L16", 44_100, 2, big_endian=True),
    11: MediaFormat("L16", 44_100, 1, big_endian=True),
}

# If RTP and RTCP share a port, the second byte of RTCP is one of these; RTP does not use the payload types
# 64 to 95 then. Source: RFC 5761, section 4. Read 2026-11-24.
RTCP_TYPES: Final = range(192, 224)


class Extension(Struct, frozen=True, gc=False):
    """A header extension: a 16-bit profile number, and data of whole 32-bit words."""

    profile: int
    data: bytes


class Packet(Struct, frozen=True, gc=False):
    """One packet. `timestamp` counts samples of the payload's clock, `marker` starts a talkspurt."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False
    csrcs: tuple[int, ...] = ()
    extension: Extension | None = None


def is_rtcp(datagram: Buffer) -> bool:
    """Return True if a datagram of a shared port is RTCP."""
    view = memoryview(datagram).cast("B")
    return len(view) > 1 and view[1] in RTCP_TYPES


def parse(datagram: Buffer, /) -> Packet:
    """Decode one datagram. Padding is removed.

    Raises:
        DecodeError: it is not RTP version 2, or shorter than its header states.
        TypeError: `datagram` is not a buffer.
    """
    raw = memoryview(datagram).tobytes()
    if len(raw) < HEADER_BYTES:
        raise DecodeError(f"{len(raw)} bytes are less than an RTP header")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(raw)
    if first >> 6 != VERSION:
        raise DecodeError(f"RTP version {first >> 6} is not supported", expected="2")
    if second in RTCP_TYPES:
        raise DecodeError(f"RTCP of type {second}, not RTP")
    start = HEADER_BYTES + 4 * (first & MAX_CSRCS)
    csrcs = tuple(int.from_bytes(raw[at : at + 4], "big") for at in range(HEADER_BYTES, start, 4))
    extension = None
    if first & _EXTENDED:
        data = start + _EXTENSION.size
        if data > len(raw):
            raise DecodeError("the packet is shorter than its header extension states")
        profile, words = _EXTENSION.unpack_from(raw, start)
        start = data + 4 * words
        extension = Extension(profile, raw[data:start])
    end = len(raw) - (raw[-1] if first & _PADDING else 0)
    if start > end or (first & _PADDING and end == len(raw)):
        raise DecodeError("the packet is shorter than its header and padding state")
    return Packet(
        second & 0x7F, sequence, timestamp, ssrc, raw[start:end], second >= _MARKER, csrcs, extension
    )


def build(packet: Packet, /) -> bytes:
    """Encode `packet` as one datagram without padding.

    Raises:
        EncodeError: a number does not fit its field, or an extension is not whole 32-bit words.
        TypeError: the payload is not a buffer of bytes or int16.
    """
    if len(packet.csrcs) > MAX_CSRCS:
        raise EncodeError(f"a packet has at most {MAX_CSRCS} contributing sources, not {len(packet.csrcs)}")
    if not 0 <= packet.payload_type <= 0x7F:
        raise EncodeError(f"a payload type must fit 7 bits, got {packet.payload_type}")
    first = VERSION << 6 | len(packet.csrcs) | (_EXTENDED if packet.extension else 0)
    second = packet.payload_type | (_MARKER if packet.marker else 0)
    try:
        head = _HEADER.pack(first, second, packet.sequence, packet.timestamp, packet.ssrc)
        csrcs = struct.pack(f"!{len(packet.csrcs)}I", *packet.csrcs)
        extension = _extension_bytes(packet.extension) if packet.extension else b""
    except struct.error as why:
        raise EncodeError(f"a number does not fit its field: {why}") from None
    return b"".join((head, csrcs, extension, as_bytes_view(packet.payload)))


def _extension_bytes(extension: Extension) -> bytes:
    words, rest = divmod(len(extension.data), 4)
    if rest:
        raise EncodeError(f"a header extension must be whole 32-bit words, not {len(extension.data)} bytes")
    return _EXTENSION.pack(extension.profile, words) + extension.data


class Sequencer:
    """Packet source of one stream of one payload type.

    `format` is the payload's format, needed for dynamic payload types only. Unless they are given, the
    numbers start at random, as RFC 3550 requires (section 5.1). They wrap around.

    Raises:
        ConfigError: the format is not known, or does not consist of samples.
    """

    __slots__ = ("_frame_bytes", "_marker", "payload_type", "sequence", "ssrc", "timestamp")

    def __init__(
        self,
        payload_type: int,
        *,
        format: MediaFormat | None = None,
        ssrc: int | None = None,
        sequence: int | None = None,
        timestamp: int | None = None,
    ) -> None:
        format = format or PAYLOAD_TYPES.get(payload_type)
        if format is None or not format.sample_width:
            raise ConfigError(f"payload type {payload_type} needs a format that consists of samples")
        self._frame_bytes = format.sample_width * format.channels
        self._marker = True
        self.payload_type = payload_type
        self.ssrc = secrets.randbits(32) if ssrc is None else ssrc
        self.sequence = secrets.randbits(16) if sequence is None else sequence
        self.timestamp = secrets.randbits(32) if timestamp is None else timestamp

    def next(self, payload: Buffer) -> bytes:
        """Return the datagram of the next packet. `payload` is audio as it is on the wire.

        The first packet, and the first after `skip`, has its marker set (RFC 3551, section 4.1).

        Raises:
            AudioError: not a whole number of samples of all channels.
            EncodeError: a number does not fit its field.
            TypeError: `payload` is not a buffer of bytes or int16.
        """
        audio = as_bytes_view(payload)
        samples, rest = divmod(len(audio), self._frame_bytes)
        if rest:
            raise AudioError(f"{len(audio)} bytes are not a whole number of samples of all channels")
        datagram = build(
            Packet(self.payload_type, self.sequence, self.timestamp, self.ssrc, bytes(audio), self._marker)
        )
        self._marker = False
        self.sequence = (self.sequence + 1) % SEQUENCES
        self.timestamp = (self.timestamp + samples) % TIMESTAMPS
        return datagram

    def skip(self, samples: int) -> None:
        """Advance the clock by `samples` of silence that are not sent. No packet is missing."""
        self.timestamp = (self.timestamp + samples) % TIMESTAMPS
        self._marker = True
