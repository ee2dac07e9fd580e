"""The lines of a page: short, printable, and without a key, wherever keys and texts are cut."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from realtime.analysis._page_text import MAX_LINE_CHARS, Said, line_of

KEY = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
TOKEN = f"Bearer {KEY[8:]}.{KEY[8:]}"


def lines_of(pieces: list[tuple[str, bool]]) -> list[str]:
    """What each line says in the end."""
    said, lines = Said(), [""]
    for number, (piece, begins) in enumerate(pieces):
        if begins and number:
            lines.append("")
            said.begin()
        said.add(piece)
        lines[-1] = said.line
    return lines


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("two\nlines\u202e", "two lines "),
        (f"my {KEY}!", "my <redacted>!"),
        ("x" * 161, "x" * 157 + "..."),
        (f"{'x' * 150} {KEY}", f"{'x' * 150} <redac..."),
    ],
)
def test_a_line_is_short_printable_and_without_keys(text: str, line: str) -> None:
    assert line_of(text) == line
    assert lines_of([(text, True)]) == [line]


@pytest.mark.parametrize("key", [KEY, TOKEN])
@pytest.mark.parametrize("size", range(1, 50))
def test_a_key_in_pieces_is_none_to_read(key: str, size: int) -> None:
    text = f"It is {key}, yes."
    pieces = [(text[at : at + size], False) for at in range(0, len(text), size)]
    assert lines_of(pieces) == [line_of(text)]


@given(
    key=st.sampled_from([KEY, TOKEN]),
    before=st.text(max_size=9).map(lambda text: f"{text} "),
    pieces=st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=60),
)
@example(key=TOKEN, before="x ", pieces=[(1, True)] * 60)
@example(key=KEY, before="x" * 5000 + " ", pieces=[(5003, True), (5, True), (60, True)])
def test_a_key_in_pieces_of_several_lines_is_none_to_read(
    key: str, before: str, pieces: list[tuple[int, bool]]
) -> None:
    text, cut = f"{before}{key} and on", list[tuple[str, bool]]()
    for size, begins in pieces:
        cut.append((text[:size], begins))
        text = text[size:]
    cut.append((text, False))
    shown = lines_of(cut)
    secret = key[len("Bearer ") :] if key == TOKEN else key
    # Of a key as much stands in a line as is none yet.
    assert not any(secret[at : at + 12] in line for line in shown for at in range(len(secret) - 11))
    assert all(len(line) <= MAX_LINE_CHARS and line.isprintable() for line in shown)


def test_a_value_of_several_words_over_lines_is_none_to_read() -> None:
    pieces = [
        ('{"password": "open', True),
        (" sesame", False),
        (" please, really", True),
        ('", "x": 1}', True),
    ]
    assert lines_of(pieces) == ['{"password": "<redacted>', "", '", "x": 1}']


def test_what_is_no_key_is_all_there() -> None:
    pieces = [("A task-", True), ("force of ", False), ("the Bearer", True), ("s, sk-", False), ("y", True)]
    assert lines_of(pieces) == ["A task-force of ", "the Bearers, sk-", "y"]
