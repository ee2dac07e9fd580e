"""Encoded frames with audio equal those of a JSON encoder."""

from __future__ import annotations

import base64
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import beta, live, translation
from realtime.append import SPLICE_MIN_BYTES
from realtime.codec import event_classes

MODULES = (realtime, beta, translation, live)
# Every event with an audio field, with the module of its dialect.
CARRIERS = [
    (module, member)
    for module in MODULES
    for union in (module.ServerEvent, module.ClientEvent)
    for member in event_classes(union)
    if member.audio_field
]
# Ids that could be mistaken for the audio's key, or for null.
NAMES = st.sampled_from(["", "i", '"delta":"', '","audio":""', "null", "é\n", '\\"delta":""', "\u2028"])


def _event(kind: Any, audio: bytes, name: str) -> Any:
    """Return an event of `kind` with `audio`, and `name` in every field that is a str."""
    values: dict[str, Any] = {kind.audio_field: audio}
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in values:
            values[field.name] = 0 if field.type is int else name
    return kind(**values)


@pytest.mark.parametrize(("module", "kind"), CARRIERS, ids=lambda x: getattr(x, "__name__", str(x)))
@given(nbytes=st.integers(SPLICE_MIN_BYTES - 3, SPLICE_MIN_BYTES + 3), name=NAMES)
def test_long_audio_is_encoded_as_msgspec_does(module: Any, kind: Any, nbytes: int, name: str) -> None:
    event = _event(kind, (bytes(range(256)) * 9)[:nbytes], name)
    before = msgspec.structs.asdict(event)
    assert module.encode(event) == msgspec.json.encode(event)
    assert msgspec.structs.asdict(event) == before


@pytest.mark.parametrize("nbytes", [3, SPLICE_MIN_BYTES, 3 * SPLICE_MIN_BYTES])
def test_an_event_may_have_its_audio_in_any_form(nbytes: int) -> None:
    audio = (bytes(range(256)) * 99)[:nbytes]
    expected = realtime.encode(_event(realtime.ResponseOutputAudioDelta, audio, "i"))
    forms: list[Any] = [bytearray(audio), memoryview(audio), base64.b64encode(audio).decode()]
    for form in forms:
        assert realtime.encode(_event(realtime.ResponseOutputAudioDelta, form, "i")) == expected


def test_both_sides_have_events_with_audio() -> None:
    assert {kind.__name__ for _, kind in CARRIERS} >= {"ResponseOutputAudioDelta", "InputAudioBufferAppend"}


def test_a_long_frame_with_nan_is_refused() -> None:
    delta = realtime.ResponseOutputAudioDelta(
        response_id="r",
        item_id="i",
        output_index=cast("int", float("nan")),
        content_index=0,
        delta=bytes(5000),
    )
    with pytest.raises(realtime.EncodeError):
        realtime.encode(delta)
