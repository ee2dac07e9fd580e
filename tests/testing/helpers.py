"""Helpers of the tests of realtime.testing: audio, client events, and filters of server events."""

from __future__ import annotations

import contextlib
import functools
import math
import socket
import struct
from collections.abc import Generator
from typing import Any

import numpy as np
from websockets.sync import client as sync_client

import realtime as r
from realtime.audio import alaw_encode, ulaw_encode
from realtime.testing import LoopbackServer, ServerProtocol

PCM16, ULAW, ALAW = r.AudioFormat.PCM16, r.AudioFormat.G711_ULAW, r.AudioFormat.G711_ALAW
ENCODE = {PCM16: lambda pcm: pcm.astype("<i2"), ULAW: ulaw_encode, ALAW: alaw_encode}


@functools.cache
def tone(fmt: r.AudioFormat, ms: int, dbfs: float = -12.0) -> bytes:
    """Return a tone of 440 Hz with an RMS of `dbfs`."""
    at = np.arange(fmt.samples(ms)) / fmt.sample_rate
    peak = 32768 * math.sqrt(2) * 10 ** (dbfs / 20)
    return bytes(ENCODE[fmt]((peak * np.sin(2 * math.pi * 440 * at)).round().astype("i2")).tobytes())


def update(**session: object) -> r.SessionUpdate:
    return r.SessionUpdate(session=r.RealtimeSession(**session))  # type: ignore[arg-type]


def formats(
    input: r.AudioFormat = PCM16, output: r.AudioFormat | None = None, vad: r.TurnDetection | None = None
) -> r.SessionUpdate:
    """Return a session.update with these formats; turn detection is off unless `vad` is given."""
    return update(
        audio=r.AudioConfig(
            input=r.AudioInput(format=r.wire_format(input), turn_detection=vad),
            output=r.AudioOutput(format=r.wire_format(output or input)),
        )
    )


def exchange(session: ServerProtocol, *events: r.ClientEvent) -> list[Any]:
    """Feed `events` as frames. Returns the server's events, encoded and decoded again."""
    replies: list[r.ServerEvent] = []
    for event in events:
        replies += session.feed(r.encode(event))
    return [r.decode_server(session.encode(event)) for event in replies]


def open_session(*events: r.ClientEvent, paced: bool = False, strict: bool = True) -> ServerProtocol:
    """Return an open session that has accepted `events`."""
    session = ServerProtocol(paced=paced, strict=strict)
    session.open()
    assert "error" not in types(exchange(session, *events))
    return session


def types(events: list[r.ServerEvent]) -> list[str]:
    return [event.type for event in events]


def type_runs(events: list[r.ServerEvent]) -> list[str]:
    """Return the types in order, with equal deltas in a row once."""
    names = types(events)
    return [name for i, name in enumerate(names) if not (name.endswith("delta") and names[i - 1] == name)]


def audio_of(events: list[r.ServerEvent]) -> bytes:
    return b"".join(event.delta for event in events if isinstance(event, r.ResponseOutputAudioDelta))


def only(kind: type, events: list[r.ServerEvent]) -> Any:
    """Return the only event of this class."""
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def refusal(events: list[r.ServerEvent]) -> r.ErrorDetail:
    """Return the error in the only event."""
    (event,) = events
    assert isinstance(event, r.Error)
    assert event.error.type == "invalid_request_error"
    assert event.error.message
    return event.error


def append(audio: bytes) -> r.InputAudioBufferAppend:
    return r.InputAudioBufferAppend(audio=audio)


COMMIT = r.InputAudioBufferCommit()
RESPOND = r.ResponseCreate()


# By default a client with more than 16 frames that were not read waits ten seconds for the end of its connection.
connect = functools.partial(sync_client.connect, max_queue=None)


# --- Raw sockets: a WebSocket library reads in the background ------------------------

REQUEST = (
    b"GET /v1/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@contextlib.contextmanager
def raw(server: LoopbackServer, request: bytes = REQUEST) -> Generator[socket.socket]:
    """Open a connection with a small receive buffer, and read the answer to the handshake."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", server.port))
        client.sendall(request)
        answer = b""
        while request.endswith(b"\r\n\r\n") and b"\r\n\r\n" not in answer:
            answer += client.recv(1)
        yield client


def frame(payload: bytes) -> bytes:
    """Return a complete text frame with a mask of zeros."""
    return frame_of(0x81, payload)


def frame_of(head: int, payload: bytes = b"") -> bytes:
    """Return a frame with this first byte (the bit that ends a message, and the opcode)."""
    if len(payload) < 126:
        return struct.pack(">BB4x", head, 0x80 | len(payload)) + payload
    return struct.pack(">BBQ4x", head, 0x80 | 127, len(payload)) + payload
