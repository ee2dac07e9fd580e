"""TEMPORARY: the old place of `convert.to_ga`."""

from .convert import CONVERTED_TO_GA as _MOVES, to_ga as to_ga  # TEMPORARY: old name

__all__ = ["_MOVES", "to_ga"]
