"""Hypothesis profiles, and the handling of Ctrl-C, for all tests.

The profile `fuzz` is for a long run over hostile frames:
pytest tests/test_hostile.py -k mutated --hypothesis-profile=fuzz
"""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("default", max_examples=200, deadline=None)
settings.register_profile(
    "fuzz", max_examples=600_000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
settings.load_profile("default")

# Background jobs of a shell ignore Ctrl-C, and so would the processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
