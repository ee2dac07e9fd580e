"""Sessions of every dialect, reconnects, rate limits, errors, usage and cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import realtime
from realtime.analysis import Report
from realtime.recording import Entry
from realtime.spec import MinutePrice, ModelPrice, TokenPrice
from tests.analysis.scenes import Scene, b64, usage

BETA = {
    "id": "sess_b", "model": "gpt-4o-realtime-preview", "modalities": ["text", "audio"], "voice": "echo",
    "input_audio_format": "g711_ulaw", "output_audio_format": "g711_alaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "silence_duration_ms": 200},
}  # fmt: skip
TRANSLATION = {
    "id": "sess_t", "type": "translation", "model": "gpt-realtime-translate", "expires_at": 1,
    "audio": {"input": {}, "output": {"language": "es"}},
}  # fmt: skip
LIVE = {
    "id": "sess_l",
    "expires_at": 1,
    "status": "active",
    "model": "gpt-live-1",
    "audio": {"format": {"type": "audio/pcm", "rate": 16000}},
}


# --- Dialects --------------------------------------------------------------------------


def test_session_settings() -> None:
    scene = Scene("g711_ulaw", "semantic_vad")
    scene.settings["audio"]["input"]["transcription"] = {"model": "gpt-4o-transcribe"}
    scene.settings["audio"]["output"]["voice"] = {"id": "voice_1"}
    scene.begin()
    report = scene.report()
    (session,) = report.sessions
    assert (session.id, session.dialect, session.model, session.voice) == (
        "sess_1", "ga", "gpt-realtime-2", "voice_1",
    )  # fmt: skip
    assert (session.input_format, session.input_rate, session.output_format) == (
        "g711_ulaw",
        8000,
        "g711_ulaw",
    )
    assert (session.turn_detection, session.transcription_model) == ("semantic_vad", "gpt-4o-transcribe")
    assert (report.session_id, report.model, report.dialects) == ("sess_1", "gpt-realtime-2", ["ga"])


def test_beta() -> None:
    scene = Scene()
    scene.server("session.created", session=BETA)
    scene.client("input_audio_buffer.append", audio=b64(800))
    scene.now = 100
    scene.server("input_audio_buffer.speech_started", item_id="a", audio_start_ms=10)
    scene.server("input_audio_buffer.speech_stopped", item_id="a", audio_end_ms=90)
    scene.created("resp_1")
    scene.words("resp_1", "Hi", "response.audio_transcript.delta")
    scene.server("response.audio.delta", **scene.part("resp_1"), delta=b64(800))
    scene.server("response.audio_transcript.done", **scene.part("resp_1"), transcript="Hi!")
    scene.done("resp_1", usage=usage(10, 20, 0, 5, 5))
    report = scene.report()
    (session,) = report.sessions
    assert (session.dialect, session.voice, session.silence_duration_ms) == ("beta", "echo", 200)
    assert (session.input_format, session.output_format) == ("g711_ulaw", "g711_alaw")
    (response,) = report.turns[0].responses
    assert (response.audio_ms, response.transcript, response.latency_ms) == (100, "Hi!", 10)
    assert report.user_audio_ms == 100
    assert report.undecodable == 0


@pytest.mark.parametrize(
    ("kind", "session", "dialect"), [("session.created", TRANSLATION, "translation"), ("", {}, "")]
)
def test_translations_have_runs(kind: str, session: dict[str, Any], dialect: str) -> None:
    rate = 24000
    scene = Scene()
    if kind:
        scene.server(kind, session=session)
    for number in range(30):  # 3 s
        scene.client("session.input_audio_buffer.append", audio=b64(rate // 5))
        if number in (2, 5, 25):
            scene.server("session.input_transcript.delta", delta=f"a{number} ", start_ms=0, end_ms=1)
        if number in (4, 5, 6, 26):
            scene.server("session.output_transcript.delta", delta=f"b{number} ", start_ms=0, end_ms=1)
            more = {"sample_rate": 48000, "channels": 2} if number == 26 else {}
            scene.server("session.output_audio.delta", delta=b64(rate // 10 * 2), **more)
        scene.now += 100
    report = scene.report()
    assert report.sessions[0].dialect == (dialect or "translation")
    transcripts = [(turn.at_ms, turn.user.transcript) for turn in report.turns if turn.user]
    assert transcripts == [(200, "a2 a5 "), (2500, "a25 ")]
    (first,), (second,) = (turn.responses for turn in report.turns)
    assert (first.transcript, first.first_audio_ms, first.audio_ms) == ("b4 b5 b6 ", 400, 300)
    assert (second.transcript, second.first_audio_ms) == ("b26 ", 2600)
    assert second.audio_ms == pytest.approx(rate / 10 * 2 / 192)  # by the rate and channels of the delta
    assert (first.latency_ms, first.latency_from) == (None, None)
    assert (report.user_audio_ms, report.undecodable) == (3000, 0)


def test_translation_is_billed_by_the_audio_sent() -> None:
    scene = Scene().begin("sess_0")
    scene.say(500)  # billed by the tokens of its responses
    for id in ("sess_1", "sess_2"):
        scene.server("session.created", session={**TRANSLATION, "id": id})
        for _ in range(10):
            scene.client("session.input_audio_buffer.append", audio=b64(48_000))
    report = scene.report()
    assert report.usage.session_seconds == pytest.approx(20)
    assert report.cost.usd == pytest.approx(Decimal("0.034") / 3)
    assert [session.dialect for session in report.sessions] == ["ga", "translation", "translation"]


def test_live_usage_and_delegation() -> None:
    scene = Scene()
    scene.server("session.started", session=LIVE)
    scene.server("session.usage.updated", usage={"seconds": 30})
    inner = {
        "type": "response.completed",
        "response": {"id": "r", "usage": {"input_tokens": 10, "output_tokens": 5}},
    }
    scene.server("response.event", event=inner)
    scene.server("error", error={"type": "t", "code": "c", "message": "m", "client_event_id": "e1"})
    scene.server("transport.failed", session_id="s", error={"type": "t", "code": "busy", "message": "m"})
    scene.server("session.closed", reason="done", usage={"seconds": 60})
    report = scene.report()
    assert (report.usage.session_seconds, report.usage.backend.total) == (60, 15)
    assert [(item.use, item.usd) for item in report.cost.items] == [
        ("sessions", Decimal("0.05")), ("backend", None),
    ]  # fmt: skip
    assert (report.cost.usd, report.cost.known_usd) == (None, Decimal("0.05"))
    assert [(error.code, error.event_id) for error in report.errors] == [("c", "e1"), ("busy", None)]


def test_a_session_confirmed_after_its_request() -> None:
    scene = Scene("g711_ulaw")
    ulaw = {"audio": {"input": {"format": {"type": "audio/pcmu"}, "turn_detection": None}}}
    scene.client("session.update", session={"type": "realtime", "model": "m", **ulaw})
    scene.client("input_audio_buffer.append", audio=b64(800))
    scene.begin()
    scene.client("session.update", session={"model": "refused", "turn_detection": {"type": "none"}})
    report = scene.report()
    (session,) = report.sessions
    assert report.user_audio_ms == 100
    assert (session.model, session.turn_detection) == ("gpt-realtime-2", "server_vad")


def test_a_call_may_have_several_sessions() -> None:
    scene = Scene().begin("sess_1")
    scene.say(1000)
    scene.created("resp_1")
    scene.words("resp_1", "Half a s")
    scene.now = 5000
    scene.begin("sess_1")  # repeated: the same session
    scene.begin("sess_2")
    scene.say(1000)
    scene.speech("a", 200, 700)  # positions count from the start of this session
    scene.answer("resp_1")  # and ids belong to it
    report = scene.report()
    assert [(session.id, session.at_ms) for session in report.sessions] == [("sess_1", 0), ("sess_2", 5000)]
    first, second = report.turns
    assert first.responses[0].transcript == "Half a s"
    assert second.user is not None
    assert (second.user.start_ms, second.user.end_ms) == (5200, 5700)
    assert second.responses[0].latency_ms == 400


@pytest.mark.parametrize(
    "session",
    [5, None, [], {}, {"id": 7, "model": []}, {"audio": 5}, {"audio": {"input": {"format": {"type": "new"}, "turn_detection": 5}}},
     {"turn_detection": {"type": "none", "silence_duration_ms": -1}}, {"audio": {"output": {"voice": 3}}}],
)  # fmt: skip
def test_malformed_sessions(session: Any) -> None:
    scene = Scene()
    scene.server("session.created", session=session)
    scene.server("session.created")
    scene.entries.append(Entry("server", 1.0, b'{"type":"session.created","session":', 9))
    report = scene.report()
    assert (report.sessions[0].input_format, report.sessions[0].turn_detection) == ("pcm16", None)


# --- Errors ----------------------------------------------------------------------------


def test_errors_are_listed_and_shortened() -> None:
    scene = Scene().begin()
    scene.server("error", error={"type": "server_error", "message": "x" * 500, "event_id": "e" * 999})
    scene.created("resp_1")
    failed = {"type": "failed", "error": {"type": "t", "code": "insufficient_quota", "message": "pay"}}
    scene.done("resp_1", "failed", status_details=failed)
    report = scene.report()
    first, second = report.errors
    assert (first.source, first.code, len(first.message)) == ("error", None, 80)
    assert first.event_id is not None
    assert len(first.event_id) == 200
    assert (second.source, second.code) == ("response", "insufficient_quota")
    assert report.error_codes == {"server_error": 1, "insufficient_quota": 1}
    assert report.turns[0].responses[0].reason == "insufficient_quota"


def test_unknown_types_and_undecodable_frames() -> None:
    scene = Scene().begin()
    scene.server("thing.of_tomorrow", x=1)
    scene.client("thing.of_tomorrow")
    scene.server("response.done", response=5)
    scene.server("input_audio_buffer.speech_started", audio_start_ms="soon")
    scene.client("response.done", response={})  # not a client event
    scene.entries.append(Entry("server", 3.0, b"\xff\xfe", 99))
    report = scene.report()
    assert report.unknown_types == {"thing.of_tomorrow": 2, "response.done": 1}
    assert (report.undecodable, report.turn_count) == (3, 0)
    assert report.undecodable_frames[-1].line == 99
    counted = {(found.direction, found.type): found.frames for found in report.frames}
    assert counted["server", ""] == 1
    assert sum(counted.values()) == 7
    assert report.nbytes == sum(len(entry.frame) for entry in scene.entries if isinstance(entry, Entry))


def test_the_lowest_of_each_rate_limit() -> None:
    scene = Scene().begin()
    for remaining in (100, 40, 90, 10**400):
        scene.now += 10
        limits = [
            {"name": "tokens", "limit": 500, "remaining": remaining, "reset_seconds": 1.5},
            {"name": None, "remaining": 0}, {"name": "x", "remaining": None},
        ]  # fmt: skip
        scene.server("rate_limits.updated", rate_limits=limits)
    (found,) = scene.report().rate_limits
    assert (found.name, found.remaining, found.limit, found.at_ms) == ("tokens", 40, 500, 20)


# --- Cost ------------------------------------------------------------------------------


def spent(model: str | None = "gpt-realtime-2") -> Scene:
    scene = Scene()
    scene.settings["model"] = model
    scene.settings["audio"]["input"]["transcription"] = {"model": "whisper-1"}
    scene.begin()
    scene.speech("a", 0, 10)
    scene.created("resp_1")
    for _ in range(2):  # repeated, but counted once
        scene.done("resp_1", usage=usage(1000, 500, 400, 100, 200))
        scene.server(
            "conversation.item.input_audio_transcription.completed",
            item_id="a", content_index=0, transcript="x", usage={"type": "duration", "seconds": 30},
        )  # fmt: skip
    return scene


def cost(report: Report) -> list[tuple[str, Decimal | None]]:
    return [(item.use, item.usd) for item in report.cost.items]


def test_cost_of_a_call() -> None:
    report = spent().report()
    assert (report.usage.responses.input, report.usage.responses.cached) == (1500, 400)
    assert report.turns[0].responses[0].tokens == report.usage.responses
    # 600 of text and 500 of audio fresh, 400 cached; 100 of text and 200 of audio out.
    wanted = Decimal(600 * 4 + 500 * 32 + 100 * 24 + 200 * 64) / 10**6 + Decimal("0.40") * 400 / 10**6
    assert cost(report) == [("responses", wanted), ("transcription", Decimal("0.003"))]
    assert report.cost.usd == report.cost.known_usd == wanted + Decimal("0.003")


@pytest.mark.parametrize(
    ("model", "problem"),
    [("gpt-realtime", "no price of gpt-realtime is known"), (None, "the log names no model")],
)
def test_an_unknown_price_is_a_problem(model: str | None, problem: str) -> None:
    report = spent(model).report()
    assert report.cost.usd is None
    assert report.cost.known_usd == Decimal("0.003")
    assert report.cost.items[0].problem == problem
    assert spent(model).report(model="gpt-realtime-2").cost.usd is not None


def test_a_user_supplied_price() -> None:
    token = TokenPrice(1, 1, 1)
    report = spent().report(model=ModelPrice(token, token), transcription_model=MinutePrice(1.0))
    assert cost(report) == [("responses", Decimal("0.0018")), ("transcription", Decimal("0.5"))]
    by_the_minute = spent().report(model=MinutePrice(1.0))
    assert by_the_minute.cost.usd is None
    assert "by the minute" in (by_the_minute.cost.items[0].problem or "")


def test_unreported_usage_is_not_guessed() -> None:
    scene = Scene().begin()
    scene.answer("resp_1")
    report = scene.report()
    assert (report.cost.usd, report.usage.unreported) == (None, 1)
    assert "did not report the usage of a response or transcription 1 time" in (
        report.cost.items[0].problem or ""
    )


def test_counts_beyond_any_call() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    scene.done("resp_1", usage=usage(10**300, 1, 0, 1, 1))
    scene.server("session.started", session=LIVE)
    scene.server("session.usage.updated", usage={"seconds": 1e300})
    report = scene.report()
    assert report.cost.usd is None
    assert realtime.analysis.Summary.of(report).unpriced == 1


def test_the_cost_of_models_that_changed() -> None:
    scene = Scene().begin("sess_1")
    for number in range(40):
        scene.settings["model"] = f"model_{number}"
        scene.begin(f"sess_{number}")
        scene.created("resp")
        scene.done(f"resp_{number}", usage=usage(10, 0, 0, 1, 0))
    report = scene.report(model="gpt-realtime-2")
    assert report.usage.responses.total == 440
    assert len(report.cost.items) == 33
    assert report.cost.usd == Decimal(10 * 4 + 24) * 40 / 10**6
