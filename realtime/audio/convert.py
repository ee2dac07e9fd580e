"""TEMPORARY: old name of `realtime.audio.conversion`."""

from __future__ import annotations

from .conversion import (  # TEMPORARY: old name
    Converter as Converter,
    convert as convert,
    decode as decode,
    encode as encode,
    transcode as transcode,
)
