"""TEMPORARY: moved to realtime.testing.vad."""

from .vad import (
    ONSET_MS as ONSET_MS,  # TEMPORARY: old name
    threshold_dbfs as threshold_dbfs,  # TEMPORARY: old name
)
