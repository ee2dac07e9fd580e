"""Events of the input and output audio buffers, and of the turn detection that runs on the input.

The settings of turn detection are in `session`, the audio that a response streams in `response`.
"""

from __future__ import annotations

from .base import ClientSide, ItemEvent, ServerSide

__all__ = [
    "AudioBufferClientEvent",
    "AudioBufferServerEvent",
    "InputAudioBufferAppend",
    "InputAudioBufferClear",
    "InputAudioBufferCleared",
    "InputAudioBufferCommit",
    "InputAudioBufferCommitted",
    "InputAudioBufferDtmfEventReceived",
    "InputAudioBufferSpeechStarted",
    "InputAudioBufferSpeechStopped",
    "InputAudioBufferTimeoutTriggered",
    "OutputAudioBufferClear",
    "OutputAudioBufferCleared",
    "OutputAudioBufferStarted",
    "OutputAudioBufferStopped",
]

# --- Client --------------------------------------------------------------------------


class InputAudioBufferAppend(ClientSide, tag="input_audio_buffer.append", kw_only=True):
    """Audio to append to the input buffer: raw bytes in the session's input format, at most 15 MiB."""

    audio_field = "audio"

    audio: bytes


class InputAudioBufferCommit(ClientSide, tag="input_audio_buffer.commit", kw_only=True):
    """Request to turn the input buffer (at least 100 ms of audio) into a user message."""


class InputAudioBufferClear(ClientSide, tag="input_audio_buffer.clear", kw_only=True):
    """Request to empty the input buffer."""


class OutputAudioBufferClear(ClientSide, tag="output_audio_buffer.clear", kw_only=True):
    """WebRTC and SIP: request to stop the audio that is being played."""


# --- Server --------------------------------------------------------------------------


class InputAudioBufferCommitted(ItemEvent, tag="input_audio_buffer.committed", kw_only=True):
    """Sent when the input buffer was committed and becomes the user message `item_id`."""

    previous_item_id: str | None = None


class InputAudioBufferCleared(ServerSide, tag="input_audio_buffer.cleared", kw_only=True):
    """Answer to `input_audio_buffer.clear`."""


class InputAudioBufferSpeechStarted(ItemEvent, tag="input_audio_buffer.speech_started", kw_only=True):
    """Sent when turn detection finds the start of speech. `item_id` is the message it will become."""

    audio_start_ms: int


class InputAudioBufferSpeechStopped(ItemEvent, tag="input_audio_buffer.speech_stopped", kw_only=True):
    """Sent when turn detection finds the end of speech."""

    audio_end_ms: int


class InputAudioBufferTimeoutTriggered(ItemEvent, tag="input_audio_buffer.timeout_triggered", kw_only=True):
    """Sent when nobody spoke for `idle_timeout_ms`. The server commits the silence and responds to it."""

    audio_start_ms: int
    audio_end_ms: int


class InputAudioBufferDtmfEventReceived(
    ServerSide, tag="input_audio_buffer.dtmf_event_received", kw_only=True
):
    """SIP: sent when the caller presses a key. `received_at` is in Unix seconds."""

    event: str
    received_at: int


class OutputAudioBufferStarted(ServerSide, tag="output_audio_buffer.started", kw_only=True):
    """WebRTC and SIP: sent when the server starts to play a response."""

    response_id: str


class OutputAudioBufferStopped(ServerSide, tag="output_audio_buffer.stopped", kw_only=True):
    """WebRTC and SIP: sent when a response was played to its end."""

    response_id: str


class OutputAudioBufferCleared(ServerSide, tag="output_audio_buffer.cleared", kw_only=True):
    """WebRTC and SIP: sent when the rest of a response is discarded (interruption or clear)."""

    response_id: str


# --- The unions ----------------------------------------------------------------------

AudioBufferClientEvent = (
    InputAudioBufferAppend | InputAudioBufferCommit | InputAudioBufferClear | OutputAudioBufferClear
)
AudioBufferServerEvent = (
    InputAudioBufferCommitted
    | InputAudioBufferCleared
    | InputAudioBufferSpeechStarted
    | InputAudioBufferSpeechStopped
    | InputAudioBufferTimeoutTriggered
    | InputAudioBufferDtmfEventReceived
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | OutputAudioBufferCleared
)
