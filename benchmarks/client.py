"""CPU time of a client per second of a call, with many calls in one process: ours against openai-python.

A server in another process plays the same conversation to every connection in real time: a user who speaks for
1.3 s, and an answer of 2 s in audio deltas of 100 ms with their transcript, again and again. The client appends 20 ms of
audio fifty times per second, reads all events, and takes the raw audio out of the deltas. `realtime` is a whole `Session`, which
also keeps the conversation, the playback position and the usage; `openai` is `AsyncOpenAI().realtime.connect`, whose
user does that himself.

``python -m benchmarks.client`` finds the highest number of calls at which openai-python keeps up, and measures
all clients at it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec

import realtime
from realtime.audio import Converter
from realtime.client import connect
from realtime.testing import Say, ServerProtocol, Turn

from . import inputs
from .common import absent, optional

picows = optional("picows")
uvloop = optional("uvloop")
openai = optional("openai")

PTIME_MS: Final = 20
_TICK_S: Final = PTIME_MS / 1000
# A client that is so late keeps up no more.
_MAX_LATE_S: Final = 0.1
# By name: the client, and its event loop. "picows" sends and receives the same frames without reading them: the
# lower bound.
CLIENTS: Final = {
    "openai": ("openai", "asyncio"),
    "openai+uvloop": ("openai", "uvloop"),
    "realtime": ("websockets", "asyncio"),
    "realtime+uvloop": ("websockets", "uvloop"),
    "realtime+picows": ("picows", "uvloop"),
    "picows": ("nothing", "uvloop"),
}
FORMATS: Final = ("g711_ulaw", "pcm16")
MODEL: Final = "gpt-realtime-2"


# --- The server ----------------------------------------------------------------------


def conversation(format: Any, seconds: float) -> list[tuple[float, bytes]]:
    """Return the frames of a server in a conversation, with their times."""
    chosen = realtime.AudioFormat.of(format)
    answer = _speech(chosen, 2000)

    def script(turn: Turn) -> Say:
        return Say("These are the words of the answer, eleven of them in all.", answer, chosen)

    server = ServerProtocol(script=script, paced=True, ptime_ms=100)
    frames = [(0.0, server.encode(event)) for event in server.open()]
    update = realtime.SessionUpdate(session=realtime.create_session_config(MODEL, format=format))
    frames += [(0.0, server.encode(event)) for event in server.feed(realtime.encode(update))]
    user = _speech(chosen, 1300) + chosen.silence(2700)
    size, next_delta = chosen.chunk_bytes(PTIME_MS), 0.0
    for number in range(int(seconds / _TICK_S)):
        now, at = number * _TICK_S, number * size % len(user)
        events = server.feed(realtime.encode_append(user[at : at + size]))
        if server.is_responding and now >= next_delta:
            events += server.advance()
            next_delta = now + 0.1
        frames += [(now, server.encode(event)) for event in events]
    return frames


def _speech(format: realtime.AudioFormat, ms: int) -> bytes:
    converter = Converter("pcm16", format)
    return converter.process(inputs.audio(48 * ms)) + converter.flush()


async def serve(format: str, seconds: float) -> None:
    """Play the conversation to each connection. Prints the port."""
    frames = conversation(format, seconds)
    base: Any = picows.WSListener

    class Player(base):  # type: ignore[misc]
        def on_ws_connected(self, transport: Any) -> None:
            self.transport, self.at = transport, 0
            self.begin = time.monotonic()
            self.play()

        def play(self) -> None:
            now = time.monotonic() - self.begin
            while self.at < len(frames) and frames[self.at][0] <= now:
                self.transport.send(picows.WSMsgType.TEXT, frames[self.at][1])
                self.at += 1
            if self.at < len(frames) and not self.transport.is_disconnected:
                asyncio.get_running_loop().call_later(frames[self.at][0] - now, self.play)

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            if frame.msg_type == picows.WSMsgType.CLOSE:
                transport.disconnect()

    server = await picows.ws_create_server(
        lambda request: Player(), "127.0.0.1", 0, websocket_handshake_timeout=60
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


# --- The clients ---------------------------------------------------------------------


@dataclass(slots=True)
class Received:
    """The events and the audio that the clients of a run have received."""

    events: int = 0
    audio_nbytes: int = 0


Append = Callable[[bytes], Awaitable[object]]


@asynccontextmanager
async def _ours(transport: Any, url: str, format: Any, received: Received) -> AsyncGenerator[Append]:
    config = realtime.create_session_config(MODEL, format=format)
    options: dict[str, Any] = {"transport": transport, "proxy": None, "open_timeout": 60}
    async with connect(MODEL, url=url, session=config, **options) as session:

        async def read() -> None:
            async for event in session:
                received.events += 1
                if isinstance(event, realtime.ResponseOutputAudioDelta):
                    received.audio_nbytes += len(event.delta)

        reading = asyncio.create_task(read())
        yield session.append
        reading.cancel()


@asynccontextmanager
async def _picows_alone(url: str, received: Received) -> AsyncGenerator[Append]:
    """Send and count frames, without reading them."""
    base: Any = picows.WSListener
    append_frame = realtime.encode_append(bytes(160))

    class Counter(base):  # type: ignore[misc]
        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            received.events += 1
            received.audio_nbytes += len(frame.get_payload_as_bytes())

    transport, _ = await picows.ws_connect(Counter, url)

    async def append(audio: bytes) -> None:
        transport.send(picows.WSMsgType.TEXT, append_frame)

    yield append
    transport.disconnect(False)


@asynccontextmanager
async def _openai(url: str, format: Any, received: Received) -> AsyncGenerator[Append]:
    client = openai.AsyncOpenAI(api_key="k", websocket_base_url=url)
    options = {"open_timeout": 60}
    async with client.realtime.connect(model=MODEL, websocket_connection_options=options) as connection:
        audio: Any = {"format": msgspec.to_builtins(realtime.wire_format(format))}
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": audio, "output": audio}}
        )

        async def read() -> None:
            async for event in connection:
                received.events += 1
                if event.type == "response.output_audio.delta":
                    received.audio_nbytes += len(base64.b64decode(event.delta))

        async def append(audio: bytes) -> None:
            await connection.input_audio_buffer.append(audio=base64.b64encode(audio).decode())

        reading = asyncio.create_task(read())
        yield append
        reading.cancel()


async def _append_all(appends: list[Append], frame: bytes, seconds: float) -> float:
    """Append audio to all calls in real time. Returns the lateness in seconds."""
    due, late = time.monotonic(), 0.0
    for _ in range(int(seconds / _TICK_S)):
        await asyncio.sleep(due - time.monotonic())
        for append in appends:
            await append(frame)
        due += _TICK_S
        late = max(late, time.monotonic() - due)
    return late


async def call(by: str, port: int, format: Any, calls: int, seconds: float) -> dict[str, float]:
    """Make calls. Returns the milliseconds of CPU time per second of a call, and the lateness in seconds."""
    received = Received()
    url = f"ws://127.0.0.1:{port}"
    open_one: Callable[[], AbstractAsyncContextManager[Append]] = {
        "openai": lambda: _openai(url, format, received),
        "websockets": lambda: _ours("websockets", url, format, received),
        "picows": lambda: _ours("picows", url, format, received),
        "nothing": lambda: _picows_alone(url, received),
    }[by]
    opened = [open_one() for _ in range(calls)]
    appends = [await each.__aenter__() for each in opened]
    frame = _speech(realtime.AudioFormat.of(format), PTIME_MS)
    await _append_all(appends, frame, 1.0)  # for imports and caches
    received.events, used, begin = 0, os.times(), time.monotonic()
    late = await _append_all(appends, frame, seconds)
    took, now_used = time.monotonic() - begin, os.times()
    user, system = now_used.user - used.user, now_used.system - used.system
    for each in opened:
        await each.__aexit__(None, None, None)
    return {
        "cpu_ms": (user + system) * 1000 / (seconds * calls),
        "late_s": late,
        "load": (user + system) / took,
        "events": received.events / (took * calls),
    }


# --- Measuring -----------------------------------------------------------------------


def measure(name: str, format: str, calls: int, seconds: float = 5.0) -> dict[str, float]:
    """Return the figures of `call`, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.client", format, f"--seconds={seconds}"]
    with subprocess.Popen([*command, "--serve"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            client = [*command, f"--by={name}", f"--port={port}", f"--calls={calls}"]
            done = subprocess.run(client, capture_output=True, text=True, timeout=120 + 4 * seconds)
        finally:
            server.kill()
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def highest_load(format: str, step: int = 10) -> int:
    """Return the highest number of calls, in steps, at which openai-python keeps up."""
    for calls in itertools.count(step, step):
        if measure("openai", format, calls, seconds=3.0)["late_s"] > _MAX_LATE_S:
            return max(1, calls - step)
    raise AssertionError


class ManyCalls:
    """Ten calls in one process."""

    params = ([*CLIENTS], [*FORMATS])
    param_names = ("by", "session_format")
    timeout = 120
    skip_params = absent(
        {
            (by, format): None
            for by, (client, _) in CLIENTS.items()
            for format in FORMATS
            if picows and uvloop and (client != "openai" or openai)
        },
        params,
    )

    def track_cpu_ms_per_call_second(self, by: str, session_format: str) -> float:
        return measure(by, session_format, calls=10)["cpu_ms"]

    track_cpu_ms_per_call_second.unit = "ms"  # type: ignore[attr-defined]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", nargs="?", choices=FORMATS)
    parser.add_argument("--by", choices=CLIENTS)
    parser.add_argument("--port", type=int)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true")
    args = parser.parse_args()
    if args.serve:
        uvloop.run(serve(args.format, 2 * args.seconds + 20))
    elif args.port:
        client, loop = CLIENTS[args.by]
        run = uvloop.run if loop == "uvloop" else asyncio.run
        print(json.dumps(run(call(client, args.port, args.format, args.calls, args.seconds))))
    else:
        report([args.format] if args.format else [*FORMATS], args.calls, args.seconds, args.rounds)


def report(formats: list[str], calls: int | None, seconds: float, rounds: int) -> None:
    """Print the CPU time of each client, the best of some rounds, and ratios to the first."""
    for format in formats:
        load = calls or highest_load(format)
        print(f"{format}, {load} calls: ms of CPU time per second of a call")
        best: dict[str, dict[str, float]] = {}
        for name in [*CLIENTS] * rounds:
            found = measure(name, format, load, seconds)
            best[name] = min(best.get(name, found), found, key=lambda each: each["cpu_ms"])
        for name, found in best.items():
            ratio = best["openai"]["cpu_ms"] / found["cpu_ms"]
            print(
                f"  {name:18}{found['cpu_ms']:8.2f}   x{ratio:.1f} less than openai   "
                f"{found['load']:.0%} of a core, at most {found['late_s'] * 1000:.0f} ms late"
            )


if __name__ == "__main__":
    main()
