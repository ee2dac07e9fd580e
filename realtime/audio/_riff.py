"""TEMPORARY: old name of `realtime.audio.wav`."""

from __future__ import annotations

from .wav import wav_header as header  # noqa: F401 # TEMPORARY: old name
