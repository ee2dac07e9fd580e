"""The audio buffers: what goes in, what the server hears in it, what comes out of it."""

from __future__ import annotations

from .base import ClientSide, ItemEvent, ServerSide

# --- Client --------------------------------------------------------------------------


class InputAudioBufferAppend(ClientSide, tag="input_audio_buffer.append", kw_only=True):
    """Audio for the input buffer: raw bytes of the session's input format, at most 15 MiB."""

    audio_field = "audio"

    audio: bytes


class InputAudioBufferCommit(ClientSide, tag="input_audio_buffer.commit", kw_only=True):
    """Makes a user message of the input buffer (at least 100 ms of audio)."""


class InputAudioBufferClear(ClientSide, tag="input_audio_buffer.clear", kw_only=True):
    """Empties the input buffer."""


class OutputAudioBufferClear(ClientSide, tag="output_audio_buffer.clear", kw_only=True):
    """WebRTC and SIP: stop what is being played."""


# --- Server --------------------------------------------------------------------------


class InputAudioBufferCommitted(ItemEvent, tag="input_audio_buffer.committed", kw_only=True):
    """The input buffer is now the user message `item_id`, after `previous_item_id`."""

    previous_item_id: str | None = None


class InputAudioBufferCleared(ServerSide, tag="input_audio_buffer.cleared", kw_only=True):
    """The input buffer is empty."""


class InputAudioBufferSpeechStarted(ItemEvent, tag="input_audio_buffer.speech_started", kw_only=True):
    """Speech was heard; `item_id` is the message that it will be."""

    audio_start_ms: int


class InputAudioBufferSpeechStopped(ItemEvent, tag="input_audio_buffer.speech_stopped", kw_only=True):
    """The speech has ended."""

    audio_end_ms: int


class InputAudioBufferTimeoutTriggered(ItemEvent, tag="input_audio_buffer.timeout_triggered", kw_only=True):
    """Nothing was said for `idle_timeout_ms`; the server commits the silence and answers."""

    audio_start_ms: int
    audio_end_ms: int


class InputAudioBufferDtmfEventReceived(
    ServerSide, tag="input_audio_buffer.dtmf_event_received", kw_only=True
):
    """SIP: a key was pressed; `received_at` is in Unix seconds."""

    event: str
    received_at: int


class OutputAudioBufferStarted(ServerSide, tag="output_audio_buffer.started", kw_only=True):
    """WebRTC and SIP: the server plays a response."""

    response_id: str


class OutputAudioBufferStopped(ServerSide, tag="output_audio_buffer.stopped", kw_only=True):
    """WebRTC and SIP: the response was played to its end."""

    response_id: str


class OutputAudioBufferCleared(ServerSide, tag="output_audio_buffer.cleared", kw_only=True):
    """WebRTC and SIP: the rest of the response will not be played."""

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
