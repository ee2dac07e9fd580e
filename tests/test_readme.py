"""The README's code runs."""

from __future__ import annotations

from typing import Any

import pytest

import realtime
from tests.blocks import ROOT, blocks

BLOCKS = blocks(ROOT / "README.md")


def test_the_first_example_carries_a_call(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(BLOCKS[0], names)
    assert realtime.peek_type(names["hello"]) == "session.update"
    realtime.validate_session_config(names["session"])
    appends: list[Any] = [realtime.decode_client(names["from_phone"](b"\xff" * 160)) for _ in range(10)]
    assert sum(len(append.audio) for append in appends) > 9 * 950
    delta = realtime.ResponseOutputAudioDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta=bytes(9600)
    )
    done = realtime.ResponseOutputAudioDone(response_id="r", item_id="i", output_index=0, content_index=0)
    answer = [names["from_server"](realtime.encode(event)) for event in (delta, done)]
    assert sum(map(len, answer)) == 1600
    started = realtime.InputAudioBufferSpeechStarted(item_id="i", audio_start_ms=5)
    assert names["from_server"](realtime.encode(started)) == b""
    assert names["from_server"]('{"type":"x.y"}') == b""
    assert names["from_server"]('{"type":"error","error":{"type":"t","code":"c","message":"m"}}') == b""
    assert capsys.readouterr().out == "unknown: x.y\nc m\n"


@pytest.mark.parametrize("block", BLOCKS[1:])
def test_every_other_block_runs(block: str) -> None:
    exec(block, {"realtime": realtime})
