"""Imports run one way, read from the source; and what a bare `import realtime` costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import realtime

ROOT = Path(__file__).resolve().parent.parent / "realtime"
FILES = sorted(ROOT.rglob("*.py"))
MAX_LINES = 350

# From the bottom up. A part imports only from the lines above its own (which stand lower in
# the house), and from itself: so `audio`, beside `events`, never imports them.
LAYERS = (
    {"_names", "_types", "_version", "_secrets", "_bounded", "spec"},
    {"_text"},
    {"errors"},
    {"format"},
    {"audio", "events"},
    {"_guard", "append", "repair"},
    {"peek", "read"},
    {"codec"},
    {"build", "validate"},
    {"beta", "live", "translation"},
    {"__init__"},
    {"state"},
    {"telephony"},
    {"recording"},
    {"analysis"},
    {"testing"},
    {"cli"},
    {"__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
# Everything that a bare `import realtime` reads: no numpy there, so no `audio`.
CORE = frozenset().union(*LAYERS[: LEVEL["__init__"] + 1]) - {"audio"}
# A folder or a file name that only one machine has.
MACHINE = re.compile(r"/(?:home|root|Users|mnt|opt)/|\b[A-Z]:\\|/tmp/\w")

Module = tuple[str, ...]


def name_of(file: Path) -> Module:
    """("codec",), ("events", "base"); a package is named without its __init__, the root is ()."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {name_of(file): file for file in FILES}


def part_of(module: Module) -> str:
    return module[0] if module else "__init__"


def is_for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def import_nodes(node: ast.AST, *, for_checkers: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import below `node`, inside functions too; for type checkers only where asked."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    if isinstance(node, ast.If) and is_for_checkers(node) and not for_checkers:
        children: list[ast.AST] = [*node.orelse]
    else:
        children = [*ast.iter_child_nodes(node)]
    for child in children:
        yield from import_nodes(child, for_checkers=for_checkers)


def imports_of(file: Path, *, for_checkers: bool = True) -> set[Module]:
    """The modules of this package that `file` imports."""
    package = file.parent.relative_to(ROOT).parts
    found = set()
    for node in import_nodes(ast.parse(file.read_text(encoding="utf-8")), for_checkers=for_checkers):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)] + tuple(
                (node.module or "").split(".") * bool(node.module)
            )
            for alias in node.names:
                found.add((*base, alias.name) if (*base, alias.name) in MODULES else base)
    return found


def ids(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_imports_run_one_way(file: Path) -> None:
    part = part_of(name_of(file))
    assert part in LEVEL, f"give {part!r} its place in LAYERS"
    # The root names its parts for type checkers; at run time they are imported when first named.
    for imported in imports_of(file, for_checkers=part != "__init__"):
        other = part_of(imported)
        assert other == part or LEVEL[other] < LEVEL[part], f"{ids(file)} imports {'.'.join(imported)}"


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_the_core_knows_no_audio(file: Path) -> None:
    if part_of(name_of(file)) in CORE:
        assert "audio" not in {part_of(module) for module in imports_of(file, for_checkers=False)}


def test_no_file_imports_itself_by_way_of_others() -> None:
    graph = {name: imports_of(file, for_checkers=False) - {name} for name, file in MODULES.items()}
    done: set[Module] = set()

    def visit(module: Module, way: list[Module]) -> None:
        assert module not in way, " -> ".join(".".join(step) or "realtime" for step in [*way, module])
        if module not in done:
            for imported in graph.get(module, ()):
                visit(imported, [*way, module])
            done.add(module)

    for module in graph:
        visit(module, [])


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_imports_inside_the_package_are_relative(file: Path) -> None:
    for node in import_nodes(ast.parse(file.read_text(encoding="utf-8")), for_checkers=True):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        absolute = isinstance(node, ast.Import) or node.level == 0
        assert not (absolute and any(name.split(".")[0] == "realtime" for name in names))


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_files_are_short_and_tied_to_no_machine(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert not MACHINE.search(text)


def modules_after(statement: str) -> set[str]:
    """What a new interpreter has imported after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_bare_import_takes_no_numpy_and_no_network() -> None:
    loaded = modules_after("import realtime")
    assert "realtime.codec" in loaded
    for name in ("numpy", "websockets", "asyncio", "ssl", "socket", "pybase64", "openai"):
        assert name not in loaded
    for name in ("audio", "beta", "testing", "cli", "repair"):
        assert f"realtime.{name}" not in loaded


@pytest.mark.parametrize(
    ("named", "loaded", "not_loaded"),
    [("audio", "numpy", "asyncio"), ("beta", "realtime.beta", "numpy")],
)
def test_parts_are_imported_when_first_named(named: str, loaded: str, not_loaded: str) -> None:
    modules = modules_after(f"import realtime\nrealtime.{named}")
    assert loaded in modules
    assert not_loaded not in modules


def test_a_part_that_is_not_there_is_an_attribute_error() -> None:
    import realtime

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        realtime.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_public_names_are_the_packages_own() -> None:
    names = set(vars(realtime)["__all__"])
    assert {
        "ServerEvent",
        "ClientEvent",
        "Item",
        "ContentPart",
        "Maybe",
        "Voice",
        "UNSET",
        "decode_server",
    } <= names
    assert {"AudioFormat", "DecodeError", "UnknownEvent", "SessionUpdate"} <= names
    assert not {"Any", "Literal", "TYPE_CHECKING", "annotations", "msgspec", "Struct", "Raw", "Union"} & names
    for name in names:
        assert hasattr(realtime, name)
