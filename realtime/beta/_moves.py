"""TEMPORARY: the old place of the tables in `convert`."""

from .convert import RENAMED as RENAMED, SHARED as SHARED  # TEMPORARY: old name
