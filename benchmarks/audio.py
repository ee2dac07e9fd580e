"""realtime.audio: each helper by size. Samples are int16 at 8 kHz unless a name says more."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

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
    """One phone frame to the session's format, as a bridge does it, and back."""

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
    """Deltas of odd sizes cut into 20 ms frames."""

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
