"""`StreamResampler`: `realtime.audio.Resampler` as an audio resampler of pipecat.

Needs pipecat-ai. Written for 1.14 (2026-11-29).
"""

from __future__ import annotations

from pipecat.audio.resamplers.base_audio_resampler import BaseAudioResampler

from ..audio import Resampler


class StreamResampler(BaseAudioResampler):
    """Resampler of one stream of mono PCM16, which withholds 2.5 ms of it at 8 kHz.

    pipecat's own, soxr at VHQ, withholds up to 152 ms there (measured 2026-11-29). The rates are those of
    `realtime.audio.SAMPLE_RATES`; if they change, another stream begins.
    """

    def __init__(self) -> None:
        self._resampler: Resampler | None = None

    async def resample(self, audio: bytes, in_rate: int, out_rate: int) -> bytes:
        """Return the next part of the stream at `out_rate`.

        Raises:
            AudioError: an unknown rate, or an odd number of bytes.
        """
        found = self._resampler
        if found is None or (found.in_rate, found.out_rate) != (in_rate, out_rate):
            found = self._resampler = Resampler(in_rate, out_rate)
        return found.process(audio).tobytes()

    async def flush(self) -> bytes:
        """Return what is withheld, and end the stream."""
        return b"" if self._resampler is None else self._resampler.flush().tobytes()

    async def reset(self) -> None:
        """Forget the stream."""
        if self._resampler is not None:
            self._resampler.reset()
