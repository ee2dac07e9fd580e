"""Responses: gaps, interruptions, audio played, and the length of audio in every layout of a frame."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from realtime.analysis import Inspector, Report, ResponseReport
from realtime.errors import ConfigError
from realtime.recording import Entry
from tests.analysis.scenes import Scene, b64


def only(report: Report) -> ResponseReport:
    (turn,) = report.turns
    (response,) = turn.responses
    return response


# --- Gaps ------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["pcm16", "g711_ulaw"])
def test_a_gap_is_where_received_audio_ran_out(format: str) -> None:
    scene = Scene(format).begin()
    scene.created("resp_1")
    for wait, ms in ((0, 400), (300, 400), (600, 200), (215, 100), (119, 100)):
        scene.now += wait
        scene.audio("resp_1", ms)
    # Playback ends at 800, more at 900; ends at 1100, more at 1115 (too short to count); ends at 1215, more at 1234.
    report = scene.report()
    (gap,) = report.gaps
    assert (gap.at_ms, gap.gap_ms, gap.played_ms, gap.turn, gap.response_id) == (800, 100, 800, 1, "resp_1")
    assert (report.gap_count, report.gap_time.max, only(report).gaps) == (1, 100, 1)
    assert scene.report(gap_ms=10).gap_count == 3


def test_between_responses_there_is_no_gap() -> None:
    scene = Scene().begin()
    scene.answer("resp_1", 300)
    scene.now += 5000
    scene.answer("resp_2", 300)
    assert scene.report().gap_count == 0


def test_a_response_plays_after_the_one_before() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    scene.audio("resp_1", 1000)
    scene.created("resp_2")
    scene.audio("resp_2", 100)  # played from 1000 to 1100
    scene.now = 1150
    scene.audio("resp_2", 100)
    (gap,) = scene.report().gaps
    assert (gap.at_ms, gap.gap_ms, gap.played_ms) == (1100, 50, 100)


def test_an_interrupted_response_has_no_gaps() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    scene.audio("resp_1", 100)
    scene.server("output_audio_buffer.cleared", response_id="resp_1")
    scene.now = 900
    scene.audio("resp_1", 100)
    report = scene.report()
    assert (report.gap_count, only(report).audio_ms) == (0, 200)


def test_gap_ms_must_be_positive() -> None:
    with pytest.raises(ConfigError, match="gap_ms"):
        Inspector(gap_ms=0)


# --- Interruptions ---------------------------------------------------------------------


def playing(speech_after_ms: float | None = None) -> Scene:
    """Return a response of 2000 ms received at 1000, and speech of the user after that."""
    scene = Scene().begin()
    scene.created("resp_1")
    scene.now = 1000
    scene.audio("resp_1", 2000)
    if speech_after_ms is not None:
        scene.now += speech_after_ms
        scene.server("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    return scene


def test_the_user_interrupts_and_the_server_cancels() -> None:
    scene = playing(speech_after_ms=700)
    scene.now += 5
    details = {"type": "cancelled", "reason": "turn_detected"}
    scene.done("resp_1", "cancelled", status_details=details)
    scene.now += 20
    for side in ("client", "server"):
        members = {"item_id": "item_resp_1", "content_index": 0, "audio_end_ms": 650}
        scene.add(side, f"conversation.item.truncate{'d' * (side == 'server')}", **members)
    scene.audio("resp_1", 100)  # late
    report = scene.report()
    (interruption,) = report.interruptions
    assert (
        interruption.at_ms,
        interruption.by,
        interruption.into_ms,
        interruption.audio_ms,
        interruption.heard_ms,
    ) == (1700, "speech", 700, 2000, 650)
    assert report.interrupted_by == {"speech": 1}
    response = report.turns[0].responses[0]
    assert (response.interrupted_by, response.interrupted_ms) == ("speech", 1700)
    assert (response.heard_ms, response.status, response.reason) == (650, "cancelled", "turn_detected")


def test_a_finished_response_is_interrupted_by_a_truncate() -> None:
    scene = playing()
    scene.done("resp_1")
    scene.now = 1500
    scene.server("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    scene.now += 60
    scene.client("conversation.item.truncate", item_id="item_resp_1", content_index=0, audio_end_ms=480)
    (interruption,) = scene.report().interruptions
    assert (interruption.by, interruption.at_ms, interruption.heard_ms) == ("speech", 1500, 480)


@pytest.mark.parametrize("kind", ["response.cancel", "output_audio_buffer.clear"])
def test_the_client_cancels(kind: str) -> None:
    scene = playing()
    scene.now = 1800
    scene.client(kind)
    scene.now += 30
    scene.done("resp_1", "cancelled", status_details={"reason": "client_cancelled"})
    (interruption,) = scene.report().interruptions
    assert (interruption.by, interruption.at_ms, interruption.into_ms) == ("client", 1800, 800)


def test_the_client_truncates_without_cancelling() -> None:
    scene = playing()
    scene.now = 1900
    scene.client("conversation.item.truncate", item_id="item_resp_1", content_index=0, audio_end_ms=10**400)
    scene.client("conversation.item.truncate", item_id="unknown", content_index=0, audio_end_ms=5)
    (interruption,) = scene.report().interruptions
    assert (interruption.by, interruption.heard_ms) == ("client", 2000)  # more audio follows


def test_the_server_interrupts_by_itself() -> None:
    scene = playing()
    scene.done("resp_1", "cancelled", status_details="moderation")
    response = only(scene.report())
    assert (response.interrupted_by, response.reason) == ("server", "moderation")
    long_before = playing()
    long_before.entries.insert(
        1,
        Entry(
            "server", 0.0, b'{"type":"input_audio_buffer.speech_started","item_id":"u","audio_start_ms":0}', 1
        ),
    )
    long_before.done("resp_1", "cancelled", status_details={"reason": "turn_detected"})
    assert long_before.report().interruptions[0].by == "speech"


def test_a_response_that_was_played_to_its_end_is_not_interrupted() -> None:
    scene = playing()
    scene.done("resp_1")
    scene.now = 3100
    scene.client("conversation.item.truncate", item_id="item_resp_1", content_index=0, audio_end_ms=2000)
    report = scene.report()
    assert (report.interruption_count, only(report).heard_ms) == (0, 2000)


def test_an_interruption_before_any_audio() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    scene.now = 300
    scene.server("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0)
    scene.done("resp_1", "cancelled")
    scene.server("output_audio_buffer.cleared", response_id="resp_1")  # repeated
    scene.server("output_audio_buffer.cleared", response_id="unknown")
    (interruption,) = scene.report().interruptions
    assert (interruption.into_ms, interruption.audio_ms, interruption.by) == (None, 0, "speech")


def test_items_before_the_truncated_one_were_played() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    for item in "abc":
        scene.audio("resp_1", 500, item=item)
    scene.client("conversation.item.truncate", item_id="b", content_index=0, audio_end_ms=200)
    assert only(scene.report()).heard_ms == 700


def test_audio_outside_of_the_log() -> None:
    """Over WebRTC the log has events only."""
    scene = Scene().begin()
    scene.speech("u", 0, 800)
    scene.now = 300
    scene.created("resp_1")
    scene.words("resp_1", "Hello")
    for _ in range(2):
        scene.now += 100
        scene.server("output_audio_buffer.started", response_id="resp_1")
    scene.server("output_audio_buffer.started", response_id="unknown")
    scene.done("resp_1")
    scene.now = 1400
    scene.server("input_audio_buffer.speech_started", item_id="v", audio_start_ms=900)
    scene.server("output_audio_buffer.cleared", response_id="resp_1")
    scene.server("conversation.item.truncated", item_id="item_resp_1", content_index=0, audio_end_ms=1000)
    report = scene.report()
    response = report.turns[0].responses[0]
    assert (response.first_audio_ms, response.latency_ms, response.created_latency_ms) == (400, 400, 100)
    assert (response.heard_ms, response.interrupted_by, response.audio_ms) == (1000, "speech", 0)
    assert (report.interruptions[0].into_ms, report.gap_count) == (1000, 0)


# --- The length of audio ---------------------------------------------------------------

DELTA = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}


def spelled(kind: str, members: dict[str, Any], audio: str, nbytes: int) -> list[bytes]:
    """Return one frame in the layouts of different writers."""
    name = "audio" if "append" in kind else "delta"
    data = b64(nbytes)
    layouts: list[dict[str, Any]] = [
        {"type": kind, "event_id": "event_1", **members, name: data},
        {"type": kind, **members, name: data, "event_id": "event_1"},
        {name: data, **members, "type": kind},
        {"type": kind, **members, name: data, "x": {"y": [1]}},
        {"type": kind, "event_id": 'a"b\\', **members, name: data},
    ]
    frames = [json.dumps(layout, separators=(",", ":")).encode() for layout in layouts]
    frames += [json.dumps(layout, indent=1).encode() for layout in layouts]
    frames += [frames[0].replace(b"/", b"\\/"), frames[5].replace(b"/", b"\\/")]
    left_out = {"type": kind, "event_id": "event_1", **members, name: "", "audio_bytes": nbytes}
    return [*frames, json.dumps(left_out, separators=(",", ":")).encode()]


@pytest.mark.parametrize("nbytes", [1, 2, 3, 160, 959, 960, 9601])
@pytest.mark.parametrize("order", [1, -1])
def test_audio_has_the_same_length_in_every_layout(nbytes: int, order: int) -> None:
    deltas = spelled("response.output_audio.delta", DELTA, "delta", nbytes)[::order]
    appends = spelled("input_audio_buffer.append", {}, "audio", nbytes)[::order]
    plain = json.dumps({"type": "input_audio_buffer.append", "audio": b64(nbytes)}, separators=(",", ":"))
    appends += [plain.encode(), plain.replace("/", "\\/").encode()]
    for direction, frames, name in (
        ("server", deltas, "assistant_audio_ms"),
        ("client", appends, "user_audio_ms"),
    ):
        for frame in frames:
            inspector = Inspector()
            inspector.feed_all([Entry(direction, 5.0, frame, n) for n in range(3)])  # type: ignore[arg-type]
            report = inspector.report()
            assert getattr(report, name) == pytest.approx(3 * nbytes / 48), frame[:120]
            assert report.undecodable == 0


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400), st.integers(0, 12)), max_size=30))
def test_any_mixture_of_layouts_adds_up(pieces: list[tuple[bool, int, int]]) -> None:
    inspector, wanted = Inspector(), {True: 0, False: 0}
    for number, (is_callers, nbytes, layout) in enumerate(pieces):
        kind = "input_audio_buffer.append" if is_callers else "response.output_audio.delta"
        frames = spelled(kind, {} if is_callers else DELTA, "", nbytes)
        frame = frames[layout % len(frames)]
        inspector.feed(Entry("client" if is_callers else "server", float(number), frame, number))
        wanted[is_callers] += nbytes
    report = inspector.report()
    assert report.user_audio_ms == pytest.approx(wanted[True] / 48)
    assert report.assistant_audio_ms == pytest.approx(wanted[False] / 48)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"response.output_audio.delta","event_id":"e","response_id":5,"item_id":"i","delta":"AAAA"}',
        b'{"type":"response.output_audio.delta","event_id":"e","response_id":"r","delta":"AAAA',
        b'{"type":"response.output_audio.delta","event_id":"e","delta":',
        b'{"type":"response.output_audio.delta","delta":7}',
        b'{"type":"response.output_audio_transcript.delta","delta":[[[',
        b'{"type":"input_audio_buffer.append","audio":"AAAA',
        b'{"type":"input_audio_buffer.append","audio":3}',
        b'{"type":"session.output_audio.delta","delta":3}',
        b'{"type":"session.output_transcript.delta","delta":3}',
        b'{"type":"conversation.item.input_audio_transcription.delta","item_id":3}',
    ],
)
def test_malformed_audio_and_text_frames_are_counted(frame: bytes) -> None:
    inspector = Inspector()
    direction = "client" if b"append" in frame else "server"
    inspector.feed_all([Entry(direction, 1.0, frame, n) for n in (7, 8)])  # type: ignore[arg-type]
    report = inspector.report()
    assert (report.undecodable, [line.line for line in report.undecodable_frames]) == (2, [7, 8])
    assert (report.user_audio_ms, report.assistant_audio_ms) == (0, 0)


def test_parts_are_distinguished_by_their_ids() -> None:
    scene = Scene().begin()
    for id in ("resp_1", "resp_2"):
        scene.created(id)
    for _ in range(3):
        for id, ms in (("resp_1", 100), ("resp_2", 10)):
            scene.audio(id, ms)
            scene.words(id, id)
    first, second = scene.report().turns[0].responses
    assert (first.audio_ms, second.audio_ms) == (300, 30)
    assert (first.transcript, second.transcript) == ("resp_1" * 3, "resp_2" * 3)


def test_a_response_may_have_its_own_format() -> None:
    scene = Scene().begin()
    scene.created("resp_1", audio={"output": {"format": {"type": "audio/pcmu"}}})
    scene.server("response.output_audio.delta", **scene.part("resp_1"), delta=b64(800))
    beta = Scene()
    beta.server("session.created", session={"modalities": ["audio"], "output_audio_format": "pcm16"})
    beta.created("resp_1", output_audio_format="g711_alaw")
    beta.server("response.audio.delta", **beta.part("resp_1"), delta=b64(800))
    for found in (scene, beta):
        assert only(found.report()).audio_ms == 100
