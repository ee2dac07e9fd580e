"""Events of the input and output audio buffers, and of the turn detection that runs on the input.

The settings of turn detection are in `session`, the audio that a response streams in `response`.
"""

from __future__ import annotations

from .base import ClientSide, ItemEvent, ServerSide

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
    """Confirmation that the input buffer was committed. It becomes the user message `item_id`."""

    previous_item_id: str | None = None


class InputAudioBufferCleared(ServerSide, tag="input_audio_buffer.cleared", kw_only=True):
    """Answer to `input_audio_buffer.clear`."""


class InputAudioBufferSpeechStarted(ItemEvent, tag="input_audio_buffer.speech_started", kw_only=True):
    """Start of speech, found by turn detection. `item_id` is the message that the speech will become."""

    audio_start_ms: int


class InputAudioBufferSpeechStopped(ItemEvent, tag="input_audio_buffer.speech_stopped", kw_only=True):
    """End of speech, found by turn detection."""

    audio_end_ms: int


class InputAudioBufferTimeoutTriggered(ItemEvent, tag="input_audio_buffer.timeout_triggered", kw_only=True):
    """Expiry of `idle_timeout_ms` without speech. The server commits the silence and responds to it."""

    audio_start_ms: int
    audio_end_ms: int


class InputAudioBufferDtmfEventReceived(
    ServerSide, tag="input_audio_buffer.dtmf_event_received", kw_only=True
):
    """SIP: key press of the caller. `received_at` is in Unix seconds."""

    event: str
    received_at: int


class OutputAudioBufferStarted(ServerSide, tag="output_audio_buffer.started", kw_only=True):
    """WebRTC and SIP: start of the playback of a response."""

    response_id: str


class OutputAudioBufferStopped(ServerSide, tag="output_audio_buffer.stopped", kw_only=True):
    """WebRTC and SIP: end of the playback of a response, all of which was played."""

    response_id: str


class OutputAudioBufferCleared(ServerSide, tag="output_audio_buffer.cleared", kw_only=True):
    """WebRTC and SIP: end of the playback of a response, the rest of which is discarded."""

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
