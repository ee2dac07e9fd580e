"""What an append may bring: the checks that are the same in every dialect."""

from __future__ import annotations

from .. import spec
from ..format import AudioFormat
from ._refusal import Refusal


def check_append(audio: bytes, fmt: AudioFormat, room: int) -> None:
    """Passes whole samples of `fmt`, as many bytes of them as there is `room` for.

    Raises:
        Refusal: more than one append may have, half a sample, or more than there is room for.
    """
    if len(audio) > spec.MAX_APPEND_BYTES:
        raise Refusal("invalid_value", "Invalid 'audio': more than 15 MiB in one append.", "audio")
    if len(audio) % fmt.sample_width:
        raise Refusal("invalid_value", f"Invalid 'audio': {len(audio)} bytes are half a sample.", "audio")
    if len(audio) > room:
        raise Refusal("invalid_value", "Invalid 'audio': the input buffer is full.", "audio")
