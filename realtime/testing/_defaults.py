"""What a server does where nobody says otherwise. Imports nothing: the command line's parser reads it."""

from __future__ import annotations

from typing import Final

# The duration of one audio delta.
PTIME_MS: Final = 100
