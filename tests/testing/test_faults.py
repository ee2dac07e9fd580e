"""Faults: the effect of each on the frames of a session, and on the clients of a server."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import socket
import threading
import time
from collections.abc import Generator, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, ProtocolError
from websockets.frames import Close as WireClose
from websockets.protocol import State
from websockets.sync.connection import Connection
from websockets.uri import parse_uri

import realtime as r
from realtime import beta, translation
from realtime.testing import FAULTS, Fault, LoopbackServer, Say, ServerProtocol, faults
from realtime.testing.injection import (
    AbortConnection,
    Action,
    CloseConnection,
    FaultInjector,
    StallConnection,
)
from tests.testing.helpers import (
    COMMIT,
    PCM16,
    RESPOND,
    ULAW,
    append,
    audio_of,
    connect,
    formats,
    frame_of,
    raw,
    tone,
)  # fmt: skip

DECODE = msgspec.json.decode
TURN: list[r.ClientEvent] = [append(tone(PCM16, 1000)), COMMIT, RESPOND]
TRANSCRIBED = formats()
TRANSCRIBED.session.audio.input.transcription = r.Transcription(model="whisper-1")


def frames(*events: r.ClientEvent) -> list[bytes]:
    """Return the frames of a session that is fed `events`."""
    session = ServerProtocol()
    replies = [*session.open()]
    for event in events:
        replies += session.feed(event)
    return [r.encode(event) for event in replies]


def inject(fault: Fault, sent: Iterable[bytes]) -> list[Action]:
    """Return the actions of a fault in place of the frames `sent`."""
    injector = fault.injector()
    return [action for frame in sent for action in injector.on_send(r.peek_type(frame), frame)]


def kinds(actions: Iterable[Action]) -> list[str]:
    return [r.peek_type(action) if isinstance(action, bytes) else type(action).__name__ for action in actions]


WITHOUT_FAULTS = frames(TRANSCRIBED, *TURN)
DELTA = "response.output_audio.delta"
BEFORE_THE_THIRD_DELTA = [i for i, frame in enumerate(WITHOUT_FAULTS) if r.peek_type(frame) == DELTA][2]


# --- Values --------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_a_name_a_source_and_a_docstring(name: str) -> None:
    fault = faults.get_fault(name)
    assert type(fault) is FAULTS[name]
    assert type(fault).__name__.lower() == name.replace("_", "")
    assert getattr(faults, type(fault).__name__) is type(fault)
    assert all(
        re.fullmatch(r"[\w.-]+/[\w.-]+#\d+|OpenAI guides/[\w-]+", report)
        for report in fault.source.split(", ")
    )
    assert type(fault).__doc__
    assert fault == dataclasses.replace(fault)


def test_an_unknown_name_is_a_config_error() -> None:
    with pytest.raises(r.ConfigError, match=r"unknown fault 'gremlin'; known are session_expired, "):
        faults.get_fault("gremlin")
    with pytest.raises(r.ConfigError, match=r"unknown fault 'cutoff'; did you mean 'cut_off'\?; known are "):
        faults.get_fault("cutoff")


NUMBERS: list[tuple[type[Fault], str, int]] = [
    (faults.NullUsage, "times", 0),
    (faults.Disconnect, "nth", 1),
    (faults.BigFrame, "nbytes", 0),
    (faults.UnknownEvents, "every", 1),
    (faults.CommitRefused, "count", 0),
]


@pytest.mark.parametrize(("kind", "name", "least"), NUMBERS, ids=[name for _, name, _ in NUMBERS])
def test_numbers_out_of_range(kind: Any, name: str, least: int) -> None:
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
def test_invalid_arguments(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_close_codes_are_those_that_websockets_sends() -> None:
    for code in range(990, 5010):
        try:
            WireClose(code, "").check()
        except ProtocolError:
            with pytest.raises(r.ConfigError, match=f"got {code}"):
                faults.Disconnect(code=code)
        else:
            assert faults.Disconnect(code=code, reason="é" * 61).code == code


def test_an_unknown_event_type_matches_nothing() -> None:
    assert inject(faults.Disconnect(at="response.hologram.done"), WITHOUT_FAULTS) == WITHOUT_FAULTS
    assert inject(faults.Disconnect(at=[]), WITHOUT_FAULTS) == WITHOUT_FAULTS
    assert faults.Disconnect(at=[]).injector().on_start() == ()


def test_event_types_may_come_from_an_iterator() -> None:
    fault = faults.Disconnect(at=iter(["session.created"]), nth=1)
    for _ in range(2):
        assert kinds(inject(fault, WITHOUT_FAULTS[:1])) == ["CloseConnection"]


def test_the_base_classes_do_nothing() -> None:
    assert inject(Fault(), WITHOUT_FAULTS) == WITHOUT_FAULTS
    injector = FaultInjector()
    assert (*injector.on_send("x", b"{}"), injector.on_receive("x", b"{}"), injector.rewrite_received("x", b"{}"), injector.on_start(), injector.read_delay_s) == (
        b"{}", None, b"{}", (), 0.0,
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
    before = WITHOUT_FAULTS[:BEFORE_THE_THIRD_DELTA]
    actions = inject(fault, WITHOUT_FAULTS[: BEFORE_THE_THIRD_DELTA + 1])
    assert actions[: len(before)] == before
    assert kinds(actions[len(before) :]) == last


def test_an_expired_session_sends_an_error_and_a_close() -> None:
    error, close = faults.SessionExpired().replace(b"")
    assert isinstance(error, bytes)
    event = r.decode_server(error)
    assert isinstance(event, r.Error)
    assert (event.error.code, event.error.event_id) == ("session_expired", None)
    assert close == CloseConnection(1001, event.error.message)


def test_beta_disabled_replaces_the_first_event() -> None:
    error, close = inject(faults.BetaDisabled(), WITHOUT_FAULTS[:1])
    assert isinstance(error, bytes)
    assert DECODE(error)["error"]["code"] == "beta_api_shape_disabled"
    assert close == CloseConnection(4000, "invalid_request_error.beta_api_shape_disabled")


def test_faults_that_send_half_of_a_frame() -> None:
    third = WITHOUT_FAULTS[BEFORE_THE_THIRD_DELTA]
    half = third[: len(third) // 2]
    assert inject(faults.TruncatedFrame(), WITHOUT_FAULTS)[BEFORE_THE_THIRD_DELTA] == half
    assert inject(faults.StalledFrame(), WITHOUT_FAULTS)[BEFORE_THE_THIRD_DELTA] == StallConnection(half)
    assert inject(faults.CutOff(), WITHOUT_FAULTS)[BEFORE_THE_THIRD_DELTA] == AbortConnection(half)
    with pytest.raises(r.DecodeError):
        r.decode_server(half)


def test_an_error_about_no_client_event() -> None:
    actions = inject(faults.ErrorWithoutEventId(), WITHOUT_FAULTS)
    assert [action for action in actions if action in WITHOUT_FAULTS] == WITHOUT_FAULTS
    (error,) = [
        DECODE(action) for action in actions if isinstance(action, bytes) and action not in WITHOUT_FAULTS
    ]
    assert error["event_id"].startswith("event_")
    assert error["error"]["event_id"] is None


def test_an_item_in_a_frame_of_3_mb() -> None:
    (frame,) = [
        action for action in inject(faults.BigFrame(), WITHOUT_FAULTS[2:]) if action not in WITHOUT_FAULTS
    ]
    assert isinstance(frame, bytes)
    assert 3_476_354 - 4 <= len(frame) <= 3_476_354
    event = r.decode_server(frame)
    assert isinstance(event, r.ConversationItemDone)
    audio = event.item.content[0].audio
    assert isinstance(audio, bytes)
    assert len(audio) > 2_600_000


def test_an_event_without_parts_can_be_big() -> None:
    (frame,) = faults.BigFrame(nbytes=5000).replace(b'{"type":"session.updated","session":{}}')
    assert isinstance(frame, bytes)
    assert 4996 <= len(frame) <= 5000
    assert r.decode_server(frame).type == "session.updated"


@pytest.mark.parametrize("at", ["session.created", {"session.created", "x"}, ["session.created"]])
def test_at_selects_the_event_types(at: Any) -> None:
    assert kinds(inject(faults.Disconnect(at=at, nth=1), WITHOUT_FAULTS[:1])) == ["CloseConnection"]


ONCE = [kind for kind in FAULTS.values() if issubclass(kind, faults.OneShotFault)]


@pytest.mark.parametrize("kind", ONCE, ids=lambda kind: kind.__name__)
def test_at_none_occurs_at_once_without_known_events(kind: Any) -> None:
    now = [*kind(at=None).injector().on_start()]
    assert now
    for action in now:
        if isinstance(action, bytes):
            with contextlib.suppress(r.DecodeError):  # half a frame
                assert isinstance(r.decode_server(action), r.Error | r.UnknownEvent)
    assert kinds(kind().injector().on_start()) == []


def test_at_none_sends_only_the_error_or_the_big_frame() -> None:
    assert kinds(faults.ErrorWithoutEventId(at=None).injector().on_start()) == ["error"]
    (big,) = faults.BigFrame(at=None, nbytes=5000).injector().on_start()
    assert isinstance(big, bytes)
    assert 4996 <= len(big) <= 5000


# --- Faults that last ----------------------------------------------------------------


def test_unknown_events_are_inserted() -> None:
    actions = inject(faults.UnknownEvents(every=2), WITHOUT_FAULTS)
    assert [action for action in actions if action in WITHOUT_FAULTS] == WITHOUT_FAULTS
    events = [r.decode_server(action) for action in actions if isinstance(action, bytes)]
    assert len([event for event in events if isinstance(event, r.UnknownEvent)]) == len(WITHOUT_FAULTS) // 2


def test_unknown_fields_do_not_change_known_ones() -> None:
    actions = inject(faults.UnknownFields(), WITHOUT_FAULTS)
    assert all(action not in WITHOUT_FAULTS for action in actions)
    decoded = [r.decode_server(action) for action in actions if isinstance(action, bytes)]
    assert decoded == [r.decode_server(frame) for frame in WITHOUT_FAULTS]
    items = [
        DECODE(action)["item"] for action in actions if isinstance(action, bytes) and b'"item":' in action
    ]
    assert items
    assert all("x_tomorrow" in item for item in items)


def test_null_usage() -> None:
    events = [DECODE(action) for action in inject(faults.NullUsage(), WITHOUT_FAULTS)]  # type: ignore[arg-type]
    assert events[-1]["response"]["usage"] is None
    (completed,) = [e for e in events if e["type"].endswith("transcription.completed")]
    assert completed["usage"] is None
    assert [e["type"] for e in events] == kinds(WITHOUT_FAULTS)


TRANSCRIPTION = "conversation.item.input_audio_transcription"


def test_late_transcripts_follow_the_response() -> None:
    late = kinds(inject(faults.LateTranscripts(), WITHOUT_FAULTS))
    assert late[-3:] == ["response.done", f"{TRANSCRIPTION}.delta", f"{TRANSCRIPTION}.completed"]
    assert sorted(late) == sorted(kinds(WITHOUT_FAULTS))


def test_missing_transcripts_are_dropped() -> None:
    missing = kinds(inject(faults.MissingTranscripts(), WITHOUT_FAULTS))
    assert missing == [kind for kind in kinds(WITHOUT_FAULTS) if not kind.startswith(TRANSCRIPTION)]


def audio_deltas(actions: Iterable[Action], decode: Any = r.decode_server) -> list[bytes]:
    events = [decode(action) for action in actions]
    return [event.delta for event in events if event.type.endswith("audio.delta")]


@pytest.mark.parametrize("sizes", [[4800, 4800, 4800], [4801, 1, 4800], [1], [2], [], [3, 3]])
def test_odd_deltas_add_up_to_the_same_audio(sizes: list[int]) -> None:
    sent = [r.encode(r.ResponseOutputAudioDelta(
        delta=bytes(range(256)) * 19 if size > 256 else bytes(range(size)),
        response_id="r", item_id="i", output_index=0, content_index=0)) for size in sizes]  # fmt: skip
    done = r.encode(r.ResponseOutputAudioDone(response_id="r", item_id="i", output_index=0, content_index=0))
    got = inject(faults.OddDeltas(), [*sent, done])
    assert b"".join(audio_deltas(got)) == b"".join(audio_deltas(sent))
    assert kinds(got)[-1] == "response.output_audio.done"
    assert all(len(audio) % 2 for audio in audio_deltas(got)[: len(sizes)])


def test_a_byte_is_not_moved_to_another_item() -> None:
    def delta(item: str) -> bytes:
        return r.encode(r.ResponseOutputAudioDelta(
            delta=b"abcd", response_id="r", item_id=item, output_index=0, content_index=0))  # fmt: skip

    got = inject(faults.OddDeltas(), [delta("one"), delta("two")])
    events = [DECODE(action) for action in got if isinstance(action, bytes)]
    lengths = [(event["item_id"], len(event["delta"])) for event in events]
    assert lengths == [("one", 4), ("one", 4), ("two", 4)]
    assert len({event.get("event_id") for event in events[:2]}) == 2


def test_odd_deltas_in_the_other_dialects() -> None:
    session = ServerProtocol(dialect="beta")
    events = [*session.open(), *session.feed(b'{"type":"session.update","session":{"turn_detection":null}}')]
    for event in TURN:
        events += session.feed(r.encode(event))
    got = inject(faults.OddDeltas(), [beta.encode(event) for event in events])
    assert b"".join(audio_deltas(got, beta.decode_server)) == tone(PCM16, 1000)
    assert any(len(audio) % 2 for audio in audio_deltas(got, beta.decode_server))
    other = ServerProtocol(dialect="translation")
    translated = other.feed(translation.encode_append(tone(PCM16, 1000)))
    translated += other.feed(translation.encode(translation.SessionClose()))
    got = inject(faults.OddDeltas(), [translation.encode(event) for event in translated])
    assert b"".join(audio_deltas(got, translation.decode_server)) == tone(PCM16, 1000)


def test_count_commits_are_refused() -> None:
    injector = faults.CommitRefused(count=2).injector()
    answers = [
        injector.on_receive(kind, b'{"type":"%b","event_id":"mine"}' % kind.encode())
        for kind in ["input_audio_buffer.append", *["input_audio_buffer.commit"] * 3]
    ]
    assert [answer is None for answer in answers] == [True, False, False, True]
    assert answers[1] is not None
    assert DECODE(answers[1])["error"]["code"] == "input_audio_buffer_commit_empty"
    assert DECODE(answers[1])["error"]["event_id"] == "mine"


@given(data=st.data())
def test_combined_faults_leave_valid_frames(data: Any) -> None:
    lasting = [name for name in FAULTS if not issubclass(FAULTS[name], faults.OneShotFault)]
    names = data.draw(st.lists(st.sampled_from(lasting), unique=True))
    sent: list[Any] = [*WITHOUT_FAULTS]
    for name in names:
        injector = faults.get_fault(name).injector()
        sent = [made for frame in sent for made in injector.on_send(r.peek_type(frame), frame)]
    assert audio_of([r.decode_server(frame) for frame in sent]) == tone(PCM16, 1000)


# --- On a server ---------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def send(client: Connection, *events: r.ClientEvent) -> None:
    for event in events:
        client.send(r.encode(event), text=True)


def receive_until(client: Connection, last: str = "response.done") -> list[Any]:
    events: list[Any] = []
    while not events or events[-1].type != last:
        events.append(r.decode_server(client.recv(timeout=20)))
    return events


def close_of(client: Connection) -> tuple[int | None, str]:
    """Return the code and reason of the server's close; (None, "") without a close frame."""
    with pytest.raises(ConnectionClosed) as closed:
        receive_until(client, "never")
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
def test_connections_end_with_the_close_of_the_fault(fault: Fault, end: tuple[int | None, str]) -> None:
    with LoopbackServer(faults=[fault]) as server, connect(server.url, max_size=None) as client:
        with contextlib.suppress(ConnectionClosed):  # the server may have closed already
            send(client, formats(), *TURN)
        assert close_of(client) == end


@contextlib.contextmanager
def cut_off_at_once() -> Generator[tuple[socket.socket, ClientProtocol]]:
    """Open a connection that the server cuts off after `session.created`."""
    with (
        LoopbackServer(faults=[faults.CutOff(at="session.created", nth=1)]) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as client,
    ):
        protocol = ClientProtocol(parse_uri(server.url))
        protocol.send_request(protocol.connect())
        client.sendall(b"".join(protocol.data_to_send()))
        while protocol.state is State.CONNECTING:
            protocol.receive_data(client.recv(1))
        yield client, protocol


def send_clear(client: socket.socket, protocol: ClientProtocol) -> None:
    protocol.send_text(r.encode(r.InputAudioBufferClear()))
    client.sendall(b"".join(protocol.data_to_send()))
    time.sleep(0.02)


def test_a_client_that_still_sends_receives_all_before_the_cut() -> None:
    """The cut does not reset the connection, which would make the sends fail that follow it."""
    received = b""
    with cut_off_at_once() as (client, protocol):
        for _ in range(3):
            send_clear(client, protocol)
        while part := client.recv(1 << 16):
            received += part
    assert b"session.created" in received


@pytest.mark.slow
def test_a_client_that_never_closes_is_not_waited_for() -> None:
    def send_for_four_seconds() -> None:
        for _ in range(200):
            send_clear(client, protocol)

    with cut_off_at_once() as (client, protocol), pytest.raises(OSError, match=r"reset|pipe"):
        send_for_four_seconds()


def test_a_fault_affects_its_number_of_connections() -> None:
    with LoopbackServer(faults=[faults.Disconnect(at="session.created", nth=1, times=2)]) as server:
        for _ in range(2):
            with connect(server.url) as client:
                assert close_of(client) == (1001, "")
        with connect(server.url) as client:
            receive_until(client, "session.created")


def test_an_unaffected_connection_does_not_count() -> None:
    """The fault affects the first connection that reaches the third delta, not the oldest one."""
    with LoopbackServer(faults=["disconnect"]) as server, connect(server.url) as idle:
        receive_until(idle, "session.created")
        ends = []
        for _ in range(2):
            with connect(server.url) as client:
                send(client, formats(), *TURN)
                try:
                    ends.append(receive_until(client)[-1].type)
                except ConnectionClosed:
                    ends.append("closed")
        assert ends == ["closed", "response.done"]
        send(idle, formats(), *TURN)
        assert receive_until(idle)[-1].type == "response.done"


def test_at_none_affects_new_connections() -> None:
    with LoopbackServer(faults=[faults.Disconnect(at=None, times=2)]) as server:
        for _ in range(2):
            with connect(server.url) as client:
                receive_until(client, "session.created")
                assert close_of(client) == (1001, "")
        with connect(server.url) as client:
            send(client, r.InputAudioBufferClear())
            assert receive_until(client, "input_audio_buffer.cleared")


def test_a_fault_injected_without_connections_affects_new_ones() -> None:
    with LoopbackServer() as server:
        server.inject(faults.Disconnect(at=None, times=None))
        server.inject(faults.NullUsage(times=1))
        for _ in range(2):
            with connect(server.url) as client:
                assert close_of(client) == (1001, "")


def test_the_oldest_connection_is_affected_first_and_each_fault_counts_by_itself() -> None:
    with LoopbackServer() as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server.url)) for _ in range(8)]
        for client in clients:
            receive_until(client, "session.created")
        for nth, client in enumerate(clients):
            server.inject(faults.Disconnect(at=None))  # no other reference to the fault
            assert close_of(client) == (1001, "")
            for other in clients[nth + 1 :]:
                send(other, r.InputAudioBufferClear())
                receive_until(other, "input_audio_buffer.cleared")


def test_two_faults_at_the_same_event_end_two_connections() -> None:
    with LoopbackServer(faults=["session_expired", "disconnect"]) as server:
        ends = []
        for _ in range(2):
            with connect(server.url) as client:
                with contextlib.suppress(ConnectionClosed):
                    send(client, formats(), *TURN)
                ends.append(close_of(client)[1])
        assert ends == ["Your session hit the maximum duration of 60 minutes.", ""]
        with connect(server.url) as client:
            send(client, formats(), *TURN)
            assert receive_until(client)[-1].type == "response.done"


def test_the_same_fault_can_be_passed_twice() -> None:
    fault = faults.Disconnect(at=None)
    with LoopbackServer(faults=[fault, fault]) as server:
        for _ in range(2):
            with connect(server.url) as client:
                assert close_of(client) == (1001, "")
        with connect(server.url) as client:
            send(client, r.InputAudioBufferClear())
            receive_until(client, "input_audio_buffer.cleared")


@pytest.mark.parametrize("fault", ["other_format", faults.OtherFormat(format="g711_alaw")])
def test_a_fault_of_the_session_options_cannot_be_injected(fault: Any) -> None:
    with (
        LoopbackServer() as server,
        pytest.raises(r.ConfigError, match="OtherFormat applies from the beginning"),
    ):
        server.inject(fault)


def test_a_stalled_connection_stays_open() -> None:
    with LoopbackServer(faults=["stalled_frame"]) as server, connect(server.url) as client:
        send(client, formats(), *TURN)
        for _ in range(2):
            receive_until(client, DELTA)
        with pytest.raises(TimeoutError):
            client.recv(timeout=0.5)
        assert client.ping().wait(20)


def test_faults_in_the_url() -> None:
    with LoopbackServer() as server:
        with connect(f"{server.url}?fault=null_usage&fault=unknown_events") as client:
            send(client, formats(), *TURN)
            events = receive_until(client)
            assert events[-1].response.usage is None
            assert any(isinstance(event, r.UnknownEvent) for event in events)
        with connect(server.url) as client:
            send(client, formats(), *TURN)
            assert receive_until(client)[-1].response.usage is not None


def test_a_forced_format_and_a_refused_commit() -> None:
    with LoopbackServer(faults=["other_format", "commit_refused"]) as server, connect(server.url) as client:
        send(client, formats(ULAW), append(tone(PCM16, 300)), COMMIT, COMMIT, RESPOND)
        events = receive_until(client)
        (refused,) = [event for event in events if event.type == "error"]
        assert refused.error.code == "input_audio_buffer_commit_empty"
        assert audio_of(events) == tone(PCM16, 300)


def test_undecodable_frames_pass_fault_injectors() -> None:
    with LoopbackServer(faults=["commit_refused"]) as server, connect(server.url) as client:
        client.send(b"\0\xff", text=True)
        assert receive_until(client, "error")[-1].error.code == "invalid_json"


def test_an_injected_fault_affects_its_number_of_connections() -> None:
    with LoopbackServer() as server, connect(server.url) as one, connect(server.url) as two:
        for client in (one, two):
            receive_until(client, "session.created")
        server.inject(faults.Disconnect(at="input_audio_buffer.cleared", nth=1))
        ends = []
        for client in (one, two):
            send(client, r.InputAudioBufferClear())
            try:
                ends.append(receive_until(client, "input_audio_buffer.cleared")[-1].type)
            except ConnectionClosed:
                ends.append("closed")
        assert sorted(ends) == ["closed", "input_audio_buffer.cleared"]


def test_a_slow_reader_reads_everything() -> None:
    with LoopbackServer(faults=[faults.SlowReader(seconds=0.001)]) as server, connect(server.url) as client:
        send(client, formats(), *[append(tone(PCM16, 20))] * 50, COMMIT, RESPOND)
        assert len(audio_of(receive_until(client))) == PCM16.chunk_bytes(1000)


def test_a_slow_reader_does_not_delay_the_end_of_the_server(recwarn: pytest.WarningsRecorder) -> None:
    with LoopbackServer(faults=[faults.SlowReader(seconds=60)]) as server, connect(server.url) as client:
        send(client, formats(), append(tone(PCM16, 20)))
        receive_until(client, "session.created")
    assert not [warning for warning in recwarn if "did not end" in str(warning.message)]
    assert "LoopbackServer" not in {thread.name for thread in threading.enumerate()}


def test_a_fault_is_injected_into_open_connections() -> None:
    with LoopbackServer(pace=1, script=[Say("long", PCM16.silence(60_000))]) as server:
        with pytest.raises(r.ConfigError):
            server.inject("gremlin")
        with connect(server.url) as client:
            send(client, formats(), RESPOND)
            receive_until(client, DELTA)
            server.inject("null_usage")
            send(client, r.ResponseCancel())
            assert receive_until(client)[-1].response.usage is None
        with connect(server.url) as client:
            receive_until(client, "session.created")
            server.inject(faults.Disconnect(at=None))
            assert close_of(client) == (1001, "")
        with connect(server.url) as client:  # the fault affects one connection
            receive_until(client, "session.created")
    with pytest.raises(RuntimeError, match="not running"):
        server.inject("null_usage")


@pytest.mark.parametrize(
    ("given", "error"),
    [("null_usage", TypeError), ([7], TypeError), (["gremlin"], r.ConfigError), (faults.CutOff(), TypeError)],
)
def test_invalid_faults(given: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        LoopbackServer(faults=given)


# --- Errors ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [faults.SessionExpired(nth=1), faults.BetaDisabled(), faults.ErrorWithoutEventId(at=None)],
    ids=lambda fault: type(fault).__name__,
)
def test_every_error_has_an_id_of_its_own(fault: faults.OneShotFault) -> None:
    """Source: livekit/agents PR 1122, BerriAI/litellm#13471."""
    events = []
    for _ in range(2):
        error, *_ = fault.occur()
        assert isinstance(error, bytes)
        events.append(DECODE(error))
    assert len({event["event_id"] for event in events}) == 2
    for event in events:
        assert event["error"].keys() == {"type", "code", "message", "param", "event_id"}
        assert event["error"]["event_id"] is None


@pytest.mark.parametrize("name", FAULTS)
def test_every_frame_of_a_fault_has_an_event_id(name: str) -> None:
    """Frames that are cut have none that could be read."""
    sent = [
        made
        for made in inject(faults.get_fault(name), WITHOUT_FAULTS)
        if isinstance(made, bytes) and (made in WITHOUT_FAULTS or made.endswith(b"}"))
    ]
    assert all(DECODE(made)["event_id"] for made in sent)
    assert DECODE(faults._NO_FRAME)["event_id"]


# --- The close is never answered -------------------------------------------------------


def read_on(client: socket.socket) -> bytes:
    """Return what arrives until the connection ends."""
    parts = []
    while part := client.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def test_a_close_that_is_never_answered() -> None:
    with LoopbackServer(faults=["close_unanswered"]) as server, raw(server) as client:
        assert b"session.created" in client.recv(65_536)
        client.sendall(frame_of(0x88, b"\x03\xe8"))
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            read_on(client)
        with connect(server.url) as other:  # nobody else is affected
            assert other.recv(timeout=20)
            other.close_timeout = 0.1
    with LoopbackServer() as server, raw(server) as client:
        client.sendall(frame_of(0x88, b"\x03\xe8"))
        assert read_on(client).endswith(b"\x88\x02\x03\xe8")


def test_the_server_itself_can_close_a_connection_whose_close_it_would_not_answer() -> None:
    both = [faults.CloseUnanswered(), faults.Disconnect(at=None, nth=1)]
    with LoopbackServer(faults=both) as server, connect(server.url) as client:
        with pytest.raises(ConnectionClosed) as closed:
            receive_until(client, "nothing")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001


def test_the_fault_of_the_close_can_be_injected() -> None:
    with LoopbackServer() as server, raw(server) as client:
        server.inject("close_unanswered")
        with connect(server.url, close_timeout=0.1) as other:
            assert other.recv(timeout=20)  # the injection was before
        client.sendall(frame_of(0x88, b"\x03\xe8"))
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            read_on(client)


# --- Semantic VAD that never speaks ----------------------------------------------------

SEMANTIC = r.SemanticVad(eagerness="high")
SPEECH = tone(PCM16, 1000) + bytes(PCM16.chunk_bytes(9000))


def semantic_events(url: str, *events: r.ClientEvent) -> list[r.ServerEvent]:
    """Return the events of a session after `events`, up to the clearing of the buffer."""
    with connect(url) as client:
        for event in (*events, r.InputAudioBufferClear()):
            send(client, event)
        return receive_until(client, "input_audio_buffer.cleared")


def test_semantic_vad_never_speaks() -> None:
    with LoopbackServer(faults=["silent_semantic_vad"]) as server:
        events = semantic_events(server.url, formats(vad=SEMANTIC), append(SPEECH))
        updated = next(event for event in events if isinstance(event, r.SessionUpdated))
        vad = updated.session.audio.input.turn_detection
        assert (vad.type, vad.eagerness, vad.interrupt_response) == ("semantic_vad", "high", True)
        types = [event.type for event in events]
        assert "input_audio_buffer.committed" in types
        assert "response.done" in types
        assert not [kind for kind in types if "speech" in kind]
        # Other turn detections are not affected, also later in the session.
        events = semantic_events(
            server.url, formats(vad=SEMANTIC), formats(vad=r.ServerVad()), append(SPEECH)
        )
        assert "input_audio_buffer.speech_started" in [event.type for event in events]
    with LoopbackServer() as server:
        events = semantic_events(server.url, formats(vad=SEMANTIC), append(SPEECH))
        assert "input_audio_buffer.speech_started" in [event.type for event in events]


# The response that is interrupted is paced slowly enough for the speech to arrive in time on any machine.
@pytest.mark.parametrize(
    ("name", "pace", "status"), [("", 1, "cancelled"), ("?fault=silent_semantic_vad", 10, "completed")]
)
def test_silent_semantic_vad_does_not_interrupt(name: str, pace: float, status: str) -> None:
    with LoopbackServer(pace=pace) as server, connect(server.url + name) as client:
        send(client, formats(vad=SEMANTIC), r.create_text_input("one two three four"), r.ResponseCreate())
        receive_until(client, "response.output_audio.delta")
        send(client, append(SPEECH))
        assert receive_until(client, "response.done")[-1].response.status == status


def test_a_refused_update_does_not_count() -> None:
    bad = formats(vad=SEMANTIC)
    bad.session.audio.output.speed = 9.0
    with LoopbackServer(faults=["silent_semantic_vad"]) as server:
        events = semantic_events(server.url, formats(vad=r.ServerVad()), bad, append(SPEECH))
    types = [event.type for event in events]
    assert "error" in types
    assert "input_audio_buffer.speech_started" in types


@pytest.mark.parametrize(
    "frame",
    [
        b"[]", b"{", b"5", b'{"session":5}', b'{"session":{"audio":{"input":null}}}', b'{"session":{"turn_detection":7}}',
        b'{"session":{"audio":{"input":{"turn_detection":{"type":["semantic_vad"]}}}}}',
    ],
)  # fmt: skip
def test_malformed_updates_reach_the_session_unchanged(frame: bytes) -> None:
    assert faults.SilentSemanticVad().injector().rewrite_received("session.update", frame) == frame


def test_beta_sessions_have_semantic_vad_too() -> None:
    injector = faults.SilentSemanticVad().injector()
    update = b'{"type":"session.update","session":{"turn_detection":{"type":"semantic_vad"}}}'
    rewritten = DECODE(injector.rewrite_received("session.update", update))
    assert rewritten["session"]["turn_detection"] == {"type": "semantic_vad", "interrupt_response": False}
    (sent,) = injector.on_send("session.updated", msgspec.json.encode(rewritten))
    assert isinstance(sent, bytes)
    assert DECODE(sent)["session"]["turn_detection"]["interrupt_response"] is True
    assert injector.on_send("input_audio_buffer.speech_started", b"{}") == ()
