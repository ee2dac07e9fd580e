"""The hierarchy, the fields, and the bounds of what a message contains."""

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
def test_errors_pickle_with_their_fields(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert vars(back) == vars(error)
    assert str(back) == str(error)


def test_an_unknown_model_has_its_own_reason_or_a_given_one() -> None:
    assert str(realtime.ModelNotFoundError("m")) == "unknown realtime model: 'm'"
    assert str(realtime.ModelNotFoundError("m", reason="no price")) == "no price"


@pytest.mark.parametrize(
    ("frame", "reason"), [(b"", "an empty frame"), (b" \n", "an empty frame"), (b"{", "no"), (None, "no")]
)
def test_an_empty_frame_is_reported_as_empty(frame: bytes | None, reason: str) -> None:
    assert reason_of(ValueError("no"), frame) == reason


@pytest.mark.parametrize("payload", [b"\xff" * 200, "x" * 200, b"", "\n" * 200, "é" * 200, b"\x00{}"])
def test_a_snippet_is_short_and_printable(payload: object) -> None:
    text = snippet(payload)
    assert len(text) <= SNIPPET_CHARS
    assert text.isprintable()


@pytest.mark.parametrize(
    "payload", ["sk-" + "a" * 40, b'{"client_secret":"sk-' + b"a" * 40, "é Bearer " + "x" * 30]
)
def test_a_snippet_has_no_credential(payload: str | bytes) -> None:
    assert "<redacted>" in snippet(payload)
    assert "aaaa" not in snippet(payload)
    assert "xxxx" not in snippet(payload)


def test_a_decode_error_has_no_credential() -> None:
    frame = b'{"type":"session.update","session":5,"api_key":"sk-' + b"a" * 40 + b'"}'
    with pytest.raises(realtime.DecodeError) as caught:
        realtime.decode_client(frame)
    assert "aaaa" not in str(caught.value)
    assert "<redacted>" in caught.value.payload
