"""TEMPORARY: old name of redact and log."""

from __future__ import annotations

from .redact import AUDIO_MEMBERS as AUDIO_MEMBERS, raw_length as raw_length  # TEMPORARY: old name
