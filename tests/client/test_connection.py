"""Session on each transport: every fault of the loopback server, responses, limits, keys, cancellation."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

import realtime as r
from realtime import client
from realtime.client import (
    ClientError,
    Connected,
    ConnectFailed,
    Interrupted,
    Overflow,
    Reconnecting,
    RequestFailed,
    RequestRefused,
    ResponseOutcome,
    Resumed,
    RetryPolicy,
    Session,
    SessionClosed,
    SessionLost,
    SessionRefused,
    SettingsDiffer,
    ToolCalled,
    Undecodable,
)
from realtime.client.connection import METRICS
from realtime.recording import Recorder, read_log
from realtime.state import Toolbox
from realtime.testing import FAULTS, Call, LoopbackServer, Say, Turn, faults as f
from tests.client.running import FAST, asynchronous, connect, handshakes, open_session
from tests.client.world import settings
from tests.testing.helpers import PCM16, ULAW, tone

KEY = "sk-verysecretkey1234567890"


async def until(session: Session, kind: Any, count: int = 1) -> list[Any]:
    """Read events until there were `count` of `kind`, and return all."""
    events: list[Any] = []
    async for event in session:
        events.append(event)
        count -= isinstance(event, kind)
        if not count:
            return events
    raise AssertionError("the session ended")


# --- Faults --------------------------------------------------------------------------


def reply(turn: Turn) -> Any:
    return Say(f"This is the answer to {len(turn.audio)} bytes.", turn.audio, turn.format)


def of(events: list[Any], kind: Any) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def codes(events: list[Any]) -> list[Any]:
    return [event.error.code for event in of(events, r.Error)]


# Signs in the events of a call that a fault occurred and was survived, and the number of connections.
SURVIVED: dict[str, tuple[int, Callable[[list[Any]], bool]]] = {
    "session_expired": (2, lambda events: "session_expired" in codes(events)),
    "disconnect": (2, lambda events: "1001" in of(events, Reconnecting)[0].reason),
    "cut_off": (2, lambda events: bool(of(events, Reconnecting))),
    "stalled_frame": (2, lambda events: "did not finish its response" in of(events, Reconnecting)[0].reason),
    "truncated_frame": (1, lambda events: len(of(events, Undecodable)) == 1),
    "error_without_event_id": (1, lambda events: codes(events) == [None] and not of(events, RequestFailed)),
    "big_frame": (1, lambda events: True),
    "unknown_events": (1, lambda events: bool(of(events, r.UnknownEvent))),
    "unknown_fields": (1, lambda events: True),
    "null_usage": (1, lambda events: all(each.response.usage is None for each in of(events, r.ResponseDone))),
    "late_transcripts": (1, lambda events: True),
    "missing_transcripts": (1, lambda events: True),
    "odd_deltas": (1, lambda events: any(len(each.delta) % 2 for each in of(events, r.ResponseOutputAudioDelta))),
    "other_format": (1, lambda events: bool(of(events, SettingsDiffer))),
    "commit_refused": (1, lambda events: not codes(events)),
    "slow_reader": (1, lambda events: True),
    "close_unanswered": (1, lambda events: True),
    "silent_semantic_vad": (1, lambda events: True),
}  # fmt: skip
REFUSED = {"beta_disabled"}


def test_every_fault_has_its_outcome() -> None:
    of_live = {name for name in FAULTS if name.startswith("live_")}  # this client has no Live session
    assert SURVIVED.keys() | REFUSED == FAULTS.keys() - of_live


@pytest.mark.parametrize("name", SURVIVED)
@asynchronous
async def test_a_fault_is_survived(name: str) -> None:
    """Two turns are answered, each once and in order, whatever fails."""
    connections, is_sign = SURVIVED[name]
    is_manual = name == "commit_refused"
    format = "pcm16" if name == "odd_deltas" else "g711_ulaw"
    transcription = r.Transcription(model="whisper-1")
    options: dict[str, Any] = {"turn_detection": None} if is_manual else {}
    config = r.create_session_config(format=cast("Any", format), transcription=transcription, **options)
    events: list[Any] = []
    async with open_session(reply, [name], session=config, patience_s=1.0) as session:
        turns = [tone(ULAW, 400), tone(ULAW, 600)]
        for number, turn in enumerate(turns, start=1):
            await session.append(turn, "g711_ulaw")
            if is_manual:
                await session.commit()
                session.respond()
            else:
                await session.append(ULAW.silence(700), "g711_ulaw")
            while len(of(events, ResponseOutcome)) < number:
                events.append(await anext(session))
            assert len(answers(session)) == number
        ready = len(of(events, Connected))
        assert [role for role, _ in session.conversation.transcript() if role == "assistant"] == [
            "assistant"
        ] * 2
        assert session.usage.unreported == (4 if name == "null_usage" else session.usage.unreported)
    assert ready == connections
    assert len(of(events, Resumed)) == connections - 1
    assert is_sign(events)


def answers(session: Session) -> list[str]:
    """Return the answers that are whole."""
    return [
        text for role, text in session.conversation.transcript()
        if role == "assistant" and text.endswith("bytes.")
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
@asynchronous
async def test_a_refusal_is_one_clear_error(name: str) -> None:
    with pytest.raises(SessionRefused, match="beta_api_shape_disabled") as caught:
        async with open_session(faults=[name]):
            pass
    assert not caught.value.is_retryable


@asynchronous
async def test_many_faults_at_once() -> None:
    names = ["unknown_events", "unknown_fields", "null_usage", "session_expired", "cut_off", "big_frame"]
    async with open_session(reply, names) as session:
        await session.append(tone(ULAW, 400) + ULAW.silence(700))
        while not answers(session):
            await anext(session)


@asynchronous
async def test_a_server_that_always_disconnects_is_given_up() -> None:
    faults = [f.Disconnect(at="session.updated", nth=1, times=None)]
    with pytest.raises(SessionLost, match="no attempts are left"):
        async with open_session(faults=faults, retry=RetryPolicy(max_attempts=2, first_s=0.01)):
            pass


@asynchronous
async def test_without_reconnect_the_iteration_raises() -> None:
    async with open_session(reply, ["disconnect"], reconnect=False) as session:
        await session.append(tone(ULAW, 400) + ULAW.silence(700))
        with pytest.raises(SessionLost) as caught:
            async for _ in session:
                pass
    assert caught.value.code == 1001
    assert caught.value.is_retryable


@asynchronous
async def test_one_task_iterates() -> None:
    async with open_session() as session:
        await until(session, Connected)
        first = asyncio.ensure_future(anext(session))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another task iterates"):
            await anext(session)
        first.cancel()
        await asyncio.wait([first])
        session.respond()
        assert (await anext(session)).type == "response.created"  # the place is free again


# --- Responses -----------------------------------------------------------------------


@asynchronous
async def test_a_response_may_be_awaited_and_iterated() -> None:
    async with open_session([Say("One two."), Say("Three.")]) as session:
        handle = session.respond(instructions="Count.")
        assert handle.status == "in_progress"
        outcome = await handle
        assert (outcome.text, handle.text, handle.status) == ("One two.", "One two.", "completed")
        assert len(handle.audio) == ULAW.chunk_bytes(600)
        second = session.respond(r.ResponseParams(metadata={"a": "b"}))
        kinds = [event.type async for event in second]
        assert kinds[0] == "response.created"
        assert kinds[-1] == "response.done"
        assert second.text == "Three."
        assert "Three" not in repr(second)


@asynchronous
async def test_responses_outside_of_the_conversation() -> None:
    async with open_session([Say("Side."), Say("Main.")]) as session:
        outside = session.respond(r.ResponseParams(conversation="none", output_modalities=["text"]))
        assert (await outside).text == "Side."
        assert (await session.respond()).text == "Main."
        assert [text for _, text in session.conversation.transcript()][-1] == "Main."


@asynchronous
async def test_a_response_that_is_refused() -> None:
    async with open_session() as session:
        with pytest.raises(RequestRefused) as caught:
            await session.respond(r.ResponseParams(output_modalities=["smell"]))
        assert caught.value.request_type == "response.create"
        assert caught.value.param == "response.output_modalities"
        assert caught.value.code
        assert not caught.value.is_retryable
        assert (await session.respond()).status == "completed"


@asynchronous
async def test_a_response_goes_on_in_the_next_connection() -> None:
    faults = [f.Disconnect(nth=2)]
    async with open_session(lambda turn: Say("one two three four five"), faults) as session:
        handle = session.respond()
        assert (await handle).text == "one two three four five"
        assert session.conversation.transcript()[-1] == ("assistant", "one two three four five")


@asynchronous
async def test_a_response_may_be_cancelled() -> None:
    async with open_session([Say("word " * 50), Say("Next.")], pace=1) as session:
        handle = session.respond()
        held = session.respond()
        await asyncio.sleep(0.2)
        await held.cancel()
        assert (await held).status == "cancelled"
        await handle.cancel()
        assert (await handle).status == "cancelled"
        assert (await session.respond()).text == "Next."


@asynchronous
async def test_to_stop_waiting_for_a_response_leaves_nothing_behind() -> None:
    async with open_session([Say("word " * 20), Say("Next.")], pace=20) as session:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.respond(), 0.05)
        assert (await session.respond()).text == "Next."
        assert session._handles == {}


@asynchronous
async def test_a_response_ends_with_the_session() -> None:
    async with open_session([Say("word " * 50)], pace=1) as session:
        handle = session.respond()
        await asyncio.sleep(0.1)
        await session.close()
        with pytest.raises(SessionClosed):
            await handle
        with pytest.raises(SessionClosed):
            async for _ in handle:
                pass
        with pytest.raises(SessionClosed):
            session.respond()


# --- Audio ---------------------------------------------------------------------------


@asynchronous
async def test_audio_in_any_format_is_heard() -> None:
    async with open_session(reply) as session:
        await session.append(tone(PCM16, 400), "pcm16")
        await session.append(ULAW.silence(700))
        events = await until(session, ResponseOutcome)
        assert of(events, Interrupted)
        assert of(events, ResponseOutcome)[0].status == "completed"


@asynchronous
async def test_paced_audio_takes_its_time() -> None:
    async with open_session() as session:
        begin = time.monotonic()
        await session.append(ULAW.silence(500), pace=True)
        await session.append(ULAW.silence(100), pace=True)
        assert time.monotonic() - begin >= 0.45


@asynchronous
async def test_a_commit_gives_the_item_or_raises() -> None:
    async with open_session(session=settings(turn_detection=None)) as session:
        with pytest.raises(RequestRefused, match="buffer too small"):
            await session.commit()
        await session.append(tone(ULAW, 200))
        item_id = await session.commit()
        assert session.conversation.get(item_id) is not None


@asynchronous
async def test_append_waits_for_a_slow_server_and_is_safe_to_cancel() -> None:
    """What was taken before the cancellation is a whole number of samples, and arrives once."""
    config = r.create_session_config(format="pcm16", turn_detection=None)
    # The buffers of the sockets take a few MB.
    audio = bytes(range(256)) * 100_000
    async with open_session(faults=[f.SlowReader(seconds=0.01)], session=config) as session:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(session.append(audio), 0.5)
        assert session._unsent <= 400_000
        await session.append(b"\x01\x02" * 100)
        assert session.protocol._uplink.end % 2 == 0
        taken = session.protocol._uplink.slice(0, session.protocol._uplink.end)
        assert taken[-200:] == b"\x01\x02" * 100
        assert audio.startswith(taken[:-200])
        assert len(taken) < len(audio)


@asynchronous
async def test_interrupt_gives_what_must_not_be_played() -> None:
    async with open_session([Say("word " * 50)], pace=10, reports_playback=True) as session:
        handle = session.respond()
        await until(session, r.ResponseOutputAudioDelta, 5)
        session.played(ms=100)
        interruption = await session.interrupt()
        assert interruption.discarded_ms > 0
        assert interruption.truncate is not None
        assert (await handle).is_interrupted


# --- Settings, events ----------------------------------------------------------------


@asynchronous
async def test_an_update_gives_what_was_reported_or_raises() -> None:
    async with open_session() as session:
        result = await session.update(r.RealtimeSession(instructions="Hey"))
        assert result.session.instructions == "Hey"
        assert result.differences == ()
        with pytest.raises(RequestRefused) as caught:
            await session.update(r.RealtimeSession(max_output_tokens=-7))
        assert caught.value.request_type == "session.update"


@asynchronous
async def test_an_update_that_loses_its_connection_is_answered_by_the_next() -> None:
    faults = [f.Disconnect(at="session.updated", nth=2)]
    async with open_session(faults=faults) as session:
        result = await session.update(r.RealtimeSession(instructions="Hey"))
        assert result.session.instructions == "Hey"


@asynchronous
async def test_events_that_nobody_reads_are_bounded() -> None:
    async with open_session([Say("word " * 100)], max_queue=10) as session:
        await session.respond()
        await session.close()
        events = [event async for event in session]
        assert len(events) <= 21
        assert isinstance(events[-1], Overflow)
        assert events[-1].events > 50


@asynchronous
async def test_the_iteration_ends_with_the_session() -> None:
    async with open_session() as session:
        assert session.is_ready
        asyncio.get_running_loop().call_later(0.05, asyncio.ensure_future, session.close())
        assert [event.type async for event in session if hasattr(event, "type")] == [
            "session.created", "session.updated",
        ]  # fmt: skip
        assert not session.is_ready
        for use in (session.append(b"ab"), session.send(r.ResponseCreate()), session.commit()):
            with pytest.raises(SessionClosed):
                await use


@asynchronous
async def test_a_session_is_used_once() -> None:
    async with open_session() as session:
        with pytest.raises(RuntimeError, match="once"):
            await session.__aenter__()


@asynchronous
async def test_a_transcription_session() -> None:
    config = r.TranscriptionSession(
        audio=r.AudioConfig(
            input=r.AudioInput(
                format=r.wire_format("g711_ulaw"), transcription=r.Transcription(model="whisper-1")
            )
        )
    )
    async with LoopbackServer() as server:
        url = f"{server.url}?intent=transcription"
        async with connect("", url=url, session=config, proxy=None) as session:
            await session.append(tone(ULAW, 400) + ULAW.silence(700))
            events = await until(session, r.ConversationItemInputAudioTranscriptionCompleted)
            assert not of(events, Reconnecting)


@asynchronous
async def test_beta_servers_get_beta_events() -> None:
    async with LoopbackServer(script=[Say("Hi."), Call("f", {}, call_id="c"), Say("Bye.")]) as server:
        options: dict[str, Any] = {"headers": {"OpenAI-Beta": "realtime=v1"}, "proxy": None}
        config = r.create_session_config(format="pcm16")
        async with connect(url=server.url, provider="azure_voice_live", session=config, **options) as session:
            assert (await session.respond()).text == "Hi."
            await session.respond()
            await session.answer(session.protocol.open_calls[0], {"a": 1})
            events = await until(session, ResponseOutcome, 3)
            assert of(events, ResponseOutcome)[-1].text == "Bye."
            assert not of(events, r.Error)


# --- Tools ---------------------------------------------------------------------------


@asynchronous
async def test_tools_are_run_and_their_outputs_answered() -> None:
    async def weather(city: str) -> str:
        await asyncio.sleep(0.01)
        return f"sunny in {city}"

    def script(turn: Turn) -> Any:
        return (
            Say(turn.text) if turn.text else [Call("weather", {"city": "A"}), Call("weather", {"city": "B"})]
        )

    async with open_session(script, tools=Toolbox(weather)) as session:
        await session.respond()
        events = await until(session, ResponseOutcome, 2)
        assert len(of(events, ToolCalled)) == 2
        assert of(events, ResponseOutcome)[-1].text in ("sunny in A", "sunny in B")
        assert not of(events, r.Error)


@asynchronous
async def test_tools_end_with_the_session() -> None:
    cancelled = asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with open_session([Call("slow", {})], tools=Toolbox(slow)) as session:
        await session.respond()
        await asyncio.sleep(0.05)
        begin = time.monotonic()
    assert cancelled.is_set()
    assert time.monotonic() - begin < 20


# --- Keys, addresses, handshakes -----------------------------------------------------


@pytest.mark.parametrize("kind", ["str", "function", "coroutine"])
@asynchronous
async def test_the_key_is_sent_and_never_shown(
    kind: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        seen.append(request)
        if len(seen) == 1:
            return None
        return connection.respond(401, f"Incorrect API key provided: {request.headers['Authorization']}")

    async def coroutine() -> str:
        return KEY

    key: Any = {"str": KEY, "function": lambda: KEY, "coroutine": coroutine}[kind]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-otherkey1234567890")
    with caplog.at_level(logging.DEBUG):
        async with handshakes(answer) as url:
            async with connect("m", url=url, api_key=key, proxy=None, headers={"X-Trace": "1"}) as session:
                assert KEY not in repr(session) + repr(session.__dict__)
            assert seen[0].headers["Authorization"] == f"Bearer {KEY}"
            assert seen[0].headers["X-Trace"] == "1"
            assert seen[0].path == "/v1/realtime?model=m"
            with pytest.raises(ConnectFailed, match="401") as caught:
                async with connect(url=url, api_key=key, proxy=None):
                    pass
    assert (caught.value.status, caught.value.is_retryable) == (401, False)
    ours = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("realtime"))
    assert "Incorrect API key" in ours
    assert KEY not in str(caught.value) + repr(caught.value) + ours
    assert caught.value.__cause__ is None


@asynchronous
async def test_the_environments_key_is_not_sent_to_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    seen: list[Request] = []
    async with handshakes(lambda connection, request: seen.append(request)) as url:
        async with connect(url=url, proxy=None):
            pass
        async with connect(host=url.partition("/v1")[0], proxy=None):
            pass
    assert "Authorization" not in seen[0].headers
    assert seen[1].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("key", "header", "value"),
    [("secret-key-1", "api-key", "secret-key-1"), ("Bearer token-1", "Authorization", "Bearer token-1")],
)
@asynchronous
async def test_keys_and_tokens_of_azure(key: str, header: str, value: str) -> None:
    seen: list[Request] = []
    async with handshakes(lambda connection, request: seen.append(request)) as url:
        host = url.partition("/v1")[0]
        async with connect("m", provider="azure", host=host, api_key=lambda: key, proxy=None):
            pass
    assert seen[0].headers[header] == value
    (other,) = {"api-key", "Authorization"} - {header}
    assert other not in seen[0].headers


def test_a_missing_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(r.ConfigError, match="OPENAI_API_KEY"):
        client.connect()


@asynchronous
async def test_a_call_is_joined_by_its_id() -> None:
    seen: list[str] = []
    async with handshakes(lambda connection, request: seen.append(request.path)) as url:
        async with connect(url=url, call_id="rtc_1", proxy=None):
            pass
        async with connect(host=url.partition("/v1")[0], api_key=KEY, call_id="rtc_1", proxy=None):
            pass
    assert seen == ["/v1/realtime?call_id=rtc_1"] * 2


@asynchronous
async def test_a_server_that_is_busy_is_waited_for() -> None:
    count = 0

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        nonlocal count
        count += 1
        if count > 1:
            return None
        response = connection.respond(429, "slow down")
        response.headers["Retry-After"] = "0.2"
        return response

    async with handshakes(answer) as url:
        begin = time.monotonic()
        async with connect(url=url, proxy=None, retry=FAST) as session:
            assert time.monotonic() - begin >= 0.2
            assert of([await anext(session)], Reconnecting)


@asynchronous
async def test_a_key_that_cannot_be_had() -> None:
    def broken() -> str:
        raise RuntimeError(f"cannot refresh {KEY}")

    with pytest.raises(ConnectFailed, match="api_key failed with RuntimeError") as caught:
        async with connect(url="ws://127.0.0.1:9", api_key=broken, proxy=None):
            pass
    assert caught.value.is_retryable
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "is_retryable"), [("ws://127.0.0.1:1/", True), ("http://127.0.0.1:1/", False)]
)
@asynchronous
async def test_an_address_that_cannot_be_reached(url: str, is_retryable: bool) -> None:
    with pytest.raises(ConnectFailed) as caught:
        async with connect(url=url, api_key=KEY, proxy=None, open_timeout=20):
            pass
    assert caught.value.is_retryable is is_retryable
    assert isinstance(caught.value, ClientError)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ws://user:S3CRET@127.0.0.1:1/v1?api-key=S3CRET#S3CRET", "ws://127.0.0.1:1/v1"),
        ("user:S3CRET@nonsense?api-key=S3CRET", "nonsense"),
        ("ws://user:S3CRET@127.0.0.1:x/?api-key=S3CRET", "ws://127.0.0.1:x/"),
        ("ws://user:S3CRET@[::1?api-key=S3CRET", "ws://[::1"),
    ],
)
@asynchronous
async def test_errors_contain_no_credentials_of_the_address(url: str, shown: str) -> None:
    with pytest.raises(
        (ConnectFailed, r.ConfigError), match=re.escape(f"cannot connect to {shown}: ")
    ) as caught:
        async with connect(url=url, proxy=None, open_timeout=20):
            pass
    assert "S3CRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        (
            '{"error":{"code":"invalid_api_key","message":"Incorrect key"}}',
            "HTTP 401: invalid_api_key: Incorrect key",
        ),
        ('{"error":{"code":"401"}}', "HTTP 401: 401"),
        ('{"error":7}', "HTTP 401"),
        ("[" * 5000, "HTTP 401"),
        ("<html>", "HTTP 401"),
        ("", "HTTP 401"),
        ("No such door.\nTry another.", "HTTP 401: No such door."),
    ],
)
@asynchronous
async def test_the_reason_of_a_refused_handshake_is_in_the_error(body: str, ending: str) -> None:
    async with handshakes(lambda connection, request: connection.respond(401, body)) as url:
        with pytest.raises(ConnectFailed) as caught:
            async with connect(url=url, proxy=None):
                pass
    assert str(caught.value).endswith(ending)


@asynchronous
async def test_positions_of_the_next_connection_have_an_origin() -> None:
    """The server's positions of the second turn count from the end of the first one."""
    faults = [f.Disconnect(at="response.done", nth=1)]
    async with open_session(reply, faults) as session:
        await session.append(tone(ULAW, 400) + ULAW.silence(700))
        events = await until(session, Resumed)
        (end_ms,) = [event.audio_end_ms for event in of(events, r.InputAudioBufferSpeechStopped)]
    resumed = of(events, Resumed)[0]
    assert (resumed.origin_ms, resumed.resent_ms) == (end_ms, 1100 - end_ms)


@asynchronous
async def test_a_handshake_that_takes_too_long() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectFailed):
            async with connect(url=f"ws://127.0.0.1:{port}/", proxy=None, open_timeout=0.1):
                pass


@asynchronous
async def test_opening_is_safe_to_cancel() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        opening = asyncio.ensure_future(connect(url=f"ws://127.0.0.1:{port}/", proxy=None).__aenter__())
        await asyncio.sleep(0.1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    assert len(asyncio.all_tasks()) == 1  # this test


@asynchronous
async def test_every_frame_is_recorded_and_a_closed_recorder_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "call.jsonl"
    recorder = Recorder(path)
    async with open_session([Say("Hi."), Say("Bye.")], recorder=recorder) as session:
        await session.respond()
        recorder.close()
        assert (await session.respond()).text == "Bye."
    frames = [*read_log(path)]
    assert {frame.direction for frame in frames} == {"client", "server"}
    kinds = [r.peek_type(frame.frame) for frame in frames]
    assert kinds[:2] in (["session.update", "session.created"], ["session.created", "session.update"])
    assert kinds[-1] == "response.done"
    assert "could not be recorded" in caplog.text


@asynchronous
async def test_metrics() -> None:
    found: dict[str, list[float]] = {}

    def metrics(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)
        raise RuntimeError("a hook may fail")

    async with open_session(reply, ["disconnect"], metrics=metrics) as session:
        await session.append(tone(ULAW, 400) + ULAW.silence(700))
        await until(session, ResponseOutcome)
    assert found.keys() == METRICS.keys()
    assert found["reconnect"] == [1.0]
    assert all(0 <= value < 20 for values in found.values() for value in values)


@asynchronous
async def test_frames_are_text() -> None:
    kinds: set[type] = set()

    async def handle(connection: ServerConnection) -> None:
        await connection.send('{"type":"session.created","event_id":"e","session":{"type":"realtime"}}')
        async for message in connection:
            kinds.add(type(message))

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(url=f"ws://127.0.0.1:{port}/", proxy=None) as session:
            await session.append(bytes(960))
            await session.send(r.InputAudioBufferClear())
            await asyncio.sleep(0.1)
    assert kinds == {str}


@asynchronous
async def test_differences_are_in_every_result_and_reported_once() -> None:
    async with open_session(faults=["other_format"]) as session:
        for instructions in "ab":
            result = await session.update(r.RealtimeSession(instructions=instructions))
            assert [each.path for each in result.differences] == [
                "audio.input.format", "audio.output.format",
            ]  # fmt: skip
        await session.close()
        assert len(of([event async for event in session], SettingsDiffer)) == 1


@asynchronous
async def test_what_was_sent_goes_out_before_the_session_is_closed() -> None:
    received: list[Any] = []

    async def handle(connection: ServerConnection) -> None:
        await connection.send('{"type":"session.created","event_id":"e","session":{"type":"realtime"}}')
        received.extend([r.decode_client(message) async for message in connection])

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with connect(url=f"ws://127.0.0.1:{port}/", proxy=None) as session:
            for number in range(100):
                await session.send(r.create_text_input(str(number)))
    assert [event.item.content[0].text for event in received] == [str(number) for number in range(100)]


@contextlib.asynccontextmanager
async def deaf_server() -> AsyncGenerator[str]:
    """Run a server that accepts a session and then reads nothing."""
    over = asyncio.Event()

    async def handle(connection: ServerConnection) -> None:
        await connection.send('{"type":"session.created","event_id":"e","session":{"type":"realtime"}}')
        connection.transport.pause_reading()
        await over.wait()
        connection.transport.abort()

    async with serve(handle, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        over.set()


@asynchronous
async def test_a_server_that_reads_nothing_does_not_hold_the_end_up() -> None:
    """The end takes no longer than what is sent may take, and the closing handshake."""
    async with deaf_server() as url:
        async with connect(url=url, proxy=None, close_timeout=0.3) as session:
            appending = asyncio.ensure_future(session.append(bytes(50_000_000)))
            await asyncio.sleep(0.3)
            begin = time.monotonic()
        assert time.monotonic() - begin < 20
        with pytest.raises(SessionClosed):
            await appending


@asynchronous
async def test_a_session_ends_with_the_task_that_is_cancelled() -> None:
    async with deaf_server() as url:
        session = connect(url=url, proxy=None, close_timeout=0.3)

        async def use() -> None:
            async with session:
                await session.append(bytes(50_000_000))

        using = asyncio.ensure_future(use())
        await asyncio.sleep(0.5)
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using
        with pytest.raises(SessionClosed):
            session.respond()
