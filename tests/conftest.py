"""Hypothesis profiles, the number of processes, and the handling of Ctrl-C, for all tests.

The profile `fuzz` is for a long run over hostile frames:
pytest tests/test_hostile.py -k mutated --hypothesis-profile=fuzz
"""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# These have environments and a configuration of their own: make test-frameworks.
collect_ignore = ["frameworks"]

EXAMPLES = 200 if os.environ.get("CI") else 100  # .ci/run sets CI
settings.register_profile("default", max_examples=EXAMPLES, deadline=None)
settings.register_profile(
    "fuzz", max_examples=600_000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
settings.load_profile("default")

# Background jobs of a shell ignore Ctrl-C, and so would the processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes of `pytest -n auto`: two more than cores, as many tests wait for timers."""
    return (os.cpu_count() or 1) + 2
