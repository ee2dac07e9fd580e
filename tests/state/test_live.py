"""The state of a Live call: audible speech and the transcript."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime import ConfigError, live
from realtime.audio import alaw_decode, convert, ulaw_decode
from realtime.format import AudioFormat
from realtime.live import AudibleSpan, LiveCall, LiveState, LiveTranscript, Segment, SpeechGate

FORMATS = {"pcm16": AudioFormat.PCM16, "pcmu": AudioFormat.G711_ULAW, "pcma": AudioFormat.G711_ALAW}


def delta(audio: bytes, start_ms: int | None = None) -> live.SessionOutputAudioDelta:
    return live.SessionOutputAudioDelta(delta=audio, start_ms=start_ms)


def started(format: str = "audio/pcm", rate: int = 24_000) -> live.ServerEvent:
    return live.decode_server(
        msgspec.json.encode(
            {
                "type": "session.started",
                "session": {"id": "s", "audio": {"format": {"type": format, "rate": rate}}},
            }
        )
    )


# --- Audible speech ------------------------------------------------------------------


@pytest.mark.parametrize("peak_dbfs", [-90.0, -60.0, -40.0, -20.0])
def test_every_sample_is_measured_by_its_level(peak_dbfs: float) -> None:
    """One sample among zeros: audible if it is beyond the threshold."""
    gate = SpeechGate(threshold_dbfs=peak_dbfs)
    peak = int(32768 * 10 ** (peak_dbfs / 20))
    for sample in {*range(-3 * peak - 600, 3 * peak + 600, max(1, peak // 100)), -32768, 32767, peak, -peak}:
        audio = np.array([0, np.clip(sample, -32768, 32767), 0], "<i2").tobytes()
        assert gate.is_audible(audio) == (abs(int(np.clip(sample, -32768, 32767))) > peak), sample


@pytest.mark.parametrize(("format", "decode"), [("pcmu", ulaw_decode), ("pcma", alaw_decode)])
@pytest.mark.parametrize("threshold_dbfs", [-90.0, -60.0, -30.0])
def test_g711_is_measured_as_its_pcm(format: Any, decode: Any, threshold_dbfs: float) -> None:
    gate, pcm_gate = (SpeechGate(f, threshold_dbfs=threshold_dbfs) for f in (format, "pcm16"))
    for code in (bytes([value]) for value in range(256)):
        assert gate.is_audible(code) == pcm_gate.is_audible(decode(code).tobytes()), code


@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)
def test_silence_is_a_level(format: AudioFormat) -> None:
    noise = np.random.default_rng(1).integers(-8, 9, 2400).astype("<i2").tobytes()
    speech = (np.sin(np.arange(2400) / 20) * 500).astype("<i2").tobytes()
    gate = SpeechGate(format)
    assert not gate.is_audible(format.silence(100))
    assert not gate.is_audible(b"")
    assert not gate.is_audible(convert(noise, "pcm16", format))
    assert gate.is_audible(convert(speech, "pcm16", format))


@given(st.binary(max_size=64), st.floats(-96, -1))
def test_any_pcm_is_measured_by_its_peak(audio: bytes, threshold_dbfs: float) -> None:
    samples = np.frombuffer(audio[: len(audio) & ~1], "<i2").astype(int)
    peak = int(32768 * 10 ** (threshold_dbfs / 20))
    assert SpeechGate(threshold_dbfs=threshold_dbfs).is_audible(audio) == bool((abs(samples) > peak).any())


def test_spans_bridge_short_gaps() -> None:
    gate = SpeechGate()
    quiet, loud = bytes(4800), b"\0\x40" * 2400
    gate.feed(started())
    pattern = [quiet] * 3 + [loud] * 2 + [quiet] * 7 + [loud] + [quiet] * 8 + [loud]
    results = [gate.feed(delta(audio)) for audio in pattern]
    assert results == [audio is loud for audio in pattern]
    assert gate.spans == (AudibleSpan(300, 1300), AudibleSpan(2100, 2200))
    assert gate.position_ms == 2200


def test_speech_ends_after_the_gap() -> None:
    gate = SpeechGate("pcmu", gap_ms=200)
    assert not gate.is_speaking
    gate.feed(delta(b"\x80" * 800))
    states = [gate.is_speaking]
    for _ in range(2):
        assert gate.feed(delta(b"\xff" * 800)) is False
        states.append(gate.is_speaking)
    assert states == [True, True, False]


def test_times_of_the_server_count() -> None:
    """Azure leaves out silence; copies for other connections leave out lost frames."""
    gate = SpeechGate()
    gate.feed(delta(b"\0\x40" * 2400, 5000))
    gate.feed(delta(b"\0\x40" * 2400, 10**15))  # not credible: follows the audio before it
    gate.feed(delta(b"\0\x40" * 2400, 9000))
    assert gate.spans == ((5000, 5200), (9000, 9100))


def test_a_session_has_its_format_and_clock() -> None:
    gate = SpeechGate()
    gate.feed(delta(b"\0\x40" * 2400))
    assert gate.feed(started("audio/pcmu", 8000)) is None
    assert (gate.format, gate.position_ms, gate.spans) == (AudioFormat.G711_ULAW, 0, ())
    assert gate.feed(delta(b"\xff" * 800)) is False
    assert gate.position_ms == 100
    assert gate.feed(delta(b"")) is None
    assert gate.feed(live.SessionInputAudioAppend(audio=b"\x80")) is None


@pytest.mark.parametrize("options", [{"threshold_dbfs": 0}, {"gap_ms": -1}, {"gap_ms": float("inf")}])
def test_bad_limits_of_a_gate(options: Any) -> None:
    with pytest.raises(ConfigError):
        SpeechGate(**options)


# --- The transcript ------------------------------------------------------------------


def said(speaker: str, text: str, start_ms: int, end_ms: int | None = None) -> Any:
    kind = live.SessionInputTranscriptDelta if speaker == "user" else live.SessionOutputTranscriptDelta
    return kind(delta=text, start_ms=start_ms, end_ms=start_ms + 200 if end_ms is None else end_ms)


def delegation(id: str, offset_ms: int, target: str = "client") -> live.SessionDelegationCreated:
    return live.SessionDelegationCreated(
        delegation=live.DelegationInfo(id=id, type="delegation", target=target), offset_ms=offset_ms
    )


# A dialogue as (speaker, text, start_ms), and its segments as (speaker, text, start_ms, end_ms).
DIALOGUES: dict[str, tuple[list[tuple[str, str, int]], list[tuple[str, str, int, int]]]] = {
    "two turns": (
        [("user", "What", 0), ("user", " time", 200), ("user", " is it?", 400), ("assistant", "It's", 1000),
         ("assistant", " noon.", 1200)],
        [("user", "What time is it?", 0, 600), ("assistant", "It's noon.", 1000, 1400)],
    ),
    "a pause in a turn": (
        [("user", "My number is", 0), ("user", " four two", 2100)],
        [("user", "My number is four two", 0, 2300)],
    ),
    "a long pause": (
        [("user", "Hello?", 0), ("user", "Hello?", 2200)],
        [("user", "Hello?", 0, 200), ("user", "Hello?", 2200, 2400)],
    ),
    "an answer in a pause": (
        [("user", "Hi.", 0), ("assistant", "Hello!", 400), ("user", "Is it open?", 1400)],
        [("user", "Hi.", 0, 200), ("assistant", "Hello!", 400, 600), ("user", "Is it open?", 1400, 1600)],
    ),
    "a backchannel": (
        [("assistant", "First", 0), ("assistant", " you", 200), ("user", "mm-hm", 400),
         ("assistant", " open it.", 800)],
        [("assistant", "First you open it.", 0, 1000), ("user", "mm-hm", 400, 600)],
    ),
    "overlap": (
        [("assistant", "a", 0), ("user", "x", 100), ("assistant", "b", 200), ("user", "y", 300)],
        [("assistant", "ab", 0, 400), ("user", "xy", 100, 500)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIALOGUES)
def test_fragments_form_segments_in_any_order(name: str) -> None:
    fragments, expected = DIALOGUES[name]
    orders = itertools.permutations(fragments) if len(fragments) < 6 else [fragments]
    for order in orders:
        transcript = LiveTranscript()
        for fragment in order:
            transcript.feed(said(*fragment))
        assert transcript.segments == [Segment(*segment) for segment in expected]  # type: ignore[arg-type]


def test_text_is_appended_as_it_is() -> None:
    transcript = LiveTranscript()
    for text in ("  no", " no", "-no", "  yes "):
        transcript.feed(said("user", text, 100))
    assert transcript.text == "user: no no-no  yes"


def test_words_since_a_delegation() -> None:
    transcript = LiveTranscript()
    for event in (
        said("user", "Hi.", 0),
        delegation("d1", 900),
        said("user", "What", 800),
        said("user", " weather?", 1000),
        said("assistant", "Let me look.", 1600),
    ):
        transcript.feed(event)
    assert [one.text for one in transcript.since("d1")] == ["What weather?", "Let me look."]
    assert [one.text for one in transcript.since("d1", "user")] == ["What weather?"]
    assert [one.text for one in transcript.since(1200)] == ["Let me look."]
    transcript.feed(said("user", " In Paris.", 1200))  # late
    assert [one.text for one in transcript.since("d1", "user")] == ["What weather? In Paris."]
    with pytest.raises(ConfigError, match="no delegation"):
        transcript.since("d2")


def test_words_that_a_delegation_is_about() -> None:
    transcript = LiveTranscript()
    for event in (
        started(), said("user", "Unrelated.", 0), started(),
        said("user", "Hello. What", 0), delegation("d1", 200), said("user", " time is it?", 200),
        said("assistant", "Noon.", 1500), said("user", "And", 5000), delegation("d2", 5100), delegation("d1", 9),
    ):  # fmt: skip
        transcript.feed(event)
    assert [transcript.request(id) for id in ("d1", "d2")] == [
        "Hello. What time is it? And",
        "time is it? And",
    ]
    transcript.feed(said("user", " tomorrow?", 5200))
    assert transcript.request("d2") == "time is it? And tomorrow?"
    with pytest.raises(ConfigError, match="no delegation"):
        transcript.request("d3")


def test_sessions_follow_each_other() -> None:
    transcript = LiveTranscript()
    for event in (
        started(), said("user", "One", 5000), delegation("d1", 5100), started(), said("user", "two", 100),
    ):  # fmt: skip
        transcript.feed(event)
    assert [(one.session, one.text) for one in transcript.segments] == [(0, "One"), (1, "two")]
    assert [one.text for one in transcript.since("d1")] == ["One", "two"]
    assert [one.text for one in transcript.since(0)] == ["two"]


def messages(found: list[Any]) -> list[tuple[str, str, str]]:
    """Return (role, type of the part, text) of each message."""
    assert all(isinstance(message, live.Message) and len(message.content) == 1 for message in found)
    return [(message.role, message.content[0].type, message.content[0].text) for message in found]


def test_history_for_a_replacement() -> None:
    transcript = LiveTranscript()
    for event in (
        said("user", "Hi.", 0), said("user", "", 100), said("assistant", "Hello!", 1000), started(),
        said("assistant", "Are you there?", 0), said("user", "Yes.", 2000),
    ):  # fmt: skip
        transcript.feed(event)
    expected = [
        ("user", "input_text", "Hi."),
        ("assistant", "output_text", "Hello! Are you there?"),
        ("user", "input_text", "Yes."),
    ]
    assert messages(transcript.history()) == expected
    assert messages(transcript.history(max_messages=1)) == expected[-1:]
    assert transcript.history(max_messages=0) == transcript.history(max_tokens=0) == []
    assert messages(transcript.history(max_tokens=16)) == [
        ("assistant", "output_text", "there?"),
        expected[-1],
    ]


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=200), st.integers(0, 10**6)), max_size=40),
    st.integers(0, 10), st.integers(-5, 200),
)  # fmt: skip
def test_history_stays_within_its_limits(said_: list[Any], max_messages: int, max_tokens: int) -> None:
    transcript = LiveTranscript()
    for speaker, text, start_ms in said_:
        transcript.feed(said(speaker, text, start_ms))
    found = messages(transcript.history(max_messages=max_messages, max_tokens=max_tokens))
    assert len(found) <= max_messages
    assert sum(len(text.encode("utf-8", "replace")) / 3 + 6 for *_, text in found) <= max(0, max_tokens)
    assert all(text for *_, text in found)


@given(
    st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.integers(), st.integers()), max_size=30),
    st.randoms(use_true_random=False),
)
def test_any_times_in_any_order(fragments: list[Any], random: Any) -> None:
    """Segments depend on the times alone, and contain every word once."""
    named = [said(speaker, f"w{i} ", start, end) for i, (speaker, start, end) in enumerate(fragments)]
    starts = [event.start_ms for event in named]
    found = []
    for order in (named, random.sample(named, len(named))):
        transcript = LiveTranscript()
        for event in order:
            transcript.feed(event)
        found.append(transcript.segments)
    if len({*starts}) == len(starts):
        clipped = {max(-(10**12), min(start, 10**12)) for start in starts}
        assert len(clipped) < len(starts) or found[0] == found[1]
    words = [word for segment in found[0] for word in segment.text.split()]
    assert sorted(words) == sorted(event.delta.strip() for event in named)
    assert [one.start_ms for one in found[0]] == sorted(one.start_ms for one in found[0])
    assert all(one.start_ms <= one.end_ms for one in found[0])


@pytest.mark.parametrize("gap_ms", [0, -1, float("nan")])
def test_bad_gap_of_a_transcript(gap_ms: float) -> None:
    with pytest.raises(ConfigError):
        LiveTranscript(gap_ms=gap_ms)


@pytest.mark.parametrize("make", [SpeechGate, LiveTranscript, LiveCall])
def test_frames_are_refused(make: Any) -> None:
    with pytest.raises(TypeError, match="decode"):
        make().feed(b"{}")


# --- The call ------------------------------------------------------------------------

CLOSED = live.SessionClosed(reason="close_requested", usage=live.LiveUsage(seconds=12.0))


def error(
    code: str | None = None, event_id: str | None = None, type: str = "invalid_request_error"
) -> live.Error:
    detail = live.LiveErrorDetail(type=type, code=code, message="no", client_event_id=event_id)
    return live.Error(error=detail)


def appended(event_id: str | None, kind: Any = live.SessionCommentaryAppended) -> Any:
    return kind(start_ms=0, end_ms=100, client_event_id=event_id)


def commentary(event_id: Any, text: str = "Hi") -> live.SessionCommentaryAppend:
    return live.SessionCommentaryAppend(content=text, event_id=event_id)


def open_call() -> LiveCall:
    call = LiveCall()
    call.feed(live.SessionStart(session=live.LiveSession(model="gpt-live-1"), event_id="start"))
    call.feed(started())
    return call


def test_a_call_from_start_to_end() -> None:
    call = LiveCall()
    start = live.SessionStart(session=live.LiveSession(model="gpt-live-1"), event_id="start")
    audio = live.SessionInputAudioAppend(audio=b"\0\0")
    states = [(call.state, call.may_send(start), call.may_send(audio))]
    call.feed(start)
    assert call.pending == (start,)
    result = call.feed(started())
    assert result == (start, result and result.event, False)
    states.append((call.state, call.may_send(start), call.may_send(audio)))
    assert call.session is not None
    call.feed(
        live.SessionUsageUpdated(
            usage=live.LiveUsage(seconds=5), context_window=live.ContextWindow(usage_ratio=0.5)
        )
    )
    assert (call.usage, call.context_ratio, call.is_final) == (live.LiveUsage(seconds=5), 0.5, False)
    call.feed(live.SessionUsageUpdated(usage=live.LiveUsage(seconds=6)))
    assert (call.usage, call.context_ratio) == (live.LiveUsage(seconds=6), 0.5)
    close = live.SessionClose(event_id="close")
    call.feed(close)
    states.append((call.state, call.may_send(start), call.may_send(audio)))
    assert call.feed(CLOSED) == (close, CLOSED, False)
    states.append((call.state, call.may_send(start), call.may_send(audio)))
    call.connection_lost()
    states.append((call.state, call.may_send(start), call.may_send(audio)))
    assert states == [
        (LiveState.STARTING, True, False),
        (LiveState.OPEN, False, True),
        (LiveState.CLOSING, False, False),
        (LiveState.CLOSED, False, False),
        (LiveState.CLOSED, False, False),
    ]
    assert (call.reason, call.usage, call.is_final) == ("close_requested", CLOSED.usage, True)


@pytest.mark.parametrize("is_closing", [False, True])
def test_an_end_without_confirmation(is_closing: bool) -> None:
    call = open_call()
    if is_closing:
        call.feed(live.SessionClose())
    call.connection_lost()
    assert (call.state, call.is_final) == (LiveState.UNCONFIRMED, False)


def test_a_session_that_never_started() -> None:
    call = LiveCall()
    call.feed(live.SessionStart(session=live.LiveSession(), event_id="start"))
    refused = error("credit_balance_exhausted")
    assert call.is_fatal(refused)
    assert call.feed(refused) is None
    call.connection_lost()
    assert (call.error, call.state, call.is_final) == (refused, LiveState.CLOSED, False)


@pytest.mark.parametrize(
    ("refused", "is_fatal"),
    [
        (error(), False),
        (error("invalid_audio"), False),
        (error("content_filter"), False),
        (error("forbidden"), True),
        (error("insufficient_quota"), True),
        (error(None, type="credit_balance_exhausted"), True),
        (error("x", type="invalid_api_key"), True),
    ],
)
def test_errors_after_the_start(refused: live.Error, is_fatal: bool) -> None:
    call = open_call()
    assert call.is_fatal(refused) is is_fatal
    call.feed(refused)
    assert call.error == (refused if is_fatal else None)
    assert call.state is LiveState.OPEN


def test_an_error_about_another_command_before_the_start() -> None:
    call = LiveCall()
    call.feed(live.SessionStart(session=live.LiveSession(), event_id="start"))
    early = commentary("early")
    call.feed(early)
    refused = error("session_not_started", "early")
    assert call.feed(refused) == (early, refused, True)
    assert call.error is None
    call.feed(error("x", "start"))
    assert call.error is not None


ITEM = live.Message(role="user", content="x")
# Each command with an acknowledgement, and that.
COMMANDS: list[tuple[Any, Any]] = [
    (
        live.SessionUpdate(session=live.LiveSessionUpdate()),
        live.SessionUpdated(session=live.LiveSessionInfo(id="s")),
    ),
    (live.SessionInputAudioMute(), live.SessionInputAudioMuted()),
    (live.SessionInputAudioUnmute(), live.SessionInputAudioUnmuted()),
    (live.SessionOutputAudioFixturePlay(audio=b"\0\0"), live.SessionOutputAudioFixturePlaying()),
    (live.SessionInstructionsAppend(content="x"), appended(None, live.SessionInstructionsAppended)),
    (live.SessionThinkingAppend(content="x"), appended(None, live.SessionThinkingAppended)),
    (live.SessionCommentaryAppend(content="x"), appended(None)),
    (live.DecisionItemCreate(item=ITEM), live.DecisionItemCreated(item=ITEM)),
    (live.DecisionItemDelete(item_id="i"), live.DecisionItemDeleted(item_id="i")),
    (live.TransportDtmfSend(event="1"), live.TransportDtmfSent(event="1")),
    (live.TransportDtmfSend(event="1"), live.TransportDtmfSend(event="1", client_event_id="c")),
    (live.SessionClose(), CLOSED),
]


@pytest.mark.parametrize("is_named", [True, False])
@pytest.mark.parametrize(("command", "answer"), COMMANDS, ids=lambda event: event.type)
def test_acknowledgements(command: Any, answer: Any, is_named: bool) -> None:
    """By its id, or else the oldest of its kind."""
    call = open_call()
    others = [msgspec.structs.replace(command, event_id=name) for name in ("a", "c", "b")]
    for event in (live.ResponseCreate(event_id="r"), *others):
        assert call.feed(event) is None
    assert call.pending == (*others,)
    is_named = is_named or answer.type == "transport.dtmf.send"
    answer = msgspec.structs.replace(answer, client_event_id="c" if is_named else None)
    command = others[1 if is_named else 0]
    assert call.feed(answer) == (command, answer, False)
    assert command not in call.pending
    assert len(call.pending) == 2
    unknown = msgspec.structs.replace(answer, client_event_id="z")
    assert call.feed(unknown) is None


def test_commands_without_acknowledgement_may_be_refused() -> None:
    call = open_call()
    commands = [
        live.ResponseCreate(event_id="a"),
        live.ResponseItemCreate(item=ITEM, event_id="b"),
        live.DecisionCreate(event_id="c"),
    ]
    for command in commands:
        call.feed(command)
    assert call.pending == ()
    refused = error("x", "b")
    assert call.feed(refused) == (commands[1], refused, True)
    assert call.feed(refused) is None
    assert call.feed(error("x")) is None


def test_a_refused_close_leaves_the_session_open() -> None:
    call = open_call()
    call.feed(live.SessionClose(event_id="close"))
    call.feed(error("x", "close"))
    assert call.state is LiveState.OPEN


def test_mute_and_update() -> None:
    call = open_call()
    call.feed(live.SessionInputAudioMuted())
    assert call.is_muted
    call.feed(live.SessionInputAudioUnmuted())
    assert not call.is_muted
    updated = live.SessionUpdated(session=live.LiveSessionInfo(id="t"))
    call.feed(updated)
    assert call.session is updated.session
    call.feed(msgspec.structs.replace(CLOSED, session=live.LiveSessionInfo(id="u")))
    assert call.session == live.LiveSessionInfo(id="u")


def test_an_attached_call_is_open() -> None:
    assert LiveCall(is_attached=True).may_send(live.SessionInputAudioMute())
