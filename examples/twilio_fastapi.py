"""Bridge between Twilio calls and Realtime sessions in FastAPI: the webhook that answers, and the media stream.

Shows `realtime.telephony.Bridge` in a web framework: the framework owns the sockets, the bridge makes the frames.
In Twilio, set the number's webhook to https://example.org/answer, where this program is reachable as example.org.
Against OpenAI: set OPENAI_API_KEY and run ``python examples/twilio_fastapi.py --port 8000``. Without an account::

    python -m realtime serve --port 8123
    python examples/twilio_fastapi.py --port 8000 --url ws://127.0.0.1:8123/v1/realtime

Needs FastAPI, uvicorn and websockets: pip install fastapi uvicorn 'realtime-codec[testing]'.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

import realtime
from realtime.state import Interruption
from realtime.telephony import Bridge, BridgeOutput, CallDigit

OPENAI: Final = "wss://api.openai.com/v1/realtime?model=gpt-realtime-2"
TWIML: Final = '<Response><Connect><Stream url="wss://{}/stream"/></Connect></Response>'
SETTINGS: Final = realtime.create_session_config(
    "gpt-realtime-2", instructions="You are on the phone. Be brief."
)
# How long a side that still sends is waited for when the other one has ended.
CONNECTION: Final[dict[str, Any]] = {"compression": None, "close_timeout": 1}
log = logging.getLogger("twilio")
app = FastAPI()


@app.post("/answer")
async def answer(request: Request) -> Response:
    """Answer Twilio's request for a call: its audio is to be sent to `stream`."""
    return Response(TWIML.format(request.url.netloc), media_type="application/xml")


@app.websocket("/stream")
async def stream(phone: WebSocket) -> None:
    """Serve one call. The first side that ends also ends the other."""
    await phone.accept()
    bridge = Bridge("twilio")
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        while bridge.started is None:
            bridge.from_carrier(await phone.receive_text())
        log.info("call %s", bridge.started.call_id)
        async with connect(app.state.url, additional_headers=headers, max_size=None, **CONNECTION) as session:
            await session.send(bridge.session_update(SETTINGS))
            turn = asyncio.Lock()  # both sides have frames for the phone, which it must get in order
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(forward_phone(bridge, phone, session, turn))
                tasks.create_task(forward_model(bridge, phone, session, turn))
    except* (OSError, InvalidHandshake, ConnectionClosed, WebSocketDisconnect, realtime.RealtimeError) as why:
        log.warning("the call failed: %s", why.exceptions)
    log.info("the call is over: %s", bridge.stats)


async def forward_phone(
    bridge: Bridge, phone: WebSocket, session: ClientConnection, turn: asyncio.Lock
) -> None:
    """Forward the phone's frames until the caller hangs up."""
    with contextlib.suppress(WebSocketDisconnect):
        while not bridge.ended:
            frame = await phone.receive_text()
            try:
                async with turn:
                    await send(bridge.from_carrier(frame), phone, session)
            except realtime.DecodeError as why:
                log.warning("from Twilio: %s", why)
    await session.close()


async def forward_model(
    bridge: Bridge, phone: WebSocket, session: ClientConnection, turn: asyncio.Lock
) -> None:
    """Forward the session's frames until it ends."""
    async for frame in session:
        try:
            async with turn:
                await send(bridge.from_server(frame), phone, session)
        except realtime.DecodeError as why:
            log.warning("from the model: %s", why)
    if phone.client_state is WebSocketState.CONNECTED:
        await phone.close()


async def send(step: BridgeOutput, phone: WebSocket, session: ClientConnection) -> None:
    """Send each frame to its side.

    All of them are sent as text messages, which the bridge gives as str: some servers end a session when
    they receive a binary message.
    """
    for to_phone in step.to_carrier:
        await phone.send_text(str(to_phone))
    for to_model in step.to_server:
        await session.send(to_model)
    for event in step.events:
        if isinstance(event, CallDigit):
            log.info("key %s", event.digit)
            text = realtime.create_text_input(f"The caller pressed the key {event.digit}.")
            await session.send(realtime.encode(text), text=True)
        elif isinstance(event, Interruption):
            log.info("interrupted: %d ms not played", event.discarded_ms)
        elif isinstance(event, realtime.Error):
            log.warning("from the model: %s", event.error.message)


def main() -> None:
    """Serve until SIGINT or SIGTERM. Prints the address once connections are accepted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--url", default=os.environ.get("OPENAI_REALTIME_URL", OPENAI), help="default: %(default)s"
    )
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    app.state.url = arguments.url
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)  # uvicorn installs its own and raises it again
    listening = socket.create_server(("127.0.0.1", arguments.port))
    print("http://127.0.0.1:{1}".format(*listening.getsockname()), flush=True)
    config = uvicorn.Config(app, ws="websockets-sansio", log_level="warning", timeout_graceful_shutdown=2)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
