"""How an error is told on the command line: in one line."""

from __future__ import annotations


def one_line(error: Exception) -> str:
    """What went wrong, and with which file, where it is one."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
