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
# How long a side that still sends is waited for when the other one has ended.
CONNECTION: Final[dict[str, Any]] = {"compression": None, "close_timeout": 1}
log = logging.getLogger("twilio")


async def serve_call(phone: ServerConnection, url: str) -> None:
    """Serve one connection of Twilio. The first side that ends also ends the other."""
    bridge = Bridge("twilio")
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        while bridge.started is None:
            bridge.from_carrier(await phone.recv())
        log.info("call %s", bridge.started.call_id)
        async with connect(url, additional_headers=headers, max_size=None, **CONNECTION) as session:
            await session.send(bridge.session_update(SETTINGS))
            turn = asyncio.Lock()  # both sides have frames for the phone, which it must get in order
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(forward_phone(bridge, phone, session, turn))
                tasks.create_task(forward_model(bridge, phone, session, turn))
    except* (OSError, InvalidHandshake, ConnectionClosed, realtime.RealtimeError) as why:
        log.warning("the call failed: %s", why.exceptions)
    log.info("the call is over: %s", bridge.stats)


async def forward_phone(
    bridge: Bridge, phone: ServerConnection, session: ClientConnection, turn: asyncio.Lock
) -> None:
    """Forward the phone's frames until the caller hangs up."""
    async for frame in phone:
        try:
            async with turn:
                await send(bridge.from_carrier(frame), phone, session)
        except realtime.DecodeError as why:
            log.warning("from Twilio: %s", why)
        if bridge.ended:
            break
    await session.close()


async def forward_model(
    bridge: Bridge, phone: ServerConnection, session: ClientConnection, turn: asyncio.Lock
) -> None:
    """Forward the session's frames until it ends."""
    async for frame in session:
        try:
            async with turn:
                await send(bridge.from_server(frame), phone, session)
        except realtime.DecodeError as why:
            log.warning("from the model: %s", why)
    await phone.close()


async def send(step: BridgeOutput, phone: ServerConnection, session: ClientConnection) -> None:
    """Send each frame to its side.

    All of them are sent as text messages, which the bridge gives as str: some servers end a session when
    they receive a binary message.
    """
    for to_phone in step.to_carrier:
        await phone.send(to_phone)
    for to_model in step.to_server:
        await session.send(to_model)
    for event in step.events:
        match event:
            case CallDigit(digit=digit):
                log.info("key %s", digit)
                text = realtime.create_text_input(f"The caller pressed the key {digit}.")
                await session.send(realtime.encode(text), text=True)
            case Interruption(truncate=truncate, discarded_ms=discarded_ms):
                played_ms = truncate.audio_end_ms if truncate else 0
                log.info("interrupted: played %d ms, %d ms not played", played_ms, discarded_ms)
            case realtime.Error(error=error):
                log.warning("from the model: %s", error.message)
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
