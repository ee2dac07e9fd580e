"""Take SIP calls: the webhook is verified, the call accepted, and steered over a sideband WebSocket until it ends.

OpenAI carries the audio of a SIP call itself; a program decides whether to take it, and steers the session. Set the
webhook of your OpenAI project (event realtime.call.incoming) to https://example.org/webhook, where this program is
reachable as example.org, and its secret as OPENAI_WEBHOOK_SECRET. Against OpenAI: set OPENAI_API_KEY, too, and run
``python examples/sip_call.py --port 8000``. Without an account only the server is another one::

    python examples/sip_call.py --port 8000 --api http://127.0.0.1:8123

where a `LoopbackServer(8123)` simulates calls with `incoming_call` (docs/recipes/sip-call.md).
Needs FastAPI, uvicorn and websockets: pip install fastapi uvicorn 'realtime-codec[client]'.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import urllib.error
import urllib.request
from collections import OrderedDict
from http import HTTPStatus
from typing import Final

import uvicorn
from fastapi import FastAPI, Request, Response

import realtime
from realtime import rest
from realtime.client import ConnectFailed, ToolCalled, connect

HANG_UP: Final = realtime.FunctionTool(
    name="hang_up", description="End the call, after saying goodbye.", parameters={"type": "object"}
)
SETTINGS: Final = realtime.create_session_config(
    "gpt-realtime-2", instructions="You are on the phone. Be brief.", tools=[HANG_UP]
)
REMEMBERED_WEBHOOKS: Final = 10_000
log = logging.getLogger("sip")
app = FastAPI()


@app.post("/webhook")
async def webhook(request: Request) -> Response:
    """Verify a webhook, and take the call in the background: the caller hears nothing until it is accepted."""
    body = await request.body()
    try:
        rest.verify_webhook(body, request.headers, app.state.secret)
        event = rest.decode_body(body, rest.Webhook)
    except (rest.WebhookError, realtime.DecodeError) as why:
        log.warning("a webhook was refused: %s", why)
        return Response(status_code=400)
    seen: OrderedDict[str, None] = app.state.seen
    webhook_id = request.headers["webhook-id"]
    if isinstance(event, rest.RealtimeCallIncoming) and webhook_id not in seen:  # deliveries are repeated
        seen[webhook_id] = None
        while len(seen) > REMEMBERED_WEBHOOKS:
            seen.popitem(last=False)
        call = asyncio.create_task(take_call(event.data.call_id))
        app.state.calls.add(call)
        call.add_done_callback(app.state.calls.discard)
    return Response(status_code=200)


async def take_call(call_id: str) -> None:
    """Accept a call, greet the caller, and hang up when the model asks for it."""
    try:
        await post(rest.call_path(call_id, "accept"), rest.encode_body(SETTINGS))
        log.info("call %s accepted", call_id)
        url = f"{app.state.api.replace('http', 'ws', 1)}/v1/realtime"
        async with connect(url=url, call_id=call_id, api_key=os.environ.get("OPENAI_API_KEY")) as session:
            session.respond()
            async for event in session:
                match event:
                    case realtime.ResponseOutputAudioTranscriptDone(transcript=text):
                        log.info("the model said: %s", text)
                    case ToolCalled():
                        await post(rest.call_path(call_id, "hangup"), b"")
                        break
                    case realtime.Error(error=error):
                        log.warning("from the model: %s", error.message)
                    case _:
                        pass
    except ConnectFailed as why:
        if why.status != HTTPStatus.NOT_FOUND:  # the caller has hung up: there is no such call any more
            log.warning("call %s failed: %s", call_id, why)
    except (OSError, realtime.RealtimeError) as why:
        log.warning("call %s failed: %s", call_id, why)
    log.info("call %s is over", call_id)


def authorization() -> dict[str, str]:
    """Return the header with the API key, if there is one."""
    key = os.environ.get("OPENAI_API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


async def post(path: str, body: bytes) -> None:
    """Send a request to the API. Raises OSError if it fails; its message is the API's."""
    headers = {"Content-Type": "application/json", **authorization()}
    request = urllib.request.Request(app.state.api + path, body, headers)

    def send() -> None:
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as refused:
            with refused:
                error = rest.decode_body(refused.read(), rest.ErrorBody).error
            raise OSError(f"{refused.code} {error.code}: {error.message}") from None

    await asyncio.to_thread(send)


def main() -> None:
    """Serve until SIGINT or SIGTERM. Prints the address once connections are accepted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--api", default="https://api.openai.com", metavar="URL", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    app.state.api, app.state.secret = arguments.api, os.environ["OPENAI_WEBHOOK_SECRET"]
    app.state.seen, app.state.calls = OrderedDict[str, None](), set[asyncio.Task[None]]()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)  # uvicorn installs its own and raises it again
    listening = socket.create_server(("127.0.0.1", arguments.port))
    print("http://127.0.0.1:{1}".format(*listening.getsockname()), flush=True)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


if __name__ == "__main__":
    main()
