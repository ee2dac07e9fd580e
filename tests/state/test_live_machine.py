"""Delegations and LiveCall against the strict server, with frames of both sides on their way at the same time."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from realtime import live
from realtime.live import Delegations, LiveCall, LiveState, LiveTranscript
from realtime.testing import Call, Delegate, Fail, ServerProtocol

TURN = b"\x80\x00" * 1600 + b"\xff" * 4800
PCMU = live.LiveAudio(format=live.LivePcmuFormat(rate=8000))
REPLIES = st.sampled_from(
    [["Fine."], [Call("one", {"a": 1})], [Call("one"), Call("two")], [Delegate("Done.")], [Fail()]]
)


class Live(RuleBasedStateMachine):
    """A session in one mode of delegation. Frames are delivered when Hypothesis chooses."""

    delegation: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.replies: deque[Any] = deque()
        self.server = ServerProtocol(dialect="live", script=self.reply)
        self.call, self.work, self.transcript = LiveCall(), Delegations(), LiveTranscript()
        self.to_server: deque[bytes] = deque()
        self.to_client: deque[bytes] = deque()
        self.calls: dict[str, int] = {}
        self.crossed: list[Any] = []
        self.results: dict[str, bool] = {}
        self.quiet: set[Any] = set()  # events that were sent when nothing was on its way
        session = live.LiveSession(model="gpt-live-1", audio=PCMU, delegation=self.delegation)
        self.send(live.SessionStart(session=session, event_id="start"))
        self.settle()
        assert self.call.state is LiveState.OPEN

    def reply(self, turn: Any) -> Any:
        return self.replies.popleft() if self.replies else "Fine."

    # --- The wire ---

    def send(self, event: Any) -> None:
        assert self.call.may_send(event)
        self.call.feed(event)
        self.to_server.append(live.encode(event))

    def send_work(self) -> None:
        is_quiet = not (self.to_server or self.to_client)
        for event in self.work.events_to_send():
            if is_quiet:
                self.quiet.add(event.event_id)
            self.send(event)

    def deliver_to_server(self) -> None:
        events = self.server.feed(self.to_server.popleft())
        while self.server.is_responding:
            events += self.server.advance()
        self.to_client.extend(map(self.server.encode, events))

    def deliver_to_client(self) -> None:
        event = live.decode_server(self.to_client.popleft())
        if isinstance(event, live.Error):
            assert not self.call.is_fatal(event)
            assert self.work.is_crossed(event), event
            assert event.error.client_event_id not in self.quiet, event
            self.crossed.append(event)
        for found in self.work.feed(event):
            assert found.call_id not in self.calls
            self.calls[found.call_id] = 0
        self.transcript.feed(event)
        result = self.call.feed(event)
        if result is not None:
            assert result.command.event_id not in self.results
            self.results[result.command.event_id] = result.is_refused
        self.send_work()

    def settle(self) -> None:
        while self.to_server or self.to_client:
            while self.to_server:
                self.deliver_to_server()
            while self.to_client:
                self.deliver_to_client()

    # --- Rules ---

    @rule(reply=REPLIES)
    def speak(self, reply: Any) -> None:
        self.replies.append(reply)
        self.send(live.SessionInputAudioAppend(audio=TURN))

    @rule(reply=REPLIES)
    def speak_and_hear(self, reply: Any) -> None:
        self.speak(reply)
        self.settle()

    @precondition(lambda self: self.to_server)
    @rule(count=st.sampled_from([100, 1, 2]))
    def carry_to_server(self, count: int) -> None:
        for _ in range(min(count, len(self.to_server))):
            self.deliver_to_server()

    @precondition(lambda self: self.to_client)
    @rule(count=st.sampled_from([1000, 1, 20]))
    def carry_to_client(self, count: int) -> None:
        for _ in range(min(count, len(self.to_client))):
            self.deliver_to_client()

    @precondition(lambda self: self.work.open_calls)
    @rule(index=st.integers(0, 5), size=st.sampled_from([300, 40_000, 12_000, 1]))
    def answer(self, index: int, size: int) -> None:
        calls = self.work.open_calls
        call = calls[index % len(calls)]
        assert self.work.answer(call.output("x" * size))
        self.calls[call.call_id] += 1
        self.send_work()

    @invariant()
    def nothing_is_requested_while_a_call_is_open(self) -> None:
        assert all(count <= 1 for count in self.calls.values())

    def teardown(self) -> None:
        """Answer what is open: then nothing is left that waits, and the server takes a new request at once."""
        self.settle()
        while self.work.open_calls:
            self.answer(0, 300)
            self.settle()
        assert not self.work.is_waiting
        assert all(count == 1 for count in self.calls.values())
        before = len(self.crossed)
        self.finish()
        assert len(self.crossed) == before
        self.send(live.SessionClose(event_id="close"))
        self.settle()
        assert (self.call.state, self.call.is_final, self.call.pending) == (LiveState.CLOSED, True, ())
        assert self.results["start"] is self.results["close"] is False
        segments = self.transcript.segments
        assert [one.start_ms for one in segments] == sorted(one.start_ms for one in segments)

    def finish(self) -> None:
        pass


class ResponsesMode(Live):
    delegation = live.ResponsesDelegation(responses=live.ResponsesConfig(model="gpt-5"))

    @rule(text=st.sampled_from(["Hello", "x" * 3000]))
    def ask(self, text: str) -> None:
        if self.work.free_bytes > len(text) + 500:
            self.work.ask(text)
            self.send_work()

    def finish(self) -> None:
        self.work.ask("The last one.")
        self.send_work()
        self.settle()
        while self.work.open_calls:  # an answer to it may call again
            self.answer(0, 1)
            self.settle()


class ClientMode(Live):
    delegation = live.ClientDelegation()

    @precondition(lambda self: self.calls)
    @rule(index=st.integers(0, 5), is_spoken=st.booleans(), text=st.sampled_from(["Yes.", "word " * 700]))
    def append(self, index: int, is_spoken: bool, text: str) -> None:
        self.work.append([*self.calls][index % len(self.calls)], text, is_spoken=is_spoken)
        self.send_work()

    def finish(self) -> None:
        for _ in range(60):  # the appends are acknowledged, and all is said
            self.send(live.SessionInputAudioAppend(audio=b"\xff" * 8000))
        self.settle()
        assert self.call.pending == ()


TestResponsesMode = ResponsesMode.TestCase
TestResponsesMode.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
TestClientMode = ClientMode.TestCase
TestClientMode.settings = settings(max_examples=8, stateful_step_count=20, deadline=None)
