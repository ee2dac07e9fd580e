"""Levels in dBFS, and silence that knows -32768."""

from __future__ import annotations

import math

import numpy as np
import pytest

from realtime import audio

FULL_NEGATIVE = np.full(100, -32768, np.int16)


def test_full_scale_negative_is_0_dbfs() -> None:
    assert audio.peak_dbfs(FULL_NEGATIVE) == 0.0
    assert audio.rms_dbfs(FULL_NEGATIVE) == 0.0
    assert not audio.is_silence(FULL_NEGATIVE)


def test_a_full_scale_sine_has_an_rms_of_minus_3() -> None:
    sine = np.rint(32767 * np.sin(2 * np.pi * np.arange(8000) / 80)).astype(np.int16)
    assert audio.rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert audio.rms_dbfs(sine.tobytes()) == audio.rms_dbfs(sine)
    assert audio.peak_dbfs(sine.reshape(2, -1)) == audio.peak_dbfs(sine)


@pytest.mark.parametrize("nothing", [b"", bytes(320), np.zeros((2, 3), np.int16)])
def test_digital_silence_and_nothing_are_minus_infinity(nothing: bytes) -> None:
    assert audio.rms_dbfs(nothing) == audio.peak_dbfs(nothing) == -math.inf
    assert audio.is_silence(nothing)
    assert audio.is_silence(nothing, -math.inf)


def test_silence_is_what_never_exceeds_the_threshold() -> None:
    assert audio.is_silence(np.array([32, -32], np.int16))
    assert not audio.is_silence(np.array([0, -33], np.int16))
    assert audio.is_silence(np.array([-3276], np.int16), -20.0)
    assert not audio.is_silence(np.array([1], np.int16), -math.inf)
