"""A user who does anything at any time, over a network that fails at any time, with a strict server.

Nothing is refused but what crosses on the wire, nothing is lost or doubled, and both sides agree in the end.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import pytest

import realtime as r
from realtime.client import ClientState, RequestFailed, ResponseOutcome, RetryPolicy
from realtime.testing import Call, Fail, Say, Turn
from tests.client.world import World, answer_tools, settings
from tests.testing.helpers import ULAW, tone

REPLIES: dict[str, Any] = {
    "sunny": Say("It is sunny and warm."),
    "calls": [Say("Let me look."), Call("f", {}), Call("g", {"a": 1}), Say("Wait.")],
    "call": [Call("f", {})],
    "fail": Fail(),
    "two": [Say("one two three"), Say("four five six")],
}
OPERATIONS = (
    "text", "speech", "click", "respond", "respond", "outside", "interrupt", "wait", "update", "delete",
    "cancel", "commit",
)  # fmt: skip


def reply(turn: Turn) -> Any:
    return REPLIES.get(turn.text, Say("A reply of some words to that."))


class User:
    """Random operations on a world, and what must come of them."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        choice = self.random.choice
        self.has_vad = self.random.random() < 0.6
        self.world = World(
            reply,
            paced=self.random.random() < 0.8,
            reports_playback=self.random.random() < 0.7,
            session=settings(**({} if self.has_vad else {"turn_detection": None})),
            patience_s=60,
            retry=RetryPolicy(max_attempts=1000),
        )
        self.world.unique_ids = True
        answer_tools(self.world, delay_ms=choice([0, 100, 1000]))
        self.requests: list[str] = []
        self.withdrawn: list[str] = []
        self.texts: dict[str, str] = {}
        self.numbers = itertools.count()
        share = choice([0, 0.002, 0.01, 0.03])
        at = 0
        while share and at < 5000:
            at += int(self.random.expovariate(share)) + 1
            self.world.cuts.append(at)

    def act(self) -> None:
        world, client, choice = self.world, self.world.client, self.random.choice
        operation = choice(OPERATIONS)
        is_running = client.state is ClientState.RUNNING
        match operation:
            case "text":
                text = choice(["call", "calls", "two", "hi", "fail"])
                item_id = f"text_{next(self.numbers)}"
                part = r.InputText(text=text)
                item = r.MessageItem(id=item_id, role="user", content=[part])
                client.send(r.ConversationItemCreate(item=item), world.now)
                self.texts[item_id] = text
            case "speech":
                world.run(choice([0, 300, 1500]), tone(ULAW, choice([300, 700])))
            case "click":
                world.run(100, tone(ULAW, 40))
            case "respond":
                self.requests.append(client.send(r.ResponseCreate(), world.now))
            case "outside":
                params = r.ResponseParams(conversation="none")
                self.requests.append(client.send(r.ResponseCreate(response=params), world.now))
            case "interrupt":
                client.interrupt(world.now)
            case "wait":
                world.run(choice([40, 400, 3000]))
            case "update":
                client.update(r.RealtimeSession(instructions=str(self.random.random())), world.now)
            case "delete" if is_running and not client.gate.is_responding:
                messages = [item.id for item in client.conversation if item.type == "message"]
                if messages:
                    item_id = choice(messages)
                    client.send(r.ConversationItemDelete(item_id=item_id), world.now)
                    self.texts.pop(item_id, None)
            case "cancel" if self.requests:
                request = choice(self.requests)
                if client.cancel_request(request, world.now):
                    self.withdrawn.append(request)
            case "commit" if is_running and not self.has_vad and not client.pending_commits:
                if client._uplink.pending_ms >= 120:
                    client.send(r.InputAudioBufferCommit(), world.now)
            case _:
                pass
        if self.random.random() < 0.5:
            world.run(choice([20, 60, 200]))


def check(seed: int) -> None:
    user = User(seed)
    for _ in range(user.random.randint(3, 15)):
        user.act()
    world, client = user.world, user.world.client
    world.cuts.clear()
    world.run(30_000)
    assert world.refusals == []
    assert client.state is ClientState.RUNNING
    assert not client.gate.is_responding
    assert not client.gate.pending
    assert not client.open_calls
    # Every request has one outcome.
    ends = Counter(outcome.request_id for outcome in world.of(ResponseOutcome))
    ends.update(failed.request.event_id for failed in world.of(RequestFailed))
    ends.update(user.withdrawn)
    assert {request: ends[request] for request in user.requests} == dict.fromkeys(user.requests, 1)
    # Both sides have the same conversation, with everything that the user has written.
    stored = [*world.servers[-1]._session._history]
    assert [item.id for item in client.conversation] == [each.id for each in stored]
    texts = {each.id: each.text for each in stored if each.id in user.texts}
    assert [*texts.items()] == [*user.texts.items()]
    # Every call has its output, and every output its call.
    calls: list[Any] = [each.item.call_id for each in stored if each.item.type == "function_call"]
    outputs: list[Any] = [each.item.call_id for each in stored if each.item.type == "function_call_output"]
    assert sorted(calls) == sorted(outputs) == sorted({*calls})


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("first", range(0, 60, 5))
def test_nothing_is_lost_or_doubled(first: int) -> None:
    for seed in range(first, first + 5):
        check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1000, 2000, 100))
def test_nothing_is_lost_or_doubled_in_many_calls(first: int) -> None:
    for seed in range(first, first + 100):
        check(seed)
