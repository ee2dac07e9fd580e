"""Hypothesis profiles, slow cases, the number of processes, and the handling of Ctrl-C, for all tests.

`make test-slow` runs every Hypothesis test again, with the profile `thorough`. `fuzz` is for a long run over
hostile frames: pytest tests/test_hostile.py -k mutated --hypothesis-profile=fuzz
"""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# These have environments and a configuration of their own: make test-frameworks.
collect_ignore = ["frameworks"]

settings.register_profile("default", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=400, deadline=None)
settings.register_profile(
    "fuzz", max_examples=600_000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
settings.load_profile("default")

# Background jobs of a shell ignore Ctrl-C, and so would the processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes of `pytest -n auto`: one more than cores, as some tests wait for timers."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases of each `mostly_slow` test as slow, all but the number that it states."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("mostly_slow") and not item.get_closest_marker("slow"):
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for cases in tests.values():
        (mark,) = cases[0].iter_markers("mostly_slow")
        quick = {number * len(cases) // mark.kwargs["quick"] for number in range(mark.kwargs["quick"])}
        for number, case in enumerate(cases):
            if number not in quick:
                case.add_marker("slow")
