"""TEMPORARY: moved to realtime.testing.settings."""

from .settings import PTIME_MS as PTIME_MS  # TEMPORARY: old name
