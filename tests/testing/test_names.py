"""The public names of the package, which are imported on first use."""

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
    """Return the names that type checkers see, with their modules."""
    (block,) = [node for node in SOURCE.body if isinstance(node, ast.If)]
    return {
        alias.asname or alias.name: node.module or alias.name
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_type_checkers_and_dir_see_the_names_of_all() -> None:
    assert sorted(testing.__all__) == sorted(for_checkers()) == dir(testing)


@pytest.mark.parametrize("name", testing.__all__)
def test_every_name_exists(name: str) -> None:
    home = importlib.import_module(f"realtime.testing.{for_checkers()[name]}")
    assert getattr(testing, name) is (home if name == "faults" else getattr(home, name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'realtime\.testing' has no attribute 'LoopbackClient'"):
        testing.LoopbackClient  # type: ignore[attr-defined]  # noqa: B018


def test_dir_imports_no_module() -> None:
    code = (
        "import realtime.testing, sys; assert 'ServerProtocol' in dir(realtime.testing); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "websockets", "realtime.testing.protocol"} & {*done.stdout.split()}
