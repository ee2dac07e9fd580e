"""A ClientProtocol and test servers, with a network between them that can fail anywhere, and a clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import realtime as r
from realtime.client import ClientProtocol, Connect, GiveUp, Run, ToolCalled, Wait
from realtime.testing import ServerProtocol

START = 1_800_000_000.0
PTIME_MS = 20


def settings(**options: Any) -> r.RealtimeSession:
    return r.create_session_config("gpt-realtime-2", format="g711_ulaw", **options)


class World:
    """One client and the servers that it connects to, one after the other. Nothing is sent until `run`.

    Attributes:
        seen: the events that the client gave.
        received: the client's events that a server has read, for each server.
        errors: the error events that the servers sent.
        deliveries: the number of frames that arrived at either side.
        unique_ids: True if no two servers use the same ids, as it is with the real one.
        cuts: the deliveries after which the connection ends, with `close_code`.
    """

    def __init__(self, script: Any = None, *, paced: bool = False, **options: Any) -> None:
        options.setdefault("session", settings())
        self.server_options: dict[str, Any] = {}
        self.now = START
        self.client = ClientProtocol(random=lambda: 0.0, **options)
        self.server: ServerProtocol | None = None
        self.servers: list[ServerProtocol] = []
        self.seen: list[Any] = []
        self.received: list[list[Any]] = []
        self.errors: list[Any] = []
        self.deliveries = 0
        self.cuts: list[int] = []
        self.close_code = 1006
        self.unique_ids = False
        self.lifetime_s: float | None = None
        self.on_event: Callable[[Any], None] = lambda event: None
        self._script, self._paced = script, paced
        self._provider, self._reports_playback = options.get("provider"), options.get("reports_playback")
        self._to_server: deque[bytes] = deque()
        self._to_client: deque[bytes] = deque()

    # --- The network ---

    def step(self) -> None:
        """Do the client's next action."""
        self.client.tick(self.now)
        action = self.client.next_action(self.now)
        if isinstance(action, Connect):
            self.connect()
        elif not isinstance(action, Run):
            assert isinstance(action, Wait | GiveUp)
            self.server = None
        self.take()

    def connect(self) -> None:
        expires_at = 0 if self.lifetime_s is None else int(self.now + self.lifetime_s)
        self.server = ServerProtocol(
            script=self._script,
            paced=self._paced,
            ptime_ms=2 * PTIME_MS,
            session_id=f"s{len(self.servers)}",
            provider=self._provider,
            expires_at=expires_at,
            **self.server_options,
        )
        self.servers.append(self.server)
        if self.unique_ids:
            self.server._session._serial = 10_000 * len(self.servers)
        self.received.append([])
        self._to_server.clear()
        self._to_client.clear()
        self.client.connected(self.now)
        self._reply(self.server.open())

    def cut(self, code: int = 1006) -> None:
        """End the connection. What is on its way is lost."""
        self.server = None
        self._to_server.clear()
        self._to_client.clear()
        self.client.connection_lost(self.now, code=code)
        self.take()

    def _reply(self, events: list[Any]) -> None:
        assert self.server is not None
        self.errors += [event for event in events if event.type == "error"]
        self._to_client.extend(map(self.server.encode, events))

    def deliver(self) -> bool:
        """Deliver one frame. Returns False if none is on its way."""
        self._to_server.extend(self.client.frames_to_send())
        if self.server is None or not (self._to_client or self._to_server):
            return False
        if self._to_client:
            self.client.receive(self._to_client.popleft(), self.now)
            self.take()
        else:
            frame = self._to_server.popleft()
            self.received[-1].append(self.client.provider.decode_client(frame))
            self._reply(self.server.feed(frame))
        self.deliveries += 1
        if self.cuts and self.deliveries >= self.cuts[0]:
            del self.cuts[0]
            if self.server is not None:
                self.cut(self.close_code)
        return True

    def settle(self) -> None:
        """Deliver until nothing is on its way."""
        self.step()
        while self.deliver():
            pass

    def take(self) -> None:
        for event in self.client.events():
            self.seen.append(event)
            self.on_event(event)

    # --- Time ---

    def run(self, ms: float, audio: bytes = b"") -> None:
        """Let time pass in steps of 20 ms, in which the user sends `audio` and then silence.

        A paced server sends twice as fast as the audio is played.
        """
        at, silence = 0, self.client.input_format.silence(PTIME_MS)
        while ms > 0 or at < len(audio):
            self.client.append(audio[at : at + len(silence)] or silence)
            self.settle()
            if self.server is not None and self.server.is_responding:
                self._reply(self.server.advance())
                self.settle()
            if self._reports_playback:
                self.client.played(ms=PTIME_MS)
            self.take()
            self.now += PTIME_MS / 1000
            at += len(silence)
            ms -= PTIME_MS

    # --- Results ---

    def of(self, kind: Any) -> list[Any]:
        return [event for event in self.seen if isinstance(event, kind)]

    @property
    def refusals(self) -> list[Any]:
        """The errors of the servers, but for those that crossed a response on the wire."""
        return [
            error.error for error in self.errors
            if error.error.code not in ("conversation_already_has_active_response", "response_cancel_not_active")
        ]  # fmt: skip

    @property
    def history(self) -> list[tuple[str, str]]:
        """The conversation of the last server: role or type, and text, of each item."""
        items = [stored.item for stored in self.servers[-1]._session._history]
        return [summary(item) for item in items]


def summary(item: Any) -> tuple[str, str]:
    if item.type == "message":
        texts = (
            getattr(part, "text", None) or getattr(part, "transcript", None) or "" for part in item.content
        )
        return str(item.role), " ".join(map(str, texts))
    return item.type, str(item.call_id)


def answer_tools(world: World, result: object = "sunny", delay_ms: float = 100.0) -> list[Any]:
    """Answer calls of tools some time after they come. Returns the list of calls, which grows."""
    calls: list[Any] = []
    world_step = world.step

    def on_event(event: Any) -> None:
        if isinstance(event, ToolCalled) and not event.is_outside:
            calls.append((event.call, world.now + delay_ms / 1000))

    answered: set[int] = set()

    def step() -> None:
        for number, (call, due) in enumerate(calls):
            if world.now >= due and number not in answered:
                answered.add(number)
                world.client.answer(call, result, world.now)
        world_step()

    world.on_event = on_event
    world.step = step  # type: ignore[method-assign]
    return calls
