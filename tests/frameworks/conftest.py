"""The results of a run, for docs/frameworks/index.md: results.json, written if all tests of a client have run.

The date changes only with a version or a result, so a run that confirms them changes nothing.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.testing.plugin import failing_on_exceptions

from . import node
from .driver import STEPS, THEN, Client
from .expected import DIFFERENCES, STANDARD, allowed

RESULTS = Path(__file__).resolve().parent / "results.json"


class Results:
    """The results of this run, by client and by step or fault."""

    def __init__(self) -> None:
        self.clients: dict[str, type[Client]] = {}
        self.steps: dict[str, dict[str, str]] = {}
        self.faults: dict[str, dict[str, str]] = {}

    def add_step(self, client: type[Client], step: str, result: str) -> None:
        self.clients[client.name] = client
        self.steps.setdefault(client.name, {})[step] = result

    def add_fault(self, client: type[Client], fault: str) -> None:
        self.clients[client.name] = client
        text = " or ".join(map(str, allowed(client.name, fault)))
        self.faults.setdefault(client.name, {})[fault] = text

    def write(self) -> None:
        """Write the results of the clients of which every step and every fault has run."""
        known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"clients": {}}
        today = datetime.date.today().isoformat()
        for name, client in self.clients.items():
            steps, faults = self.steps.get(name, {}), self.faults.get(name, {})
            if steps.keys() != STEPS.keys() or faults.keys() != STANDARD.keys():
                continue
            new = {
                "versions": {package: version_of(package) for package in client.packages},
                "steps": {step: steps[step] for step in STEPS},
                "faults": {fault: faults[fault] for fault in STANDARD},
                "reasons": {fault: row.reason for fault, row in DIFFERENCES[name].items()},
            }
            old = known["clients"].get(name, {})
            if {**new, "date": None} != {**old, "date": None}:
                known["clients"][name] = {"date": today, **new}
        known["clients"] = {name: known["clients"][name] for name in DIFFERENCES if name in known["clients"]}
        known["then"] = THEN
        text = json.dumps(known, indent=1, ensure_ascii=False) + "\n"
        if not RESULTS.exists() or RESULTS.read_text(encoding="utf-8") != text:
            RESULTS.write_text(text, encoding="utf-8")


def version_of(package: str) -> str:
    """Return the version of a package of pip, or of npm if its name begins with "npm "."""
    if not package.startswith("npm "):
        return importlib.metadata.version(package)
    path = node.HOME / "node_modules" / package.removeprefix("npm ") / "package.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return str(found["version"])


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Iterator[Results]:
    found = Results()
    yield found
    if not request.session.testsfailed:
        found.write()


@pytest.fixture(autouse=True)
def server_without_exceptions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test if the server raises an exception, and reach it without a proxy."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")
    with failing_on_exceptions():
        yield
