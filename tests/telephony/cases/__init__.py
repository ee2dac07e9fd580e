"""Cases: one frame per line for every message of every carrier, in `<carrier>.<side>.jsonl`.

The shapes are those of the carriers' documentation (see the head of each carrier's module), all
values are made up. `messages` come from the carrier, `commands` go to it.

`twilio.call.jsonl` has all messages of Twilio in one call, in order: 1.2 s of realtime/data/caller.wav as
mu-law and a silence; marks 1 and 2 of the answer; 300 ms of speech that interrupt it, and the marks of the
cleared audio; a silence, a key, the marks of the second answer, a key, stop.
"""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

from realtime import telephony
from realtime.events.base import Unknown
from realtime.telephony import CARRIERS

SIDES = ("messages", "commands")


def frames(carrier: str, side: str) -> list[str]:
    """Return the frames of one side of one carrier."""
    path = Path(__file__).parent / f"{carrier}.{side}.jsonl"
    return path.read_text(encoding="utf-8").splitlines()


def classes(carrier: str, side: str) -> tuple[Any, ...]:
    """Return the message classes of one side of one carrier that have a tag."""
    union = getattr(getattr(telephony, carrier), side.removesuffix("s").capitalize())
    members = [m for m in typing.get_args(union) if not issubclass(m, Unknown)]
    return tuple(m for m in members if m.__struct_config__.tag is not None)


def decoder(carrier: str, side: str) -> Any:
    """Return the decoder of one side of one carrier."""
    return CARRIERS[carrier].decode if side == "messages" else CARRIERS[carrier].decode_command


def tag_of(frame: str) -> str:
    """Return the type of a frame."""
    wire = json.loads(frame)
    return str(wire.get("event") or wire["action"])


ALL = [(carrier, side, frame) for carrier in CARRIERS for side in SIDES for frame in frames(carrier, side)]
IDS = [f"{carrier}-{side}-{tag_of(frame)}" for carrier, side, frame in ALL]
