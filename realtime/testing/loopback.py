"""TEMPORARY: the old names of ServerProtocol."""

from __future__ import annotations

from typing import Any

from .protocol import ServerProtocol


class Loopback(ServerProtocol):  # TEMPORARY: old name
    """The old name of ServerProtocol."""

    def __init__(self, *, kind: Any = None, **options: Any) -> None:
        self.options = options if kind is None else {**options, "session_type": kind}
        super().__init__(**self.options)


def BetaLoopback(inner: Loopback) -> Loopback:  # TEMPORARY: old name
    """Return a session in the beta dialect."""
    return Loopback(**{**inner.options, "dialect": "beta"})


def TranslationLoopback(**options: Any) -> Loopback:  # TEMPORARY: old name
    """Return a session in the translation dialect."""
    return Loopback(**{**options, "dialect": "translation"})
