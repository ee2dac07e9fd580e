"""Base64 inside frames: its validation, the byte count, and the search."""

from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import example, given, strategies as st

from realtime._base64 import HEAD_BYTES, decoded_nbytes, find_member, is_canonical

# Sizes below and above those from which SIMD decoding works in blocks.
SIZES = st.integers(0, 12) | st.integers(757, 777) | st.just(3000)
MUTATIONS = st.lists(st.tuples(st.integers(0, 4100), st.sampled_from(b"Aa0+/= \n-_\x00\xff")), max_size=2)


def is_what_an_encoder_writes(text: bytes) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)) == text
    except binascii.Error:
        return False


@given(SIZES, st.randoms(use_true_random=False), MUTATIONS, st.integers(0, 3), st.booleans())
def test_canonical_base64_is_what_an_encoder_writes(
    nbytes: int, random: object, mutations: list[tuple[int, int]], cut: int, at_end: bool
) -> None:
    text = bytearray(base64.b64encode(random.randbytes(nbytes)))  # type: ignore[attr-defined]
    for position, byte in mutations:
        if text:
            text[-1 - position % 4 % len(text) if at_end else position % len(text)] = byte
    mutated = bytes(text[: len(text) - cut])
    assert is_canonical(mutated) == is_what_an_encoder_writes(mutated)
    if is_canonical(mutated):
        assert decoded_nbytes(mutated) == len(base64.b64decode(mutated))


@pytest.mark.parametrize("length", [4, 1020, 1024, 1028, 4000])
@pytest.mark.parametrize(
    ("end", "canonical"),
    [(b"AAAA", True), (b"AAA=", True), (b"AA==", True), (b"A===", False), (b"====", False), (b"AAB=", False),
     (b"AB==", False), (b"AAA\n", False), (b"AA=A", False), (b"AA-_", False), (b"AAA", False)],
)  # fmt: skip
def test_every_end_at_every_length(length: int, end: bytes, canonical: bool) -> None:
    assert is_canonical(b"A" * (length - 4) + end) is canonical


@pytest.mark.parametrize("place", [0, 3, 500, 1500])
def test_padding_in_the_middle_is_not_canonical(place: int) -> None:
    text = bytearray(b"A" * 2000)
    text[place] = ord("=")
    assert not is_canonical(bytes(text))
    text[place] = ord("*")
    assert not is_canonical(bytes(text))


HEADS = (b'"delta":"', b'"delta": "')


@example('{"type":"t","delta": "AAAA"}')
@given(
    st.sampled_from(['{"type":"t",%s"delta":"AAAA"%s}', '{%s"delta": "AAAA"%s}']).map(
        lambda t: t % ("", ',"x":"y"')
    )
)
def test_a_member_is_found_in_both_spellings(frame: str) -> None:
    found = find_member(frame.encode(), *HEADS)
    assert found is not None
    assert frame[slice(*found)] == "AAAA"


@pytest.mark.parametrize(
    "frame",
    [b"", b"{}", b'{"delta":5}', b'{"delta":"AAAA', b'{"x":"' + b"x" * HEAD_BYTES + b'","delta":"AAAA"}'],
)
def test_a_member_that_is_absent_or_does_not_end_is_not_found(frame: bytes) -> None:
    assert find_member(frame, *HEADS) is None
