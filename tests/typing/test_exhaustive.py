"""The functions of `exhaustive`, which type checkers read, run without errors."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import realtime
from realtime import beta
from tests import cases
from tests.typing import exhaustive


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_every_event_is_a_member_of_its_union(dialect: str, side: str, frame: str) -> None:
    event = cases.decoder(dialect, side)(frame)
    assert getattr(exhaustive, f"{dialect}_{side}")(event) == json.loads(frame)["type"]


def test_wrong_constructors_raise_at_run_time_too() -> None:
    with pytest.raises(TypeError):
        exhaustive.constructors_are_checked()


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (exhaustive.formats_are_checked, realtime.ConfigError),
        (exhaustive.sample_rates_are_checked, realtime.ConfigError),
        (exhaustive.providers_are_checked, TypeError),
    ],
)
def test_wrong_arguments_raise_at_run_time_too(function: Callable[[], None], error: type[Exception]) -> None:
    with pytest.raises(error):
        function()


def test_open_sets_take_any_string() -> None:
    assert exhaustive.open_sets_take_any_string().model == "gpt-realtime-9"


def test_every_dialect_is_an_attribute_of_the_package() -> None:
    assert exhaustive.every_dialect_is_an_attribute_of_the_package() == ["x.y"] * 3


def test_settings_of_every_dialect_are_built_from_its_module() -> None:
    assert len(exhaustive.settings_of_every_dialect()) == 3


def test_read_only_members_default_to_none() -> None:
    text = exhaustive.read_only_members_are_optional(
        realtime.RealtimeSessionInfo(), beta.RealtimeSessionInfo()
    )
    assert text == "[None, None] [None, None] None"
