"""TEMPORARY: old name of `realtime.audio.resample`."""

from __future__ import annotations

from .resample import (  # TEMPORARY: old name
    HALF_PERIODS as HALF_PERIODS,
    KAISER_BETA as KAISER_BETA,
    SAMPLE_RATES as RATES,  # noqa: F401
    filter_of as filter_of,
    taps as taps,
)
