"""TEMPORARY: old name of `realtime.audio.conversion`."""

from __future__ import annotations

from .conversion import Chunker as Chunker, chunks as chunks  # TEMPORARY: old name
