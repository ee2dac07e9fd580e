"""What `exhaustive` promises to type checkers holds at run time too."""

from __future__ import annotations

import json

import pytest

from tests import cases
from tests.typing import exhaustive


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_every_event_is_a_member_of_its_union(dialect: str, side: str, frame: str) -> None:
    event = cases.decoder(dialect, side)(frame)
    assert getattr(exhaustive, f"{dialect}_{side}")(event) == json.loads(frame)["type"]


def test_wrong_constructors_are_refused_at_run_time_too() -> None:
    with pytest.raises(TypeError):
        exhaustive.constructors_are_checked()


def test_open_sets_take_any_string() -> None:
    assert exhaustive.open_sets_take_any_string().model == "gpt-realtime-9"


def test_every_dialect_is_named_by_the_package() -> None:
    assert exhaustive.every_dialect_is_named_by_the_package() == ["x.y"] * 3
