"""Faults on demand: what servers and networks were seen to do to their clients, each from a report (`source`).

A `Fault` is a value: what goes wrong and where. `FAULTS` has them by name, for the command line and a
URL's ``?fault=``. Those that strike once are in `_breaks`, those that last in `_changes`; no sockets in
either.
"""

from __future__ import annotations

import re
from typing import Final

from ..errors import ConfigError, snippet
from ._breaks import (
    BetaDisabled as BetaDisabled,
    BigFrame as BigFrame,
    CutOff as CutOff,
    Disconnect as Disconnect,
    ErrorWithoutEventId as ErrorWithoutEventId,
    SessionExpired as SessionExpired,
    StalledFrame as StalledFrame,
    TruncatedFrame as TruncatedFrame,
)
from ._changes import (
    CommitRefused as CommitRefused,
    LateTranscripts as LateTranscripts,
    MissingTranscripts as MissingTranscripts,
    NullUsage as NullUsage,
    OddDeltas as OddDeltas,
    OtherFormat as OtherFormat,
    SlowReader as SlowReader,
    UnknownEvents as UnknownEvents,
    UnknownFields as UnknownFields,
)
from ._fault import Fault as Fault, Once as Once

_WORD = re.compile(r"(?<!^)(?=[A-Z])")
FAULTS: Final[dict[str, type[Fault]]] = {
    _WORD.sub("_", kind.__name__).lower(): kind
    for kind in (
        SessionExpired, Disconnect, BetaDisabled, StalledFrame, TruncatedFrame, CutOff, ErrorWithoutEventId,
        BigFrame, UnknownEvents, UnknownFields, NullUsage, LateTranscripts, MissingTranscripts, OddDeltas,
        OtherFormat, CommitRefused, SlowReader,
    )
}  # fmt: skip


def named(name: str) -> Fault:
    """The fault of this name, as it usually is.

    Raises:
        ConfigError: there is none.
    """
    found = FAULTS.get(name)
    if found is None:
        raise ConfigError(f"unknown fault {snippet(repr(name))}; known are {', '.join(FAULTS)}")
    return found()
