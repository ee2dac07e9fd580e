"""Codecs of providers: those of a base dialect with a server's own events in the unions."""

from __future__ import annotations

from typing import Any, Union

from ..codec import event_classes
from ..events.base import UnknownEvent


def with_own(base: Any, *own: Any) -> Any:
    """Return the union of events `base` with `own` in it, each in the place of the event of its type."""
    members = {cls.__struct_config__.tag: cls for cls in event_classes(base)}
    members |= {cls.__struct_config__.tag: cls for cls in own}
    return Union[(*members.values(), UnknownEvent)]
