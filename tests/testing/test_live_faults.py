"""The faults of Live sessions: the effect of each on the frames of a session, and on a client of a server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from realtime import AudioFormat, live
from realtime.testing import Fault, LoopbackServer, Script, ServerProtocol, Transcribe, faults
from realtime.testing.injection import Action, EndSession
from tests.testing.helpers import connect, tone

ULAW = AudioFormat.G711_ULAW
FORMAT = live.LivePcmuFormat(rate=8000)
START = live.SessionStart(
    session=live.LiveSession(model="gpt-live-1", audio=live.LiveAudio(format=FORMAT), store=True)
)
TURN = live.SessionInputAudioAppend(audio=tone(ULAW, 600) + ULAW.silence(2400))
CLOSE = live.SessionClose()
SCRIPT: Script = [[Transcribe("one two"), "three four five six"]]


def frames() -> list[bytes]:
    """Return the frames of a call without faults."""
    session = ServerProtocol(dialect="live", script=SCRIPT)
    return [session.encode(event) for sent in (START, TURN, CLOSE) for event in session.feed(sent)]


WITHOUT_FAULTS = frames()


def inject(fault: Fault) -> list[Action]:
    """Return the actions of a fault in place of the frames of the call."""
    injector = fault.injector()
    return [
        action for frame in WITHOUT_FAULTS for action in injector.on_send(json.loads(frame)["type"], frame)
    ]


def events(actions: list[Action]) -> list[Any]:
    return [live.decode_server(action) for action in actions if isinstance(action, bytes)]


def is_audible(event: Any) -> bool:
    return isinstance(event, live.SessionOutputAudioDelta) and event.delta.strip(b"\xff") != b""


def test_an_error_without_a_code() -> None:
    actions = inject(faults.LiveNullCode())
    (added,) = [action for action in actions if action not in WITHOUT_FAULTS]
    assert isinstance(added, bytes)
    detail = json.loads(added)["error"]
    assert (detail["type"], detail["code"], "client_event_id" in detail) == ("server_error", None, False)
    assert [action for action in actions if action in WITHOUT_FAULTS] == WITHOUT_FAULTS


def test_moderation_stops_the_speech() -> None:
    before, after = events([*WITHOUT_FAULTS]), events(inject(faults.LiveModeration()))
    assert sum(map(is_audible, before)) == 12
    assert sum(map(is_audible, after)) == 2
    assert [event.type for event in after].count("error") == 1
    deltas = [event.delta for event in after if isinstance(event, live.SessionOutputAudioDelta)]
    assert {len(delta) for delta in deltas} == {800}
    said = [event.delta for event in after if isinstance(event, live.SessionOutputTranscriptDelta)]
    assert said == ["three", " four"]  # the words of a frame precede its audio


def test_speech_after_moderation_is_sent() -> None:
    started, *rest = WITHOUT_FAULTS
    injector = faults.LiveModeration().injector()
    call = [started, *rest[:-1], *rest]
    actions = [a for frame in call for a in injector.on_send(json.loads(frame)["type"], frame)]
    assert sum(map(is_audible, events(actions))) == 2 + 12


def test_moderation_may_end_the_session() -> None:
    assert [a for a in inject(faults.LiveModeration(is_final=True)) if not isinstance(a, bytes)] == [
        EndSession("content")
    ]


@pytest.mark.parametrize("count", [0, 1, 10, 1000])
def test_late_transcripts(count: int) -> None:
    late = inject(faults.LiveLateTranscripts(count=count))
    assert sorted(map(bytes, late)) == sorted(WITHOUT_FAULTS)  # type: ignore[arg-type]
    assert events(late)[-1].type == "session.closed"

    def deltas_before(events: list[Any]) -> Iterator[int]:
        deltas = 0
        for event in events:
            deltas += event.type == "session.output_audio.delta"
            if "transcript" in event.type:
                yield deltas

    before, after = [*deltas_before(events([*WITHOUT_FAULTS]))], [*deltas_before(events(late))]
    total = sum(event.type == "session.output_audio.delta" for event in events(late))
    assert after == [min(at + count, total) for at in before]


# --- On a server ---------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def call(fault: Fault, pace: float | None = None) -> tuple[list[Any], int | None]:
    """Make a call on a server with `fault`. Returns its events, and the server's close code."""
    with (
        LoopbackServer(faults=[fault], script=SCRIPT, pace=pace) as server,
        connect(server.live_url) as client,
    ):
        with contextlib.suppress(ConnectionClosed):  # what was received before is read below
            for event in (START, TURN, CLOSE):
                client.send(live.encode(event), text=True)
        received = []
        try:
            while True:
                received.append(live.decode_server(client.recv(timeout=20)))
        except ConnectionClosed as closed:
            return received, closed.rcvd.code if closed.rcvd else None


@pytest.mark.parametrize("pace", [None, 50])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [(faults.LiveExpired(), "expired"), (faults.LiveModeration(is_final=True), "content")],
    ids=["expired", "content"],
)
def test_the_server_ends_the_session(fault: Fault, reason: str, pace: float | None) -> None:
    received, code = call(fault, pace)
    (closed,) = [event for event in received if isinstance(event, live.SessionClosed)]
    # The whole input may have been processed before the fault occurred.
    assert closed.reason in (reason, "close_requested")
    assert received[-1] is closed
    assert closed.session is not None
    assert code == 1000


@pytest.mark.parametrize("is_at_once", [False, True])
def test_the_server_ends_the_session_while_the_client_waits(is_at_once: bool) -> None:
    fault = faults.LiveExpired() if not is_at_once else None
    with LoopbackServer(faults=[fault] if fault else []) as server, connect(server.live_url) as client:
        client.send(live.encode(START), text=True)
        assert live.decode_server(client.recv(timeout=20)).type == "session.started"
        if is_at_once:
            server.inject(faults.LiveExpired(at=None))
        else:
            client.send(live.encode_append(ULAW.silence(300)), text=True)
        last = [live.decode_server(frame) for frame in client][-1]
        assert isinstance(last, live.SessionClosed)
        assert last.reason == "expired"
        assert client.close_code == 1000


def test_the_end_is_not_confirmed() -> None:
    received, code = call(faults.LiveUnconfirmed())
    assert "session.closed" not in [event.type for event in received]
    assert code == 1000


def test_no_credit() -> None:
    (error,), code = call(faults.LiveNoCredit())
    assert (error.error.code, error.error.type) == ("credit_balance_exhausted", "insufficient_quota")
    assert code is None


def test_other_sessions_do_not_end() -> None:
    for session in (ServerProtocol(), ServerProtocol(dialect="translation")):
        session.open()
        assert session.end_live_session("expired") == []
        assert not session.is_closed
    waiting = ServerProtocol(dialect="live")
    assert waiting.end_live_session("expired") == []
