"""Printing what a terminal or a pipe may have no characters for: it is escaped then, and nothing raises."""

from __future__ import annotations

import json
import sys


def say(text: str) -> None:
    """Print a text."""
    try:
        print(text)
    except UnicodeEncodeError:
        encoding = sys.stdout.encoding
        print(text.encode(encoding, "backslashreplace").decode(encoding))


def say_json(line: str) -> None:
    """Print a line of JSON, which stays JSON."""
    try:
        print(line)
    except UnicodeEncodeError:
        print(json.dumps(json.loads(line), separators=(",", ":")))
