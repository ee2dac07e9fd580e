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
# How long a side is waited for that does not answer the end of its connection, and one that does not even read.
CONNECTION: Final[dict[str, Any]] = {"compression": None, "close_timeout": 0.5}
CLOSE_S: Final = 0.6
# The frames that wait for a model that does not read: a minute of audio.
MAX_WAITING: Final = 3_000
# What may fail in a call by no fault of this program.
FAILURES: Final = (
    OSError, InvalidHandshake, ConnectionClosed, WebSocketDisconnect, asyncio.QueueFull, realtime.RealtimeError,
)  # fmt: skip
log = logging.getLogger("twilio")
app = FastAPI()


@app.post("/answer")
async def answer(request: Request) -> Response:
    """Answer Twilio's request for a call: its audio is to be sent to `stream`."""
    return Response(TWIML.format(request.url.netloc), media_type="application/xml")


class HungUp(Exception):
    """The caller has hung up. Ends the other tasks of the call."""


@app.websocket("/stream")
async def stream(phone: WebSocket) -> None:
    """Serve one call. The first side that ends also ends the other."""
    await phone.accept()
    bridge = Bridge("twilio")
    to_model: asyncio.Queue[str] = asyncio.Queue(MAX_WAITING)
    to_phone: asyncio.Queue[str] = asyncio.Queue()  # the bridge limits what waits for a phone
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        while bridge.started is None:
            bridge.from_carrier(await phone.receive_text())
        log.info("call %s", bridge.started.call_id)
        to_model.put_nowait(bridge.session_update(SETTINGS))
        async with asyncio.TaskGroup() as tasks:
            # The phone is always read: whatever the model does, a hang-up is noticed.
            tasks.create_task(forward_phone(bridge, phone, to_model, to_phone))
            tasks.create_task(send_to_phone(to_phone, phone))
            url = app.state.url
            session = await connect(url, additional_headers=headers, max_size=None, **CONNECTION)
            try:
                tasks.create_task(send_to_model(to_model, session))
                await forward_model(bridge, session, to_model, to_phone)
            finally:
                await close(session)
            if phone.client_state is WebSocketState.CONNECTED:
                await phone.close()
    except* HungUp:
        pass
    except* FAILURES as why:
        log.warning("the call failed: %s", why.exceptions)
    except* Exception:
        log.exception("the call failed")
    log.info("the call is over: %s", bridge.stats)


async def forward_phone(
    bridge: Bridge, phone: WebSocket, to_model: asyncio.Queue[str], to_phone: asyncio.Queue[str]
) -> None:
    """Forward the phone's frames until the caller hangs up. Then raises HungUp."""
    with contextlib.suppress(WebSocketDisconnect):
        while not bridge.ended:
            frame = await phone.receive_text()
            try:
                take(bridge.from_carrier(frame), to_model, to_phone)
            except realtime.DecodeError as why:
                log.warning("from Twilio: %s", why)
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


async def send_to_phone(to_phone: asyncio.Queue[str], phone: WebSocket) -> None:
    """Send the frames that wait. `forward_phone` ends the call if the phone has left."""
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await phone.send_text(await to_phone.get())


def take(step: BridgeOutput, to_model: asyncio.Queue[str], to_phone: asyncio.Queue[str]) -> None:
    """Queue the frames, each for its side, and report the events."""
    for to_carrier in step.to_carrier:
        to_phone.put_nowait(str(to_carrier))
    for frame in step.to_server:
        to_model.put_nowait(frame)
    for event in step.events:
        if isinstance(event, CallDigit):
            log.info("key %s", event.digit)
            text = realtime.create_text_input(f"The caller pressed the key {event.digit}.")
            to_model.put_nowait(realtime.encode(text).decode())
        elif isinstance(event, Interruption):
            log.info("interrupted: %d ms not played", event.discarded_ms)
        elif isinstance(event, realtime.Error):
            log.warning("from the model: %s", event.error.message)
        elif isinstance(event, realtime.ResponseDone) and event.response.status == "failed":
            log.warning("a response failed: %s", event.response.status_details)


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
