"""Every client through every step and every fault."""

from __future__ import annotations

import importlib
import shutil
from typing import Any

import pytest

from realtime.testing import FAULTS

from .driver import FAULT_SETTINGS, FAULT_VALUES, STEPS, Client, outcome_of, run
from .expected import DIFFERENCES, NOT_THE_SERVERS_ERROR, STANDARD, allowed

# The clients, by the module that drives them and the module or the program that it needs.
CLIENTS: dict[str, tuple[str, str, str]] = {
    "openai-python (async)": ("openai_python", "AsyncOpenAIClient", "openai"),
    "openai-python (sync)": ("openai_python", "SyncOpenAIClient", "openai"),
    "openai-agents": ("openai_agents", "AgentsClient", "agents"),
    "pipecat-ai": ("pipecat_ai", "PipecatClient", "pipecat"),
    "livekit-agents": ("livekit_agents", "LiveKitClient", "livekit"),
    "livekit-agents (Azure)": ("livekit_agents", "LiveKitAzureClient", "livekit"),
    "livekit-agents (Azure, dated)": ("livekit_agents", "LiveKitAzureDatedClient", "livekit"),
    "npm openai": ("node", "NodeOpenAIClient", "openai"),
    "npm @openai/agents": ("node", "NodeAgentsClient", "@openai/agents"),
}


# The others are those of Live sessions.
GA_FAULTS = [name for name in FAULTS if not name.startswith("live_")]


def client_of(name: str) -> type[Client]:
    """Return a client; skip the test if what it needs is not installed."""
    module, kind, needed = CLIENTS[name]
    if module == "node":
        from . import node

        if shutil.which("node") is None:
            pytest.skip("Node.js is not installed")
        if not (node.HOME / "node_modules" / needed).is_dir():
            pytest.skip(f"npm's {needed} is not installed")
    else:
        pytest.importorskip(needed)
    found: type[Client] = getattr(importlib.import_module(f"tests.frameworks.{module}"), kind)
    assert found.name == name
    return found


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", CLIENTS)
def test_a_step(name: str, step: str, tls: dict[str, Any], add_result: Any) -> None:
    client = client_of(name)
    run(client, STEPS[step].run, **STEPS[step].settings, **(tls if client.needs_tls else {}))
    add_result(client, "steps", step, "yes")


@pytest.mark.parametrize("fault", GA_FAULTS)
@pytest.mark.parametrize("name", CLIENTS)
def test_a_fault(name: str, fault: str, tls: dict[str, Any], add_result: Any) -> None:
    client = client_of(name)
    options = {**FAULT_SETTINGS, **(tls if client.needs_tls else {})}
    outcome = run(client, outcome_of, fault=FAULT_VALUES.get(fault, fault), **options)
    assert outcome in allowed(name, fault)
    if fault not in BROKEN_FRAMES and (name, fault) not in NOT_THE_SERVERS_ERROR:
        assert [error for error in outcome.errors if error.startswith("own: ")] == []
        if not client.commits or fault != "commit_refused":
            assert outcome.errors == STANDARD[fault].errors
    add_result(client, "faults", fault, " or ".join(map(str, allowed(name, fault))))


# The faults in which the server sends no error that a client could report.
BROKEN_FRAMES = {"truncated_frame"}


def test_every_client_and_fault_has_an_expectation() -> None:
    assert STANDARD.keys() == {*GA_FAULTS}
    assert DIFFERENCES.keys() == CLIENTS.keys()
    for rows in DIFFERENCES.values():
        for fault, row in rows.items():
            assert row.outcome != STANDARD[fault]
    for name, fault in NOT_THE_SERVERS_ERROR:
        assert DIFFERENCES[name][fault].outcome.errors != STANDARD[fault].errors
