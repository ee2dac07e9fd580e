"""Audio for the wire, exact to its references: G.711, PCM16, chunks, resampling, WAV.

Functions take any buffer or array and never change it. Read `pcm` and `g711` first (one
sample at a time), then `resample` and `convert` (streams), `chunks`, `wav`, `files` and `levels`.
Needs numpy; nothing here knows of events.
"""

from __future__ import annotations

from .chunks import Chunker, chunks
from .convert import Converter, convert
from .files import read_audio
from .g711 import (
    alaw_decode,
    alaw_encode,
    alaw_to_ulaw,
    ulaw_decode,
    ulaw_encode,
    ulaw_encode_audioop,
    ulaw_to_alaw,
)
from .levels import is_silence, peak_dbfs, rms_dbfs
from .pcm import from_float32, l16_decode, l16_encode, pcm16, to_float32, to_mono
from .resample import Resampler
from .wav import WavAudio, WavWriter, read_wav, write_wav

__all__ = [
    "Chunker",
    "Converter",
    "Resampler",
    "WavAudio",
    "WavWriter",
    "alaw_decode",
    "alaw_encode",
    "alaw_to_ulaw",
    "chunks",
    "convert",
    "from_float32",
    "is_silence",
    "l16_decode",
    "l16_encode",
    "pcm16",
    "peak_dbfs",
    "read_audio",
    "read_wav",
    "rms_dbfs",
    "to_float32",
    "to_mono",
    "ulaw_decode",
    "ulaw_encode",
    "ulaw_encode_audioop",
    "ulaw_to_alaw",
    "write_wav",
]
