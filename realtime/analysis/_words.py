"""TEMPORARY: old names of `realtime._text`."""

from .._text import clock as clock, duration, money as money, plural

span = duration  # TEMPORARY: old name
count = plural  # TEMPORARY: old name
