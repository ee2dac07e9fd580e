"""Bridge between Twilio calls and Realtime sessions: each Twilio media stream gets a session of its own.

Shows `realtime.telephony.Bridge`: the phone's mu-law is forwarded as base64 without decoding. When the caller
interrupts, Twilio's queue is cleared and a truncate event reports to the model what was played. Keys become text in
the conversation.

In Twilio, where this program is reachable as wss://example.org/ (a TwiML Bin, or your webhook's answer)::

    <Response><Connect><Stream url="wss://example.org/"/></Connect></Response>

Against OpenAI: set OPENAI_API_KEY and run ``python examples/twilio_websockets.py --port 8765``. Without an account::

    python -m realtime serve --port 8123
    python examples/twilio_websockets.py --port 8765 --url ws://127.0.0.1:8123/v1/realtime

Needs websockets: pip install 'realtime-codec[testing]'.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake

import realtime
from realtime.state import Interruption
from realtime.telephony import Bridge, BridgeOutput, CallDigit

OPENAI: Final = "wss://api.openai.com/v1/realtime?model=gpt-realtime-2"
SETTINGS: Final = realtime.create_session_config(
    "gpt-realtime-2", instructions="You are on the phone. Be brief."
)
# How long a side is waited for that does not answer the end of its connection, and one that does not even read.
CONNECTION: Final[dict[str, Any]] = {"compression": None, "close_timeout": 0.5}
CLOSE_S: Final = 0.6
# The frames that wait for a model that does not read: a minute of audio.
MAX_WAITING: Final = 3_000
log = logging.getLogger("twilio")


class HungUp(Exception):
    """One of the sides has ended the call. Ends the other tasks."""


async def serve_call(phone: ServerConnection, url: str) -> None:
    """Serve one connection of Twilio. The first side that ends also ends the other."""
    bridge = Bridge("twilio")
    to_model: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)
    to_phone: asyncio.Queue[str] = asyncio.Queue()  # the bridge limits what waits for a phone
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        while bridge.started is None:
            bridge.from_carrier(await phone.recv())
        log.info("call %s", bridge.started.call_id)
        to_model.put_nowait(bridge.session_update(SETTINGS))
        async with asyncio.TaskGroup() as tasks:
            # The phone is always read: whatever the model does, a hang-up is noticed.
            tasks.create_task(forward_phone(bridge, phone, to_model, to_phone))
            tasks.create_task(send_to_phone(to_phone, phone))
            session = await connect(url, additional_headers=headers, max_size=None, **CONNECTION)
            try:
                tasks.create_task(send_to_model(to_model, session))
                await forward_model(bridge, session, to_model, to_phone)
            finally:
                await close(session)
            raise HungUp
    except* HungUp:
        pass
    except* (OSError, InvalidHandshake, ConnectionClosed, asyncio.QueueFull, realtime.RealtimeError) as why:
        log.warning("the call failed: %s", why.exceptions)
    except* Exception:
        log.exception("the call failed")
    await phone.close()
    log.info("the call is over: %s", bridge.stats)


async def forward_phone(
    bridge: Bridge, phone: ServerConnection, to_model: asyncio.Queue[str], to_phone: asyncio.Queue[str]
) -> None:
    """Forward the phone's frames until the caller hangs up. Then raises HungUp."""
    with contextlib.suppress(ConnectionClosed):
        async for frame in phone:
            try:
                take(bridge.from_carrier(frame), to_model, to_phone)
            except realtime.DecodeError as why:
                log.warning("from Twilio: %s", why)
            if bridge.ended:
                break
    raise HungUp


async def forward_model(
    bridge: Bridge, session: ClientConnection, to_model: asyncio.Queue[str], to_phone: asyncio.Queue[str]
) -> None:
    """Forward the session's frames until it ends."""
    async for frame in session:
        try:
            take(bridge.from_server(frame), to_model, to_phone)
        except realtime.DecodeError as why:
            log.warning("from the model: %s", why)


async def send_to_model(to_model: asyncio.Queue[str], session: ClientConnection) -> None:
    """Send the frames that wait, as text messages: some servers end a session when they receive a binary one."""
    while True:
        await session.send(await to_model.get())


async def close(session: ClientConnection) -> None:
    """Close the connection; abort it if the model neither reads nor answers.

    In a task of its own: in one that is cancelled, timeouts do not work on Python 3.11.
    """
    await asyncio.wait([asyncio.create_task(session.close())], timeout=CLOSE_S)
    session.transport.abort()


async def send_to_phone(to_phone: asyncio.Queue[str], phone: ServerConnection) -> None:
    """Send the frames that wait. `forward_phone` ends the call if the phone has left."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            await phone.send(await to_phone.get())


def take(step: BridgeOutput, to_model: asyncio.Queue[str], to_phone: asyncio.Queue[str]) -> None:
    """Queue the frames, each for its side, and report the events."""
    for to_carrier in step.to_carrier:
        to_phone.put_nowait(str(to_carrier))
    for frame in step.to_server:
        to_model.put_nowait(frame)
    for event in step.events:
        match event:
            case CallDigit(digit=digit):
                log.info("key %s", digit)
                text = realtime.create_text_input(f"The caller pressed the key {digit}.")
                to_model.put_nowait(realtime.encode(text).decode())
            case Interruption(truncate=truncate, discarded_ms=discarded_ms):
                played_ms = truncate.audio_end_ms if truncate else 0
                log.info("interrupted: played %d ms, %d ms not played", played_ms, discarded_ms)
            case realtime.Error(error=error):
                log.warning("from the model: %s", error.message)
            case realtime.ResponseDone(response=realtime.Response(status="failed", status_details=details)):
                log.warning("a response failed: %s", details)
            case _:
                pass


async def main() -> None:
    """Serve until SIGINT or SIGTERM. Prints the address once connections are accepted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--url", default=os.environ.get("OPENAI_REALTIME_URL", OPENAI), help="default: %(default)s"
    )
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    handler = serve(lambda phone: serve_call(phone, arguments.url), "127.0.0.1", arguments.port, **CONNECTION)
    async with handler as listening:
        print("ws://127.0.0.1:{1}/".format(*next(iter(listening.sockets)).getsockname()), flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
