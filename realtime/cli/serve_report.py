"""ServeObserver: the lines that `serve` prints on stderr, and the logs that it records."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .._text import excerpt, one_line
from ..codec import decode_server
from ..errors import ConfigError, DecodeError
from ..events import Error
from ..peek import peek_type
from ..recording import Recorder
from ..testing import ConnectionObserver, Observer
from .text import format_error, print_text

# The longest text of a peer on one line.
_MAX_TEXT = 300


def _print(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads stderr any more
        print_text(line, sys.stderr)


class ServeObserver(Observer):
    """Reports the requests and connections of a server on stderr, and records connections.

    A context manager: at its end all logs are closed.

    Args:
        folder: the folder for the logs, which is created; None to record nothing.

    Raises:
        OSError: the folder cannot be created.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._folder = None if folder is None else Path(folder)
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._recorders: set[Recorder] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for recorder in tuple(self._recorders):
            self.close(recorder)

    def on_request(self, method: str, path: str, status: int) -> None:
        """Print a line."""
        _print(f"{one_line(method, 20)} {excerpt(path, _MAX_TEXT)}: {status}")

    def on_connect(self, number: int, request: Any) -> ConnectionObserver:
        """Print a line, and begin a log."""
        call = "" if request.call_id is None else f", call {one_line(request.call_id, 80)}"
        _print(f"connection {number}: {request.dialect}, {one_line(request.model, 80)}{call}")
        recorder = None
        if self._folder is not None:
            name = f"{time.strftime('%Y%m%dT%H%M%S')}-{number:06}.jsonl"
            try:
                recorder = Recorder(
                    self._folder / name, mode="x", side="server", metadata={"connection": number}
                )
                self._recorders.add(recorder)
            except (ConfigError, OSError) as why:
                _print(f"connection {number}: not recorded: {format_error(why)}")
        return _ServedConnection(self, number, recorder)

    def close(self, recorder: Recorder) -> None:
        """End a log."""
        self._recorders.discard(recorder)
        try:
            recorder.close()
        except OSError as why:
            _print(f"not recorded: {format_error(why)}")


class _ServedConnection(ConnectionObserver):
    def __init__(self, server: ServeObserver, number: int, recorder: Recorder | None) -> None:
        self._server, self._number, self._recorder = server, number, recorder

    def on_receive(self, frame: bytes) -> None:
        self._record("client", frame)

    def on_send(self, frame: bytes) -> None:
        self._record("server", frame)
        with contextlib.suppress(DecodeError):  # a fault has broken the frame
            if peek_type(frame) == "error":
                event = decode_server(frame)
                if isinstance(event, Error):
                    self._report(event)

    def on_close(self, code: int | None) -> None:
        if self._recorder is not None:
            self._server.close(self._recorder)
        _print(f"connection {self._number}: closed, {'without a code' if code in (None, 1006) else code}")

    def _report(self, event: Error) -> None:
        error = event.error
        names = " ".join(each for each in (error.code or error.type, error.param) if each)
        line = f"connection {self._number}: error {one_line(names, _MAX_TEXT)}: {excerpt(error.message, _MAX_TEXT)}"
        _print(line)

    def _record(self, direction: Any, frame: bytes) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.record(direction, frame)
        except OSError as why:  # raised once; the recorder tries again by itself
            _print(f"connection {self._number}: not recorded: {format_error(why)}")
