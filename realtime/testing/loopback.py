"""TEMPORARY: the old names of ServerProtocol, with the old names of its methods."""

from __future__ import annotations

from typing import Any

from .protocol import ServerProtocol


class Loopback(ServerProtocol):  # TEMPORARY: old name
    """The old name of ServerProtocol."""

    def __init__(self, *, kind: Any = None, **options: Any) -> None:
        self.options = options if kind is None else {**options, "session_type": kind}
        super().__init__(**self.options)

    def receive(self, frame: Any) -> list[Any]:
        """Feed a frame."""
        return self.feed(frame)

    @property
    def answering(self) -> bool:
        """The old name of is_responding."""
        return self.is_responding

    @property
    def closed(self) -> bool:
        """The old name of is_closed."""
        return self.is_closed


def BetaLoopback(inner: Loopback) -> Loopback:  # TEMPORARY: old name
    """Return a session in the beta dialect."""
    return Loopback(**{**inner.options, "dialect": "beta"})


def TranslationLoopback(**options: Any) -> Loopback:  # TEMPORARY: old name
    """Return a session in the translation dialect."""
    return Loopback(**{**options, "dialect": "translation"})
