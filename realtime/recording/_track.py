"""TEMPORARY: old name of stereo."""

from __future__ import annotations

from .stereo import Track as Track  # TEMPORARY: old name
