"""Bridge between Twilio calls and Live sessions: each Twilio media stream gets a session of its own.

Shows `realtime.telephony.Bridge` with ``dialect="live"``: the phone's mu-law is forwarded as base64 without decoding,
silence is sent when the phone sends nothing, and the queue at Twilio stays short. The model greets the caller. Keys
become facts that it knows. When the caller hangs up, the session is closed and its transcript logged; when the
session ends, so does the call.

In Twilio, where this program is reachable as wss://example.org/ (a TwiML Bin, or your webhook's answer)::

    <Response><Connect><Stream url="wss://example.org/"/></Connect></Response>

Against OpenAI: set OPENAI_API_KEY and run ``python examples/twilio_live.py --port 8765``. Without an account::

    python -m realtime serve --port 8123
    python examples/twilio_live.py --port 8765 --url ws://127.0.0.1:8123/v1/live/sessions

Needs websockets: pip install 'realtime-codec[testing]'.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import time
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake

import realtime
from realtime import live
from realtime.telephony import Bridge, BridgeOutput, CallDigit

OPENAI: Final = "wss://api.openai.com/v1/live/sessions"
SETTINGS: Final = live.LiveSession(model="gpt-live-1", instructions="You are on the phone. Be brief.")
GREETING: Final = "Hello, how can I help you?"
# Seconds to wait for the start of a session, and for its end.
START_S: Final = 10.0
END_S: Final = 15.0
# The time between two ticks of the bridge.
TICK_S: Final = 0.02
# Seconds to wait for a peer to answer the close of its connection, and for one that does not even read.
CONNECTION: Final[dict[str, Any]] = {"compression": None, "close_timeout": 0.5}
CLOSE_S: Final = 0.6
# The frames that wait for a model that does not read: a minute of audio.
MAX_WAITING: Final = 3_000
log = logging.getLogger("twilio")


class Ended(Exception):
    """The call is over. Ends the tasks."""


class Call:
    """One connection of Twilio, and its session. The first side that ends also ends the other."""

    def __init__(self, phone: ServerConnection) -> None:
        self.phone = phone
        self.bridge = Bridge("twilio", dialect="live")
        self.transcript = live.LiveTranscript()
        self.to_model: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)
        self.to_phone: asyncio.Queue[str] = asyncio.Queue()  # the bridge limits what waits for a phone
        self.has_started = asyncio.Event()

    async def run(self, url: str) -> None:
        """Serve the call until it is over."""
        key = os.environ.get("OPENAI_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            while self.bridge.started is None:
                self.bridge.from_carrier(await self.phone.recv())
            log.info("call %s", self.bridge.started.call_id)
            self.to_model.put_nowait(self.bridge.session_start(SETTINGS))
            async with asyncio.TaskGroup() as tasks:
                # The phone is always read: whatever the model does, a hang-up is noticed.
                tasks.create_task(self.forward_phone())
                tasks.create_task(self.send_to_phone())
                session = await connect(url, additional_headers=headers, max_size=None, **CONNECTION)
                try:
                    tasks.create_task(self.send_to_model(session))
                    tasks.create_task(self.watch())
                    await self.forward_model(session)
                finally:
                    await close(session)
                await asyncio.sleep(self.bridge.backlog_ms / 1000)  # let the caller hear the last word
                raise Ended
        except* Ended:
            pass
        except* (
            OSError,
            InvalidHandshake,
            ConnectionClosed,
            asyncio.QueueFull,
            realtime.RealtimeError,
        ) as why:
            log.warning("the call failed: %s", why.exceptions)
        except* Exception:
            log.exception("the call failed")
        await self.phone.close()
        for segment in self.transcript.segments:
            log.info("%s: %s", segment.speaker, segment.text)
        log.info("the call is over: %s", self.bridge.stats)

    async def forward_phone(self) -> None:
        """Forward the phone's frames until the caller hangs up, then wait for the end of the session."""
        with contextlib.suppress(ConnectionClosed):
            async for frame in self.phone:
                try:
                    self.take(self.bridge.from_carrier(frame))
                except realtime.DecodeError as why:
                    log.warning("from Twilio: %s", why)
                if self.bridge.ended:
                    break
        self.take(self.bridge.end())
        if self.has_started.is_set():
            await asyncio.sleep(END_S)  # forward_model is done before, with the final usage
            log.warning("the model did not end the session")
        raise Ended

    async def forward_model(self, session: ClientConnection) -> None:
        """Forward the session's frames until it ends."""
        async for frame in session:
            try:
                self.take(self.bridge.from_server(frame))
            except realtime.DecodeError as why:
                log.warning("from the model: %s", why)
        if self.has_started.is_set() and not self.bridge.ended:
            log.warning("the connection was lost")

    async def watch(self) -> None:
        """Tick, so that the session's clock advances without the phone. End the call if the session does not start."""
        due = time.monotonic() + START_S
        while self.has_started.is_set() or time.monotonic() < due:
            self.take(self.bridge.tick(time.monotonic() * 1000))
            await asyncio.sleep(TICK_S)
        log.warning("the session did not start")
        raise Ended

    async def send_to_model(self, session: ClientConnection) -> None:
        """Send the frames that wait, as text messages. `forward_model` notices the end of the connection."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await session.send(await self.to_model.get())

    async def send_to_phone(self) -> None:
        """Send the frames that wait. `forward_phone` ends the call if the phone has left."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.phone.send(await self.to_phone.get())

    def take(self, step: BridgeOutput) -> None:
        """Queue the frames, each for its side, and act on the events."""
        for to_carrier in step.to_carrier:
            self.to_phone.put_nowait(str(to_carrier))
        for frame in step.to_server:
            self.to_model.put_nowait(frame)
        for event in step.events:
            match event:
                case live.SessionStarted():
                    self.has_started.set()
                    self.append(live.SessionCommentaryAppend(delegation_id=None, content=GREETING))
                case live.SessionInputTranscriptDelta() | live.SessionOutputTranscriptDelta():
                    self.transcript.feed(event)
                case live.SessionClosed(reason=reason, usage=usage):
                    log.info("the session has ended: %s, %s s", reason, usage.seconds)
                case live.Error(error=error):  # after the start, most errors do not end the session
                    log.warning("from the model: %s", error.message)
                case CallDigit(digit=digit):
                    log.info("key %s", digit)
                    fact = f"The caller pressed the key {digit}."
                    if self.has_started.is_set():
                        self.append(live.SessionThinkingAppend(delegation_id=None, content=fact))
                case _:
                    pass

    def append(self, event: live.SessionCommentaryAppend | live.SessionThinkingAppend) -> None:
        """Queue a text for the model."""
        self.to_model.put_nowait(live.encode(event).decode())


async def close(session: ClientConnection) -> None:
    """Close the connection; abort it if the model neither reads nor answers.

    In a task of its own: in one that is cancelled, timeouts do not work on Python 3.11.
    """
    await asyncio.wait([asyncio.create_task(session.close())], timeout=CLOSE_S)
    session.transport.abort()


async def main() -> None:
    """Serve until SIGINT or SIGTERM. Prints the address once connections are accepted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--url", default=os.environ.get("OPENAI_LIVE_URL", OPENAI), help="default: %(default)s"
    )
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    handler = serve(lambda phone: Call(phone).run(arguments.url), "127.0.0.1", arguments.port, **CONNECTION)
    async with handler as listening:
        print("ws://127.0.0.1:{1}/".format(*next(iter(listening.sockets)).getsockname()), flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
