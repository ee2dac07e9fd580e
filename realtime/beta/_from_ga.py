"""TEMPORARY: the old place of `convert.from_ga`."""

from .convert import CONVERTED_FROM_GA as _MOVES, from_ga as from_ga  # TEMPORARY: old name

__all__ = ["_MOVES", "from_ga"]
