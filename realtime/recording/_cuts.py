"""TEMPORARY: old name of stereo."""

from __future__ import annotations

from .audio import Truncation  # TEMPORARY: old name
from .stereo import Track  # TEMPORARY: old name


def cut_short(track: Track, cut: Truncation, at: int) -> None:  # TEMPORARY: old name
    """Truncate the assistant's track."""
    track.truncate(cut, at)
