"""TEMPORARY: old name of `inspect.summary_lines`."""

from .inspect import summary_lines as lines  # TEMPORARY: old name  # noqa: F401
