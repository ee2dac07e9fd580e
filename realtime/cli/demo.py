"""Make a phone call through the library and back, and report what was sent and received.

A recording is sent to a loopback server over a WebSocket, 20 ms at a time; each turn is played back
as the answer. Faults (--fault) do not end the call: the client reconnects where it must. The call
is written to caller.wav (sent), agent.wav (received) and session.jsonl (every frame with its time).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.resources
import math
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np

from .._text import duration, escape_controls, one_line, plural
from ..audio import read_wav, ulaw_decode
from ..errors import AudioError, ConfigError
from ..format import OPENAI_FORMATS, AudioFormat
from ..testing import LoopbackServer
from .demo_audio import PHONE
from .demo_call import CallerTurn, DemoCall
from .demo_client import DemoClient
from .demo_record import FILES, CallRecord
from .serve import add_fault_argument
from .text import MAX_MESSAGE_CHARS, Progress, format_nbytes, print_text

DEFAULT_PATIENCE_SECONDS: Final = 20.0
DEFAULT_RETRIES: Final = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `demo`."""
    parser.add_argument(
        "--format",
        choices=[format.encoding for format in OPENAI_FORMATS],
        default=AudioFormat.PCM16.encoding,
        help="the session's audio format (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("demo-out"),
        metavar="DIR",
        help="the folder for the files (default: %(default)s)",
    )
    parser.add_argument("--fast", action="store_true", help="send as fast as possible, not in real time")
    parser.add_argument(
        "--wav",
        type=Path,
        metavar="FILE",
        help="send this recording (WAV; PCM16, mu-law or A-law) instead of the one in the package",
    )
    parser.add_argument(
        "--manual",
        action="store_true",
        help="turn server VAD off: detect the caller's turns here, commit each and request its answer",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=DEFAULT_PATIENCE_SECONDS,
        metavar="SECONDS",
        help="how long to wait for the server before reconnecting (default: %(default)g)",
    )
    parser.add_argument(
        "--retries",
        type=int,
        default=DEFAULT_RETRIES,
        metavar="N",
        help="attempts to reconnect in a row before the call fails (default: %(default)s)",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="report the number of frames of each type"
    )
    add_fault_argument(parser)
    server = parser.add_mutually_exclusive_group()
    server.add_argument(
        "--port", type=int, default=0, metavar="N", help="the loopback server's port (default: a free one)"
    )
    server.add_argument("--url", help="call this server instead, such as ws://127.0.0.1:8080/v1/realtime")


def run(arguments: argparse.Namespace) -> int:
    """Make the call and print the report."""
    _check(arguments)
    recording = load_recording(arguments.wav)
    url: str | None = arguments.url
    server = LoopbackServer(arguments.port, faults=arguments.fault) if url is None else url
    with Progress() as progress, CallRecord(arguments.out) as record:
        call = DemoCall(
            AudioFormat.of(arguments.format), recording, record, progress, is_manual=arguments.manual
        )
        client = DemoClient(
            call,
            is_paced=not arguments.fast,
            patience_seconds=arguments.patience,
            max_retries=arguments.retries,
        )
        asyncio.run(_run(client, server))
    for line in report_lines(call, record, is_verbose=arguments.verbose):
        print_text(line)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not 0 < arguments.patience < float("inf"):
        raise ConfigError(f"--patience must be more than 0 seconds, got {arguments.patience:g}")
    if arguments.retries < 0:
        raise ConfigError(f"--retries must not be negative, got {arguments.retries}")
    if arguments.url is not None and arguments.fault:
        raise ConfigError("--fault needs the demo's own server; with --url, add ?fault=NAME to the URL")


async def _run(client: DemoClient, server: LoopbackServer | str) -> None:
    if isinstance(server, str):
        await client.run(server)
        return
    async with server:
        await client.run(server.url)


# --- The recording ---------------------------------------------------------------------


def load_recording(path: Path | None) -> bytes:
    """Return a recording as 8 kHz mu-law, the format of a phone line. None returns the package's own.

    Raises:
        AudioError: the file is not a supported WAV file, or truncated, or empty.
        OSError: it cannot be opened.
    """
    if path is None:
        with _packaged_recording() as file:
            return _read_ulaw(file)
    with open(path, "rb") as file:
        try:
            return _read_ulaw(file)
        except AudioError as error:
            raise AudioError(f"{path}: {error}") from None


def _packaged_recording() -> BinaryIO:
    package = __name__.removesuffix(".cli.demo")
    return (importlib.resources.files(package) / "data" / "caller.wav").open("rb")  # type: ignore[return-value]


def _read_ulaw(file: BinaryIO) -> bytes:
    audio = read_wav(file).to(PHONE)
    if not audio:
        raise AudioError("the file has no audio")
    return audio


# --- The report ------------------------------------------------------------------------


def report_lines(call: DemoCall, record: CallRecord, *, is_verbose: bool = False) -> Iterator[str]:
    """Yield the lines to print after a call."""
    sent, received = record.counts["client"], record.counts["server"]
    yield f"frames        {sent.total()} sent, {received.total()} received"
    if is_verbose:
        for direction, counts in record.counts.items():
            for kind, count in counts.items():
                yield f"  {direction} {count:6} {one_line(kind, MAX_MESSAGE_CHARS)}"
    yield from _audio(call)
    if not call.dialogue.turns:
        yield "turns         none: the server detected no speech"
    for number, turn in enumerate(call.dialogue.turns, start=1):
        yield f"turn {number:<9}{_compare(turn)}"
    yield from _problems(call)
    yield from _next_steps(record.out)


def _audio(call: DemoCall) -> Iterator[str]:
    sent_s, received_s = _seconds(call.sent_nbytes), _seconds(call.received_nbytes)
    audio = call.session.audio
    formats = [*dict.fromkeys(format.encoding for format in (audio.input_format, audio.output_format))]
    requested = call.requested_format.encoding
    note = "" if formats == [requested] else f", but {requested} was requested"
    yield f"audio         {sent_s:.2f} s sent, {received_s:.2f} s received, as {' and '.join(formats)}{note}"
    yield f"codec         {call.codec_ns / 1e6 / sent_s:.3f} ms of encoding and decoding per second of audio"


def _compare(turn: CallerTurn) -> str:
    """Compare a turn with its answer: the loopback server sends the committed audio back, to the sample."""
    answer = turn.answer
    if answer is None or not answer.is_done:
        return "no answer of its own"
    earlier_s = _seconds(answer.earlier_nbytes)
    restarted = f"; restarted after {earlier_s:.2f} s" if earlier_s else ""
    received = bytes(answer.phone_audio)
    if answer.is_interrupted:
        seconds = _seconds(len(received))
        return f"answer interrupted by the caller's next turn, after {seconds:.2f} s{restarted}"
    is_same_length = turn.format is answer.format and len(turn.sent_audio) == len(answer.audio)
    if not is_same_length or len(turn.phone_audio) != len(received):
        return f"the answer differs from the caller's audio{restarted}"
    session = "equal bytes" if turn.sent_audio == answer.audio else "different bytes"
    phone = (
        "equal bytes" if turn.phone_audio == received else f"SNR {snr_db(turn.phone_audio, received):.1f} dB"
    )
    seconds = _seconds(len(turn.phone_audio))
    return f"{seconds:.2f} s came back; {turn.format.encoding}: {session}; 8 kHz mu-law: {phone}{restarted}"


def _problems(call: DemoCall) -> Iterator[str]:
    yield from call.incidents.lines()
    if call.resent_ms:
        yield f"sent again    {duration(call.resent_ms)} of the caller's audio"
    if call.uplink.lost_nbytes:
        yield f"lost          {duration(PHONE.duration_ms(call.uplink.lost_nbytes))} of the caller's audio"
    if unreported := (call.usage + call.session.usage).unreported:
        yield f"usage         not reported for {unreported} responses and transcriptions"
    if call.missing_transcripts:
        yield f"transcripts   missing for {plural(call.missing_transcripts, 'turn')}"


def _next_steps(out: Path) -> Iterator[str]:
    sizes = (f"{name} ({format_nbytes((out / name).stat().st_size)})" for name in FILES)
    yield f"files         {escape_controls(str(out))}: {', '.join(sizes)}"
    _, agent, log = (escape_controls(shlex.quote(str(out / name))) for name in FILES)
    yield f"listen to {agent}, then: {_python()} -m realtime inspect {log} --html call.html"


def _python() -> str:
    """Return the command of this interpreter: its relative path in an environment below this folder."""
    executable, here = Path(sys.executable), Path.cwd()
    return shlex.quote(str(executable.relative_to(here))) if executable.is_relative_to(here) else "python"


def _seconds(nbytes: int) -> float:
    return nbytes / PHONE.bytes_per_second


def snr_db(original: bytes, copy: bytes) -> float:
    """Return the signal-to-noise ratio of a mu-law copy of equal length, in dB.

    Infinite for an exact copy; minus infinity if the original is silent and the copy is not.
    """
    wanted = ulaw_decode(original).astype(np.float64)
    noise = ulaw_decode(copy).astype(np.float64) - wanted
    # Not `wanted @ wanted`, which wakes BLAS threads (docs/audio.md).
    wanted_energy, noise_energy = float(np.square(wanted).sum()), float(np.square(noise).sum())
    if not noise_energy:
        return math.inf
    return 10 * math.log10(wanted_energy / noise_energy) if wanted_energy else -math.inf
