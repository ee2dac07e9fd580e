"""TEMPORARY: old name of log."""
# ruff: noqa: F401

from __future__ import annotations

from .log import ensure_not_input as spare  # TEMPORARY: old name
