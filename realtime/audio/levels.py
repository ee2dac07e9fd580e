"""TEMPORARY: old name of `realtime.audio.pcm`."""

from __future__ import annotations

from .pcm import is_silence as is_silence, peak_dbfs as peak_dbfs, rms_dbfs as rms_dbfs  # TEMPORARY: old name
