"""The package's names, which are imported when they are first asked for: every list of them has them all."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from realtime import testing

SOURCE = ast.parse(Path(testing.__file__).read_text(encoding="utf-8"))


def for_checkers() -> dict[str, str]:
    """The names that type checkers see, and the modules that they come from."""
    (block,) = [node for node in SOURCE.body if isinstance(node, ast.If)]
    return {
        alias.asname or alias.name: node.module or alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_all_lists_agree() -> None:
    assert for_checkers() == {**testing._HOMES, "faults": "faults"}
    assert sorted(testing.__all__) == sorted(for_checkers())
    assert set(testing.__all__) <= set(dir(testing))


@pytest.mark.parametrize("name", testing.__all__)
def test_every_name_is_there(name: str) -> None:
    home = importlib.import_module(f"realtime.testing.{for_checkers()[name]}")
    assert getattr(testing, name) is (home if name == "faults" else getattr(home, name))


def test_another_name_is_not() -> None:
    with pytest.raises(AttributeError, match=r"module 'realtime\.testing' has no attribute 'LoopbackClient'"):
        testing.LoopbackClient  # type: ignore[attr-defined]  # noqa: B018


def test_listing_the_names_imports_none_of_them() -> None:
    code = "import realtime.testing, sys; assert 'Loopback' in dir(realtime.testing); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "websockets", "realtime.testing.loopback"} & {*done.stdout.split()}
