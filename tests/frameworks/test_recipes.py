"""The programs of docs/frameworks run, and the delays that they state are measured."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.audio import ulaw_decode, ulaw_encode
from realtime.testing import LoopbackServer
from tests.blocks import ROOT, blocks

from . import node

PAGES = ROOT / "docs" / "frameworks"
# Each page is a file of tests; the module that it needs.
NEEDED = {
    "openai-python.md": "openai",
    "openai-agents.md": "agents",
    "pipecat.md": "pipecat",
    "livekit-agents.md": "livekit.agents",
}


def test_every_page_is_run() -> None:
    assert {page.name for page in PAGES.glob("*.md")} == {*NEEDED, "index.md", "javascript.md"}


@pytest.mark.parametrize("name", NEEDED)
def test_the_tests_of_a_page_pass(name: str, tmp_path: Path) -> None:
    pytest.importorskip(NEEDED[name])
    page = tmp_path / "test_page.py"
    page.write_text("\n\n".join(blocks(PAGES / name)), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["realtime.testing.plugin"]\n', encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(page)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^[2-9]\d* passed|^1 passed", done.stdout, re.MULTILINE)
    assert "skipped" not in done.stdout


@pytest.mark.parametrize(("program", "package"), [("agents", "@openai/agents"), ("openai", "openai")])
def test_a_program_of_the_page_on_javascript_runs(
    program: str, package: str, tls: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("node") is None or not (node.HOME / "node_modules" / package).is_dir():
        pytest.skip(f"npm's {package} is not installed")
    (source,) = blocks(PAGES / "javascript.md", f"js {program}")
    path = node.HOME / f"recipe-{program}-{os.getpid()}.mjs"  # beside node_modules
    path.write_text(source, encoding="utf-8")
    needs_tls = program == "openai"
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", tls["ca_file"])
    try:
        with LoopbackServer(ssl=tls["ssl"] if needs_tls else None) as server:
            monkeypatch.setenv("SERVER", server.base_url)
            done = subprocess.run(["node", str(path)], capture_output=True, text=True, timeout=60)
    finally:
        path.unlink()
    assert (done.stdout, done.stderr, done.returncode) == ("Once more, please.", "", 0)


# --- pipecat's resampler -------------------------------------------------------------

PACKET_MS = 20
# Speech begins here. soxr gives its output in blocks, so that its delay depends on when that is.
ONSETS_MS = range(500, 1000, PACKET_MS)
LOUD = 3000


def onset_delay_ms(packets: list[Any], onset_ms: int) -> int:
    """Return the time from the onset of speech to its arrival, in whole packets of the sender.

    `packets` has what came out after each packet that went in.
    """
    for number, packet in enumerate(packets, start=1):
        if packet is not None and np.abs(packet.astype(int)).max(initial=0) > LOUD:
            return number * PACKET_MS - onset_ms
    raise AssertionError("nothing arrives")


def speech(rate: int, onset_ms: int = 500) -> Any:
    """Return two seconds: silence, and from `onset_ms` on a loud tone."""
    tone = 12000 * np.sin(2 * np.pi * 440 / rate * np.arange(rate * 2))
    tone[: rate * onset_ms // 1000] = 0
    return tone.astype("<i2")


async def to_pipeline(serializer: Any, onset_ms: int) -> int:
    """Return the delay of a caller's speech."""
    sound, size = ulaw_encode(speech(8000, onset_ms)), 8 * PACKET_MS
    found: list[Any] = []
    for start in range(0, len(sound), size):
        payload = base64.b64encode(bytes(sound[start : start + size])).decode()
        message = {"event": "media", "streamSid": "s", "media": {"payload": payload}}
        frame = await serializer.deserialize(json.dumps(message))
        found.append(None if frame is None else np.frombuffer(frame.audio, "<i2"))
    return onset_delay_ms(found, onset_ms)


async def to_caller(serializer: Any, onset_ms: int) -> int:
    """Return the delay of the assistant's speech."""
    from pipecat.frames.frames import OutputAudioRawFrame

    sound, size = speech(24_000, onset_ms), 24 * PACKET_MS
    found: list[Any] = []
    for start in range(0, len(sound), size):
        audio = sound[start : start + size].tobytes()
        message = await serializer.serialize(OutputAudioRawFrame(audio, sample_rate=24_000, num_channels=1))
        payload = None if message is None else base64.b64decode(json.loads(message)["media"]["payload"])
        found.append(None if payload is None else ulaw_decode(payload))
    return onset_delay_ms(found, onset_ms)


@pytest.mark.parametrize("measure", [to_pipeline, to_caller])
def test_pipecats_phone_has_less_delay(measure: Any) -> None:
    """The page states the delays of both, of which ours is one packet."""
    pytest.importorskip("pipecat")
    from pipecat.serializers.twilio import TwilioFrameSerializer

    names: dict[str, Any] = {}
    (block,) = [block for block in blocks(PAGES / "pipecat.md") if "def serializer_of" in block]
    exec(block, names)
    params = TwilioFrameSerializer.InputParams(auto_hang_up=False)

    async def delays(ours: bool) -> list[int]:
        found = []
        for onset_ms in ONSETS_MS:
            serializer = names["serializer_of"]("s") if ours else TwilioFrameSerializer("s", params=params)
            serializer._sample_rate = 24_000  # which its setup() would set
            found.append(await measure(serializer, onset_ms))
        return sorted(found)

    assert {*asyncio.run(delays(ours=True))} == {PACKET_MS}
    by_default = asyncio.run(delays(ours=False))
    stated = re.search(
        r"(\d+) to (\d+) ms, (\d+) on average", (PAGES / "pipecat.md").read_text(encoding="utf-8")
    )
    assert stated is not None
    mean = round(sum(by_default) / len(by_default))
    assert [by_default[0], by_default[-1], mean] == [int(number) for number in stated.groups()]


def test_a_stream_through_pipecats_interface_is_complete() -> None:
    """Any split gives what `realtime.audio.Resampler` gives, and `flush` ends the stream."""
    pytest.importorskip("pipecat")
    from realtime.audio import Resampler
    from realtime.integrations.pipecat import StreamResampler

    async def run(chunk: int) -> bytes:
        found, sound = StreamResampler(), speech(8000).tobytes()
        assert await found.flush() == b""
        await found.reset()
        await found.resample(sound[:320], 24_000, 8000)  # another stream
        parts = [
            await found.resample(sound[start : start + chunk], 8000, 24_000)
            for start in range(0, len(sound), chunk)
        ]
        result = b"".join(parts) + await found.flush()
        await found.resample(sound[4000:8000], 8000, 24_000)
        await found.reset()
        assert await found.flush() == b""
        return result

    whole = Resampler(8000, 24_000)
    expected = whole.process(speech(8000)).tobytes() + whole.flush().tobytes()
    assert asyncio.run(run(320)) == asyncio.run(run(1234)) == expected


# --- openai-agents' playback tracker --------------------------------------------------


def test_the_tracker_reports_and_empties_its_playback() -> None:
    pytest.importorskip("agents")
    from realtime.integrations.openai_agents import PlaybackTracker
    from realtime.state import Playback

    tracker = PlaybackTracker(Playback())
    empty = {"current_item_id": None, "current_item_content_index": None, "elapsed_ms": None}
    assert tracker.get_state() == empty
    tracker.playback.received("i", 48_000, 1)
    tracker.on_play_ms("i", 1, 100)
    tracker.on_play_bytes("i", 1, bytes(4800))
    at_200 = {"current_item_id": "i", "current_item_content_index": 1, "elapsed_ms": 200}
    assert [tracker.get_state(), tracker.get_state()] == [at_200] * 2
    tracker.on_interrupted()
    assert tracker.get_state() == empty
    assert tracker.playback.received("i", 480) == 0
