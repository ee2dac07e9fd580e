"""tools/survivors: the accepted survivors of mutation tests are lines of today's source, each with a reason."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.blocks import ROOT

LISTS = sorted((ROOT / "tools" / "survivors").glob("*.toml"))


@pytest.mark.parametrize("path", LISTS, ids=[path.stem for path in LISTS])
def test_an_accepted_survivor_is_in_the_source(path: Path) -> None:
    source = (ROOT / "realtime" / f"{path.stem.replace('.', '/')}.py").read_text(encoding="utf-8")
    code = " ".join(line.strip() for line in source.split("\n"))  # as tools/mutation.py joins lines
    survivors: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["survivor"]
    assert [each["line"] for each in survivors if f" {each['line']} " not in f" {code} "] == []
    assert all(each["reason"] and each["mutants"] for each in survivors)
