"""Frames that servers send, or document: all decode with their provider's codec, and none loses a member.

`frames.jsonl` has one shape a line, values replaced by dummies: recorded in October and November
2026, or taken from the server's code or its documents, which may be abridged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import realtime
from realtime import DecodeError, UnknownEvent, beta, translation
from realtime.providers import PROVIDERS
from tests.cases import without_nulls

FRAMES = [
    json.loads(line) for line in (Path(__file__).parent / "frames.jsonl").read_text("utf-8").splitlines()
]
IDS = [f"{row['server']}-{row['side']}-{row['frame']['type']}-{index}" for index, row in enumerate(FRAMES)]
CODECS: dict[str, Any] = {**PROVIDERS, "ga": realtime, "beta": beta, "translation": translation}
# unmute has no row: its instructions are an object, which no dialect has.
REFUSED = {("unmute", "session.updated"): "$.session.instructions"}


def decode(row: dict[str, Any]) -> Any:
    codec = CODECS[row["codec"]]
    decoder = codec.decode_server if row["side"] == "server" else codec.decode_client
    return decoder(json.dumps(row["frame"]))


@pytest.mark.parametrize("row", FRAMES, ids=IDS)
def test_every_frame_decodes_and_comes_back_whole(row: dict[str, Any]) -> None:
    codec, frame = CODECS[row["codec"]], row["frame"]
    path = REFUSED.get((row["server"], frame["type"]))
    if path is not None:
        with pytest.raises(DecodeError) as caught:
            decode(row)
        assert caught.value.path == path
        return
    event = decode(row)
    assert not isinstance(event, UnknownEvent)
    assert event.type == frame["type"]
    again = json.loads(codec.encode(event, extra=realtime.extras(event, json.dumps(frame))))
    if row["side"] == "server":
        again, frame = without_nulls(again), without_nulls(frame)
    assert members(frame) <= members(again)


def members(value: Any, path: str = "$") -> set[str]:
    """Return the paths of every member within `value`."""
    if isinstance(value, dict):
        here = {f"{path}.{name}" for name in value}
        return here.union(*(members(item, f"{path}.{name}") for name, item in value.items()))
    if isinstance(value, list):
        return set().union(*(members(item, f"{path}[{index}]") for index, item in enumerate(value)))
    return set()


# Members of recorded frames that their codec has no field for. A new one is a reason to look.
KNOWN_EXTRAS = {
    "openai": {"obfuscation", "timestamp", "model", "input"},
    "azure": {"obfuscation"},
    "azure_voice_live": {"animation", "truncation_strategy", "greeting", "handoff"},
    "xai": {
        "previous_item_id",
        "rid",
        "latency",
        "audio_duration_ms",
        "ts",
        "role",
        "transport",
        "function",
        "type",
    },
}


@pytest.mark.parametrize("server", KNOWN_EXTRAS)
def test_members_of_recorded_frames_without_a_field(server: str) -> None:
    found: set[str] = set()
    for row in FRAMES:
        if row["server"] == server and row["kind"] == "recorded":
            event = decode(row)
            for path in realtime.extras(event, json.dumps(row["frame"])):
                found.add("function" if ".function." in path else path.rpartition(".")[2])
    assert found <= KNOWN_EXTRAS[server]
