"""Hypothesis's profiles: the ordinary one, and `fuzz` for a long run over hostile frames.

pytest tests/test_hostile.py -k mutated --hypothesis-profile=fuzz
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("default", max_examples=200, deadline=None)
settings.register_profile(
    "fuzz", max_examples=600_000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
settings.load_profile("default")
