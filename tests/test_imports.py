"""Imports run one way and through public doors, read from the source; what `import realtime` costs."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import realtime

ROOT = Path(__file__).resolve().parent.parent / "realtime"
FILES = sorted(ROOT.rglob("*.py"))

# From the bottom up. A part imports only from lines above its own, and from itself: `audio` stands
# beside `events`, so neither imports the other.
LAYERS = (
    {"_base64", "_bounded", "_files", "_secrets", "_version", "spec"},
    {"_text"},
    {"errors"},
    {"format"},
    {"audio", "events"},
    {"_guard", "append", "repair"},
    {"_members"},
    {"peek"},
    {"codec"},
    {"_provider"},
    {"build", "validate"},
    {"beta", "translation", "validate_live"},
    {"__init__"},
    {"providers", "rest"},
    {"state"},
    {"live"},
    {"telephony"},
    {"recording"},
    {"client"},
    {"analysis"},
    {"testing"},
    {"integrations"},
    {"cli"},
    {"__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
# Everything that a bare `import realtime` reads: no numpy there, so no `audio`.
CORE = frozenset().union(*LAYERS[: LEVEL["__init__"] + 1]) - {"audio"}
# The packages that users import from.
PACKAGES = (
    "realtime",
    "realtime.analysis",
    "realtime.audio",
    "realtime.beta",
    "realtime.client",
    "realtime.events",
    "realtime.live",
    "realtime.providers",
    "realtime.recording",
    "realtime.rest",
    "realtime.state",
    "realtime.telephony",
    "realtime.testing",
    "realtime.translation",
)
# A folder or a file name that exists on one machine only.
MACHINE = re.compile(r"/(?:home|root|Users|mnt|opt)/|\b[A-Z]:\\|/tmp/\w")

Module = tuple[str, ...]


def name_of(file: Path) -> Module:
    """Return ("codec",), ("events", "base"); a package without its __init__, the root as ()."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {name_of(file): file for file in FILES}


def part_of(module: Module) -> str:
    return module[0] if module else "__init__"


def is_for_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def import_nodes(node: ast.AST, *, for_checkers: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield every import below `node`, in functions too; those for type checkers only on request."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    if isinstance(node, ast.If) and is_for_checkers(node) and not for_checkers:
        children: list[ast.AST] = [*node.orelse]
    else:
        children = [*ast.iter_child_nodes(node)]
    for child in children:
        if isinstance(
            child, ast.stmt | ast.ExceptHandler | ast.match_case
        ):  # not expressions, which are most nodes
            yield from import_nodes(child, for_checkers=for_checkers)


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def relative_imports(file: Path, *, for_checkers: bool = True) -> list[ast.ImportFrom]:
    nodes = import_nodes(tree_of(file), for_checkers=for_checkers)
    return [node for node in nodes if isinstance(node, ast.ImportFrom) and node.level]


def imported_names(file: Path, *, for_checkers: bool = True) -> Iterator[tuple[Module, str]]:
    """Yield (module, name) for each name that `file` imports from this package."""
    package = file.parent.relative_to(ROOT).parts
    for node in relative_imports(file, for_checkers=for_checkers):
        base = package[: len(package) - (node.level - 1)]
        base += tuple(node.module.split(".")) if node.module else ()
        for alias in node.names:
            yield base, alias.name


def imports_of(file: Path, *, for_checkers: bool = True) -> set[Module]:
    """Return the modules of this package that `file` imports."""
    return {
        (*base, name) if (*base, name) in MODULES else base
        for base, name in imported_names(file, for_checkers=for_checkers)
    }


def owner_of_private(path: Module) -> Module | None:
    """Return the package that the first private part of a dotted path belongs to; None if all is public."""
    for at, part in enumerate(path):
        if part.startswith("_") and not part.startswith("__"):
            parent = path[:at]
            # The private name of a module belongs to the package of that module.
            return parent if parent not in MODULES or MODULES[parent].stem == "__init__" else parent[:-1]
    return None


def ids(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_imports_run_one_way() -> None:
    for file in FILES:
        part = part_of(name_of(file))
        assert part in LEVEL, f"give {part!r} its place in LAYERS"
        # The root names its packages for type checkers; at run time they are imported on first access.
        for imported in imports_of(file, for_checkers=part != "__init__"):
            other = part_of(imported)
            assert other == part or LEVEL[other] < LEVEL[part], f"{ids(file)} imports {'.'.join(imported)}"


def test_private_names_are_imported_only_inside_their_package() -> None:
    for file in FILES:
        package = file.parent.relative_to(ROOT).parts
        for base, name in imported_names(file):
            owner = owner_of_private((*base, name))
            assert owner is None or package[: len(owner)] == owner, f"{ids(file)}: {'.'.join((*base, name))}"


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        (("_text",), ()),
        (("_text", "clock"), ()),
        (("errors", "snippet"), None),
        (("errors", "_x"), ()),
        (("state", "_common", "x"), ("state",)),
        (("state", "playback", "_x"), ("state",)),
        (("state", "__all__"), None),
    ],
)
def test_a_private_name_belongs_to_the_package_it_stands_in(path: Module, owner: Module | None) -> None:
    assert owner_of_private(path) == owner


def test_the_core_imports_no_audio() -> None:
    for file in FILES:
        if part_of(name_of(file)) in CORE:
            assert "audio" not in {part_of(module) for module in imports_of(file, for_checkers=False)}, ids(
                file
            )


def test_there_are_no_import_circles() -> None:
    """Imports for type checkers count too, but for the root's, which only name its packages."""
    graph = {name: imports_of(file, for_checkers=bool(name)) - {name} for name, file in MODULES.items()}
    done: set[Module] = set()

    def visit(module: Module, way: list[Module]) -> None:
        assert module not in way, " -> ".join(".".join(step) or "realtime" for step in [*way, module])
        if module not in done:
            for imported in graph.get(module, ()):
                visit(imported, [*way, module])
            done.add(module)

    for module in graph:
        visit(module, [])


def test_imports_inside_the_package_are_relative() -> None:
    for file in FILES:
        for node in import_nodes(tree_of(file), for_checkers=True):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            absolute = isinstance(node, ast.Import) or node.level == 0
            assert not (absolute and any(name.split(".")[0] == "realtime" for name in names)), ids(file)


def test_files_name_no_path_of_a_machine() -> None:
    for file in FILES:
        assert not MACHINE.search(file.read_text(encoding="utf-8")), ids(file)


# --- Public names ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", PACKAGES)
def test_dir_shows_exactly_the_public_names(name: str) -> None:
    package = importlib.import_module(name)
    public = package.__all__
    assert len(public) == len(set(public))
    packages = (
        {part.rpartition(".")[2] for part in PACKAGES[1:]} - {"events"} if name == "realtime" else set()
    )
    assert set(dir(package)) == set(public) | packages
    for attribute in dir(package):
        assert hasattr(package, attribute)


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_written_in_the_source(name: str) -> None:
    """Type checkers read `__all__` from the source, so it must be a list or a sum of such lists there."""
    path = importlib.import_module(name).__file__
    assert path is not None
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    assigned = [
        node.value
        for node in tree.body
        if (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__")
        or (isinstance(node, ast.AugAssign) and ast.unparse(node.target) == "__all__")
    ]
    assert assigned
    for value in assigned:
        assert isinstance(value, ast.List) or ast.unparse(value).endswith(".__all__"), ast.unparse(value)


@pytest.mark.parametrize("module", [module for module in MODULES if module], ids=".".join)
def test_no_name_hides_a_module(module: Module) -> None:
    """`import realtime.audio.x as m` binds the attribute `x` of `realtime.audio`: it must be the module."""
    if module[-1] == "__main__":
        return
    path = ".".join(("realtime", *module))
    try:
        found = importlib.import_module(path)
    except ModuleNotFoundError as missing:
        assert module[0] == "integrations", missing
        pytest.skip(f"{missing.name} is not installed")
    parent = importlib.import_module(path.rpartition(".")[0])
    assert getattr(parent, module[-1]) is found


def test_public_names_of_realtime() -> None:
    names = set(realtime.__all__)
    assert {
        "ServerEvent", "ClientEvent", "Item", "ContentPart", "Maybe", "Voice", "UNSET", "decode_server",
        "AudioFormat", "DecodeError", "UnknownEvent", "SessionUpdate",
    } <= names  # fmt: skip
    assert not {"Any", "Literal", "TYPE_CHECKING", "annotations", "msgspec", "Struct", "Raw", "Union"} & names


# --- What an import costs ---------------------------------------------------------------------


def modules_after(statement: str) -> set[str]:
    """Return the names of the modules that a new interpreter has imported after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_bare_import_takes_no_numpy_and_no_network() -> None:
    loaded = modules_after("import realtime")
    assert "realtime.codec" in loaded
    for name in ("numpy", "websockets", "asyncio", "ssl", "socket", "openai"):
        assert name not in loaded
    for name in ("audio", "beta", "client", "testing", "cli"):
        assert f"realtime.{name}" not in loaded


def test_no_framework_is_imported_but_by_its_own_module() -> None:
    """`realtime.integrations.x` imports the framework; nothing else of the package imports such a module."""
    for file in FILES:
        if part_of(name_of(file)) != "integrations":
            assert "integrations" not in {part_of(module) for module in imports_of(file)}, ids(file)
    assert not modules_after("import realtime.integrations") & {"agents", "pipecat", "numpy"}


@pytest.mark.parametrize(
    ("named", "loaded", "not_loaded"), [("audio", "numpy", "asyncio"), ("beta", "realtime.beta", "numpy")]
)
def test_packages_are_imported_on_first_access(named: str, loaded: str, not_loaded: str) -> None:
    modules = modules_after(f"import realtime\nrealtime.{named}")
    assert loaded in modules
    assert not_loaded not in modules


def test_a_missing_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        realtime.nothing  # type: ignore[attr-defined]  # noqa: B018
