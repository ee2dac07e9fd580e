"""Names for annotations only."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    # Type checkers carry typing_extensions with them; nothing imports it at run time.
    from typing_extensions import Buffer as Buffer

# One WebSocket message.
Frame: TypeAlias = bytes | bytearray | memoryview | str
