"""The table of carriers. To add one: a module with a `Carrier` subclass, and its instance in `CARRIERS`.

`carrier` has the base class, with everything that carriers share and what a subclass must provide;
`twilio` is the simplest example.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Final

from .._text import did_you_mean
from ..errors import ConfigError, snippet
from . import plivo, telnyx, twilio, vonage
from .carrier import Carrier

CARRIERS: Final[Mapping[str, Carrier]] = MappingProxyType(
    {each.NAME: each for each in (twilio.CARRIER, telnyx.CARRIER, plivo.CARRIER, vonage.CARRIER)}
)


def get_carrier(carrier: str | Carrier | ModuleType) -> Carrier:
    """Return a carrier by its name or its module; a `Carrier` is returned as it is.

    Raises:
        ConfigError: an unknown name.
        TypeError: `carrier` is none of these.
    """
    if isinstance(carrier, ModuleType):
        carrier = getattr(carrier, "CARRIER", carrier)
    if isinstance(carrier, Carrier):
        return carrier
    if not isinstance(carrier, str):
        raise TypeError(f"a carrier is a name, a Carrier or a carrier's module, not {type(carrier).__name__}")
    found = CARRIERS.get(carrier)
    if found is None:
        near = did_you_mean(carrier, CARRIERS)
        raise ConfigError(f"unknown carrier {snippet(repr(carrier))}{near}; known are {', '.join(CARRIERS)}")
    return found
