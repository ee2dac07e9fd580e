"""recorded: a connection of any library that records what passes through it.

Knows nothing of protocols: whatever has `send` and `recv` is a connection. Read `recorder` next.
"""

from __future__ import annotations

import contextlib
import inspect
from typing import Any, TypeVar

from .recorder import Recorder, RecordingError

C = TypeVar("C")


def recorded(connection: C, recorder: Recorder) -> C:
    """Record the messages that `connection` sends and receives from now on. Returns `connection`.

    Replaces its `send` and `recv`, two functions or two coroutine functions, as all clients of websockets
    have; iterating over such a client calls `recv`. A message is recorded before it is sent. If the log cannot
    be written the connection goes on: see `Recorder.lost`. Close the connection before the recorder.

    Raises:
        TypeError: `connection` has no `send` and `recv`, or they cannot be replaced.
    """
    target: Any = connection
    try:
        send, recv = target.send, target.recv
        target.send, target.recv = _recorded_calls(send, recv, recorder)
    except AttributeError as why:
        raise TypeError(f"a connection needs send and recv that can be replaced: {why}") from None
    return connection


def _recorded_calls(send: Any, recv: Any, recorder: Recorder) -> tuple[Any, Any]:
    if inspect.iscoroutinefunction(recv):

        async def send_later(message: Any, *args: Any, **options: Any) -> Any:
            with contextlib.suppress(RecordingError):
                recorder.sent(message)
            return await send(message, *args, **options)

        async def recv_later(*args: Any, **options: Any) -> Any:
            message = await recv(*args, **options)
            with contextlib.suppress(RecordingError):
                recorder.received(message)
            return message

        return send_later, recv_later

    def send_now(message: Any, *args: Any, **options: Any) -> Any:
        with contextlib.suppress(RecordingError):
            recorder.sent(message)
        return send(message, *args, **options)

    def recv_now(*args: Any, **options: Any) -> Any:
        message = recv(*args, **options)
        with contextlib.suppress(RecordingError):
            recorder.received(message)
        return message

    return send_now, recv_now
