"""TEMPORARY: `Once` is `realtime._bounded.SeenSet`; delete this file once nothing imports it."""

from __future__ import annotations

from .._bounded import SeenSet


class Once(SeenSet):  # TEMPORARY: old name
    """TEMPORARY: the old name of `SeenSet`."""

    is_new = SeenSet.add  # TEMPORARY: old name
