"""Counts of frames and incidents: everything is counted, and hostile names are bounded."""

from __future__ import annotations

import io
from pathlib import Path

from realtime.cli.demo_record import MAX_NAMES, CallRecord, Incidents
from realtime.cli.demo_report import MAX_TYPES, CallLog
from realtime.cli.text import Progress


def test_frame_types_are_bounded(tmp_path: Path) -> None:
    with CallRecord(tmp_path) as record:
        for number in range(MAX_TYPES + 50):
            record.received(b'{"type":"type.%d"}' % number)
        record.received(b'{"type":"type.0"}')
        record.received(b'{"type":')
    counts = CallLog(tmp_path / "session.jsonl").counts["server"]
    assert (len(counts), counts["(others)"], counts["type.0"]) == (MAX_TYPES + 1, 51, 2)


def test_files_are_opened_with_the_first_frame(tmp_path: Path) -> None:
    with CallRecord(tmp_path) as record:
        assert [*tmp_path.iterdir()] == []
        record.sent(b"{}")
        assert len([*tmp_path.iterdir()]) == 3


def test_the_first_incident_is_printed_and_all_are_counted() -> None:
    stderr = io.StringIO()
    incidents = Incidents(Progress(stderr))
    for name in ("a", "b", "a", "a"):
        incidents.record("errors", name, f"line {name}")
    incidents.record("unknown", "c", "line c")
    assert stderr.getvalue() == "line a\nline b\nline c\n"
    assert [*incidents.lines()] == ["errors        4: a (3), b (1)", "unknown       1: c"]


def test_incident_names_are_bounded() -> None:
    stderr = io.StringIO()
    incidents = Incidents(Progress(stderr))
    for number in range(3 * MAX_NAMES):
        incidents.record("errors", str(number), "line")
    assert stderr.getvalue().count("line") == MAX_NAMES
    (line,) = incidents.lines()
    assert line.startswith(f"errors        {3 * MAX_NAMES}: others ({2 * MAX_NAMES}), ")
    assert line.endswith(", ...")
