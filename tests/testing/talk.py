"""TEMPORARY: moved to tests.testing.helpers."""

from tests.testing.helpers import (
    PCM16 as PCM16,  # TEMPORARY: old name
    exchange as tell,  # TEMPORARY: old name
    formats as formats,  # TEMPORARY: old name
    open_session as opened,  # TEMPORARY: old name
    tone as tone,  # TEMPORARY: old name
)

__all__ = ["PCM16", "formats", "opened", "tell", "tone"]
