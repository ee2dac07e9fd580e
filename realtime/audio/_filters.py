"""TEMPORARY: old name of `realtime.audio.resample`."""

from __future__ import annotations

from . import resample

RATES = resample.SAMPLE_RATES  # TEMPORARY: old name
HALF_PERIODS = resample.HALF_PERIODS  # TEMPORARY: old name
KAISER_BETA = resample.KAISER_BETA  # TEMPORARY: old name
filter_of = resample.filter_of  # TEMPORARY: old name
taps = resample.taps  # TEMPORARY: old name
