"""The steps and faults that every client goes through, and the outcomes of both. Knows no framework.

A `Client` wraps one framework; `clients` lists them. `STEPS` are run against a server without faults and
observed on both sides. For a fault, `outcome_of` describes what the application of the client notices.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl as tls
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import numpy as np

from realtime.testing import Call, ConnectionObserver, Fault, LoopbackServer, Observer, Say, faults

RATE = 24_000
MODEL = "gpt-realtime"
INSTRUCTIONS = "Be brief."
# The user's turn: 500 ms of noise, so that every wrong sample shows, and the pause that ends it.
SPEECH = np.random.default_rng(16).integers(-9000, 9000, RATE // 2).astype("<i2").tobytes()
PAUSE = bytes(RATE * 6 // 10 * 2)
# 4 s of the assistant, to interrupt.
LONG_REPLY = Say("A long story.", np.random.default_rng(61).integers(-9000, 9000, 4 * RATE).astype("<i2"))
SECOND_TURN = "Are you there?"
# A process of Node.js takes long to load its packages if others use the processor.
CONNECT_SECONDS = 30.0
SETTLE_SECONDS = 0.3
PATIENCE_SECONDS = 4.0
# How long nothing happens before an application counts as not notified.
SILENCE_SECONDS = 2.0
# Responses arrive over some time, so that every client has sent its turn before a fault occurs in them.
FAULT_SETTINGS: Mapping[str, Any] = {"pace": 2}
# Faults whose default values make no difference to the clients here.
FAULT_VALUES: Mapping[str, Fault] = {"other_format": faults.OtherFormat(format="g711_ulaw")}


class Client(ABC):
    """A framework's client as an application uses it. Subclasses report what the application notices.

    Attributes:
        name: its name in the tables.
        packages: the packages whose versions the results are about, as pip or npm names them.
        needs_tls: True if it connects to `wss:` only.
        may_drop: True if it sometimes ends the connection without a close frame.
        commits: True if the application commits its audio; otherwise server VAD does.
        audio, text: what the assistant said.
        calls: the functions that the framework called, with their arguments.
        errors: "server: CODE" or "own: EXCEPTION", in order.
        is_closed: True once the application knows that the connection has ended.
        reconnects: how often the framework has connected again by itself.
        closings: the exceptions by which the framework reports that the connection has ended.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    closings: ClassVar[frozenset[str]] = frozenset()
    needs_tls: ClassVar[bool] = False
    may_drop: ClassVar[bool] = False
    commits: ClassVar[bool] = False

    def __init__(self, server: LoopbackServer, ca_file: str | None = None) -> None:
        self.server = server
        self.ca_file = ca_file
        self.audio = bytearray()
        self.text = ""
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.errors: list[str] = []
        self.is_closed = False
        self._is_closing = False
        self.reconnects = 0

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
        await self.speak(PAUSE)

    async def speak(self, pcm: bytes) -> None:
        """Send audio at twice the speed of speech: clients do not expect a whole turn at once."""
        chunk = RATE // 10 * 2
        for start in range(0, len(pcm), chunk):
            await self.send_audio(pcm[start : start + chunk])
            await asyncio.sleep(0.05)

    @abstractmethod
    async def barge_in(self) -> None:
        """Interrupt the assistant as the framework does if the user speaks, and truncate the item."""

    @abstractmethod
    async def cancel(self) -> None:
        """Stop the response."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""

    async def close_within(self, seconds: float) -> bool:
        """Close the connection, once. Return False if that takes longer or fails."""
        if self._is_closing:
            return True
        self._is_closing, started = True, time.monotonic()
        try:
            await asyncio.wait_for(self.close(), seconds)
        except Exception:  # a broken connection may not close well
            return False
        return time.monotonic() - started < seconds  # some clients end normally if they are cancelled

    def failed(self, error: object) -> None:
        """Report an error: an error event of the server as a dict, or an exception of the framework."""
        if isinstance(error, Mapping):
            self.errors.append(f"server: {error.get('code') or error.get('type')}")
            return
        name = error if isinstance(error, str) else type(error).__name__
        if name in self.closings:
            self.is_closed = True
        else:
            self.errors.append(f"own: {name}")


class Tap(Observer):
    """The frames of a server's connections, as they were sent and received.

    Attributes:
        received: the events of the clients.
        sent: the events of the server, those that are not whole left out.
        closes: the close codes of the connections that have ended.
    """

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.sent: list[dict[str, Any]] = []
        self.closes: list[int | None] = []

    def on_connect(self, number: int, request: Any) -> ConnectionObserver:
        return _ConnectionTap(self)

    def types(self) -> list[str]:
        """Return the types of the events that clients have sent."""
        return [event["type"] for event in self.received]

    def is_idle(self) -> bool:
        """Return True if every response has ended."""
        types = [event["type"] for event in self.sent]
        return types.count("response.created") == types.count("response.done")

    def find(self, event_type: str) -> dict[str, Any] | None:
        """Return the latest event of a type that the server has sent."""
        return next((event for event in reversed(self.sent) if event["type"] == event_type), None)


class _ConnectionTap(ConnectionObserver):
    def __init__(self, tap: Tap) -> None:
        self._tap = tap

    def on_send(self, frame: bytes) -> None:
        with contextlib.suppress(ValueError):
            self._tap.sent.append(json.loads(frame))

    def on_receive(self, frame: bytes) -> None:
        self._tap.received.append(json.loads(frame))

    def on_close(self, code: int | None) -> None:
        self._tap.closes.append(code)


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
    await asyncio.wait_for(client.connect(), CONNECT_SECONDS)
    assert await until(lambda: tap.find("session.updated")), "the session is never set up"
    assert not client.errors, client.errors
    assert tap.find("error") is None, tap.find("error")


async def connect(client: Client, tap: Tap) -> None:
    await connected(client, tap)

    def settings() -> tuple[str, list[str]]:
        session = (tap.find("session.updated") or {})["session"]
        return session["instructions"].strip(), [tool["name"] for tool in session["tools"]]

    # Some set the instructions and the tools one after the other.
    assert await until(lambda: settings() == (INSTRUCTIONS, ["weather"])), settings()


async def text_turn(client: Client, tap: Tap) -> None:
    await connected(client, tap)
    await client.send_text("Once more, please.")
    assert await until(lambda: "Once more, please." in client.text), client.text
    await _check_no_errors(client, tap)


async def audio_turn(client: Client, tap: Tap) -> None:
    """The server repeats the user's audio: every byte of it comes back."""
    await connected(client, tap)
    await client.speak(SPEECH)
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
    items = {
        event["item"]["id"]: event["item"] for event in tap.sent if "conversation.item." in event["type"]
    }
    outputs = [item["output"] for item in items.values() if item["type"] == "function_call_output"]
    assert [output.strip('"') for output in outputs] == ["-7"]
    await _check_no_errors(client, tap)


async def barge_in(client: Client, tap: Tap) -> None:
    """The user speaks while the assistant does: the item is truncated at what can have been heard."""
    await connected(client, tap)
    await client.send_text("Tell me a story.")
    assert await until(lambda: len(client.audio) >= 2 * RATE // 2), "500 ms of audio never came"
    await client.barge_in()
    assert await until(lambda: tap.find("conversation.item.truncated")), tap.types()
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
    assert await client.close_within(SILENCE_SECONDS)
    assert await until(lambda: tap.closes), "the connection is still open"
    assert tap.closes[0] != 1006 or client.may_drop, "the connection was dropped"
    assert not client.errors, client.errors


async def _check_no_errors(client: Client, tap: Tap) -> None:
    await asyncio.sleep(0.1)
    refused = [event["error"] for event in tap.sent if event["type"] == "error"]
    # Who cancels a response cannot know that it has just ended, and every client ignores this.
    assert not [error for error in refused if error["code"] != "response_cancel_not_active"], refused
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
        then: what follows; see `THEN`.
    """

    audio: str
    errors: tuple[str, ...]
    then: str

    def __str__(self) -> str:
        audio = {"whole": "", "part": "part of the audio", "none": "no audio", "other": "other audio"}
        errors = [f"`{error.removeprefix('server: ')}`" for error in self.errors]
        return "; ".join(word for word in (audio[self.audio], *errors, self.then) if word)


THEN = {
    "goes on": "the next turn is answered",
    "reconnects": "the next turn is answered on another connection, which the framework opened",
    "keeps reconnecting": "the framework connects again and again, without an answer",
    "ended": "the application knows that the connection has ended",
    "ends at the next turn": "the application learns it only when it sends something",
    "waits to close": "the next turn is answered, and closing takes more than two seconds",
    "silent": "nothing more happens, and the application does not learn why",
}


def _audio_of(client: Client) -> str:
    if SPEECH in client.audio:
        return "whole"
    if SPEECH[: RATE // 10] in client.audio:
        return "part"
    return "other" if client.audio else "none"


async def outcome_of(client: Client, tap: Tap) -> Outcome:
    """Run two turns on a server with a fault, the first of audio and the second of text."""
    learned_late = False

    async def settled(condition: Callable[[], object], seconds: float) -> bool:
        """Wait until `condition()` or the end. Return True if the application may go on sending."""
        nonlocal learned_late
        await until(lambda: condition() or client.is_closed, seconds)
        await asyncio.sleep(SETTLE_SECONDS)
        learned_late = learned_late or (not client.is_closed and bool(tap.closes))
        return not client.is_closed

    try:
        await asyncio.wait_for(client.connect(), CONNECT_SECONDS)
        if await settled(lambda: tap.find("session.updated") or tap.closes, PATIENCE_SECONDS):
            await client.speak(SPEECH)
            await client.end_turn()
            if await settled(lambda: tap.find("response.done") or client.reconnects, SILENCE_SECONDS):
                audio = _audio_of(client)
                await client.send_text(SECOND_TURN)
                await until(lambda: SECOND_TURN in client.text or client.is_closed, SILENCE_SECONDS)
                then = _what_follows(client, learned_late)
                await until(tap.is_idle, SILENCE_SECONDS)
                if then == "goes on" and not await client.close_within(SILENCE_SECONDS):
                    then = "waits to close"
                return Outcome(audio, _once(client.errors), then)
    except Exception as error:
        client.failed(error)
    return Outcome(_audio_of(client), _once(client.errors), _what_follows(client, learned_late))


def _once(errors: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(errors))


def _what_follows(client: Client, learned_late: bool) -> str:
    if SECOND_TURN in client.text:
        return "reconnects" if client.reconnects else "goes on"
    if client.is_closed:
        return "ends at the next turn" if learned_late else "ended"
    return "keeps reconnecting" if client.reconnects > 1 else "silent"


# --- Running -------------------------------------------------------------------------


def run(
    kind: type[Client],
    body: Callable[[Client, Tap], Awaitable[Any]],
    *,
    fault: Fault | str | None = None,
    ssl: tls.SSLContext | None = None,
    ca_file: str | None = None,
    **settings: Any,
) -> Any:
    """Return the result of `body` with a new client and a new server."""
    tap = Tap()
    if ssl is not None:
        settings["ssl"] = ssl

    async def main(server: LoopbackServer) -> Any:
        client = kind(server, ca_file)
        try:
            return await body(client, tap)
        finally:
            await client.close_within(PATIENCE_SECONDS)

    with LoopbackServer(faults=[] if fault is None else [fault], observer=tap, **settings) as server:
        return asyncio.run(main(server))


def base64_text(pcm: bytes) -> str:
    """Return audio as the wire has it."""
    return base64.b64encode(pcm).decode()
