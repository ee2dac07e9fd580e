"""The hierarchy, the data, and how little of a payload a message holds."""

from __future__ import annotations

import pickle

import pytest

import realtime
from realtime.errors import SNIPPET_CHARS, reason_of, snippet


@pytest.mark.parametrize(
    ("error", "parents"),
    [
        (realtime.DecodeError, (realtime.RealtimeError, ValueError)),
        (realtime.EncodeError, (realtime.RealtimeError, ValueError)),
        (realtime.AudioError, (realtime.RealtimeError, ValueError)),
        (realtime.ConfigError, (realtime.RealtimeError, ValueError)),
        (realtime.ModelNotFoundError, (realtime.ConfigError,)),
    ],
)
def test_the_hierarchy(error: type[Exception], parents: tuple[type[Exception], ...]) -> None:
    for parent in parents:
        assert issubclass(error, parent)


@pytest.mark.parametrize(
    "error",
    [
        realtime.DecodeError("no", event_type="t", path="$.x", expected="int", payload="{"),
        realtime.EncodeError("no", event_type="t"),
        realtime.ConfigError("no", problems=[("a.b", "is wrong")]),
        realtime.ModelNotFoundError("m", problems=[("model", "is not known")]),
        realtime.ModelNotFoundError("m", reason="no price of 'm' is known"),
    ],
)
def test_errors_pickle_with_their_data(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert vars(back) == vars(error)
    assert str(back) == str(error)


def test_a_model_that_is_not_known_says_so_or_what_it_was_told() -> None:
    assert str(realtime.ModelNotFoundError("m")) == "unknown realtime model: 'm'"
    assert str(realtime.ModelNotFoundError("m", reason="no price")) == "no price"


@pytest.mark.parametrize(
    ("frame", "reason"), [(b"", "an empty frame"), (b" \n", "an empty frame"), (b"{", "no"), (None, "no")]
)
def test_an_empty_frame_is_called_that(frame: bytes | None, reason: str) -> None:
    assert reason_of(ValueError("no"), frame) == reason


@pytest.mark.parametrize("payload", [b"\xff" * 200, "x" * 200, b"", "\n" * 200, "é" * 200, b"\x00{}"])
def test_a_snippet_is_short_and_printable(payload: object) -> None:
    text = snippet(payload)
    assert len(text) <= SNIPPET_CHARS
    assert text.isprintable()
