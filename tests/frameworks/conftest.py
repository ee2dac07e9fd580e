"""The results of a run, for docs/frameworks/index.md: results.json, written if all tests of a client pass.

The date changes only with a version or a result, so a run that confirms them changes nothing.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.testing.plugin import failing_on_exceptions

from . import node
from .driver import STEPS, THEN, Client
from .expected import DIFFERENCES, STANDARD

RESULTS = Path(__file__).resolve().parent / "results.json"


class Results:
    """The results of this run. Workers of pytest-xdist send theirs as properties of the tests' reports."""

    def __init__(self) -> None:
        self.clients: dict[str, dict[str, dict[str, str]]] = {}
        self.packages: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties if report.when == "call" and report.passed else ():
            if name == "framework":
                client, packages, kind, key, text = json.loads(str(value))
                self.clients.setdefault(client, {"steps": {}, "faults": {}})[kind][key] = text
                self.packages[client] = packages

    def pytest_sessionfinish(self) -> None:
        """Write the results of the clients of which every step and every fault has passed."""
        known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"clients": {}}
        today = datetime.date.today().isoformat()
        for name, found in self.clients.items():
            if found["steps"].keys() != STEPS.keys() or found["faults"].keys() != STANDARD.keys():
                continue
            new = {
                "versions": {package: version_of(package) for package in self.packages[name]},
                "steps": {step: found["steps"][step] for step in STEPS},
                "faults": {fault: found["faults"][fault] for fault in STANDARD},
                "reasons": {fault: row.reason for fault, row in DIFFERENCES[name].items()},
            }
            if {**new, "date": None} != {**known["clients"].get(name, {}), "date": None}:
                known["clients"][name] = {"date": today, **new}
        known["clients"] = {name: known["clients"][name] for name in DIFFERENCES if name in known["clients"]}
        known["then"] = THEN
        text = json.dumps(known, indent=1, ensure_ascii=False) + "\n"
        if not RESULTS.exists() or RESULTS.read_text(encoding="utf-8") != text:
            RESULTS.write_text(text, encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results())


def version_of(package: str) -> str:
    """Return the version of a package of pip, or of npm if its name begins with "npm "."""
    if not package.startswith("npm "):
        return importlib.metadata.version(package)
    path = node.HOME / "node_modules" / package.removeprefix("npm ") / "package.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return str(found["version"])


@pytest.fixture
def add_result(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Return a function that adds a result: of a client, "steps" or "faults", which of them, and a text."""

    def add(client: type[Client], kind: str, key: str, text: str) -> None:
        record_property("framework", json.dumps([client.name, client.packages, kind, key, text]))

    return add


@pytest.fixture(autouse=True)
def server_without_exceptions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test if the server raises an exception, and reach it without a proxy."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "*")
    with failing_on_exceptions():
        yield


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The arguments of `run` for a client that connects to `wss:` only."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    path: Path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return {"ssl": context, "ca_file": str(path)}
