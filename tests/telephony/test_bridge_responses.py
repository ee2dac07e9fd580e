"""Bridge and the responses of the strict test server: requests, cancellations, and what nobody heard."""

from __future__ import annotations

import json
import random
from collections import Counter, deque
from typing import Any

import numpy as np
import pytest

import realtime as r
from realtime import beta
from realtime.providers import get_provider
from realtime.state import FunctionCalls, Interruption
from realtime.telephony import Bridge, BridgeOutput
from realtime.testing import Call, Fail, Say, ServerProtocol
from tests.telephony.calls import (
    PCM16,
    PHONE_IDS,
    PHONES,
    SPEECH_STARTED,
    ULAW,
    Phone,
    audio_done,
    delta,
    encoded,
    session,
    text,
    wave,
)

TWILIO = PHONES[0]
# The main format of each carrier.
MAIN = [PHONES[PHONE_IDS.index(f"{each}")] for each in (
    "twilio-PCMU-8000", "telnyx-PCMU-8000", "plivo-PCMU-8000", "vonage-L16-16000"
)]  # fmt: skip
ACTIVE, TOO_LATE = "conversation_already_has_active_response", "response_cancel_not_active"
# One message, one call, messages without audio, and two more with it.
ANSWER = [Say("one two"), Call("f", {"x": 1}), Say(""), Say("three"), Say("four five")]
PTIME_MS = 100
LAGS = (0, 3, 1_000)  # deltas that wait while the carrier plays


class Line:
    """A call: a carrier, a bridge and the strict test server, with frames on their way in both directions."""

    def __init__(self, phone: Phone, script: Any, detection: Any = None, provider: Any = None) -> None:
        self.phone = phone
        self.bridge = Bridge(phone.name, provider=provider)
        self.server = ServerProtocol(paced=True, script=script, ptime_ms=PTIME_MS, provider=provider)
        self.to_client: deque[Any] = deque(self.server.encode(event) for event in self.server.open())
        self.to_server: deque[str] = deque()
        self.queue: deque[tuple[str, float] | str] = deque()  # of the carrier: items' milliseconds, and marks
        self.heard: Counter[str] = Counter()  # milliseconds by item
        self.acknowledged: set[str] = set()  # items of which a mark was returned
        self.finder = FunctionCalls()
        self.calls: list[str] = []
        self.messages: list[str] = []  # ids of the assistant's
        self.call_items: list[str] = []
        self.deleted: set[str] = set()
        self.begun: set[str] = set()  # responses that the bridge knows
        self.known_when_sent: dict[str, set[str]] = {}
        self.of_server: set[str] = set()  # responses that turn detection began, and mistaken ones
        self.refusals: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.is_tagged = False
        self.number = 1
        self.take(self.bridge.from_carrier(phone.start()))
        row = get_provider(provider or "openai")
        make: Any = r.create_session_config if row.base == "ga" else beta.create_session_config
        settings = make(provider=row, turn_detection=detection)
        self.take(BridgeOutput((), (self.bridge.session_update(settings),)))

    # --- What the bridge returns ---

    def take(self, step: BridgeOutput, item_id: str = "") -> None:
        for frame in step.to_server:
            wire = json.loads(frame)
            if wire["type"] == "response.create":
                self.known_when_sent[wire["event_id"]] = {*self.begun}
            self.to_server.append(frame)
        for to_phone in step.to_carrier:
            (mark,) = self.phone.marks((to_phone,)) or [""]
            audio = b"".join(self.phone.played((to_phone,)))
            if mark:
                self.queue.append(mark)
            elif audio:
                self.queue.append((item_id, len(audio) * 1000 / self.phone.plays.bytes_per_second))
            else:
                self.clear()
        assert not any(getattr(event, "type", "") == "error" for event in step.events), step.events

    def clear(self) -> None:
        marks = [each for each in self.queue if isinstance(each, str)]
        self.queue.clear()
        for mark in marks:
            self.take(self.bridge.from_carrier(self.phone.mark(mark)))

    # --- Steps ---

    def play(self, ms: float = PTIME_MS) -> None:
        """Play up to `ms`, and return the marks that follow."""
        last = ""
        while self.queue and (isinstance(self.queue[0], str) or ms > 0):
            each = self.queue.popleft()
            if isinstance(each, str):
                self.acknowledged.add(last)
                self.take(self.bridge.from_carrier(self.phone.mark(each)))
                continue
            last, duration = each
            part = min(duration, ms)
            ms -= part
            self.heard[last] += part  # type: ignore[assignment]
            if duration > part:
                self.queue.appendleft((last, duration - part))
                return

    def hear(self, audio: bytes) -> None:
        self.number += 1
        self.take(self.bridge.from_carrier(self.phone.media(audio, self.number)))

    def speak(self) -> None:
        self.hear(wave(self.phone.media_format, PTIME_MS))

    def pause(self) -> None:
        silence = encoded(media_silence(self.phone), self.phone.media_format)
        self.hear(silence)

    def request(self) -> None:
        self.take(self.bridge.request_response())

    def interrupt(self) -> None:
        self.take(self.bridge.interrupt())

    def answer(self) -> None:
        if self.calls:
            self.take(self.bridge.answer(r.create_function_output(self.calls.pop(), "{}")))

    def advance(self) -> None:
        if self.server.is_responding:
            self.send(self.server.advance())

    def send(self, events: list[Any]) -> None:
        self.to_client.extend(self.server.encode(event) for event in events)

    def deliver_to_server(self) -> None:
        if not self.to_server:
            return
        frame = self.to_server.popleft()
        wire = json.loads(frame)
        answers = self.server.feed(frame)
        self.send(answers)
        for event in answers:
            if event.type == "error":
                self.check_refusal(wire, event.error)
            if event.type == "response.created":
                self.on_created(wire, event.response.id)

    def on_created(self, wire: dict[str, Any], id: str) -> None:
        if wire["type"] != "response.create":
            self.of_server.add(id)
            return
        self.accepted[wire["event_id"]] += 1
        # Before the bridge can tell them apart, it takes a response of the server's for the requested one.
        if not self.is_tagged and self.of_server - self.known_when_sent[wire["event_id"]]:
            self.of_server.add(id)

    def check_refusal(self, wire: dict[str, Any], error: Any) -> None:
        self.refusals[error.code] += 1
        if wire["type"] == "response.create":
            assert error.code == ACTIVE, (wire, error)
            blocking = next(id for id in self.of_server if id in error.message)
            assert blocking not in self.known_when_sent[wire["event_id"]]
        else:
            assert (wire["type"], error.code) == ("response.cancel", TOO_LATE), (wire, error)

    def deliver_to_client(self) -> str:
        """Deliver a frame of the server. Returns its type."""
        if not self.to_client:
            return ""
        frame = self.to_client.popleft()
        wire = json.loads(frame)
        kind: str = wire["type"]
        item = wire.get("item") or {}
        if kind == "response.created":
            self.begun.add(wire["response"]["id"])
            self.is_tagged = self.is_tagged or bool(wire["response"].get("metadata"))
        if kind == "conversation.item.deleted":
            self.deleted.add(wire["item_id"])
        if kind == "response.output_item.added":
            (self.messages if item["type"] == "message" else self.call_items).append(item["id"])
        step = self.bridge.from_server(frame)
        for event in step.events:
            self.calls += [found.call_id for found in self.finder.feed(event)]
        self.take(step, wire.get("item_id", ""))
        return kind

    # --- The end ---

    def settle(self) -> None:
        """Let everything arrive, be played and be answered."""
        for _ in range(20_000):
            self.deliver_to_server()
            self.deliver_to_client()
            self.advance()
            self.play()
            self.answer()
            if not (
                self.to_server or self.to_client or self.queue or self.calls or self.server.is_responding
            ):
                if not self.bridge.gate.is_responding and not self.bridge.gate.pending:
                    return
                self.pause()
        raise AssertionError("something is held back for ever")

    def stored(self, item_id: str) -> Any:
        """Return an item of the server's conversation; None if it was deleted."""
        (event,) = self.server.feed(r.ConversationItemRetrieve(item_id=item_id))
        return getattr(event, "item", None)

    def check_conversation(self) -> None:
        """Check that the server has what was heard of every message, and nothing else of any."""
        # Where audio is converted, a mark comes up to 25 ms early, and the last frame of an item is padded.
        is_converted = self.phone.plays.audio_format is not self.bridge.output_format
        tolerance = 25 if is_converted else 1
        for item_id in self.messages:
            item = self.stored(item_id)
            heard = self.heard[item_id]
            if item is None:
                assert item_id in self.deleted
                assert item_id not in self.acknowledged
                continue
            (part,) = item.content
            stored_ms = self.bridge.output_format.duration_ms(len(part.audio or b""))
            assert stored_ms <= heard + tolerance, item_id
            if part.transcript:
                assert heard > 0, item_id
                assert stored_ms >= heard - tolerance, item_id
        for item_id in self.call_items:
            assert self.stored(item_id) is not None


def media_silence(phone: Phone) -> Any:
    return np.zeros(phone.media_format.sample_rate * PTIME_MS // 1000, "<i2")


# --- Requests and answers ----------------------------------------------------------------


def started(**options: Any) -> Bridge:
    bridge = Bridge("twilio", **options)
    bridge.from_carrier(TWILIO.start())
    return bridge


def wires(step: BridgeOutput) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in step.to_server]


def types(step: BridgeOutput) -> list[str]:
    return [wire["type"] for wire in wires(step)]


def created(bridge: Bridge, id: str = "resp_1", **more: Any) -> BridgeOutput:
    body = {"id": id, "object": "realtime.response", "conversation_id": "conv_1", **more}
    return bridge.from_server(text({"type": "response.created", "event_id": "e", "response": body}))


def done(bridge: Bridge, id: str = "resp_1", *output: dict[str, Any], **more: Any) -> BridgeOutput:
    body = {"id": id, "object": "realtime.response", "output": [*output], **more}
    return bridge.from_server(text({"type": "response.done", "event_id": "e", "response": body}))


def message(item_id: str, role: str = "assistant") -> dict[str, Any]:
    return {"id": item_id, "type": "message", "role": role, "status": "in_progress", "content": []}


def announce(
    bridge: Bridge, item: dict[str, Any], id: str = "resp_1", stored: str = "conversation.item.added"
) -> None:
    place = {"event_id": "e", "response_id": id, "output_index": 0}
    bridge.from_server(text({"type": "response.output_item.added", **place, "item": item}))
    if stored:
        bridge.from_server(text({"type": stored, "event_id": "e", "item": item}))


def test_requests_are_sent_one_after_the_other() -> None:
    bridge = started()
    (first,) = wires(bridge.request_response())
    assert first["type"] == "response.create"
    params = r.ResponseParams(instructions="Say goodbye.")
    assert bridge.request_response(r.ResponseCreate(response=params)) == BridgeOutput()
    assert [create.response for create in bridge.gate.pending] == [params]
    created(bridge)
    (second,) = wires(done(bridge))
    assert second["response"]["instructions"] == "Say goodbye."
    assert not bridge.gate.pending


@pytest.mark.parametrize("provider", ["openai", "azure_voice_live", "qwen"])
@pytest.mark.parametrize("dialect", ["ga", "own"])
def test_requests_and_answers_are_in_the_dialect_of_the_provider(provider: Any, dialect: str) -> None:
    bridge = started(provider=provider)
    module: Any = beta if dialect == "own" and bridge.provider.base == "beta" else r
    (create,) = bridge.request_response(module.ResponseCreate()).to_server
    own = bridge.provider.client_type("response.create")
    assert type(bridge.provider.decode_client(create)) is own
    created(bridge)
    call = {"id": "i", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    done(bridge, "resp_1", {**call, "status": "completed"})
    output, follow_up = bridge.answer(module.create_function_output("c", "7")).to_server
    assert bridge.provider.decode_client(output).item.output == "7"
    assert type(bridge.provider.decode_client(follow_up)) is own


def test_what_cannot_be_sent_changes_nothing() -> None:
    bridge = started()
    wrong: list[Any] = [
        (bridge.request_response, r.ResponseCancel(), TypeError, "expected a ResponseCreate, got ResponseCancel"),
        (bridge.request_response, beta.ResponseCreate(), r.EncodeError, "not an event of this dialect"),
        (bridge.request_response, r.ResponseCreate(response=r.ResponseParams(tools=3)), r.EncodeError, "tools"),  # type: ignore[arg-type]
        (bridge.answer, r.create_text_input("hello"), TypeError, "got ConversationItemCreate"),
        (bridge.answer, r.create_function_output("c", 3), r.EncodeError, "output"),  # type: ignore[arg-type]
        (bridge.answer, None, TypeError, "got NoneType"),
    ]  # fmt: skip
    for act, event, error, message in wrong:
        with pytest.raises(error, match=message):
            act(event)
    assert not bridge.gate.is_responding
    assert types(bridge.request_response()) == ["response.create"]


def crossed(bridge: Bridge, code: str, event_id: str | None) -> BridgeOutput:
    error = {"type": "invalid_request_error", "code": code, "message": "m", "event_id": event_id}
    return bridge.from_server(text({"type": "error", "event_id": "e", "error": error}))


@pytest.mark.parametrize("has_id", [True, False])
def test_errors_that_crossed_are_no_events(has_id: bool) -> None:
    bridge = started()
    (create,) = wires(bridge.request_response())
    id = create["event_id"] if has_id else None
    assert crossed(bridge, ACTIVE, id) == BridgeOutput()
    assert types(done(bridge)) == ["response.create"]  # again
    created(bridge, "resp_2", metadata={"request": create["event_id"]})
    (cancel,) = wires(bridge.interrupt())
    assert (cancel["type"], cancel["response_id"]) == ("response.cancel", "resp_2")
    done(bridge, "resp_2")
    assert crossed(bridge, TOO_LATE, cancel["event_id"] if has_id else None) == BridgeOutput()
    (event,) = crossed(bridge, TOO_LATE, "other").events
    assert isinstance(event, r.Error)


def test_an_error_that_crossed_is_not_the_answer_to_an_update() -> None:
    bridge = started()
    (create,) = wires(bridge.request_response())
    bridge.session_update()
    bridge.session_update()
    crossed(bridge, ACTIVE, create["event_id"])
    bridge.from_server(session("updated", PCM16, PCM16))  # the first update's
    assert bridge.input_format is ULAW


def test_the_answer_to_a_call_requests_a_response_when_the_caller_has_spoken() -> None:
    bridge = started()
    created(bridge)
    done(
        bridge, "resp_1", {"id": "i", "type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    )
    bridge.from_server(SPEECH_STARTED)
    step = bridge.answer(r.create_function_output("c", "7"))
    assert (types(step), step.to_carrier, step.events) == (["conversation.item.create"], (), ())
    ended = {"type": "input_audio_buffer.speech_stopped", "event_id": "e", "audio_end_ms": 9, "item_id": "u"}
    assert types(bridge.from_server(text(ended))) == ["response.create"]


# --- Interruptions -----------------------------------------------------------------------


@pytest.mark.parametrize("interrupts", [True, False])
def test_a_response_that_the_server_does_not_interrupt_is_cancelled(interrupts: bool) -> None:
    bridge = started()
    update = r.SessionUpdated(
        session=r.RealtimeSessionInfo(
            audio=r.AudioConfig(input=r.AudioInput(turn_detection=r.ServerVad(interrupt_response=interrupts)))
        )
    )
    bridge.from_server(r.encode(update))
    created(bridge)
    assert types(bridge.from_server(SPEECH_STARTED)) == ["response.cancel"] * (not interrupts)


def test_unheard_messages_are_deleted_before_the_next_response() -> None:
    bridge = started()
    created(bridge)
    announce(bridge, message("item_1"))
    bridge.request_response()
    assert types(bridge.interrupt()) == ["response.cancel"]
    assert types(done(bridge)) == ["conversation.item.delete", "response.create"]


def test_a_response_requested_before_an_interruption_is_cancelled_when_it_begins() -> None:
    bridge = started()
    bridge.request_response()
    assert bridge.interrupt() == BridgeOutput()
    assert types(created(bridge)) == ["response.cancel"]
    announce(bridge, message("item_1"))
    assert bridge.from_server(delta(bytes(800))).to_carrier == ()
    assert wires(done(bridge)) == [{"type": "conversation.item.delete", "item_id": "item_1"}]


@pytest.mark.parametrize("stored", ["conversation.item.added", "conversation.item.created"])
@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize("keeps", [True, False])
def test_messages_without_audio_are_deleted_when_their_response_is_done(
    stored: str, is_listed: bool, keeps: bool
) -> None:
    bridge = started(delete_unheard=not keeps)
    created(bridge)
    announce(bridge, message("early"), stored=stored)
    assert "delete" not in str(bridge.from_server(SPEECH_STARTED).to_server)
    announce(bridge, message("late"), stored=stored)
    announce(bridge, message("gone"), stored=stored)
    announce(bridge, message("elsewhere"), stored="")  # not in the conversation
    announce(bridge, message("user", "user"), stored=stored)
    announce(bridge, {"id": "call", "type": "function_call", "call_id": "c", "name": "f", "arguments": ""})
    bridge.from_server(text({"type": "conversation.item.deleted", "event_id": "e", "item_id": "gone"}))
    output = [message(each) for each in ("early", "late", "gone", "elsewhere")] if is_listed else []
    step = done(bridge, "resp_1", *output, status="cancelled")
    deleted = [wire["item_id"] for wire in wires(step) if wire["type"] == "conversation.item.delete"]
    assert deleted == ([] if keeps else ["early", "late"])
    assert not done(bridge, "resp_1", *output).to_server  # each once


def test_a_message_without_audio_in_an_answer_that_is_still_played() -> None:
    bridge = started()
    created(bridge)
    announce(bridge, message("item_1"))
    bridge.from_server(delta(bytes(8_000)))
    bridge.from_server(audio_done())
    announce(bridge, message("item_2"))
    assert done(bridge).to_server == ()
    bridge.from_carrier(TWILIO.mark("mark_1"))
    step = bridge.interrupt()
    assert types(step) == ["conversation.item.truncate", "conversation.item.delete"]
    assert wires(step)[1]["item_id"] == "item_2"
    (interruption,) = step.events
    assert isinstance(interruption, Interruption)
    assert interruption.unplayed_item_ids == ("item_2",)


@pytest.mark.parametrize("reason", ["turn_detected", "client_cancelled"])
def test_what_the_server_interrupts_is_unheard_too(reason: str) -> None:
    bridge = started(barge_in=False)
    created(bridge)
    announce(bridge, message("item_1"))
    bridge.from_server(SPEECH_STARTED)
    step = done(bridge, "resp_1", message("item_1"), status_details={"type": "cancelled", "reason": reason})
    assert types(step) == ["conversation.item.delete"] * (reason == "turn_detected")


def test_audio_that_names_no_item_may_be_that_of_any_message() -> None:
    bridge = started(provider="glm")
    created(bridge)
    announce(bridge, message("item_1"), stored="conversation.item.created")
    wire = {"type": "response.audio.delta", "response_id": "resp_1", "delta": "AAAA" * 4_000}
    (name, *_) = TWILIO.marks(bridge.from_server(text(wire)).to_carrier)
    bridge.from_carrier(TWILIO.mark(name))
    assert types(bridge.interrupt()) == ["response.cancel"]
    assert done(bridge, "resp_1", message("item_1")).to_server == ()


def test_items_outside_of_the_conversation_are_not_reported() -> None:
    for plays_early in (False, True):
        bridge = Bridge("twilio")
        if not plays_early:
            bridge.from_carrier(TWILIO.start())
        bridge.request_response(r.ResponseCreate(response=r.ResponseParams(conversation="none")))
        created(bridge, conversation_id=None)
        announce(bridge, message("item_1"), stored="")
        step = bridge.from_server(delta(bytes(8_000)))
        if not plays_early:
            bridge.from_carrier(TWILIO.mark(TWILIO.marks(step.to_carrier)[0]))
        assert bridge.interrupt().to_server == ()
        assert done(bridge).to_server == ()


# --- Interruptions at every step -------------------------------------------------------


def vad(**more: Any) -> r.ServerVad:
    return r.ServerVad(silence_duration_ms=200, prefix_padding_ms=0, **more)


def interrupted_at(line: Line, steps: int, lag: int, *, by_speech: bool) -> bool:
    """Deliver `steps` frames of an answer, each in its time, and interrupt. Returns False if it was over before."""
    while line.to_server or line.to_client:
        line.deliver_to_server()
        line.deliver_to_client()
    line.request()
    line.deliver_to_server()
    deltas = 0
    for _ in range(steps):
        if not line.to_client:
            line.advance()
        if not line.to_client:
            return False
        deltas += line.deliver_to_client().endswith("audio.delta")
        if deltas > lag:
            line.play()
            deltas = lag
    if by_speech:
        for _ in range(2):
            line.speak()
        while line.to_server:
            line.deliver_to_server()
        # Everything that the server sent before it knew is on its way; the bridge knows it one after another.
        while line.to_client and "speech_started" not in str(line.to_client[0]):
            line.deliver_to_client()
        line.deliver_to_client()
    else:
        line.interrupt()
        line.advance()  # crosses the cancellation
    return True


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("phone", MAIN, ids=lambda phone: phone.name)
@pytest.mark.parametrize("how", ["server", "cancelled", "asked"])
@pytest.mark.parametrize("exhaustive", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_interruption_at_every_step_leaves_what_was_heard(
    phone: Phone, how: str, exhaustive: bool
) -> None:
    detection = {"server": vad(create_response=False), "asked": None}.get(
        how, vad(interrupt_response=False, create_response=False)
    )
    is_over, steps, seen = False, 0, Counter[str]()
    shift = MAIN.index(phone)  # each carrier meets every step with another lag
    while not is_over:
        for lag in LAGS if exhaustive else LAGS[(steps + shift) % 3 :][:1]:
            line = Line(phone, [ANSWER], detection)
            is_over = not interrupted_at(line, steps, lag, by_speech=how != "asked")
            line.settle()
            line.check_conversation()
            assert set(line.refusals) <= {TOO_LATE}
            if not is_over:
                seen["deleted"] += len(line.deleted)
                seen["calls"] += len(line.call_items)
                # What was deleted and what was cut: nothing after the interruption was heard.
                assert line.heard.total() <= steps * PTIME_MS
        steps += 1
    assert steps > 30
    assert min(seen["deleted"], seen["calls"]) > (30 if exhaustive else 10)


# --- A machine with latency --------------------------------------------------------------


def converse(seed: int, steps: int, phone: Phone, provider: str | None = None) -> Line:
    """Run `steps` random steps of a call, and let it end."""
    pick = random.Random(seed)
    say = Say("one two three")
    kinds: list[Any] = [say, Call("f"), [Call("f"), Call("g")], [say, Call("f"), Say("four")], Fail()]
    detection = vad(interrupt_response=pick.random() < 0.7)
    line = Line(phone, lambda turn: pick.choices(kinds, (6, 2, 2, 3, 1))[0], detection, provider)
    actions = [
        line.request, line.interrupt, line.speak, line.pause, line.answer, line.play, line.advance,
        line.deliver_to_server, line.deliver_to_client,
    ]  # fmt: skip
    for step in pick.choices(actions, (2, 1, 1, 4, 3, 6, 12, 12, 24), k=steps):
        step()
    line.settle()
    line.check_conversation()
    assert set(line.accepted.values()) <= {1}
    assert {*line.accepted} == {*line.known_when_sent}
    return line


# GLM names no item in its audio: it cannot be truncated.
@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("name", [
    "azure", "azure_voice_live", "xai", "qwen", "inworld", "localai", "speaches"
])  # fmt: skip
def test_other_servers_are_asked_and_cancelled_too(name: str) -> None:
    lines = [converse(seed, 300, TWILIO, name) for seed in range(3)]
    assert sum(len(line.accepted) for line in lines) > 10
    assert all(line.messages for line in lines)


@pytest.mark.slow
def test_twenty_thousand_steps() -> None:
    lines = [converse(seed, 1_000, MAIN[seed % len(MAIN)]) for seed in range(20)]
    refusals = sum((line.refusals for line in lines), Counter[str]())
    assert {*refusals} <= {ACTIVE, TOO_LATE}
    assert sum(len(line.accepted) for line in lines) > 200
    assert sum(len(line.deleted) for line in lines) > 20
    assert sum(len(line.call_items) for line in lines) > 100
