"""Companding and resampling against the standard library's audioop (until 3.13) and soxr.

Read `peers` first.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np

from realtime import audio

from . import inputs
from .common import Calls, Timed, absent, optional

audioop = optional("audioop")
soxr = optional("soxr")


def _companders(samples: int) -> Iterator[tuple[tuple[str, str, int], Callable[[], object]]]:
    """Yield the functions that compand bytes into an array; audioop's result is wrapped in one."""
    pcm, codes = inputs.pcm(samples).tobytes(), inputs.codes(samples).tobytes()
    for law in ("ulaw", "alaw"):
        encode, decode = getattr(audio, f"{law}_encode"), getattr(audio, f"{law}_decode")
        yield ("realtime", f"{law} encode", samples), partial(encode, pcm)
        yield ("realtime", f"{law} decode", samples), partial(decode, codes)
        if audioop:
            lin2, to_lin = getattr(audioop, f"lin2{law}"), getattr(audioop, f"{law}2lin")
            yield ("audioop", f"{law} encode", samples), partial(_audioop, lin2, pcm, np.uint8)
            yield ("audioop", f"{law} decode", samples), partial(_audioop, to_lin, codes, np.int16)
        yield ("nothing", f"{law} encode", samples), partial(len, pcm)
        yield ("nothing", f"{law} decode", samples), partial(len, codes)


def _audioop(function: Callable[[bytes, int], bytes], data: bytes, dtype: Any) -> Any:
    return np.frombuffer(function(data, 2), dtype)


class G711(Timed):
    """Companding, bytes of PCM16 to an array of codes and back."""

    params = (
        ["realtime", "audioop", "nothing"],
        ["ulaw encode", "ulaw decode", "alaw encode", "alaw decode"],
        list(inputs.SAMPLES),
    )
    param_names = ("by", "function", "samples")
    calls: ClassVar[Calls] = {key: call for samples in inputs.SAMPLES for key, call in _companders(samples)}
    skip_params = absent(calls, params)

    def time_g711(self, by: str, function: str, samples: int) -> None:
        self.calls[by, function, samples]()


def _audioop_resampler(in_rate: int, out_rate: int) -> Callable[[bytes], bytes]:
    """audioop.ratecv, which interpolates linearly and does not filter."""
    state: Any = None

    def process(data: bytes) -> bytes:
        nonlocal state
        converted, state = audioop.ratecv(data, 2, 1, in_rate, out_rate, state)
        return bytes(converted)

    return process


def _resamplers() -> Iterator[tuple[tuple[str, str], Callable[[], object]]]:
    for in_rate, out_rate in ((8_000, 24_000), (24_000, 8_000)):
        rates, pcm = f"{in_rate} to {out_rate}", inputs.pcm(in_rate // 50)
        yield ("realtime", rates), partial(audio.Resampler(in_rate, out_rate).process, pcm)
        if soxr:
            stream = soxr.ResampleStream(in_rate, out_rate, 1, dtype="int16")
            yield ("soxr", rates), partial(stream.resample_chunk, pcm)
        if audioop:
            yield (
                ("audioop, unfiltered", rates),
                partial(_audioop_resampler(in_rate, out_rate), pcm.tobytes()),
            )
        yield ("nothing", rates), partial(len, pcm)


class Resample20ms(Timed):
    """20 ms through a running resampler."""

    params = (["realtime", "soxr", "audioop, unfiltered", "nothing"], ["8000 to 24000", "24000 to 8000"])
    param_names = ("by", "rates_hz")
    calls: ClassVar[Calls] = dict(_resamplers())
    skip_params = absent(calls, params)

    def time_resample(self, by: str, rates_hz: str) -> None:
        self.calls[by, rates_hz]()


# Objects of soxr that live until the interpreter ends make its bindings print a list of leaks.
atexit.register(Resample20ms.calls.clear)
