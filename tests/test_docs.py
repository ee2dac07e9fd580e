"""The pages of docs/: their code runs, their tables are up to date, their commands exist."""

from __future__ import annotations

import importlib
import re
import shlex
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

import realtime
from realtime.beta.convert import RENAMED
from realtime.cli import build_parser
from tests.blocks import ROOT, blocks
from tools import docs_tables
from tools.public_api import PACKAGES

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# The code of docs/frameworks needs the frameworks: tests/frameworks/test_recipes.py runs it.
WITH_CODE = [page for page in PAGES if blocks(page) and page.parent.name != "frameworks"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_CODE, ids=ids)
def test_the_code_of_a_page_runs(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The blocks of a page are one program, from top to bottom."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("no_proxy", "*")
    names: dict[str, object] = {"realtime": realtime, "__name__": "__main__"}
    for number, block in enumerate(blocks(page), start=1):
        exec(compile(block, f"{page.name}, block {number}", "exec"), names)
    assert "Traceback" not in capsys.readouterr().err


def test_guides_contain_code() -> None:
    assert {"index.md", "concepts.md", "testing.md", "beta-to-ga.md", "openai-python.md"} <= {
        page.name for page in WITH_CODE
    }


def test_the_voice_agent_of_the_start_page_prints_what_the_page_shows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exec(blocks(DOCS / "index.md")[0], {})
    assert [capsys.readouterr().out] == blocks(DOCS / "index.md", "text")


@pytest.mark.parametrize("page", docs_tables.pages(), ids=ids)
def test_tables_are_up_to_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert docs_tables.filled(text) == text, "python -m tools.docs_tables"


def test_every_table_is_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in docs_tables.pages())
    assert sorted(found[2] for found in docs_tables.PLACE.finditer(text)) == sorted(docs_tables.TABLES)


def test_every_event_and_field_of_beta_is_in_the_migration() -> None:
    """Reads the page without the code that wrote it."""
    page = (DOCS / "migrate" / "beta-to-ga.md").read_text(encoding="utf-8")
    for side in docs_tables.SIDES:
        for kind in docs_tables.union("beta", side):
            assert f"| `{docs_tables.tag(kind)}` |" in page
    for old, new in RENAMED.items():
        assert f"| `{docs_tables.tag(new)}` | `{docs_tables.tag(old)}` |" in page
    for _, _, settings, _, _ in docs_tables.CONTEXTS.values():
        for name in settings.__struct_fields__:
            assert re.search(rf"`{name}[`:]", page), name


@pytest.mark.parametrize(
    ("side", "heading"), [("client", "Events that you send"), ("server", "Events that you receive")]
)
def test_every_event_is_in_the_migration_to_live(side: str, heading: str) -> None:
    page = (DOCS / "migrate" / "ga-to-live.md").read_text(encoding="utf-8")
    part = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    first_cell = re.compile(r"^\| `([\w.]+)` \|", re.MULTILINE)
    ga, live = ([docs_tables.tag(kind) for kind in docs_tables.union(name, side)] for name in ("ga", "live"))
    assert first_cell.findall(part) == ga
    others = first_cell.sub("", part)
    assert [name for name in live if f"`{name}`" not in others] == []


# --- Commands and links -----------------------------------------------------------------------


def commands() -> Iterator[tuple[str, str]]:
    for page in [*PAGES, ROOT / "README.md"]:
        for block in blocks(page, "sh"):
            for line in block.splitlines():
                yield ids(page), line


@pytest.mark.parametrize(("page", "command"), [*commands()])
def test_commands_exist(page: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    if words[:3] == ["python", "-m", "realtime"]:
        build_parser().parse_args([word for word in words[3:] if word != "--help"])
    elif words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{re.escape(words[1])}: .*## ", makefile, re.MULTILINE)
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file()
    else:
        assert words[:2] == ["pip", "install"] or words in (
            ["python3", "-m", "venv", ".venv"],
            [".", ".venv/bin/activate"],
        )


def test_code_is_copied_without_prompts() -> None:
    for page in [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        code = "".join(blocks(page, r"\w*"))
        assert not re.search(r"^\s*(\$|>>>) ", code, flags=re.MULTILINE), page


def test_every_guide_ends_with_one_next_step() -> None:
    """Its link leads on, from page to page, until it leaves the documentation."""
    following: dict[Path, str] = {}
    for page in PAGES:
        if page.parent.name != "reference":
            lines = page.read_text(encoding="utf-8").splitlines()
            assert [line for line in lines if line.startswith("Next:")] == lines[-1:], page
            (following[page],) = LINK.findall(lines[-1])
    for page in following:
        path, target = [page], following[page]
        while "://" not in target:
            path.append((path[-1].parent / target).resolve())
            assert path.count(path[-1]) == 1, path
            target = following[path[-1]]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_and_snippets_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"```.*?```", lambda found: found[0] if "--8<--" in found[0] else "", text, flags=re.DOTALL)
    for target in LINK.findall(text):
        if "://" not in target:
            assert (page.parent / target).is_file(), target
    for target in re.findall(r'--8<-- "([^"]+)"', text):
        assert (ROOT / target).is_file(), target


def test_every_page_is_in_the_navigation_and_every_example_on_a_page() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    named = set(re.findall(r"[\w/-]+\.md", navigation))
    assert named == {page.relative_to(DOCS).as_posix() for page in PAGES}
    shown = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for example in (ROOT / "examples").glob("*.py"):
        assert f'--8<-- "examples/{example.name}"' in shown


# --- The reference ------------------------------------------------------------------------------

REFERENCE = "".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
# The objects and modules that mkdocstrings documents.
DOCUMENTED = set(re.findall(r"^::: ([\w.]+)$", REFERENCE, re.MULTILINE))
# Bases of the events' types, named only for annotations.
BASES = {"AnyTranscriptionUsage", "NewItemEvent"}


def test_no_private_module_is_documented() -> None:
    assert not [name for name in DOCUMENTED if any(part.startswith("_") for part in name.split("."))]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_class_and_function_has_an_entry(package: str) -> None:
    """An entry of its own, its whole module, or a row of a table: so types in signatures can be looked up."""
    module = importlib.import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        if (
            not isinstance(value, type | types.FunctionType)
            or value.__module__ == "builtins"
            or name in BASES
        ):
            continue
        home = value.__module__
        is_documented = DOCUMENTED & {package, home, f"{package}.{name}", f"{home}.{name}"}
        assert is_documented or re.search(rf"`(realtime\.)?{name}[`(]", REFERENCE), f"{package}.{name}"
