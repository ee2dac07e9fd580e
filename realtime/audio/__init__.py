"""Audio for the wire, exact to its references: G.711, PCM16, chunks, resampling, WAV.

Functions take any buffer or array and never change it. Needs numpy; nothing here imports the
events. Read `pcm` and `g711` first (single samples), then `resample`, `conversion` (streams), `wav`.
"""

from __future__ import annotations

from .conversion import Chunker, Converter, chunks, convert
from .g711 import (
    alaw_decode,
    alaw_encode,
    alaw_to_ulaw,
    ulaw_decode,
    ulaw_encode,
    ulaw_encode_audioop,
    ulaw_to_alaw,
)
from .pcm import (
    from_float32,
    is_silence,
    l16_decode,
    l16_encode,
    pcm16,
    peak_dbfs,
    rms_dbfs,
    to_float32,
    to_mono,
)
from .resample import SAMPLE_RATES, Resampler
from .wav import WavAudio, WavWriter, read_audio, read_wav, wav_header, write_wav

__all__ = [
    "SAMPLE_RATES", "Chunker", "Converter", "Resampler", "WavAudio", "WavWriter", "alaw_decode",
    "alaw_encode", "alaw_to_ulaw", "chunks", "convert", "from_float32", "is_silence", "l16_decode",
    "l16_encode", "pcm16", "peak_dbfs", "read_audio", "read_wav", "rms_dbfs", "to_float32", "to_mono",
    "ulaw_decode", "ulaw_encode", "ulaw_encode_audioop", "ulaw_to_alaw", "wav_header", "write_wav",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)
