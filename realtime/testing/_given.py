"""The faults that a server was given, and how many connections each may still strike. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import ConfigError
from ._fault import Fault, OnceOnly, Strike
from .faults import named


class Given:
    """One fault of a server, or of the URL of a connection."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._left = fault.times

    def begin(self) -> Strike | None:
        """The fault of one more connection; None where it has struck as many as it may.

        One that strikes once is counted where it strikes: a connection that ends before has not been struck.
        """
        strike = self.fault.begin()
        if isinstance(strike, OnceOnly):
            strike.may_strike = self._take
            return strike
        return strike if self._take() else None

    def _take(self) -> bool:
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0


class GivenFaults:
    """The faults of a server, in the order in which they were given.

    Raises:
        ConfigError: a name that none has.
        TypeError: what is no fault.
    """

    def __init__(self, faults: Iterable[Fault | str]) -> None:
        if isinstance(faults, (str, Fault)):
            raise TypeError("faults are a list of them")
        self._given = [Given(fault_of(fault)) for fault in faults]

    def add(self, given: Given) -> None:
        """One more, for all connections from now on."""
        self._given.append(given)

    def begin(self, asked: Iterable[Fault]) -> tuple[list[Strike], dict[str, Any]]:
        """What strikes a new connection, which asks for some too; and what its session has to be told for it."""
        strikes: list[Strike] = []
        options: dict[str, Any] = {}
        for given in (*self._given, *map(Given, asked)):
            strike = given.begin()
            if strike is not None:
                strikes.append(strike)
                options |= given.fault.options()
        return strikes, options


def fault_of(fault: Fault | str) -> Fault:
    """A fault, or the one of that name."""
    if isinstance(fault, str):
        return named(fault)
    if not isinstance(fault, Fault):
        raise TypeError(f"a fault is a Fault or its name, not {type(fault).__name__}")
    return fault


def injectable(fault: Fault | str) -> Fault:
    """One that can strike a session which is under way.

    Raises:
        ConfigError: it has to be there when the session begins.
    """
    found = fault_of(fault)
    if found.options():
        raise ConfigError(f"{type(found).__name__} strikes a session from its beginning: give it as `faults`")
    return found
