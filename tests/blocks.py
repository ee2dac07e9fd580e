"""Python code blocks in Markdown pages: tests run those marked ``python``, not those marked ``py``."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def blocks(page: Path, language: str = "python") -> list[str]:
    """Return the fenced blocks of `page` in `language`, in order."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)
