"""Audio files of other kinds (FLAC, Ogg, MP3, AIFF, WAV of other widths), by `soundfile`.

`soundfile` (libsndfile) is an extra: ``pip install realtime-codec[files]``. What `wav` reads
itself does not need it, and never goes through it: G.711 stays the bytes of the file.
"""

from __future__ import annotations

import os

from ..errors import AudioError
from .pcm import from_float32
from .wav import WavAudio, WavTarget, read_wav


def read_audio(path: WavTarget) -> WavAudio:
    """The audio of a file of any kind that libsndfile knows, as PCM16; WAV as `read_wav` has it.

    Takes a path or a seekable binary file. Samples of more than 16 bits are rounded half to
    even and clipped, as `from_float32` does.

    Raises:
        AudioError: neither can read it, or it needs the extra `files`, which is not installed.
        OSError: the file cannot be opened or read.
        TypeError: neither a path nor a binary file.
    """
    start = 0 if isinstance(path, (str, os.PathLike)) or not hasattr(path, "tell") else path.tell()
    try:
        return read_wav(path)
    except AudioError as why:
        refused = why
    if not isinstance(path, (str, os.PathLike)):
        path.seek(start)
    return _by_soundfile(path, refused)


def _by_soundfile(path: WavTarget, refused: AudioError) -> WavAudio:
    try:
        import soundfile  # pyright: ignore[reportMissingTypeStubs]
    except ImportError:
        raise AudioError(f"{refused} (other kinds of files need realtime-codec[files])") from None
    try:
        samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as why:
        raise AudioError(f"{refused}; nor can libsndfile read it: {why}") from None
    return WavAudio(from_float32(samples).astype("<i2").tobytes(), "pcm16", sample_rate, samples.shape[1])
