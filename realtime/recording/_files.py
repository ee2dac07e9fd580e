"""TEMPORARY: old name of log."""
# ruff: noqa: F401

from __future__ import annotations

from .log import (
    PART_DIGITS as _PART_DIGITS,
    _split_name as _split,
    log_files as log_files,
)  # TEMPORARY: old name
