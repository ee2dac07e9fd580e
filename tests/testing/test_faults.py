"""Faults: what each does to the frames of a session, and what clients of a server then see."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import threading
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from websockets.exceptions import ConnectionClosed, ProtocolError
from websockets.frames import Close as WireClose
from websockets.sync.client import connect
from websockets.sync.connection import Connection

import realtime as r
from realtime import beta, translation
from realtime.testing import (
    FAULTS,
    Fault,
    LoopbackServer,
    Say,
    ServerProtocol,
    faults,
)
from realtime.testing.injection import (
    AbortConnection,
    Action,
    CloseConnection,
    FaultInjector,
    StallConnection,
)
from tests.testing.helpers import COMMIT, PCM16, RESPOND, ULAW, append, audio_of, formats, tone

READ = msgspec.json.decode
TURN: list[r.ClientEvent] = [append(tone(PCM16, 1000)), COMMIT, RESPOND]
TRANSCRIBED = formats()
TRANSCRIBED.session.audio.input.transcription = r.Transcription(model="whisper-1")


def frames(*events: r.ClientEvent) -> list[bytes]:
    """What a session says to `events`, from its beginning."""
    session = ServerProtocol()
    told = [*session.open()]
    for event in events:
        told += session.feed(r.encode(event))
    return [r.encode(event) for event in told]


def struck(fault: Fault, sent: Iterable[bytes]) -> list[Action]:
    """What goes out of `sent`."""
    strike = fault.injector()
    return [action for frame in sent for action in strike.on_send(r.peek_type(frame), frame)]


def kinds(actions: Iterable[Action]) -> list[str]:
    return [r.peek_type(action) if isinstance(action, bytes) else type(action).__name__ for action in actions]


ORDINARY = frames(TRANSCRIBED, *TURN)
DELTA = "response.output_audio.delta"
BEFORE_THE_THIRD_DELTA = [i for i, frame in enumerate(ORDINARY) if r.peek_type(frame) == DELTA][2]


# --- What they are -------------------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_a_name_a_source_and_a_sentence(name: str) -> None:
    fault = faults.get_fault(name)
    assert type(fault) is FAULTS[name]
    assert type(fault).__name__.lower() == name.replace("_", "")
    assert getattr(faults, type(fault).__name__) is type(fault)
    assert all(re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", report) for report in fault.source.split(", "))
    assert type(fault).__doc__
    assert fault == dataclasses.replace(fault)


def test_an_unknown_name() -> None:
    with pytest.raises(r.ConfigError, match=r"unknown fault 'gremlin'; known are session_expired, "):
        faults.get_fault("gremlin")


NUMBERS: list[tuple[type[Fault], str, int]] = [
    (faults.NullUsage, "times", 0),
    (faults.Disconnect, "nth", 1),
    (faults.BigFrame, "nbytes", 0),
    (faults.UnknownEvents, "every", 1),
    (faults.CommitRefused, "count", 0),
]


@pytest.mark.parametrize(("kind", "name", "least"), NUMBERS, ids=[name for _, name, _ in NUMBERS])
def test_numbers_that_cannot_be(kind: Any, name: str, least: int) -> None:
    assert getattr(kind(**{name: least}), name) == least
    with pytest.raises(r.ConfigError, match=f"{name} must be at least {least}, got {least - 1}"):
        kind(**{name: least - 1})
    for wrong in ("x", 1.0, True):
        with pytest.raises(TypeError, match=f"{name} must be an int"):
            kind(**{name: wrong})


WRONG: list[tuple[Any, type[Exception]]] = [
    (lambda: faults.OtherFormat(format="nonsense"), r.ConfigError),  # type: ignore[arg-type]
    (lambda: faults.OtherFormat(format=7), TypeError),  # type: ignore[arg-type]
    (lambda: faults.SlowReader(seconds=-1), r.ConfigError),
    (lambda: faults.SlowReader(seconds=float("nan")), r.ConfigError),
    (lambda: faults.SlowReader(seconds=float("inf")), r.ConfigError),
    (lambda: faults.SlowReader(seconds="1"), TypeError),  # type: ignore[arg-type]
    (lambda: faults.SlowReader(seconds=True), TypeError),
    (lambda: faults.LateTranscripts(until=7), TypeError),  # type: ignore[arg-type]
    (lambda: faults.Disconnect(reason=b"x"), TypeError),  # type: ignore[arg-type]
    (lambda: faults.Disconnect(reason="é" * 62), r.ConfigError),
    (lambda: faults.Disconnect(reason="\ud800"), r.ConfigError),
    (lambda: faults.Disconnect(code="1001"), TypeError),  # type: ignore[arg-type]
    (lambda: faults.Disconnect(at=7), TypeError),  # type: ignore[arg-type]
    (lambda: faults.Disconnect(at=b"error"), TypeError),  # type: ignore[arg-type]
    (lambda: faults.Disconnect(at=["error", 7]), TypeError),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("make", "error"), WRONG)
def test_what_a_fault_cannot_be_told(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_the_codes_of_a_close_are_those_that_may_be_sent() -> None:
    """As websockets judges: what it would not send is refused where it is written down."""
    for code in range(990, 5010):
        try:
            WireClose(code, "").check()
        except ProtocolError:
            with pytest.raises(r.ConfigError, match=f"got {code}"):
                faults.Disconnect(code=code)
        else:
            assert faults.Disconnect(code=code, reason="é" * 61).code == code


def test_a_type_of_tomorrow_is_taken_and_strikes_nothing() -> None:
    assert struck(faults.Disconnect(at="response.hologram.done"), ORDINARY) == ORDINARY
    assert struck(faults.Disconnect(at=[]), ORDINARY) == ORDINARY
    assert faults.Disconnect(at=[]).injector().on_start() == ()


def test_types_from_an_iterator_are_kept() -> None:
    fault = faults.Disconnect(at=iter(["session.created"]), nth=1)
    for _ in range(2):
        assert kinds(struck(fault, ORDINARY[:1])) == ["CloseConnection"]


def test_the_bases_do_nothing() -> None:
    assert struck(Fault(), ORDINARY) == ORDINARY
    strike = FaultInjector()
    assert (*strike.on_send("x", b"{}"), strike.on_receive("x"), strike.on_start(), strike.read_delay_s) == (
        b"{}", None, (), 0.0,
    )  # fmt: skip
    with pytest.raises(NotImplementedError):
        faults.OneShotFault().replace(b"{}")


# --- Once ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        (faults.SessionExpired(), ["error", "CloseConnection"]),
        (faults.Disconnect(), ["CloseConnection"]),
        (faults.StalledFrame(), ["StallConnection"]),
        (faults.CutOff(), ["AbortConnection"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_connection_ends_at_the_nth_event(fault: Fault, last: list[str]) -> None:
    before = ORDINARY[:BEFORE_THE_THIRD_DELTA]
    actions = struck(fault, ORDINARY[: BEFORE_THE_THIRD_DELTA + 1])
    assert actions[: len(before)] == before
    assert kinds(actions[len(before) :]) == last


def test_a_session_that_expires_says_so_twice() -> None:
    error, close = faults.SessionExpired().replace(b"")
    assert isinstance(error, bytes)
    event = r.decode_server(error)
    assert isinstance(event, r.Error)
    assert (event.error.code, event.error.event_id, event.event_id) == ("session_expired", None, None)
    assert close == CloseConnection(1001, event.error.message)


def test_beta_is_over_at_once() -> None:
    error, close = struck(faults.BetaDisabled(), ORDINARY[:1])
    assert isinstance(error, bytes)
    assert READ(error)["error"]["code"] == "beta_api_shape_disabled"
    assert close == CloseConnection(4000, "invalid_request_error.beta_api_shape_disabled")


def test_half_a_frame() -> None:
    third = ORDINARY[BEFORE_THE_THIRD_DELTA]
    half = third[: len(third) // 2]
    assert struck(faults.TruncatedFrame(), ORDINARY)[BEFORE_THE_THIRD_DELTA] == half
    assert struck(faults.StalledFrame(), ORDINARY)[BEFORE_THE_THIRD_DELTA] == StallConnection(half)
    assert struck(faults.CutOff(), ORDINARY)[BEFORE_THE_THIRD_DELTA] == AbortConnection(half)
    with pytest.raises(r.DecodeError):
        r.decode_server(half)


def test_an_error_about_nothing() -> None:
    actions = struck(faults.ErrorWithoutEventId(), ORDINARY)
    assert [action for action in actions if action in ORDINARY] == ORDINARY
    (error,) = [READ(action) for action in actions if isinstance(action, bytes) and action not in ORDINARY]
    assert "event_id" not in error
    assert error["error"]["event_id"] is None


def test_an_item_in_one_frame_of_3_mb() -> None:
    (frame,) = [action for action in struck(faults.BigFrame(), ORDINARY[2:]) if action not in ORDINARY]
    assert isinstance(frame, bytes)
    assert 3_476_354 - 4 <= len(frame) <= 3_476_354
    event = r.decode_server(frame)
    assert isinstance(event, r.ConversationItemDone)
    audio = event.item.content[0].audio
    assert isinstance(audio, bytes)
    assert len(audio) > 2_600_000


def test_an_event_without_parts_can_be_big_too() -> None:
    (frame,) = faults.BigFrame(nbytes=5000).replace(b'{"type":"session.updated","session":{}}')
    assert isinstance(frame, bytes)
    assert 4996 <= len(frame) <= 5000
    assert r.decode_server(frame).type == "session.updated"


@pytest.mark.parametrize("at", ["session.created", {"session.created", "x"}, ["session.created"]])
def test_where_it_strikes_can_be_said(at: Any) -> None:
    assert kinds(struck(faults.Disconnect(at=at, nth=1), ORDINARY[:1])) == ["CloseConnection"]


ONCE = [kind for kind in FAULTS.values() if issubclass(kind, faults.OneShotFault)]


@pytest.mark.parametrize("kind", ONCE, ids=lambda kind: kind.__name__)
def test_at_none_is_at_once_and_tells_no_event_that_anybody_knows(kind: Any) -> None:
    now = [*kind(at=None).injector().on_start()]
    assert now
    for action in now:
        if isinstance(action, bytes):
            with contextlib.suppress(r.DecodeError):  # half a frame
                assert isinstance(r.decode_server(action), r.Error | r.UnknownEvent)
    assert kinds(kind().injector().on_start()) == []


def test_at_once_there_is_the_error_alone_and_the_frame_is_as_big_as_ever() -> None:
    assert kinds(faults.ErrorWithoutEventId(at=None).injector().on_start()) == ["error"]
    (big,) = faults.BigFrame(at=None, nbytes=5000).injector().on_start()
    assert isinstance(big, bytes)
    assert 4996 <= len(big) <= 5000


# --- As long as it lasts -------------------------------------------------------------


def test_unknown_events_come_between() -> None:
    actions = struck(faults.UnknownEvents(every=2), ORDINARY)
    assert [action for action in actions if action in ORDINARY] == ORDINARY
    events = [r.decode_server(action) for action in actions if isinstance(action, bytes)]
    assert len([event for event in events if isinstance(event, r.UnknownEvent)]) == len(ORDINARY) // 2


def test_unknown_fields_change_nothing_that_is_known() -> None:
    actions = struck(faults.UnknownFields(), ORDINARY)
    assert all(action not in ORDINARY for action in actions)
    assert [r.decode_server(action) for action in actions] == [r.decode_server(frame) for frame in ORDINARY]  # type: ignore[arg-type]
    items = [READ(action)["item"] for action in actions if isinstance(action, bytes) and b'"item":' in action]
    assert items
    assert all("x_tomorrow" in item for item in items)


def test_null_usage() -> None:
    events = [READ(action) for action in struck(faults.NullUsage(), ORDINARY)]  # type: ignore[arg-type]
    assert events[-1]["response"]["usage"] is None
    (completed,) = [e for e in events if e["type"].endswith("transcription.completed")]
    assert completed["usage"] is None
    assert [e["type"] for e in events] == kinds(ORDINARY)


TOLD = "conversation.item.input_audio_transcription"


def test_late_transcripts_come_after_the_response() -> None:
    late = kinds(struck(faults.LateTranscripts(), ORDINARY))
    assert late[-3:] == ["response.done", f"{TOLD}.delta", f"{TOLD}.completed"]
    assert sorted(late) == sorted(kinds(ORDINARY))


def test_missing_transcripts_never_come() -> None:
    missing = kinds(struck(faults.MissingTranscripts(), ORDINARY))
    assert missing == [kind for kind in kinds(ORDINARY) if not kind.startswith(TOLD)]


def sounds(actions: Iterable[Action], decode: Any = r.decode_server) -> list[bytes]:
    events = [decode(action) for action in actions]
    return [event.delta for event in events if event.type.endswith("audio.delta")]


@pytest.mark.parametrize("sizes", [[4800, 4800, 4800], [4801, 1, 4800], [1], [2], [], [3, 3]])
def test_odd_deltas_are_the_same_audio(sizes: list[int]) -> None:
    sent = [r.encode(r.ResponseOutputAudioDelta(
        delta=bytes(range(256)) * 19 if size > 256 else bytes(range(size)),
        response_id="r", item_id="i", output_index=0, content_index=0)) for size in sizes]  # fmt: skip
    done = r.encode(r.ResponseOutputAudioDone(response_id="r", item_id="i", output_index=0, content_index=0))
    got = struck(faults.OddDeltas(), [*sent, done])
    assert b"".join(sounds(got)) == b"".join(sounds(sent))
    assert kinds(got)[-1] == "response.output_audio.done"
    assert all(len(sound) % 2 for sound in sounds(got)[: len(sizes)])


def test_a_byte_is_not_carried_into_another_item() -> None:
    def delta(item: str) -> bytes:
        return r.encode(r.ResponseOutputAudioDelta(
            delta=b"abcd", response_id="r", item_id=item, output_index=0, content_index=0))  # fmt: skip

    got = struck(faults.OddDeltas(), [delta("one"), delta("two")])
    events = [READ(action) for action in got if isinstance(action, bytes)]
    told = [(event["item_id"], len(event["delta"])) for event in events]
    assert told == [("one", 4), ("one", 4), ("two", 4)]
    assert len({event.get("event_id") for event in events[:2]}) == 2


def test_odd_deltas_of_the_other_dialects() -> None:
    session = ServerProtocol(dialect="beta")
    told = [*session.open(), *session.feed(b'{"type":"session.update","session":{"turn_detection":null}}')]
    for event in TURN:
        told += session.feed(r.encode(event))
    got = struck(faults.OddDeltas(), [beta.encode(event) for event in told])
    assert b"".join(sounds(got, beta.decode_server)) == tone(PCM16, 1000)
    assert any(len(sound) % 2 for sound in sounds(got, beta.decode_server))
    other = ServerProtocol(dialect="translation")
    translated = other.feed(translation.encode_append(tone(PCM16, 1000)))
    translated += other.feed(translation.encode(translation.SessionClose()))
    got = struck(faults.OddDeltas(), [translation.encode(event) for event in translated])
    assert b"".join(sounds(got, translation.decode_server)) == tone(PCM16, 1000)


def test_commits_are_refused_as_often_as_asked() -> None:
    strike = faults.CommitRefused(count=2).injector()
    answers = [
        strike.on_receive(kind) for kind in ["input_audio_buffer.append", *["input_audio_buffer.commit"] * 3]
    ]
    assert [answer is None for answer in answers] == [True, False, False, True]
    assert answers[1] is not None
    assert READ(answers[1])["error"]["code"] == "input_audio_buffer_commit_empty"


@given(data=st.data())
def test_faults_in_any_order_leave_whole_frames(data: Any) -> None:
    lasting = [name for name in FAULTS if not issubclass(FAULTS[name], faults.OneShotFault)]
    names = data.draw(st.lists(st.sampled_from(lasting), unique=True))
    sent: list[Action] = [*ORDINARY]
    for name in names:
        strike = faults.get_fault(name).injector()
        sent = [made for frame in sent for made in strike.on_send(r.peek_type(frame), frame)]  # type: ignore[arg-type]
    assert audio_of([r.decode_server(frame) for frame in sent]) == tone(PCM16, 1000)  # type: ignore[arg-type]


# --- On a server ---------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def ask(client: Connection, *events: r.ClientEvent) -> None:
    for event in events:
        client.send(r.encode(event), text=True)


def hear(client: Connection, last: str = "response.done") -> list[Any]:
    events: list[Any] = []
    while not events or events[-1].type != last:
        events.append(r.decode_server(client.recv(timeout=20)))
    return events


def ending(client: Connection) -> tuple[int | None, str]:
    """The code and reason with which the server closes; (None, "") for none."""
    with pytest.raises(ConnectionClosed) as closed:
        hear(client, "never")
    received = closed.value.rcvd
    return (received.code, received.reason) if received else (None, "")


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (faults.SessionExpired(), (1001, "Your session hit the maximum duration of 60 minutes.")),
        (faults.Disconnect(), (1001, "")),
        (faults.Disconnect(code=1011, reason="oh"), (1011, "oh")),
        (faults.BetaDisabled(), (4000, "invalid_request_error.beta_api_shape_disabled")),
        (faults.CutOff(), (None, "")),
    ],
    ids=lambda value: str(getattr(value, "code", type(value).__name__)),
)
def test_how_a_connection_ends(fault: Fault, end: tuple[int | None, str]) -> None:
    with LoopbackServer(faults=[fault]) as server, connect(server.url, max_size=None) as client:
        with contextlib.suppress(ConnectionClosed):  # it may have ended by now
            ask(client, formats(), *TURN)
        assert ending(client) == end


def test_a_fault_strikes_as_many_connections_as_it_says() -> None:
    with LoopbackServer(faults=[faults.Disconnect(at="session.created", nth=1, times=2)]) as server:
        for _ in range(2):
            with connect(server.url) as client:
                assert ending(client) == (1001, "")
        with connect(server.url) as client:
            hear(client, "session.created")


def test_a_connection_that_is_not_struck_does_not_count() -> None:
    """Whoever comes to the third delta first is struck, though others began before."""
    with LoopbackServer(faults=["disconnect"]) as server, connect(server.url) as idle:
        hear(idle, "session.created")
        ends = []
        for _ in range(2):
            with connect(server.url) as client:
                ask(client, formats(), *TURN)
                try:
                    ends.append(hear(client)[-1].type)
                except ConnectionClosed:
                    ends.append("closed")
        assert ends == ["closed", "response.done"]
        ask(idle, formats(), *TURN)
        assert hear(idle)[-1].type == "response.done"


def test_at_none_strikes_connections_that_begin() -> None:
    with LoopbackServer(faults=[faults.Disconnect(at=None, times=2)]) as server:
        for _ in range(2):
            with connect(server.url) as client:
                hear(client, "session.created")
                assert ending(client) == (1001, "")
        with connect(server.url) as client:
            ask(client, r.InputAudioBufferClear())
            assert hear(client, "input_audio_buffer.cleared")


def test_a_fault_that_is_injected_before_anybody_calls_strikes_who_comes() -> None:
    with LoopbackServer() as server:
        server.inject(faults.Disconnect(at=None, times=None))
        server.inject(faults.NullUsage(times=1))
        for _ in range(2):
            with connect(server.url) as client:
                assert ending(client) == (1001, "")


def test_the_oldest_connection_is_struck_first_and_every_fault_has_a_count_of_its_own() -> None:
    with LoopbackServer() as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server.url)) for _ in range(8)]
        for client in clients:
            hear(client, "session.created")
        for nth, client in enumerate(clients):
            server.inject(faults.Disconnect(at=None))  # nobody else holds it
            assert ending(client) == (1001, "")
            for other in clients[nth + 1 :]:
                ask(other, r.InputAudioBufferClear())
                hear(other, "input_audio_buffer.cleared")


def test_two_that_end_a_connection_at_one_place_end_two() -> None:
    with LoopbackServer(faults=["session_expired", "disconnect"]) as server:
        ends = []
        for _ in range(2):
            with connect(server.url) as client:
                with contextlib.suppress(ConnectionClosed):
                    ask(client, formats(), *TURN)
                ends.append(ending(client)[1])
        assert ends == ["Your session hit the maximum duration of 60 minutes.", ""]
        with connect(server.url) as client:
            ask(client, formats(), *TURN)
            assert hear(client)[-1].type == "response.done"


def test_the_same_fault_may_be_given_twice() -> None:
    fault = faults.Disconnect(at=None)
    with LoopbackServer(faults=[fault, fault]) as server:
        for _ in range(2):
            with connect(server.url) as client:
                assert ending(client) == (1001, "")
        with connect(server.url) as client:
            ask(client, r.InputAudioBufferClear())
            hear(client, "input_audio_buffer.cleared")


@pytest.mark.parametrize("fault", ["other_format", faults.OtherFormat(format="g711_alaw")])
def test_what_a_session_has_from_its_beginning_cannot_be_brought_into_it(fault: Any) -> None:
    with (
        LoopbackServer() as server,
        pytest.raises(r.ConfigError, match="OtherFormat applies from the beginning"),
    ):
        server.inject(fault)


def test_a_stalled_message_is_silence_on_a_connection_that_lives() -> None:
    with LoopbackServer(faults=["stalled_frame"]) as server, connect(server.url) as client:
        ask(client, formats(), *TURN)
        for _ in range(2):
            hear(client, DELTA)
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.5)
        assert client.ping().wait(20)


def test_faults_are_asked_for_by_url() -> None:
    with LoopbackServer() as server:
        with connect(f"{server.url}?fault=null_usage&fault=unknown_events") as client:
            ask(client, formats(), *TURN)
            events = hear(client)
            assert events[-1].response.usage is None
            assert any(isinstance(event, r.UnknownEvent) for event in events)
        with connect(server.url) as client:
            ask(client, formats(), *TURN)
            assert hear(client)[-1].response.usage is not None


def test_a_forced_format_and_a_refused_commit() -> None:
    with LoopbackServer(faults=["other_format", "commit_refused"]) as server, connect(server.url) as client:
        ask(client, formats(ULAW), append(tone(PCM16, 300)), COMMIT, COMMIT, RESPOND)
        events = hear(client)
        (refused,) = [event for event in events if event.type == "error"]
        assert refused.error.code == "input_audio_buffer_commit_empty"
        assert audio_of(events) == tone(PCM16, 300)


def test_broken_frames_go_past_faults_too() -> None:
    with LoopbackServer(faults=["commit_refused"]) as server, connect(server.url) as client:
        client.send(b"\0\xff")
        assert hear(client, "error")[-1].error.code == "invalid_json"


def test_a_fault_strikes_open_calls_as_often_as_it_says() -> None:
    with LoopbackServer() as server, connect(server.url) as one, connect(server.url) as two:
        for client in (one, two):
            hear(client, "session.created")
        server.inject(faults.Disconnect(at="input_audio_buffer.cleared", nth=1))
        ends = []
        for client in (one, two):
            ask(client, r.InputAudioBufferClear())
            try:
                ends.append(hear(client, "input_audio_buffer.cleared")[-1].type)
            except ConnectionClosed:
                ends.append("closed")
        assert sorted(ends) == ["closed", "input_audio_buffer.cleared"]


def test_a_slow_reader_gets_it_all_in_the_end() -> None:
    with LoopbackServer(faults=[faults.SlowReader(seconds=0.001)]) as server, connect(server.url) as client:
        ask(client, formats(), *[append(tone(PCM16, 20))] * 50, COMMIT, RESPOND)
        assert len(audio_of(hear(client))) == PCM16.chunk_bytes(1000)


def test_a_slow_reader_does_not_hold_up_the_servers_end(recwarn: pytest.WarningsRecorder) -> None:
    with LoopbackServer(faults=[faults.SlowReader(seconds=60)]) as server, connect(server.url) as client:
        ask(client, formats(), append(tone(PCM16, 20)))
        hear(client, "session.created")
    assert not [warning for warning in recwarn if "did not end" in str(warning.message)]
    assert "LoopbackServer" not in {thread.name for thread in threading.enumerate()}


def test_a_fault_is_brought_into_calls_that_are_open() -> None:
    with LoopbackServer(pace=1, script=[Say("long", PCM16.silence(60_000))]) as server:
        with pytest.raises(r.ConfigError):
            server.inject("gremlin")
        with connect(server.url) as client:
            ask(client, formats(), RESPOND)
            hear(client, DELTA)
            server.inject("null_usage")
            ask(client, r.ResponseCancel())
            assert hear(client)[-1].response.usage is None
        with connect(server.url) as client:
            hear(client, "session.created")
            server.inject(faults.Disconnect(at=None))
            assert ending(client) == (1001, "")
        with connect(server.url) as client:  # it was to strike one
            hear(client, "session.created")
    with pytest.raises(RuntimeError, match="not running"):
        server.inject("null_usage")


@pytest.mark.parametrize(
    ("given", "error"),
    [("null_usage", TypeError), ([7], TypeError), (["gremlin"], r.ConfigError), (faults.CutOff(), TypeError)],
)
def test_faults_that_cannot_be(given: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        LoopbackServer(faults=given)
