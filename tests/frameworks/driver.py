"""The steps and faults that every client goes through, and the outcomes of both. Knows no framework.

A `Client` wraps one framework; `clients` lists them. `STEPS` are run against a server without faults and
observed on both sides. For a fault, `outcome_of` describes what the application of the client notices.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl as tls
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from realtime.testing import Call, Fault, LoopbackServer, Say
from realtime.testing.injection import Action, FaultInjector

RATE = 24_000
MODEL = "gpt-realtime"
INSTRUCTIONS = "Be brief."
# The user's turn: 500 ms of noise, so that every wrong sample shows, and the pause that ends it.
SPEECH = np.random.default_rng(16).integers(-9000, 9000, RATE // 2).astype("<i2").tobytes()
PAUSE = bytes(2 * RATE)
# 4 s of the assistant, to interrupt.
LONG_REPLY = Say("A long story.", np.random.default_rng(61).integers(-9000, 9000, 4 * RATE).astype("<i2"))
PATIENCE_SECONDS = 4.0
# How long nothing happens before an application counts as not notified.
SILENCE_SECONDS = 1.5


class Client(ABC):
    """A framework's client as an application uses it. Subclasses report what the application notices.

    Attributes:
        name: its name in the tables.
        packages: the packages whose versions the results are about, as pip or npm names them.
        needs_tls: True if it connects to `wss:` only.
        commits: True if the application commits its audio; otherwise server VAD does.
        audio, text: what the assistant said.
        calls: the functions that the framework called, with their arguments.
        errors: "server: CODE" or "own: EXCEPTION", in order.
        responses: the number of responses that ended.
        is_closed: True once the application knows that the connection has ended.
        is_reconnected: True once the framework has connected again by itself.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    needs_tls: ClassVar[bool] = False
    commits: ClassVar[bool] = False

    def __init__(self, server: LoopbackServer, ca_file: str | None = None) -> None:
        self.server = server
        self.ca_file = ca_file
        self.audio = bytearray()
        self.text = ""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.errors: list[str] = []
        self.responses = 0
        self.is_closed = False
        self.is_reconnected = False

    @abstractmethod
    async def connect(self) -> None:
        """Connect, set the instructions and the function `weather(city)`, which returns "-7"."""

    @abstractmethod
    async def send_text(self, text: str) -> None:
        """Send a message of the user and request a response."""

    @abstractmethod
    async def send_audio(self, pcm: bytes) -> None:
        """Send a part of the user's audio."""

    async def end_turn(self) -> None:
        """End the user's turn, by the pause that server VAD waits for."""
        await self.send_audio(PAUSE)

    @abstractmethod
    async def barge_in(self) -> None:
        """Interrupt the assistant as the framework does if the user speaks, and truncate the item."""

    @abstractmethod
    async def cancel(self) -> None:
        """Stop the response."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""

    def failed(self, error: object) -> None:
        """Report an error: an error event of the server as a dict, or an exception of the framework."""
        if isinstance(error, Mapping):
            self.errors.append(f"server: {error.get('code') or error.get('type')}")
        else:
            self.errors.append(f"own: {error if isinstance(error, str) else type(error).__name__}")


class Tap(NamedTuple):
    """The frames of a connection as the session sends and receives them: types in, events out."""

    received: list[str]
    sent: list[dict[str, Any]]

    def types(self) -> list[str]:
        """Return the types of the events that the session has sent."""
        return [event["type"] for event in self.sent]

    def find(self, event_type: str) -> dict[str, Any] | None:
        """Return the latest event of a type that the session has sent."""
        return next((event for event in reversed(self.sent) if event["type"] == event_type), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation(Fault):
    """A fault that changes nothing and records what passes."""

    tap: Tap = field(default_factory=lambda: Tap([], []))

    def injector(self) -> FaultInjector:
        return _Observer(self.tap)


class _Observer(FaultInjector):
    def __init__(self, tap: Tap) -> None:
        self._tap = tap

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        self._tap.sent.append(json.loads(frame))
        return (frame,)

    def on_receive(self, event_type: str) -> bytes | None:
        self._tap.received.append(event_type)
        return None


async def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    """Wait until `condition()` is true. Return False after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


# --- Steps ---------------------------------------------------------------------------


async def connected(client: Client, tap: Tap) -> None:
    """Connect and set up the session, without an error."""
    await client.connect()
    assert await until(lambda: tap.find("session.updated")), "the session is never set up"
    assert not client.errors, client.errors
    assert tap.find("error") is None, tap.find("error")


async def connect(client: Client, tap: Tap) -> None:
    await connected(client, tap)
    session = (tap.find("session.updated") or {})["session"]
    assert INSTRUCTIONS in session["instructions"]
    assert [tool["name"] for tool in session["tools"]] == ["weather"]


async def text_turn(client: Client, tap: Tap) -> None:
    await connected(client, tap)
    await client.send_text("Once more, please.")
    assert await until(lambda: "Once more, please." in client.text), client.text
    await _check_no_errors(client, tap)


async def audio_turn(client: Client, tap: Tap) -> None:
    """The server repeats the user's audio: every byte of it comes back."""
    await connected(client, tap)
    await client.send_audio(SPEECH)
    await client.end_turn()
    assert await until(lambda: SPEECH in client.audio), f"{len(client.audio)} bytes of audio"
    await _check_no_errors(client, tap)


async def function_call(client: Client, tap: Tap) -> None:
    """The function is called, its output is sent, and the next response has the answer."""
    await connected(client, tap)
    await client.send_text("Is it cold?")
    assert await until(lambda: client.calls), tap.types()
    assert client.calls == [("weather", {"city": "Tallinn"})]
    assert await until(lambda: "It is -7." in client.text), client.text
    items = [event["item"] for event in tap.sent if event["type"] == "conversation.item.done"]
    outputs = [item["output"] for item in items if item["type"] == "function_call_output"]
    assert [output.strip('"') for output in outputs] == ["-7"]
    await _check_no_errors(client, tap)


async def barge_in(client: Client, tap: Tap) -> None:
    """The user speaks while the assistant does: the item is truncated at what can have been heard."""
    await connected(client, tap)
    await client.send_text("Tell me a story.")
    assert await until(lambda: len(client.audio) >= 2 * RATE // 2), "500 ms of audio never came"
    await client.barge_in()
    assert await until(lambda: tap.find("conversation.item.truncated")), tap.received
    heard_ms = (tap.find("conversation.item.truncated") or {})["audio_end_ms"]
    assert 0 < heard_ms <= 4000, heard_ms
    assert await until(lambda: tap.find("response.done"))
    await _check_no_errors(client, tap)


async def cancel(client: Client, tap: Tap) -> None:
    await connected(client, tap)
    await client.send_text("Tell me a story.")
    assert await until(lambda: client.audio)
    await client.cancel()
    assert await until(lambda: tap.find("response.done"))
    assert (tap.find("response.done") or {})["response"]["status"] == "cancelled"
    await _check_no_errors(client, tap)


async def close(client: Client, tap: Tap) -> None:
    await connected(client, tap)
    started = time.monotonic()
    await client.close()
    assert time.monotonic() - started < 2.0
    assert not client.errors, client.errors


async def _check_no_errors(client: Client, tap: Tap) -> None:
    await asyncio.sleep(0.1)
    assert tap.find("error") is None, tap.find("error")
    assert not client.errors, client.errors


@dataclass(frozen=True, slots=True)
class Step:
    """Something that every client does, and the settings of the server for it."""

    run: Callable[[Client, Tap], Awaitable[None]]
    settings: Mapping[str, Any] = field(default_factory=dict)


_STORY = {"script": [LONG_REPLY], "pace": 1}
_CALL = {"script": [Call("weather", {"city": "Tallinn"}, call_id="call_1"), Say("It is -7.")]}
STEPS: dict[str, Step] = {
    "connect": Step(connect),
    "text turn": Step(text_turn),
    "audio turn": Step(audio_turn),
    "function call": Step(function_call, _CALL),
    "barge-in": Step(barge_in, _STORY),
    "cancel": Step(cancel, _STORY),
    "close": Step(close),
}


# --- Faults --------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What the application of a client notices of a fault.

    Attributes:
        audio: "whole", "part" or "none" of the assistant's audio arrived; "other" is other audio.
        errors: as in `Client.errors`, each once.
        then: "goes on" if a second turn is answered, "reconnects" if on another connection, "ended" if the
            application knows that the connection has ended, "silent" if nothing happens any more.
    """

    audio: str
    errors: tuple[str, ...]
    then: str

    def __str__(self) -> str:
        audio = {"whole": "", "part": "part of the audio", "none": "no audio", "other": "other audio"}
        errors = [f"`{error}`" for error in self.errors]
        return "; ".join(word for word in (audio[self.audio], *errors, self.then) if word)


def _audio_of(client: Client) -> str:
    if SPEECH in client.audio:
        return "whole"
    if SPEECH[: RATE // 10] in client.audio:
        return "part"
    return "other" if client.audio else "none"


async def outcome_of(client: Client, tap: Tap) -> Outcome:
    """Run two turns on a server with a fault, the first of audio and the second of text."""

    def has_ended() -> object:
        return client.is_closed or client.is_reconnected

    try:
        await asyncio.wait_for(client.connect(), PATIENCE_SECONDS)
        await client.send_audio(SPEECH)
        await client.end_turn()
        await until(lambda: client.responses or has_ended(), SILENCE_SECONDS)
    except Exception as error:
        client.failed(error)
        client.is_closed = True
    await asyncio.sleep(0.2)
    audio = _audio_of(client)
    if not client.is_closed:
        try:
            await client.send_text("Are you there?")
            await until(lambda: "Are you there?" in client.text or client.is_closed, SILENCE_SECONDS)
        except Exception as error:
            client.failed(error)
    if "Are you there?" in client.text:
        then = "reconnects" if client.is_reconnected else "goes on"
    else:
        then = "ended" if client.is_closed else "silent"
    return Outcome(audio, tuple(dict.fromkeys(client.errors)), then)


# --- Running -------------------------------------------------------------------------


def run(
    kind: type[Client],
    body: Callable[[Client, Tap], Awaitable[Any]],
    *,
    faults: Iterable[Fault | str] = (),
    ssl: tls.SSLContext | None = None,
    ca_file: str | None = None,
    **settings: Any,
) -> Any:
    """Return the result of `body` with a new client and a new server."""
    observation = Observation()
    if ssl is not None:
        settings["ssl"] = ssl

    async def main(server: LoopbackServer) -> Any:
        client = kind(server, ca_file)
        try:
            return await body(client, observation.tap)
        finally:
            try:
                await asyncio.wait_for(client.close(), PATIENCE_SECONDS)
            except Exception:  # the outcome is known; a broken connection may not close well
                pass

    with LoopbackServer(faults=[observation, *faults], **settings) as server:
        return asyncio.run(main(server))


def base64_text(pcm: bytes) -> str:
    """Return audio as the wire has it."""
    return base64.b64encode(pcm).decode()
