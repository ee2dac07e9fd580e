"""What all tests begin with: Hypothesis's profiles, and Ctrl-C as in a terminal.

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

# What a shell runs in the background ignores Ctrl-C, and so would the processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
