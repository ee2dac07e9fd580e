"""WAV files of PCM16, mu-law and A-law: read whole, written whole, or written as they grow.

Only files and their audio are here; headers are `_riff`'s. A file that cannot be opened
or written raises OSError as `open` does; what is wrong with its contents is an AudioError.
"""

from __future__ import annotations

import contextlib
import os
import stat
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self, TypeAlias

from ..errors import AudioError
from ..format import AudioFormat
from . import _riff
from ._buffers import AnyBuffer, byte_view, whole_number
from ._filters import RATES
from .convert import decode, encode, transcode
from .pcm import to_mono
from .resample import Resampler

_MAX_CHANNELS = 0xFFFF
WavTarget: TypeAlias = "str | os.PathLike[str] | BinaryIO"


class WavAudio(NamedTuple):
    """What `read_wav` found.

    Attributes:
        data: the samples as they are in the file, interleaved; PCM16 is little-endian.
        encoding: "pcm16", "g711_ulaw" or "g711_alaw".
        sample_rate: in Hz, whatever the file says.
        channels: at least 1.
    """

    data: bytes
    encoding: str
    sample_rate: int
    channels: int

    @property
    def frames(self) -> int:
        """How many samples each channel has."""
        return len(self.data) // (AudioFormat(self.encoding).sample_width * self.channels)

    @property
    def format(self) -> AudioFormat | None:
        """The wire format that `data` is already in, or None where `to` must make one."""
        fmt = AudioFormat(self.encoding)
        return fmt if self.channels == 1 and self.sample_rate == fmt.sample_rate else None

    def to(self, fmt: object) -> bytes:
        """The audio in a wire format: mixed to mono, resampled and companded as needed.

        `fmt` is whatever `AudioFormat.of` takes. Channels are mixed as `to_mono` does,
        rates as `Resampler` does, codes as `convert` does; what needs nothing is `data`.

        Raises:
            AudioError: the rate must change and is not 8000, 16000, 24000 or 48000 Hz.
            ConfigError: an unknown format.
        """
        src, dst = AudioFormat(self.encoding), AudioFormat.of(fmt)
        if self.channels == 1 and self.sample_rate == dst.sample_rate:
            if src is dst:
                return self.data
            if src.sample_width == dst.sample_width:
                return transcode(self.data, src, dst)
        samples = to_mono(decode(self.data, src), self.channels)
        if self.sample_rate != dst.sample_rate:
            resampler = self._resampler(dst)
            return encode(resampler.process(samples), dst) + encode(resampler.flush(), dst)
        return encode(samples, dst)

    def _resampler(self, dst: AudioFormat) -> Resampler:
        if self.sample_rate not in RATES:
            accepted = ", ".join(map(str, RATES))
            raise AudioError(f"{self.sample_rate} Hz cannot become {dst.value}: accepted are {accepted} Hz")
        return Resampler(self.sample_rate, dst.sample_rate)


def read_wav(path: WavTarget) -> WavAudio:
    """The audio of a WAV file: PCM16, mu-law or A-law of any rate and number of channels.

    Takes a path or a binary file object, which is read to its end and not closed. Headers
    of the plain and the extensible kind are read, and those of sox and ffmpeg writing to
    a pipe (whose audio reaches to the end of the file). No more than the file is allocated.

    Raises:
        AudioError: not a WAV file, truncated, contradictory, or of another coding; the
            message says what is accepted.
        OSError: the file cannot be opened or read.
        TypeError: neither a path nor a binary file.
    """
    contents = _riff.parse(_read(path))
    encoding, sample_rate, channels, data = contents
    return WavAudio(bytes(data), encoding.value, sample_rate, channels)


def _read(path: WavTarget) -> bytes:
    if isinstance(path, (str, os.PathLike)):
        with open(path, "rb") as file:
            return file.read()
    data = path.read() if hasattr(path, "read") else None
    if not isinstance(data, bytes):
        raise TypeError(f"a WAV file is given by its path or as a binary file, not {type(path).__name__}")
    return data


def write_wav(path: WavTarget, audio: AnyBuffer, fmt: object, *, sample_rate: int | None = None) -> None:
    """Write `audio` of the wire format `fmt` as a mono WAV file, all of it or nothing.

    A path is written beside itself and then replaced, so that a reader (or a crash) never
    finds half a file. A binary file object gets the bytes in one write. `sample_rate` is for
    audio that is not at the format's own rate.

    Raises:
        AudioError: an odd number of PCM16 bytes, more than a WAV file holds, or a sample
            rate that it cannot say.
        ConfigError: an unknown format.
        OSError: the file cannot be written.
        TypeError: the audio is neither bytes nor, for PCM16, int16; the sample rate no int.
    """
    encoding = AudioFormat.of(fmt)
    view = _whole_samples(audio, encoding)
    head = _riff.header(encoding, _rate(sample_rate, encoding), len(view))
    contents = b"".join((head, view, b"\0" * (len(view) % 2)))
    if isinstance(path, (str, os.PathLike)):
        _replace(os.path.realpath(path), contents)
    else:
        _write_all(path, contents)


def _rate(sample_rate: int | None, fmt: AudioFormat) -> int:
    return fmt.sample_rate if sample_rate is None else whole_number(sample_rate, "sample_rate")


def _whole_samples(audio: AnyBuffer, fmt: AudioFormat) -> memoryview:
    view = byte_view(audio, fmt.sample_width)
    if len(view) % fmt.sample_width:
        raise AudioError(f"{len(view)} bytes are not a whole number of {fmt.value} samples")
    return view


def _replace(path: str, contents: bytes) -> None:
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        with open(path, "wb", buffering=0) as device:  # a pipe or a device is no file to replace
            return _write_all(device, contents)
    beside = f"{path}.{os.urandom(4).hex()}.tmp"
    try:
        with open(beside, "xb", buffering=0) as file:
            _write_all(file, contents)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written: int | None = file.write(view)  # raw files write what they can
        if not written:
            raise BlockingIOError("a WAV file cannot be written without blocking")
        view = view[written:]


class WavWriter:
    """A WAV file that grows, and is a valid one after every write and after a crash.

    Each write appends the audio first and then rewrites the header in one call, so that a
    process killed in between leaves a file that ends before that write. Nothing is held
    back in memory; nothing is forced to the disk either (call os.fsync for that). A context
    manager. A file object must be seekable; it is flushed, and not closed.

    It is mono, or of `channels` channels, whose samples are interleaved in what is written.

    Attributes: `format`, `sample_rate`, `channels`, `nbytes` (of audio so far).

    Raises:
        AudioError: a sample rate or a number of channels that a WAV file cannot say.
        ConfigError: an unknown format.
        OSError: the file cannot be opened, written or sought in.
        TypeError: the sample rate is not an int.
    """

    __slots__ = ("_file", "_owned", "_start", "channels", "format", "nbytes", "sample_rate")

    def __init__(
        self, path: WavTarget, fmt: object, *, sample_rate: int | None = None, channels: int = 1
    ) -> None:
        self.format = AudioFormat.of(fmt)
        self.sample_rate = _rate(sample_rate, self.format)
        self.channels = whole_number(channels, "channels")
        if not 1 <= self.channels <= _MAX_CHANNELS:
            raise AudioError(f"a WAV file cannot have {channels} channels")
        self.nbytes = 0
        head = _riff.header(self.format, self.sample_rate, 0, self.channels)
        self._owned = isinstance(path, (str, os.PathLike))
        self._file: BinaryIO | None
        if isinstance(path, (str, os.PathLike)):
            self._file = open(path, "wb", buffering=0)  # noqa: SIM115 (closed by close)
        else:
            self._file = path
        self._start = 0 if self._owned else self._file.tell()
        self._put(0, head)

    def write(self, audio: AnyBuffer) -> None:
        """Append `audio`: any buffer of the format in whole samples, or int16 for PCM16.

        Raises:
            AudioError: an odd number of PCM16 bytes, samples that are not as many in each channel,
                or more than a WAV file holds (4 GiB); nothing is written then.
            OSError: the file cannot be written; it ends before this write then.
            TypeError: the audio is neither bytes nor, for PCM16, int16.
            ValueError: the writer is closed.
        """
        view = _whole_samples(audio, self.format)
        if len(view) % (self.format.sample_width * self.channels):
            raise AudioError(f"{len(view)} bytes are not as many samples in each of {self.channels} channels")
        total = self.nbytes + len(view)
        head = _riff.header(self.format, self.sample_rate, total, self.channels)
        self._put(len(head) + self.nbytes, b"".join((view, b"\0" * (total % 2))))
        self._put(0, head)
        self.nbytes = total

    def close(self) -> None:
        """Close the file if it was given by its path. Again is harmless."""
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
            raise ValueError("write to a closed WavWriter")
        self._file.seek(self._start + offset)
        _write_all(self._file, data)
        self._file.flush()
