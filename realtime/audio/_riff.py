"""TEMPORARY: old name of `realtime.audio.wav`."""

from __future__ import annotations

from . import wav

header = wav.wav_header  # TEMPORARY: old name
