"""docs/promises.md: every promise is a sentence of the README, and every test it names exists."""

from __future__ import annotations

import ast
import re

import pytest

from tests.blocks import ROOT

ROW = re.compile(r"^\| (.+) \| `([^`]+\.py)::(\w+)` \|$", re.MULTILINE)
PAGE = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
ROWS = ROW.findall(PAGE)


def plain(markdown: str) -> str:
    """Return a text on one line, without links and emphasis."""
    return " ".join(re.sub(r"\[([^\]]+)\]\[[^\]]+\]|\*\*|^> ", r"\1", markdown, flags=re.MULTILINE).split())


README = plain((ROOT / "README.md").read_text(encoding="utf-8"))


def test_every_row_is_read() -> None:
    assert len(ROWS) == len(re.findall(r"^\|", PAGE, re.MULTILINE)) - 2 > 20


@pytest.mark.parametrize(("promise", "file", "name"), ROWS, ids=[row[2] for row in ROWS])
def test_a_promise_of_the_readme_has_a_test(promise: str, file: str, name: str) -> None:
    assert promise in README
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    assert name in {function.name for function in functions}
