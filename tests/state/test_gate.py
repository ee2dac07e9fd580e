"""ResponseGate: what it holds back, sends, repeats and cancels, and a machine against the test server."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest

import realtime as r
from realtime import beta
from realtime.state import FunctionCalls, ResponseGate
from realtime.state.gate import METADATA_KEY
from realtime.testing import Call, Fail, Say, ServerProtocol
from tests.testing.helpers import formats, tone

ULAW = r.AudioFormat.G711_ULAW
ACTIVE, TOO_LATE = "conversation_already_has_active_response", "response_cancel_not_active"


def created(id: str | None = "r1", **more: Any) -> r.ResponseCreated:
    return r.ResponseCreated(response=r.Response(id=id, conversation_id="c", **more))


def done(id: str | None = "r1", *output: Any, status: Any = "completed") -> r.ResponseDone:
    return r.ResponseDone(response=r.Response(id=id, conversation_id="c", status=status, output=[*output]))


def call(call_id: str, status: Any = "completed") -> r.FunctionCallItem:
    return r.FunctionCallItem(id=f"i{call_id}", call_id=call_id, name="f", arguments="{}", status=status)


def item_done(call_id: str, response_id: str = "r1") -> r.ResponseOutputItemDone:
    return r.ResponseOutputItemDone(response_id=response_id, output_index=0, item=call(call_id))


def output(call_id: str) -> r.ConversationItemCreate:
    return r.create_function_output(call_id, "{}")


def error(code: str | None, event_id: Any) -> r.Error:
    return r.Error(
        error=r.ErrorDetail(type="invalid_request_error", message="m", code=code, event_id=event_id)
    )


def session(**detection: Any) -> r.SessionUpdated:
    vad = r.ServerVad(**detection)
    return r.SessionUpdated(
        session=r.RealtimeSessionInfo(audio=r.AudioConfig(input=r.AudioInput(turn_detection=vad)))
    )


STARTED = r.InputAudioBufferSpeechStarted(audio_start_ms=0, item_id="i")
STOPPED = r.InputAudioBufferSpeechStopped(audio_end_ms=100, item_id="i")


def request_of(events: list[Any]) -> r.ResponseCreate:
    (event,) = events
    assert isinstance(event, r.ResponseCreate)
    return event


def cancelled_id(events: list[Any]) -> Any:
    (event,) = events
    assert isinstance(event, r.ResponseCancel)
    return event.response_id


# --- Requests ------------------------------------------------------------------------


def test_a_request_is_sent_at_once_and_the_next_when_its_response_is_done() -> None:
    gate = ResponseGate()
    first = request_of(gate.request(r.ResponseCreate(response=r.ResponseParams(instructions="Say hello."))))
    assert first.event_id
    assert first.response == r.ResponseParams(
        instructions="Say hello.", metadata={METADATA_KEY: first.event_id}
    )
    assert gate.is_responding
    second, third = r.ResponseCreate(), r.ResponseCreate(event_id="mine")
    assert gate.request(second) == gate.request(third) == []
    assert list(gate.pending) == [second, third]
    assert gate.feed(created()) == []
    assert gate.response_id == "r1"
    request_of(gate.feed(done()))
    assert list(gate.pending) == [third]
    assert gate.feed(created("r2")) == []
    assert request_of(gate.feed(done("r2"))).event_id == "mine"
    gate.feed(created("r3"))
    assert gate.feed(done("r3")) == []
    assert not gate.is_responding
    assert gate.response_id is None
    assert not gate.pending


def test_a_response_of_the_server_holds_requests_back() -> None:
    gate = ResponseGate()
    gate.feed(created())
    assert gate.request() == []
    request_of(gate.feed(done(status="cancelled")))


@pytest.mark.parametrize("event_id", ["own", None])
def test_a_refused_request_is_repeated_once_it_is_allowed(event_id: str | None) -> None:
    gate = ResponseGate()
    sent = request_of(gate.request(r.ResponseCreate(event_id="own")))
    gate.feed(created("server's"))
    refusal = error(ACTIVE, event_id)
    assert gate.feed(refusal) == []
    assert gate.is_crossed(refusal) is (event_id is not None)
    assert gate.pending == (sent,)
    assert gate.feed(done("server's")) == [sent]
    gate.feed(created("r2"))
    assert gate.feed(done("r2")) == []


def test_refusals_without_an_event_id_are_matched_by_their_code() -> None:
    gate = ResponseGate()
    sent = request_of(gate.request())
    assert gate.is_crossed(error(ACTIVE, None))
    gate.feed(tagged("r1", sent.event_id))
    gate.interrupt()
    assert gate.is_crossed(error(TOO_LATE, None))
    assert gate.feed(error(TOO_LATE, None)) == []
    assert not gate.is_crossed(error(TOO_LATE, None))
    # The request was accepted: this is about somebody else's.
    assert not gate.is_crossed(error(ACTIVE, None))
    assert gate.feed(error(ACTIVE, None)) == []
    assert gate.pending == ()


def test_a_refusal_before_the_response_that_caused_it_is_known() -> None:
    gate = ResponseGate()
    sent = request_of(gate.request())
    gate.feed(error(ACTIVE, sent.event_id))
    assert gate.is_responding
    assert gate.response_id is None
    assert gate.feed(done("server's")) == [sent]


def test_a_request_that_is_invalid_is_not_repeated() -> None:
    gate = ResponseGate()
    sent = request_of(gate.request())
    gate.request(r.ResponseCreate(event_id="next"))
    refusal = error("invalid_value", sent.event_id)
    assert not gate.is_crossed(refusal)
    assert request_of(gate.feed(refusal)).event_id == "next"


def test_errors_of_others_change_nothing() -> None:
    gate = ResponseGate()
    sent = request_of(gate.request())
    for refusal in (error("invalid_value", "other"), error("invalid_value", None), error(None, None)):
        assert gate.feed(refusal) == []
        assert not gate.is_crossed(refusal)
    assert not gate.is_crossed(r.ResponseCreate())
    assert gate.is_responding
    gate.feed(created())
    gate.feed(done())
    assert gate.feed(error("invalid_value", sent.event_id)) == []
    assert gate.pending == ()


def test_responses_outside_of_the_conversation_are_not_held_back() -> None:
    gate = ResponseGate()
    outside = r.ResponseCreate(response=r.ResponseParams(conversation="none"))
    gate.feed(created("r1"))
    request_of(gate.request(outside))
    gate.feed(r.ResponseCreated(response=r.Response(id="r2")))
    assert gate.response_id == "r1"
    gate.feed(r.ResponseDone(response=r.Response(id="r2")))
    assert gate.response_id == "r1"
    gate.feed(done("r1"))
    assert not gate.is_responding


def test_a_response_whose_beginning_or_end_is_lost() -> None:
    gate = ResponseGate()
    gate.request()
    gate.request()
    request_of(gate.feed(done("r1")))  # without response.created
    gate.feed(created("r2"))
    gate.feed(created("r3"))  # r2's end was lost
    assert gate.response_id == "r3"
    gate.feed(done("r3"))
    assert not gate.is_responding


def test_a_response_without_an_id() -> None:
    gate = ResponseGate()
    gate.request()
    gate.feed(created(None))
    assert gate.is_responding
    assert cancelled_id(gate.interrupt()) is r.UNSET
    gate.feed(done(None))
    assert not gate.is_responding


def tagged(id: str, tag: Any) -> r.ResponseCreated:
    return created(id, metadata={METADATA_KEY: tag})


def test_a_response_of_the_server_is_told_from_the_requested_one_by_its_metadata() -> None:
    gate = ResponseGate()
    first = request_of(gate.request())
    gate.feed(tagged("r1", first.event_id))
    gate.feed(done("r1"))
    second = request_of(gate.request())
    gate.request(r.ResponseCreate(event_id="third"))
    gate.feed(created("server's"))
    assert gate.feed(done("server's")) == []  # the second is still on its way
    gate.feed(tagged("r2", second.event_id))
    assert request_of(gate.feed(done("r2"))).event_id == "third"
    # Its beginning is lost, not its end.
    gate.feed(r.ResponseDone(response=r.Response(id="r3", metadata={METADATA_KEY: "third"})))
    assert not gate.is_responding


def test_metadata_is_kept_and_has_a_limit() -> None:
    gate = ResponseGate(tags=False)
    create = r.ResponseCreate(event_id="e")
    assert gate.request(create) == [create]
    gate = ResponseGate()
    sent: Any = request_of(gate.request(r.ResponseCreate(response=r.ResponseParams(metadata={"a": "b"}))))
    assert sent.response.metadata == {"a": "b", METADATA_KEY: sent.event_id}
    gate.reset()
    gate.withdraw()
    full = {str(key): "" for key in range(16)}
    sent = request_of(gate.request(r.ResponseCreate(response=r.ResponseParams(metadata=full))))
    assert sent.response.metadata == full
    gate = ResponseGate()
    sent = request_of_beta(gate.request(beta.ResponseCreate()))
    assert sent.response.metadata == {METADATA_KEY: sent.event_id}


def request_of_beta(events: list[Any]) -> Any:
    (event,) = events
    assert isinstance(event, beta.ResponseCreate)
    return event


def test_reset_keeps_what_was_not_answered() -> None:
    gate = ResponseGate()
    sent = request_of(gate.request())
    gate.request(r.ResponseCreate(event_id="second"))
    gate.reset()
    assert not gate.is_responding
    assert [create.event_id for create in gate.pending] == [sent.event_id, "second"]
    assert gate.feed(r.SessionCreated(session=r.RealtimeSessionInfo())) == [sent]
    assert gate.withdraw() == (r.ResponseCreate(event_id="second"),)
    assert gate.pending == ()


def test_a_frame_is_not_an_event() -> None:
    with pytest.raises(TypeError, match="decode_server"):
        ResponseGate().feed(b"{}")


# --- Function calls ------------------------------------------------------------------


@pytest.mark.parametrize("is_answered_early", [False, True])
def test_one_request_follows_all_outputs_of_a_response(is_answered_early: bool) -> None:
    gate = ResponseGate()
    gate.feed(created())
    gate.feed(
        r.ResponseOutputItemAdded(response_id="r1", output_index=0, item=call("a", status="in_progress"))
    )
    if is_answered_early:
        assert gate.answer(output("a")) == [output("a")]
    gate.feed(item_done("a"))
    gate.feed(item_done("b"))
    assert gate.feed(done("r1", call("a"), call("b"))) == []
    if not is_answered_early:
        assert gate.answer(output("a")) == [output("a")]
    assert not gate.is_responding
    first, second = gate.answer(output("b"))
    assert first == output("b")
    assert isinstance(second, r.ResponseCreate)
    assert gate.is_responding


def test_the_request_waits_for_the_end_of_the_response() -> None:
    gate = ResponseGate()
    gate.feed(created())
    gate.feed(item_done("a"))
    assert gate.answer(output("a")) == [output("a")]
    request_of(gate.feed(done("r1", call("a"))))


def test_calls_that_were_cut_off_need_no_output() -> None:
    gate = ResponseGate()
    gate.feed(created())
    gate.feed(r.ResponseOutputItemAdded(response_id="r1", output_index=0, item=call("a", "in_progress")))
    gate.feed(item_done("b"))
    gate.answer(output("b"))
    request_of(gate.feed(done("r1", call("a", "incomplete"), call("b"), status="cancelled")))
    gate.feed(created("r2"))
    gate.feed(r.ResponseOutputItemAdded(response_id="r2", output_index=0, item=call("c", "in_progress")))
    assert gate.feed(done("r2", call("c", "incomplete"), status="cancelled")) == []


def test_the_output_of_an_unknown_call_is_followed_by_a_request() -> None:
    _, create = ResponseGate().answer(output("x"))
    assert isinstance(create, r.ResponseCreate)


def test_follow_ups_of_several_responses_are_one() -> None:
    gate = ResponseGate()
    for id, call_id in (("r1", "a"), ("r2", "b")):
        gate.feed(created(id))
        gate.feed(done(id, call(call_id)))
    gate.feed(created("r3"))
    assert gate.answer(output("a")) == [output("a")]
    assert gate.answer(output("b")) == [output("b")]
    assert len(gate.pending) == 1


def test_a_follow_up_waits_until_the_user_has_spoken() -> None:
    gate = ResponseGate()
    gate.feed(created())
    gate.feed(done("r1", call("a")))
    gate.feed(STARTED)
    assert gate.answer(output("a")) == [output("a")]
    request_of(gate.request())  # what the application asks for is sent
    gate.feed(created("r2"))
    gate.feed(STARTED)
    assert gate.feed(done("r2")) == []
    request_of(gate.feed(STOPPED))


@pytest.mark.parametrize("event", [r.ResponseCreate(), r.create_text_input("hello"), None])
def test_only_outputs_are_answers(event: Any) -> None:
    with pytest.raises(TypeError, match="function_call_output"):
        ResponseGate().answer(event)


# --- Interruptions -------------------------------------------------------------------


def test_an_interruption_cancels_once() -> None:
    gate = ResponseGate()
    assert gate.interrupt() == []
    gate.feed(created())
    assert cancelled_id(gate.interrupt()) == "r1"
    assert gate.interrupt() == []
    gate.feed(done(status="cancelled"))
    assert gate.interrupt() == []
    gate.feed(created("r2"))
    assert cancelled_id(gate.interrupt()) == "r2"


def test_a_request_in_flight_is_cancelled_when_it_begins() -> None:
    gate = ResponseGate()
    gate.request()
    assert gate.interrupt() == []
    assert cancelled_id(gate.feed(created())) == "r1"
    gate.feed(done())
    assert gate.feed(created("r2")) == []


def test_a_refused_request_is_not_cancelled() -> None:
    gate = ResponseGate()
    sent = request_of(gate.request())
    gate.interrupt()
    gate.feed(error("invalid_value", sent.event_id))
    assert gate.feed(created("server's")) == []


@pytest.mark.parametrize(
    ("detection", "cancels"),
    [
        (session(), False),
        (session(interrupt_response=True), False),
        (session(interrupt_response=False), True),
        (r.SessionUpdated(session=r.RealtimeSessionInfo()), True),
        (
            beta.SessionUpdated(
                session=beta.RealtimeSessionInfo(
                    turn_detection=beta.TurnDetectionConfig(type="server_vad", interrupt_response=False)
                )
            ),
            True,
        ),
        (None, False),
    ],
)
def test_a_server_that_interrupts_needs_no_cancellation(detection: Any, cancels: bool) -> None:
    gate = ResponseGate()
    if detection is not None:
        gate.feed(detection)
    gate.feed(created())
    gate.feed(STARTED)
    assert bool(gate.interrupt()) is cancels


def test_a_cancellation_that_came_too_late_is_no_error() -> None:
    gate = ResponseGate()
    gate.feed(created())
    (cancel,) = gate.interrupt()
    gate.feed(done())
    refusal = error(TOO_LATE, cancel.event_id)
    assert gate.is_crossed(refusal)
    assert gate.feed(refusal) == []
    assert gate.is_crossed(refusal)
    assert not gate.is_crossed(error(TOO_LATE, "other"))
    request_of(gate.request())


# --- A machine against the test server -----------------------------------------------

LOUD, SILENT = tone(ULAW, 100), ULAW.silence(100)


class Network:
    """A client with a gate and the test server, with events on their way in both directions."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        detection = r.ServerVad(
            silence_duration_ms=200, prefix_padding_ms=0, interrupt_response=self.random.random() < 0.7
        )
        self.server = ServerProtocol(paced=True, script=self.reply)
        self.gate = ResponseGate()
        self.finder = FunctionCalls()
        self.to_server: deque[Any] = deque([formats(ULAW, vad=detection)])
        self.to_client: deque[Any] = deque(self.server.open())
        self.calls: list[str] = []
        self.begun: set[str] = set()  # responses that the client knows
        self.known_when_sent: dict[str, set[str]] = {}
        self.of_server: set[str] = set()  # responses that the server's turn detection began
        # Responses whose requests crossed one of the server's, before the client can tell them apart.
        self.mistaken: set[str] = set()
        self.accepted: dict[str, int] = {}
        self.requested: list[str] = []
        self.is_tagged = False
        self.refused = self.crossed = self.outputs = 0
        self.output_waits = False  # for a response that begins after the last output

    def reply(self, turn: Any) -> Any:
        say = Say("one two three")
        kinds: list[Any] = [
            say,
            Call("f"),
            [Call("f"), Call("g")],
            [say, Call("f")],
            [Call("f"), say],
            Fail(),
        ]
        return self.random.choices(kinds, (6, 2, 2, 2, 2, 1))[0]

    def send(self, events: list[Any]) -> None:
        for event in events:
            if isinstance(event, r.ResponseCreate):
                self.known_when_sent[event.event_id or ""] = set(self.begun)
        self.to_server.extend(events)

    def request(self) -> None:
        event_id = f"request_{len(self.requested)}"
        self.requested.append(event_id)
        self.send(self.gate.request(r.ResponseCreate(event_id=event_id)))

    def interrupt(self) -> None:
        self.send(self.gate.interrupt())

    def speak(self) -> None:
        self.to_server.extend(
            r.InputAudioBufferAppend(audio=LOUD) for _ in range(self.random.randrange(1, 4))
        )

    def pause(self) -> None:
        self.to_server.append(r.InputAudioBufferAppend(audio=SILENT))

    def answer(self) -> None:
        if self.calls:
            call_id = self.calls.pop(self.random.randrange(len(self.calls)))
            self.outputs += 1
            self.send(self.gate.answer(output(call_id)))

    def advance(self) -> None:
        if self.server.is_responding:
            self.to_client.extend(self.server.advance())

    def deliver_to_server(self) -> None:
        if not self.to_server:
            return
        event = self.to_server.popleft()
        answers = self.server.feed(event)
        self.to_client.extend(answers)
        if isinstance(event, r.ConversationItemCreate):
            self.output_waits = True
        for answer in answers:
            if isinstance(answer, r.ResponseCreated):
                self.output_waits = False
                if isinstance(event, r.ResponseCreate):
                    self.accepted[event.event_id or ""] = self.accepted.get(event.event_id or "", 0) + 1
                    if not self.is_tagged and self.of_server - self.known_when_sent[event.event_id or ""]:
                        self.mistaken.add(answer.response.id or "")
                else:
                    self.of_server.add(answer.response.id or "")
            if isinstance(answer, r.Error):
                self.check_refusal(event, answer)

    def check_refusal(self, event: Any, refusal: r.Error) -> None:
        self.refused += 1
        if isinstance(event, r.ResponseCreate):
            assert refusal.error.code == ACTIVE
            blocking = next(id for id in self.of_server | self.mistaken if id in refusal.error.message)
            assert blocking not in self.known_when_sent[event.event_id or ""]
        else:
            assert (type(event), refusal.error.code) == (r.ResponseCancel, TOO_LATE)

    def deliver_to_client(self) -> None:
        if not self.to_client:
            return
        event = r.decode_server(self.server.encode(self.to_client.popleft()))
        if isinstance(event, r.ResponseCreated):
            self.begun.add(event.response.id or "")
            self.is_tagged = self.is_tagged or bool(event.response.metadata)
        if isinstance(event, r.Error):
            assert self.gate.is_crossed(event)
            self.crossed += 1
        self.send(self.gate.feed(event))
        self.calls += [found.call_id for found in self.finder.feed(event)]

    def settle(self) -> None:
        """Let everything arrive, and every response end."""
        for _ in range(10_000):
            self.deliver_to_server()
            self.deliver_to_client()
            self.advance()
            self.answer()
            if not (self.to_server or self.to_client or self.calls or self.server.is_responding):
                if not self.gate.is_responding and not self.gate.pending:
                    return
                self.pause()
        raise AssertionError("the gate holds something back for ever")


def run(seed: int, steps: int) -> Network:
    network = Network(seed)
    actions = [
        network.request, network.interrupt, network.speak, network.pause, network.answer, network.advance,
        network.deliver_to_server, network.deliver_to_client,
    ]  # fmt: skip
    for step in network.random.choices(actions, (2, 1, 1, 4, 3, 12, 12, 12), k=steps):
        step()
    network.settle()
    # Every request was accepted once, and nothing else; the model has seen every output.
    assert {id: network.accepted.get(id) for id in network.requested} == dict.fromkeys(network.requested, 1)
    assert set(network.accepted.values()) <= {1}
    assert network.refused == network.crossed
    assert not network.output_waits
    assert len(network.accepted) <= len(network.requested) + network.outputs
    return network


@pytest.mark.mostly_slow(quick=5)
@pytest.mark.parametrize("seed", range(20))
def test_only_requests_that_cross_a_response_are_refused(seed: int) -> None:
    network = run(seed, 500)
    assert network.requested


@pytest.mark.slow
def test_a_hundred_thousand_steps() -> None:
    networks = [run(1000 + seed, 1_000) for seed in range(100)]
    assert sum(network.refused for network in networks) > 20
    assert sum(network.outputs for network in networks) > 100


# --- Ends of connections, calls that get no output -----------------------------------


def test_outputs_that_were_sent_before_the_end_of_a_connection_lead_to_a_response_in_the_next() -> None:
    gate = ResponseGate()
    gate.feed(created())
    gate.feed(item_done("c1"))
    gate.answer(output("c1"))
    assert gate.pending == ()  # the response goes on
    gate.reset()
    assert len(gate.pending) == 1
    request_of(gate.feed(session()))
    gate.feed(created("r2"))
    assert gate.feed(done("r2")) == []


def test_another_connection_may_use_the_same_response_ids() -> None:
    gate = ResponseGate()
    gate.feed(created())
    gate.feed(item_done("old"))
    gate.reset()
    gate.feed(created())
    gate.feed(item_done("new"))
    gate.feed(done("r1", call("new")))
    assert [type(event) for event in gate.answer(output("new"))] == [
        r.ConversationItemCreate, r.ResponseCreate,
    ]  # fmt: skip
    gate.feed(created("r2"))
    gate.feed(done("r2"))
    assert len(gate.answer(output("old"))) == 2


def test_a_call_that_gets_no_output_is_not_waited_for() -> None:
    gate = ResponseGate()
    gate.feed(created())
    gate.feed(item_done("c1"))
    gate.feed(item_done("c2"))
    gate.feed(done("r1", call("c1"), call("c2")))
    assert len(gate.answer(output("c1"))) == 1
    assert gate.drop_call("other") == []
    request_of(gate.drop_call("c2"))


def test_a_request_that_was_to_be_cancelled_is_not_repeated_in_the_next_connection() -> None:
    gate = ResponseGate()
    gate.request()
    assert gate.interrupt() == []
    gate.reset()
    assert gate.pending == ()


def test_one_request_may_be_withdrawn() -> None:
    gate = ResponseGate()
    gate.feed(created())
    for event_id in ("a", "b"):
        gate.request(r.ResponseCreate(event_id=event_id))
    assert gate.withdraw("x") == ()
    assert [create.event_id for create in gate.withdraw("a")] == ["a"]
    assert [create.event_id for create in gate.pending] == ["b"]
    assert len(gate.withdraw()) == 1
    assert gate.pending == ()


def outside(event_id: str) -> r.ResponseCreate:
    return r.ResponseCreate(event_id=event_id, response=r.ResponseParams(conversation="none"))


def outside_created(id: str, tag: str | None) -> r.ResponseCreated:
    return r.ResponseCreated(response=r.Response(id=id, metadata=tag and {METADATA_KEY: tag}))


def outside_done(id: str) -> r.ResponseDone:
    return r.ResponseDone(response=r.Response(id=id, status="completed"))


@pytest.mark.parametrize("is_tagged", [True, False])
def test_a_response_outside_of_the_conversation_that_is_refused_is_requested_again(is_tagged: bool) -> None:
    """A server may refuse it while another such response is in progress."""
    gate = ResponseGate()
    request_of(gate.request(outside("a")))
    request_of(gate.request(outside("b")))
    gate.feed(outside_created("r1", "a" if is_tagged else None))
    assert gate.feed(error(ACTIVE, "b")) == []
    assert request_of(gate.feed(outside_done("r1"))).event_id == "b"
    assert gate.is_responding
    assert gate.feed(outside_created("r2", "b" if is_tagged else None)) == []
    assert not gate.is_responding
    assert gate.feed(outside_done("r2")) == []
    request_of(gate.request())


def test_one_that_is_requested_again_is_told_from_another_by_its_tag() -> None:
    gate = ResponseGate()
    gate.request(outside("a"))
    gate.feed(error(ACTIVE, "a"))
    request_of(gate.feed(done("server's")))
    gate.request(outside("b"))
    gate.feed(outside_created("r1", "a"))
    gate.feed(outside_created("r2", "b"))
    gate.feed(outside_done("r1"))
    gate.feed(outside_done("r2"))
    assert not gate.is_responding


def test_one_that_is_requested_again_may_be_cancelled() -> None:
    gate = ResponseGate()
    gate.request(outside("a"))
    gate.feed(error(ACTIVE, "a"))
    request_of(gate.feed(done("server's")))
    gate.interrupt()
    assert cancelled_id(gate.feed(outside_created("r1", "a"))) == "r1"


def test_an_invalid_request_outside_of_the_conversation_is_forgotten() -> None:
    gate = ResponseGate()
    gate.request(outside("a"))
    gate.feed(error("invalid_value", "a"))
    gate.feed(r.ResponseCreated(response=r.Response(id="r1")))
    assert gate.response_id == "r1"
