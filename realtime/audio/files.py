"""TEMPORARY: old name of `realtime.audio.wav`."""

from __future__ import annotations

from .wav import read_audio as read_audio  # TEMPORARY: old name
