"""WAV files of PCM16, mu-law and A-law: read, written at once or as they grow. libsndfile reads others.

A file that cannot be opened or written raises OSError as `open` does; wrong contents raise
AudioError. The last section reads and writes RIFF headers as bytes. It trusts no size: a header's
claims are compared with the file before anything is allocated.
"""

from __future__ import annotations

import os
import struct
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self, TypeAlias

from .._files import replacing
from ..errors import AudioError, ConfigError
from ..format import AudioFormat, AudioFormatLike, Encoding
from ..spec import FORMATS
from .conversion import check_complete, decode, encode, transcode
from .pcm import AnyBuffer, as_int, byte_view, from_float32, to_mono
from .resample import SAMPLE_RATES, Resampler

_BLOCK_SAMPLES = 1 << 18
WavTarget: TypeAlias = "str | os.PathLike[str] | BinaryIO"


class WavAudio(NamedTuple):
    """The audio of a file, as `read_wav` and `read_audio` return it.

    Attributes:
        data: the samples of the file, interleaved; PCM16 is little-endian.
        encoding: "pcm16", "g711_ulaw" or "g711_alaw".
        sample_rate: in Hz, as stated by the file.
        channels: at least 1.
    """

    data: bytes
    encoding: Encoding
    sample_rate: int
    channels: int

    @property
    def frames(self) -> int:
        """The number of samples of each channel."""
        return len(self.data) // (FORMATS[self.encoding].sample_width * self.channels)

    @property
    def format(self) -> AudioFormat | None:
        """The audio format of `data`; None if it is not mono, or at a rate that no format has."""
        if self.channels != 1:
            return None
        try:
            return AudioFormat(self.encoding, self.sample_rate)
        except ConfigError:
            return None

    def to(self, format: AudioFormatLike) -> bytes:
        """Return the audio in a wire format: mixed to mono, resampled and companded as needed.

        Channels are mixed by `to_mono`, rates converted by `Resampler`, codes by `convert`.
        Returns `data` itself if it is in the format already.

        Raises:
            AudioError: the rate must change and is not 8000, 16000, 24000 or 48000 Hz.
            ConfigError: an unknown format.
        """
        dst = AudioFormat.of(format)
        # The encoding alone; the rate of the file may be one that no format has.
        src = AudioFormat(self.encoding, FORMATS[self.encoding].sample_rate)
        if self.channels == 1 and self.sample_rate == dst.sample_rate:
            if src.encoding == dst.encoding:
                return self.data
            if "pcm16" not in (src.encoding, dst.encoding):
                return transcode(self.data, src, dst)
        samples = to_mono(decode(self.data, src), self.channels)
        if self.sample_rate == dst.sample_rate:
            return encode(samples, dst)
        if self.sample_rate not in SAMPLE_RATES:
            accepted = ", ".join(map(str, SAMPLE_RATES))
            raise AudioError(
                f"{self.sample_rate} Hz cannot be converted to {dst}: accepted are {accepted} Hz"
            )
        resampler = Resampler(self.sample_rate, dst.sample_rate)
        return encode(resampler.process(samples), dst) + encode(resampler.flush(), dst)


def read_wav(path: WavTarget) -> WavAudio:
    """Read a WAV file: PCM16, mu-law or A-law of any sample rate and number of channels.

    Takes a path or a binary file object, which is read to its end and not closed. Plain and
    extensible headers are accepted, and those of sox and ffmpeg writing to a pipe (the audio
    then extends to the end of the file). Needs memory for twice the file, whatever its header claims.

    Raises:
        AudioError: not a WAV file, truncated, contradictory, or of another coding; the
            message names those that are accepted.
        OSError: the file cannot be opened or read.
        TypeError: neither a path nor a binary file.
    """
    return _parse(_read(path))


def _read(path: WavTarget) -> bytes:
    if isinstance(path, (str, os.PathLike)):
        with open(path, "rb") as file:
            return file.read()
    data = path.read() if hasattr(path, "read") else None
    if not isinstance(data, bytes):
        raise TypeError(f"a WAV file must be a path or a binary file, not {type(path).__name__}")
    return data


def read_audio(path: WavTarget) -> WavAudio:
    """Read an audio file of any kind that libsndfile supports (FLAC, Ogg, MP3, AIFF, ...) as PCM16.

    Files that `read_wav` accepts are read by it: their bytes are unchanged, and libsndfile is not
    needed. It is an extra: ``pip install realtime-codec[files]``. Takes a path or a seekable
    binary file. Samples of more than 16 bits are rounded half to even and clipped.

    Raises:
        AudioError: neither can read the file, or the extra `files` is not installed.
        OSError: the file cannot be opened or read.
        TypeError: neither a path nor a binary file.
    """
    start = 0 if isinstance(path, (str, os.PathLike)) or not hasattr(path, "tell") else path.tell()
    try:
        return read_wav(path)
    except AudioError as error:
        refused = error
    if not isinstance(path, (str, os.PathLike)):
        path.seek(start)
    return _by_soundfile(path, refused)


def _by_soundfile(path: WavTarget, refused: AudioError) -> WavAudio:
    try:
        import soundfile  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        raise AudioError(f"{refused} (other kinds of files need realtime-codec[files])") from None
    data = bytearray()
    try:
        with soundfile.SoundFile(path) as file:
            # In blocks: soundfile.read allocates what the header claims, 256 GiB by a FLAC file of 100 bytes.
            while len(block := file.read(_BLOCK_SAMPLES // file.channels, "float32", always_2d=True)):
                data += from_float32(block).astype("<i2").tobytes()
            return WavAudio(bytes(data), "pcm16", file.samplerate, file.channels)
    except soundfile.LibsndfileError as error:
        raise AudioError(f"{refused}; libsndfile cannot read it either: {error}") from None


def write_wav(
    path: WavTarget, audio: AnyBuffer, format: AudioFormatLike, *, sample_rate: int | None = None
) -> None:
    """Write `audio` of the wire format `format` as a mono WAV file, atomically.

    For a path, a temporary file beside it is written and then renamed, so that neither a reader
    nor a crash finds an incomplete file. A binary file object gets the bytes in one write.
    `sample_rate` is for audio that does not have the format's own rate.

    Raises:
        AudioError: an odd number of PCM16 bytes, more than a WAV file can hold, or a sample
            rate that its header cannot express.
        ConfigError: an unknown format.
        OSError: the file cannot be written.
        TypeError: the audio is neither bytes nor, for PCM16, int16; the sample rate is not an int.
    """
    encoding = AudioFormat.of(format)
    view = _complete_samples(audio, encoding)
    head = wav_header(encoding, _rate(sample_rate, encoding), len(view))
    contents = b"".join((head, view, b"\0" * (len(view) % 2)))
    if isinstance(path, (str, os.PathLike)):
        with replacing(os.fspath(path)) as file:
            _write_all(file, contents)
    else:
        _write_all(path, contents)


def _rate(sample_rate: int | None, format: AudioFormat) -> int:
    return format.sample_rate if sample_rate is None else as_int(sample_rate, "sample_rate")


def _complete_samples(audio: AnyBuffer, format: AudioFormat) -> memoryview:
    view = byte_view(audio, format.sample_width)
    check_complete(view, format)
    return view


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written: int | None = file.write(view)  # raw files write what they can
        if not written:
            raise BlockingIOError("a WAV file cannot be written without blocking")
        view = view[written:]


class WavWriter:
    """A WAV file that grows, and is valid after every write and after a crash.

    Each write appends the audio first and then rewrites the header in one call: a process
    killed in between leaves a file that ends before that write. Nothing is buffered in memory;
    call os.fsync to force data to the disk. A context manager. A file object must be seekable;
    it is flushed, but not closed. The samples of several channels are interleaved.

    Attributes: `format`, `sample_rate`, `channels`, `nbytes` (of audio written so far).

    Raises:
        AudioError: a sample rate or a number of channels that a WAV header cannot express.
        ConfigError: an unknown format.
        OSError: the file cannot be opened, written, or positioned.
        TypeError: the sample rate or the number of channels is not an int.
    """

    __slots__ = ("_file", "_owned", "_start", "channels", "format", "nbytes", "sample_rate")

    def __init__(
        self, path: WavTarget, format: AudioFormatLike, *, sample_rate: int | None = None, channels: int = 1
    ) -> None:
        self.format = AudioFormat.of(format)
        self.sample_rate = _rate(sample_rate, self.format)
        self.channels = as_int(channels, "channels")
        self.nbytes = 0
        head = wav_header(self.format, self.sample_rate, 0, self.channels)
        self._owned = isinstance(path, (str, os.PathLike))
        self._file: BinaryIO | None
        if isinstance(path, (str, os.PathLike)):
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115 (closed by close)
        else:
            self._file = path
        self._start = 0 if self._owned else self._file.tell()
        self._put(0, head)

    def write(self, audio: AnyBuffer) -> None:
        """Append `audio`: any buffer of the format with complete samples, or int16 for PCM16.

        Raises:
            AudioError: an incomplete sample or frame, more than a WAV file can hold (4 GiB), or the
                writer is closed. Nothing is written.
            OSError: the file cannot be written; it ends before this write.
            TypeError: the audio is neither bytes nor, for PCM16, int16.
        """
        view = _complete_samples(audio, self.format)
        if len(view) % (self.format.sample_width * self.channels):
            raise AudioError(f"{len(view)} bytes are not complete frames of {self.channels} channels")
        total = self.nbytes + len(view)
        head = wav_header(self.format, self.sample_rate, total, self.channels)
        self._put(len(head) + self.nbytes, b"".join((view, b"\0" * (total % 2))))
        self._put(0, head)
        self.nbytes = total

    def close(self) -> None:
        """Close the file if it was opened by its path. Idempotent."""
        file, self._file = self._file, None
        if file is not None and self._owned:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, offset: int, data: bytes) -> None:
        if self._file is None:
            raise AudioError("write to a closed WavWriter")
        self._file.seek(self._start + offset)
        _write_all(self._file, data)
        self._file.flush()


# --- RIFF headers --------------------------------------------------------------------
#
# Source: Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" (1991) and the
# WAVEFORMATEXTENSIBLE documentation.

_ACCEPTED: Final = "accepted are 16-bit PCM, 8-bit mu-law and 8-bit A-law"
_MAX_DATA_BYTES: Final = 0xFFFFFFFF - 64

_EXTENSIBLE: Final = 0xFFFE
_TAGS: Final[dict[int, Encoding]] = {1: "pcm16", 6: "g711_alaw", 7: "g711_ulaw"}
_TAG_OF: Final = {encoding: tag for tag, encoding in _TAGS.items()}
_GUID_TAIL: Final = bytes.fromhex("000000001000800000aa00389b71")
# Sizes written to a pipe, which cannot be rewritten later: sox 0x7FFFF000, ffmpeg 0xFFFFFFFF.
_UNKNOWN_SIZE: Final = 0x7FFFF000
_FORMAT = struct.Struct("<HHIIHH")
_CHUNK = struct.Struct("<4sI")
_EXTENSION = struct.Struct("<HHI16s")


class _Layout(NamedTuple):
    encoding: Encoding
    sample_rate: int
    channels: int
    frame_bytes: int


def _parse(file: bytes) -> WavAudio:
    """Parse the bytes of a WAV file.

    A data chunk of a size that only pipe writers use (0x7FFFF000 and more, or 0 in a RIFF of
    size 0) extends to the end of the file. Any other size must be present.

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
            if riff_size and position + len(data) > 8 + riff_size:
                raise AudioError("the WAV header contradicts itself: its data is longer than its RIFF")
            return WavAudio(bytes(data), layout.encoding, layout.sample_rate, layout.channels)
        if kind == b"fmt " and layout is None:
            layout = _layout(file[position : position + min(size, 64)], size)
        position += size + size % 2
    raise AudioError("the WAV file ends before its data" if layout else "the WAV file has no `fmt ` chunk")


def _riff_size(file: bytes) -> int:
    """Return the size stated by the RIFF header; 0 if its writer could not know it."""
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
        raise AudioError(f"{size} bytes of audio are not complete frames of {layout.frame_bytes} bytes")
    return rest[:size]


def _layout(chunk: bytes, size: int) -> _Layout:
    if size < _FORMAT.size or len(chunk) < min(size, 40):
        raise AudioError(f"the `fmt ` chunk of the WAV file is too short: {len(chunk)} bytes")
    tag, channels, sample_rate, _, frame_bytes, bits = _FORMAT.unpack_from(chunk)
    if tag == _EXTENSIBLE:
        tag = _extended_tag(chunk, bits)
    encoding = _TAGS.get(tag)
    if encoding is None or bits != 8 * FORMATS[encoding].sample_width:
        raise AudioError(f"WAV format {tag:#06x} of {bits} bits is not accepted: {_ACCEPTED}")
    if not channels or not sample_rate:
        raise AudioError(f"a WAV file of {channels} channels at {sample_rate} Hz holds no audio")
    if frame_bytes != channels * FORMATS[encoding].sample_width:
        raise AudioError(
            f"the WAV header contradicts itself: {frame_bytes} bytes a frame of {channels} channels"
        )
    return _Layout(encoding, sample_rate, channels, frame_bytes)


def _extended_tag(chunk: bytes, bits: int) -> int:
    """Return the tag within a WAVEFORMATEXTENSIBLE; 0xFFFE if it is of no known kind."""
    if len(chunk) < _FORMAT.size + _EXTENSION.size:
        raise AudioError(f"the extensible `fmt ` chunk of the WAV file is too short: {len(chunk)} bytes")
    _, valid_bits, _, guid = _EXTENSION.unpack_from(chunk, _FORMAT.size)
    if guid[2:] != _GUID_TAIL or valid_bits not in (0, bits):
        return _EXTENSIBLE
    return int.from_bytes(guid[:2], "little")


def wav_header(format: AudioFormatLike, sample_rate: int, nbytes: int, channels: int = 1) -> bytes:
    """Return the header of a WAV file with `nbytes` of audio: 44 bytes for PCM16, 58 for G.711.

    For files that are written piece by piece: header, audio, and one zero byte if `nbytes` is
    odd, which the header counts already.

    Raises:
        AudioError: more audio than a WAV file can hold (4 GiB), or a sample rate or a number of
            channels that its header cannot express.
        ConfigError: an unknown format.
        TypeError: `sample_rate`, `nbytes` or `channels` is not an int.
    """
    encoding = AudioFormat.of(format)
    sample_rate, channels = as_int(sample_rate, "sample_rate"), as_int(channels, "channels")
    if not 0 <= as_int(nbytes, "nbytes") <= _MAX_DATA_BYTES:
        raise AudioError(f"a WAV file cannot hold {nbytes} bytes of audio")
    width = encoding.sample_width
    frame = width * channels
    if not 0 < frame <= 0xFFFF:
        raise AudioError(f"a WAV file of {encoding.encoding} cannot have {channels} channels")
    if not 0 < sample_rate * frame <= 0xFFFFFFFF:
        raise AudioError(f"a WAV file cannot have {sample_rate} samples a second")
    layout = _FORMAT.pack(
        _TAG_OF[encoding.encoding], channels, sample_rate, sample_rate * frame, frame, 8 * width
    )
    chunks = _chunk(b"fmt ", layout)
    if encoding.encoding != "pcm16":  # all but PCM need an extension (of 0 bytes) and a sample count
        chunks = _chunk(b"fmt ", layout + b"\0\0") + _chunk(b"fact", struct.pack("<I", nbytes // frame))
    chunks += _CHUNK.pack(b"data", nbytes)
    return _CHUNK.pack(b"RIFF", 4 + len(chunks) + nbytes + nbytes % 2) + b"WAVE" + chunks


def _chunk(kind: bytes, body: bytes) -> bytes:
    return _CHUNK.pack(kind, len(body)) + body
