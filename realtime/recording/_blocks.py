"""TEMPORARY: old name of log."""
# ruff: noqa: F401

from __future__ import annotations

from .log import SUFFIXES as SUFFIXES, LogPath as Path  # TEMPORARY: old name
