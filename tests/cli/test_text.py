"""Printing: byte counts, quotes, errors, URLs, and the status line."""

from __future__ import annotations

import io

import pytest

from realtime.cli.text import MAX_QUOTE_CHARS, WIDTH, Progress, format_error, format_nbytes, quote


def test_bytes_are_shown_in_the_largest_unit() -> None:
    assert [format_nbytes(number) for number in (5, 5_000, 5_100_000, 5_200_000_000)] == [
        "5 B",
        "5.0 kB",
        "5.1 MB",
        "5.2 GB",
    ]


def test_quotes_are_escaped_shortened_and_wrapped() -> None:
    assert [*quote("a\x1b\n b", "  ")] == ['  "a\\x1b b"']
    lines = [*quote("word " * 1000, "    ")]
    assert max(map(len, lines)) <= WIDTH
    assert len(" ".join(line.strip() for line in lines)) == MAX_QUOTE_CHARS + 2
    assert lines[-1].endswith('..."')


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(2, "No such file", "a.jsonl"), "a.jsonl: No such file"),
        (ValueError("two\nlines"), "two lines"),
        (ValueError(), "ValueError"),
    ],
)
def test_errors_are_one_line(error: Exception, line: str) -> None:
    assert format_error(error) == line


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_status_line_is_replaced_on_a_terminal() -> None:
    stream = Terminal()
    with Progress(stream) as progress:
        progress.show("one")
        progress.show("one")
        progress.note("done")
        progress.show("two")
    assert stream.getvalue() == "one\r   \rdone\ntwo\r   \r"


def test_there_is_no_status_line_elsewhere() -> None:
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.show("one")
        progress.note("done")
    assert stream.getvalue() == "done\n"
