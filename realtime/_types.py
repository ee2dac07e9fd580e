"""TEMPORARY: old home of `Frame` (now `realtime._guard`) and `Buffer` (now `realtime.append`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._guard import Frame as Frame  # TEMPORARY: old name

if TYPE_CHECKING:
    from .append import Buffer as Buffer  # TEMPORARY: old name
