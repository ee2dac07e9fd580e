"""TEMPORARY: old name of `inspect.report_lines`."""

from .inspect import report_lines as lines  # TEMPORARY: old name  # noqa: F401
