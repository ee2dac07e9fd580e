"""Relay between clients and a Realtime server: frames are forwarded unchanged, and only their types are read.

Shows `peek_type`, `decode_server_if` and `summary`. An unknown or malformed frame is counted and forwarded
like any other; a side that does not read slows the other down; close codes are forwarded. The protocol has
text messages only, and some servers end a session at a binary one, so every frame is sent as text.

Without an account, in two terminals::

    python -m realtime serve --port 8123
    python examples/relay.py --upstream ws://127.0.0.1:8123/v1/realtime --port 8765

Then point any client at ws://127.0.0.1:8765/v1/realtime (`python -m realtime demo --url ...`). Against OpenAI,
leave --upstream out and set OPENAI_API_KEY: clients then need no key of their own.
Needs websockets: pip install 'realtime-codec[testing]'.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from collections import Counter
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake

import realtime
from realtime.state import Summarizer

OPENAI: Final = "wss://api.openai.com/v1/realtime?model=gpt-realtime-2"
# The server events that are logged.
LOGGED: Final = frozenset({"session.created", "session.updated", "error", "response.done"})
# One append may have 15 MiB of audio, which is 20 MiB of base64.
MAX_FRAME_BYTES: Final = 32 * 1024 * 1024
# Close codes that may be sent; 1005 and 1006 stand for the absence of one.
SENDABLE: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})
BAD_GATEWAY: Final = 1014
log = logging.getLogger("relay")


class Relay:
    """Forwards each client's frames to a server connection of its own, and back."""

    def __init__(self, upstream: str) -> None:
        key = os.environ.get("OPENAI_API_KEY")
        self._upstream = upstream
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def serve(self, client: ServerConnection) -> None:
        """Serve one client until either side closes."""
        try:
            connecting = connect(
                self._upstream, additional_headers=self._headers, max_size=MAX_FRAME_BYTES, compression=None
            )
            async with connecting as server:
                await self._join(client, server)
        except (OSError, InvalidHandshake) as why:
            log.warning("no connection upstream: %s", why)
            await client.close(BAD_GATEWAY, "no connection upstream")

    async def _join(self, client: ServerConnection, server: ClientConnection) -> None:
        seen: Counter[str] = Counter()
        log.info("a client came")
        await asyncio.gather(self._up(client, server, seen), self._down(server, client, seen))
        counted = ", ".join(f"{number} {kind}" for kind, number in seen.most_common())
        log.info("a client left (%s): %s", client.close_code, counted)

    async def _up(self, client: ServerConnection, server: ClientConnection, seen: Counter[str]) -> None:
        try:
            while True:
                frame = await client.recv(decode=False)
                seen[f"up {type_of(frame)}"] += 1
                # Waits while the server does not read. Then nothing more is read from the client either, TCP
                # slows it down, and this process stores only a few frames.
                await server.send(frame, text=True)
        except ConnectionClosed:
            await forward_close(client, server)

    async def _down(self, server: ClientConnection, client: ServerConnection, seen: Counter[str]) -> None:
        line = Summarizer()
        try:
            while True:
                frame = await server.recv(decode=False)
                seen[f"down {type_of(frame)}"] += 1
                try:
                    event = realtime.decode_server_if(frame, LOGGED)
                    if event is not None:
                        log.info("%s", line(event))
                except realtime.DecodeError as why:  # logged only: the frame is forwarded
                    log.warning("from the server: %s", why)
                await client.send(frame, text=True)
        except ConnectionClosed:
            await forward_close(server, client)


def type_of(frame: bytes) -> str:
    """Return the event's type, read from the beginning of the frame."""
    try:
        return realtime.peek_type(frame)[:80]
    except realtime.DecodeError:
        return "(broken)"


async def forward_close(
    left: ServerConnection | ClientConnection, right: ServerConnection | ClientConnection
) -> None:
    """Close the side that is still open with the close code of the other one."""
    first, other = (left, right) if left.close_code is not None else (right, left)
    code = 1000 if first.close_code == 1005 else first.close_code or BAD_GATEWAY
    await other.close(code if code in SENDABLE else BAD_GATEWAY, first.close_reason or "")


async def main() -> None:
    """Serve until SIGINT or SIGTERM. Prints the address once connections are accepted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--upstream", default=OPENAI, metavar="URL", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    relay = Relay(arguments.upstream)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = serve(relay.serve, "127.0.0.1", arguments.port, max_size=MAX_FRAME_BYTES, compression=None)
    async with serving as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        print(f"ws://127.0.0.1:{port}/v1/realtime", flush=True)
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
