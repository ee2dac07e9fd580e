"""Asterisk AudioSocket server: each 8 kHz call becomes a 24 kHz session.

Shows `realtime.telephony.audiosocket`, streaming resampling in both directions, and pacing: Asterisk plays audio
when it arrives, so exactly 20 ms are sent every 20 ms, and `Playback` knows what was played when the caller
interrupts. Keys become text in the conversation; a hangup on either side ends the other.

In Asterisk's dialplan (the UUID is any that you choose)::

    exten => 100,1,Answer()
    same => n,AudioSocket(40325ec2-5efd-4bd3-805f-53576e581d13,127.0.0.1:9092)

Against OpenAI: set OPENAI_API_KEY and run ``python examples/audiosocket.py --port 9092``. Without an account::

    python -m realtime serve --port 8123
    python examples/audiosocket.py --port 9092 --url ws://127.0.0.1:8123/v1/realtime

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
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

import realtime
from realtime.audio import Resampler
from realtime.state import Playback
from realtime.telephony import audiosocket

OPENAI: Final = "wss://api.openai.com/v1/realtime?model=gpt-realtime-2"
PHONE_RATE: Final = 8_000
SESSION_RATE: Final = 24_000
FRAME_BYTES: Final = PHONE_RATE * audiosocket.FRAME_MS // 1000 * 2
HANGUP: Final = audiosocket.encode(audiosocket.Hangup())
log = logging.getLogger("audiosocket")


class Call:
    """One call: three tasks. The first one that ends also ends the call."""

    def __init__(
        self, phone: asyncio.StreamReader, to_phone: asyncio.StreamWriter, session: ClientConnection
    ) -> None:
        self._phone = phone
        self._to_phone = to_phone
        self._session = session
        self._down = Resampler(SESSION_RATE, PHONE_RATE)
        self._waiting = bytearray()  # audio at 8 kHz, for the phone
        self._carry = b""  # half a sample at the end of a delta
        self._playback = Playback()

    async def run(self) -> None:
        """Serve the call until it ends."""
        settings = realtime.create_session_config(
            "gpt-realtime-2", instructions="You are on the phone. Be brief."
        )
        await self._send(realtime.SessionUpdate(session=settings))
        tasks = [
            asyncio.create_task(work) for work in (self._forward_phone(), self._forward_model(), self._play())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _forward_phone(self) -> None:
        parser = audiosocket.Parser()
        up = Resampler(PHONE_RATE, SESSION_RATE)
        while data := await self._phone.read(4096):
            for message in parser.feed(data):
                match message:
                    case audiosocket.Audio(audio=audio):
                        await self._session.send(
                            realtime.encode_append(up.process(audio).tobytes()), text=True
                        )
                    case audiosocket.Uuid(uuid=name):
                        log.info("call %s", name)
                    case audiosocket.Dtmf(digit=digit):
                        log.info("key %s", digit)
                        await self._send(realtime.create_text_input(f"The caller pressed the key {digit}."))
                    case audiosocket.Hangup():
                        return
                    case _:
                        log.warning("from Asterisk: %r", message)
        parser.close()

    async def _forward_model(self) -> None:
        async for frame in self._session:
            event = realtime.decode_server(frame)
            to_play = self._playback.feed(event)
            match event:
                case realtime.ResponseOutputAudioDelta(delta=audio) if to_play:
                    audio = self._carry + audio
                    nbytes = len(audio) - len(audio) % 2
                    self._carry = audio[nbytes:]
                    self._waiting += self._down.process(audio[:nbytes]).tobytes()
                case realtime.ResponseOutputAudioDone():
                    self._waiting += self._down.flush().tobytes()
                    self._waiting += bytes(-len(self._waiting) % FRAME_BYTES)
                case realtime.InputAudioBufferSpeechStarted():
                    await self._interrupt()
                case realtime.Error(error=error):
                    log.warning("from the model: %s", error.message)
                case _:
                    pass

    async def _play(self) -> None:
        due = time.monotonic()
        while True:
            if len(self._waiting) >= FRAME_BYTES:
                self._to_phone.write(audiosocket.encode_audio(self._waiting[:FRAME_BYTES]))
                await self._to_phone.drain()
                del self._waiting[:FRAME_BYTES]
                self._playback.played(ms=audiosocket.FRAME_MS)
            due += audiosocket.FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _interrupt(self) -> None:
        interruption = self._playback.interrupt()
        self._waiting.clear()
        self._down.reset()
        self._carry = b""
        if interruption.truncate is not None:
            log.info("interrupted at %d ms", interruption.truncate.audio_end_ms)
            await self._send(interruption.truncate)

    async def _send(self, event: realtime.ClientEvent) -> None:
        # As text: some servers end a session when they receive a binary message.
        await self._session.send(realtime.encode(event), text=True)


async def serve_call(phone: asyncio.StreamReader, to_phone: asyncio.StreamWriter, url: str) -> None:
    """Serve one connection of Asterisk. Always ends with a hangup message to Asterisk."""
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        # Without close_timeout, audio that is not read any more would delay the close.
        async with connect(url, additional_headers=headers, max_size=None, close_timeout=1) as session:
            await Call(phone, to_phone, session).run()
    except (OSError, InvalidHandshake, ConnectionClosed, realtime.RealtimeError) as why:
        log.warning("the call failed: %s", why)
    finally:
        log.info("the call is over")
        with contextlib.suppress(OSError):
            to_phone.write(HANGUP)
            await to_phone.drain()
        to_phone.close()


async def main() -> None:
    """Serve until SIGINT or SIGTERM. Prints the address once connections are accepted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default=OPENAI, help="default: %(default)s")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncio.start_server(
        lambda phone, to_phone: serve_call(phone, to_phone, arguments.url), arguments.host, arguments.port
    )
    print("{}:{}".format(*server.sockets[0].getsockname()), flush=True)
    await stop.wait()
    server.close()  # asyncio.run cancels the calls that are left, which hangs up


if __name__ == "__main__":
    asyncio.run(main())
