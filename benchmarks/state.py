"""realtime.state: what each event costs on its way through."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import msgspec

import realtime
from realtime import state

from . import inputs
from .common import Calls, Timed

EVENTS = {
    "text delta": realtime.decode_server(inputs.TEXT_DELTA),
    "audio delta": realtime.decode_server(inputs.audio_delta(9_600)),
    "response.done": realtime.decode_server(inputs.RESPONSE_DONE),
}


# An event that came before is passed over at once; without an id each is new.
EVENTS = {name: msgspec.structs.replace(event, event_id=None) for name, event in EVENTS.items()}

FEEDS: dict[str, Callable[[Any], object]] = {
    "Usage": state.Usage().feed,
    "FunctionCalls": state.FunctionCalls().feed,
    "Conversation": state.Conversation(audio="drop").feed,
    "Playback": state.Playback().feed,
    "summary": state.summary,
}


class Feed(Timed):
    """An event given to each of the objects that follow a call."""

    params = (list(FEEDS), list(EVENTS))
    param_names = ("to", "event")
    calls: ClassVar[Calls] = {
        (name, event): partial(feed, value) for name, feed in FEEDS.items() for event, value in EVENTS.items()
    }

    def time_feed(self, to: str, event: str) -> None:
        self.calls[to, event]()
