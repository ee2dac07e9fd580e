"""The page of a call: one HTML file that fetches nothing, to look at a log and to listen to it.

Whatever is in a log may be hostile. It goes into the page as JSON in which no markup can begin, and
into the document as text; only the page's own script and style can run, as their hashes are all
that its Content-Security-Policy lets in. The parts of the page are the files of `_page`.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.resources
import os
import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import msgspec
import pybase64

from ..recording._blocks import Path
from ..recording._outputs import spare
from ._page_model import page_model
from ._timeline import Timeline, read_timeline
from .inspector import inspect_log
from .report import Report

# A call up to this long has its audio in the page, unless the caller says otherwise.
_AUDIO_MS: Final = 10 * 60 * 1000
# In this order; they are one script, and each uses what those before it define.
_SCRIPTS: Final = ("data", "view", "paint", "timeline", "sound", "turns", "events", "main")
_ESCAPES: Final = {
    b"<": b"\\u003c",
    b">": b"\\u003e",
    b"&": b"\\u0026",
    b"\xe2\x80\xa8": b"\\u2028",
    b"\xe2\x80\xa9": b"\\u2029",
}
_ESCAPED: Final = re.compile(b"|".join(_ESCAPES))
_PLACE: Final = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class PageStats:
    """What `write_page` wrote.

    Attributes:
        nbytes: of the file.
        duration_ms: of the time line.
        turns, events: how many are in the page.
        events_left_out: rows of the list of events that are not.
        audio_ms: how much of the call can be listened to; 0 where the audio is not in the page.
    """

    nbytes: int
    duration_ms: float
    turns: int
    events: int
    events_left_out: int
    audio_ms: float


def write_page(
    log: Path | Iterable[Path], out: Path, *, report: Report | None = None, audio: bool | None = None
) -> PageStats:
    """Write the page of one call, whole or not at all: a file that is there is replaced at the end.

    What is no file, as a pipe or /dev/stdout can be, is written as it is.

    Args:
        log: a path, or the paths of a rotated log in order (`log_files`).
        out: the HTML file.
        report: what `inspect_log` gave for the same log; without it the log is inspected.
        audio: whether the call can be listened to in the page: as 8 kHz mu-law in stereo, which
            is 1.3 MB a minute. None: where the call is under ten minutes.

    Raises:
        OSError: a file cannot be read or written.
        ConfigError: a .zst log, and no module for it is installed; `out` is a file of the log.
    """
    paths = [log] if isinstance(log, (str, os.PathLike)) else [*log]
    spare(paths, out)
    report = inspect_log(paths) if report is None else report
    with read_timeline(paths) as timeline:
        model = page_model(report, timeline)
        sound = timeline.sound
        has_audio = bool(sound.caller or sound.assistant) and not sound.is_left_out
        long = sound.end_ms - timeline.start_ms >= _AUDIO_MS
        audio = has_audio and (not long if audio is None else audio)
        with _replacing(os.fspath(out)) as file:
            nbytes = sum(file.write(piece) for piece in _page(model, timeline if audio else None))
        return PageStats(
            nbytes=nbytes,
            duration_ms=timeline.end_ms - timeline.start_ms,
            turns=len(model["turns"]),
            events=len(model["events"]),
            events_left_out=timeline.events.left_out,
            audio_ms=sound.end_ms - timeline.start_ms if audio else 0.0,
        )


def _data_block(value: Any) -> bytes:
    """A value as JSON that can stand in a script element: no markup and no comment begins in it."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found.group()], msgspec.json.encode(value))


# --- Inside ----------------------------------------------------------------------------


def _page(model: dict[str, Any], sounding: Timeline | None) -> Iterator[bytes]:
    """The page in pieces; its audio, which may be long, is never held whole."""
    style = _part("page.css")
    script = "".join(["(() => {\n'use strict';\n", *(_part(f"{name}.js") for name in _SCRIPTS), "})();\n"])
    texts = {"policy": _policy(style, script), "style": style, "script": script}
    template = _PLACE.split(_part("page.html"))
    for literal, name in zip(template[::2], [*template[1::2], ""], strict=True):
        yield literal.encode()
        if name == "data":
            yield _data_block(model)
        elif name == "sound":
            yield from _source(sounding)
        elif name:
            yield texts[name].encode()


def _source(sounding: Timeline | None) -> Iterator[bytes]:
    if sounding is not None:
        yield b' src="data:audio/wav;base64,'
        yield from sounding.sound.wav_base64()
        yield b'"'


def _policy(style: str, script: str) -> str:
    """Only these very texts run; nothing is fetched, and the script can make no markup."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "media-src data:",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"sha256-{pybase64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _part(name: str) -> str:
    package = __package__ or ""
    return (importlib.resources.files(package) / "_page" / name).read_text(encoding="utf-8")


@contextlib.contextmanager
def _replacing(path: str) -> Generator[BinaryIO, None, None]:
    """A new file that takes the place of `path` once it is whole; a pipe or a device is written as it is."""
    # Looked at by its own name: what /dev/stdout leads to may have none.
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as device:
            yield device
        return
    whole = os.path.realpath(path)
    beside = os.path.join(os.path.dirname(whole), f".{os.urandom(8).hex()}.tmp")
    with _blaming(path):
        file = open(beside, "xb")  # noqa: SIM115 (closed below)
    try:
        with file:
            yield file
        with _blaming(path):
            os.replace(beside, whole)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


@contextlib.contextmanager
def _blaming(path: str) -> Generator[None, None, None]:
    """What cannot be done is told of `path`, and not of a file that nobody has heard of."""
    try:
        yield
    except OSError as why:
        raise OSError(why.errno, why.strerror, path) from None
