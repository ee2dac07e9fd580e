"""RIFF WAVE headers as bytes: `parse` reads any, hostile ones too, `header` writes ours.

Nothing here opens a file and nothing trusts a size: what a header claims is compared with
what is there before anything is taken. Source: Microsoft's "Multimedia Programming
Interface and Data Specifications 1.0" (1991) and the WAVEFORMATEXTENSIBLE documentation.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from ..errors import AudioError
from ..format import AudioFormat

ACCEPTED: Final = "accepted are 16-bit PCM, 8-bit mu-law and 8-bit A-law"
MAX_DATA_BYTES: Final = 0xFFFFFFFF - 64

_EXTENSIBLE: Final = 0xFFFE
_TAGS: Final = {1: AudioFormat.PCM16, 6: AudioFormat.G711_ALAW, 7: AudioFormat.G711_ULAW}
_TAG_OF: Final = {fmt: tag for tag, fmt in _TAGS.items()}
_GUID_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
# Sizes of those who write to a pipe and cannot come back: sox 0x7FFFF000, ffmpeg 0xFFFFFFFF.
_UNKNOWN_SIZE: Final = 0x7FFFF000
_FORMAT = struct.Struct("<HHIIHH")
_CHUNK = struct.Struct("<4sI")
_EXTENSION = struct.Struct("<HHI16s")


class Contents(NamedTuple):
    """What a WAV file holds: the coding of its samples, and where they are."""

    encoding: AudioFormat
    sample_rate: int
    channels: int
    data: memoryview


class _Layout(NamedTuple):
    encoding: AudioFormat
    sample_rate: int
    channels: int
    frame_bytes: int


def parse(file: bytes, /) -> Contents:
    """The audio in the bytes of a whole WAV file; `data` is a view of them.

    A data chunk of a size that only pipe writers give (0x7FFFF000 and more, or 0 in a RIFF
    of size 0) reaches to the end of the file. Any other size must be there.

    Raises:
        AudioError: not a WAV file, truncated, contradictory, or of another coding.
    """
    riff_size = _riff_size(file)
    layout = None
    position = 12
    while position + _CHUNK.size <= len(file):
        kind, size = _CHUNK.unpack_from(file, position)
        position += _CHUNK.size
        if kind == b"data":
            if layout is None:
                raise AudioError("the WAV file has no `fmt ` chunk before its data")
            data = _data(memoryview(file)[position:], size, riff_size, layout)
            _check_inside(position + len(data), riff_size)
            return Contents(layout.encoding, layout.sample_rate, layout.channels, data)
        if kind == b"fmt " and layout is None:
            layout = _layout(file[position : position + min(size, 64)], size)
        position += size + size % 2
    raise AudioError("the WAV file ends before its data" if layout else "the WAV file has no `fmt ` chunk")


def _riff_size(file: bytes) -> int:
    """The size that the RIFF header claims; 0 where its writer could not know."""
    if not file:
        raise AudioError("the WAV file is empty")
    if len(file) < 12 or file[:4] != b"RIFF" or file[8:12] != b"WAVE":
        raise AudioError(f"not a RIFF WAVE file: it starts with {file[:12]!r}")
    size = int.from_bytes(file[4:8], "little")
    if size >= _UNKNOWN_SIZE and 8 + size > len(file):
        return 0
    if 8 + size > len(file) + 1:  # many writers forget the last pad byte
        raise AudioError(
            f"the WAV file is truncated: {8 + size} bytes by its header, {len(file)} in the file"
        )
    return size


def _data(rest: memoryview, size: int, riff_size: int, layout: _Layout) -> memoryview:
    if size >= _UNKNOWN_SIZE or (size == 0 and riff_size == 0):
        size = min(size or len(rest), len(rest))
        return rest[: size - size % layout.frame_bytes]
    if size > len(rest):
        raise AudioError(
            f"the WAV file is truncated: {size} bytes of audio by its header, {len(rest)} in the file"
        )
    if size % layout.frame_bytes:
        raise AudioError(f"{size} bytes of audio are not whole frames of {layout.frame_bytes} bytes")
    return rest[:size]


def _check_inside(data_end: int, riff_size: int) -> None:
    if riff_size and data_end > 8 + riff_size:
        raise AudioError("the WAV header contradicts itself: its data is longer than its RIFF")


def _layout(chunk: bytes, size: int) -> _Layout:
    if size < _FORMAT.size or len(chunk) < min(size, 40):
        raise AudioError(f"the `fmt ` chunk of the WAV file is too short: {len(chunk)} bytes")
    tag, channels, sample_rate, _, frame_bytes, bits = _FORMAT.unpack_from(chunk)
    if tag == _EXTENSIBLE:
        tag = _extended_tag(chunk, bits)
    encoding = _TAGS.get(tag)
    if encoding is None or bits != 8 * encoding.sample_width:
        raise AudioError(f"WAV format {tag:#06x} of {bits} bits is not accepted: {ACCEPTED}")
    if not channels or not sample_rate:
        raise AudioError(f"a WAV file of {channels} channels at {sample_rate} Hz holds no audio")
    if frame_bytes != channels * encoding.sample_width:
        raise AudioError(
            f"the WAV header contradicts itself: {frame_bytes} bytes a frame of {channels} channels"
        )
    return _Layout(encoding, sample_rate, channels, frame_bytes)


def _extended_tag(chunk: bytes, bits: int) -> int:
    """The tag within a WAVEFORMATEXTENSIBLE; 0xFFFE where it is of no known kind."""
    if len(chunk) < _FORMAT.size + _EXTENSION.size:
        raise AudioError(f"the extensible `fmt ` chunk of the WAV file is too short: {len(chunk)} bytes")
    _, valid_bits, _, guid = _EXTENSION.unpack_from(chunk, _FORMAT.size)
    if guid[2:] != _GUID_TAIL or valid_bits not in (0, bits):
        return _EXTENSIBLE
    return int.from_bytes(guid[:2], "little")


def header(encoding: AudioFormat, sample_rate: int, nbytes: int, channels: int = 1) -> bytes:
    """All that stands before `nbytes` of audio: 44 bytes for PCM16, 58 for G.711.

    An odd number of bytes must be followed by a zero byte, which is counted here.

    Raises:
        AudioError: more bytes than a WAV file can say (4 GiB), or no such sample rate.
    """
    if nbytes > MAX_DATA_BYTES:
        raise AudioError(f"a WAV file cannot hold {nbytes} bytes of audio")
    if not 0 < sample_rate * channels <= 0xFFFFFFFF // 2:
        raise AudioError(f"a WAV file cannot have {sample_rate} samples a second")
    width = encoding.sample_width
    frame = width * channels
    layout = _FORMAT.pack(_TAG_OF[encoding], channels, sample_rate, sample_rate * frame, frame, 8 * width)
    chunks = _chunk(b"fmt ", layout)
    if encoding is not AudioFormat.PCM16:  # all but PCM need an extension (of 0 bytes) and a count
        chunks = _chunk(b"fmt ", layout + b"\0\0") + _chunk(b"fact", struct.pack("<I", nbytes // frame))
    chunks += _CHUNK.pack(b"data", nbytes)
    return _CHUNK.pack(b"RIFF", 4 + len(chunks) + nbytes + nbytes % 2) + b"WAVE" + chunks


def _chunk(kind: bytes, body: bytes) -> bytes:
    return _CHUNK.pack(kind, len(body)) + body
