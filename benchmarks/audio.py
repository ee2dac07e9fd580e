"""realtime.audio: each helper by size. Samples are int16 at 8 kHz unless a name states otherwise."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from realtime import AudioFormat, audio

from . import inputs
from .common import Calls, Timed


class G711(Timed):
    params = (["ulaw_encode", "ulaw_decode", "alaw_encode", "alaw_decode"], list(inputs.SAMPLES))
    param_names = ("function", "samples")
    calls: ClassVar[Calls] = {
        (f"{law}_{way}", samples): partial(getattr(audio, f"{law}_{way}"), source(samples))
        for law in ("ulaw", "alaw")
        for way, source in (("encode", inputs.pcm), ("decode", inputs.codes))
        for samples in inputs.SAMPLES
    }

    def time_g711(self, function: str, samples: int) -> None:
        self.calls[function, samples]()


class Resample20ms(Timed):
    """One phone frame through a running resampler."""

    params = (["8000 to 24000", "24000 to 8000"],)
    param_names = ("rates_hz",)
    calls: ClassVar[Calls] = {
        ("8000 to 24000",): partial(audio.Resampler(8_000, 24_000).process, inputs.pcm(160)),
        ("24000 to 8000",): partial(audio.Resampler(24_000, 8_000).process, inputs.pcm(480)),
    }

    def time_resample(self, rates_hz: str) -> None:
        self.calls[(rates_hz,)]()


class Convert20ms(Timed):
    """One phone frame to the session's format and back."""

    params = (["ulaw to pcm16", "pcm16 to ulaw"],)
    param_names = ("formats",)
    calls: ClassVar[Calls] = {
        ("ulaw to pcm16",): partial(
            audio.Converter(AudioFormat.G711_ULAW, AudioFormat.PCM16).process, inputs.codes(160).tobytes()
        ),
        ("pcm16 to ulaw",): partial(
            audio.Converter(AudioFormat.PCM16, AudioFormat.G711_ULAW).process, inputs.audio(960)
        ),
    }

    def time_convert(self, formats: str) -> None:
        self.calls[(formats,)]()


class Chunks(Timed):
    """Deltas of irregular sizes split into 20 ms frames."""

    params = ([960, 9_601, 96_001],)
    param_names = ("fed_bytes",)
    calls: ClassVar[Calls] = {
        (nbytes,): partial(
            lambda chunker, fed: list(chunker.feed(fed)),
            audio.Chunker(AudioFormat.PCM16, 20),
            inputs.audio(nbytes + 1)[:nbytes],
        )
        for nbytes in (960, 9_601, 96_001)
    }

    def time_feed(self, fed_bytes: int) -> None:
        self.calls[(fed_bytes,)]()


def _wav_round_trip(path: Path, samples: int) -> Any:
    audio.write_wav(path, inputs.pcm(samples), AudioFormat.PCM16)
    return audio.read_wav(path)


_SIZES = (160, 8_000, 1_000_000)
_FOLDER = tempfile.TemporaryDirectory(prefix="realtime-benchmarks-")
atexit.register(_FOLDER.cleanup)
_HELPERS: dict[str, Callable[[int], Callable[[], object]]] = {
    "ulaw_to_alaw": lambda n: partial(audio.ulaw_to_alaw, inputs.codes(n)),
    "alaw_to_ulaw": lambda n: partial(audio.alaw_to_ulaw, inputs.codes(n)),
    "ulaw_encode, out": lambda n: partial(audio.ulaw_encode, inputs.pcm(n), out=np.empty(n, np.uint8)),
    "ulaw_decode, out": lambda n: partial(audio.ulaw_decode, inputs.codes(n), out=np.empty(n, np.int16)),
    "pcm16": lambda n: partial(audio.pcm16, inputs.audio(2 * n)),
    "l16_encode": lambda n: partial(audio.l16_encode, inputs.pcm(n)),
    "l16_decode": lambda n: partial(audio.l16_decode, inputs.audio(2 * n)),
    "to_float32": lambda n: partial(audio.to_float32, inputs.pcm(n)),
    "from_float32": lambda n: partial(audio.from_float32, audio.to_float32(inputs.pcm(n))),
    "to_mono": lambda n: partial(audio.to_mono, inputs.pcm(2 * n), 2),
    "rms_dbfs": lambda n: partial(audio.rms_dbfs, inputs.pcm(n)),
    "peak_dbfs": lambda n: partial(audio.peak_dbfs, inputs.pcm(n)),
    "is_silence": lambda n: partial(audio.is_silence, inputs.pcm(n)),
    "chunks": lambda n: lambda: list(audio.chunks(inputs.audio(2 * n), AudioFormat.PCM16, 20)),
    "convert ulaw to pcm16": lambda n: partial(
        audio.convert, inputs.codes(n), AudioFormat.G711_ULAW, AudioFormat.PCM16
    ),
    "Resampler 24000 to 8000": lambda n: partial(audio.Resampler(24_000, 8_000).process, inputs.pcm(n)),
    "write_wav, read_wav": lambda n: partial(_wav_round_trip, Path(_FOLDER.name) / f"{n}.wav", n),
}


class Helper(Timed):
    """Every other helper by size."""

    params = (list(_HELPERS), list(_SIZES))
    param_names = ("helper", "samples")
    calls: ClassVar[Calls] = {
        (name, samples): prepare(samples) for name, prepare in _HELPERS.items() for samples in _SIZES
    }

    def time_helper(self, helper: str, samples: int) -> None:
        self.calls[helper, samples]()
