"""The one table of protocol facts: formats, limits, models, voices, prices.

Nothing here computes or imports from the rest of the package; everything that needs one of these
facts imports it from here. Each group names its source and the date it was read. "SDK" is the
official Python package ``openai`` 3.54.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

# --- Audio formats -------------------------------------------------------------------
# Source: SDK, RealtimeAudioFormats and the retired AudioFormat literals; the API
# reference of session.update. Read 2026-11-23. Sample widths and silence codes: ITU-T
# G.711 (11/88): the code of the smallest positive value is all ones for mu-law, 0xD5 as
# sent on the line (even bits inverted) for A-law.


class FormatFacts(NamedTuple):
    """The constants of one encoding, its usual sample rate, and its spellings."""

    ga_type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
    sample_rate: int
    sample_width: int
    silence: bytes
    spellings: tuple[str, ...]


FORMATS: Final = {
    "pcm16": FormatFacts(
        "audio/pcm", 24_000, 2, b"\0\0",
        ("pcm", "pcm_16", "pcm_s16le", "s16le", "linear16"),
    ),
    "g711_ulaw": FormatFacts(
        "audio/pcmu", 8_000, 1, b"\xff",
        ("pcmu", "ulaw", "mulaw", "mu-law", "u-law", "audio/x-mulaw", "audio/mulaw", "audio/basic",
         "pcm_mulaw", "g711_mulaw"),
    ),
    "g711_alaw": FormatFacts(
        "audio/pcma", 8_000, 1, b"\xd5",
        ("pcma", "alaw", "a-law", "audio/x-alaw", "audio/alaw", "pcm_alaw"),
    ),
}  # fmt: skip
# Sample rates outside these bounds are mistakes: telephony begins at 8 kHz, studios end at 384 kHz.
MIN_SAMPLE_RATE: Final = 1_000
MAX_SAMPLE_RATE: Final = 384_000
# RTP's linear audio has a rate of its own and is big-endian (RFC 3551, section 4.5.11; RFC 2586):
# it is none of these formats, at any rate. Read 2026-11-25.
RTP_LINEAR: Final = ("l16", "audio/l16", "audio/x-l16")

# --- Limits --------------------------------------------------------------------------
# Source: the API reference (guides "Realtime conversations" and "Realtime costs", and the
# OpenAPI document of 2026-08-21). Read 2026-11-23.
MAX_APPEND_BYTES: Final = 15 * 1024 * 1024  # of raw audio in one append
MIN_COMMIT_MS: Final = 100
MAX_EVENT_ID_CHARS: Final = 512
MAX_METADATA_PAIRS: Final = 16
MAX_METADATA_KEY_CHARS: Final = 64
MAX_METADATA_VALUE_CHARS: Final = 512
MIN_SPEED: Final = 0.25
MAX_SPEED: Final = 1.5
MAX_OUTPUT_TOKENS: Final = 4096
MIN_IDLE_TIMEOUT_MS: Final = 5_000
MAX_IDLE_TIMEOUT_MS: Final = 30_000
# The document states it for functions in general (FunctionObject.name), Azure's for Realtime too.
TOOL_NAME_PATTERN: Final = "[a-zA-Z0-9_-]{1,64}"
TUNNEL_ID_PATTERN: Final = "tunnel_[a-z0-9]{32}"
MAX_SESSION_SECONDS: Final = 60 * 60
USER_AUDIO_MS_PER_TOKEN: Final = 100
ASSISTANT_AUDIO_MS_PER_TOKEN: Final = 50

# --- Settings ------------------------------------------------------------------------
# The values of settings whose sets are closed. Source: SDK, the Literal types of
# RealtimeSessionCreateRequest and what it refers to, without `str` beside them. Read
# 2026-11-24.
NOISE_REDUCTIONS: Final = ("near_field", "far_field")
EFFORTS: Final = ("minimal", "low", "medium", "high", "xhigh")  # of reasoning, of a transcription's delay
EAGERNESSES: Final = ("low", "medium", "high", "auto")
INCLUDES: Final = ("item.input_audio_transcription.logprobs",)
TOOL_CHOICES: Final = ("auto", "none", "required")
TRUNCATIONS: Final = ("auto", "disabled")
TRACINGS: Final = ("auto",)
APPROVALS: Final = ("always", "never")
ALLOWED_CALLERS: Final = ("direct", "programmatic")
KnownConnector = Literal[
    "connector_dropbox", "connector_gmail", "connector_googlecalendar", "connector_googledrive",
    "connector_microsoftteams", "connector_outlookcalendar", "connector_outlookemail",
    "connector_sharepoint",
]  # fmt: skip
CONNECTORS: Final[tuple[str, ...]] = get_args(KnownConnector)

# The transcription models that accept a setting. Source: SDK, AudioTranscription and
# RealtimeAudioConfigInput.turn_detection. Read 2026-11-24. For `delay` it lists only
# gpt-realtime-whisper, but gpt-live-transcribe's model page has tunable latency: both pass.
TRANSCRIPTION_SETTINGS: Final = {
    "keywords": ("gpt-transcribe", "gpt-live-transcribe"),
    "languages": ("gpt-transcribe", "gpt-live-transcribe"),
    "delay": ("gpt-realtime-whisper", "gpt-live-transcribe"),
}
# The models that accept no prompt, and those that accept no turn detection in a transcription session.
UNPROMPTED_TRANSCRIPTION: Final = ("gpt-realtime-whisper",)
UNDETECTED_TRANSCRIPTION: Final = ("gpt-realtime-whisper",)

# --- Models --------------------------------------------------------------------------
# Source: SDK, RealtimeSessionCreateRequest.model. Read 2026-11-23. The set is open: other models
# can be sent, too.
KnownModel = Literal[
    "gpt-realtime",
    "gpt-realtime-2025-08-28",
    "gpt-realtime-1.5",
    "gpt-realtime-2",
    "gpt-realtime-2.1",
    "gpt-realtime-mini",
    "gpt-realtime-mini-2025-10-06",
    "gpt-realtime-mini-2025-12-15",
    "gpt-realtime-2.1-mini",
    "gpt-audio-1.5",
    "gpt-audio-mini",
    "gpt-audio-mini-2025-10-06",
    "gpt-audio-mini-2025-12-15",
    "gpt-4o-realtime-preview",
    "gpt-4o-realtime-preview-2024-10-01",
    "gpt-4o-realtime-preview-2024-12-17",
    "gpt-4o-realtime-preview-2025-06-03",
    "gpt-4o-mini-realtime-preview",
    "gpt-4o-mini-realtime-preview-2024-12-17",
]
MODELS: Final[tuple[str, ...]] = get_args(KnownModel)
DEFAULT_MODEL: Final = "gpt-realtime-2"  # it has a price below
if TYPE_CHECKING:
    Model = KnownModel | str
else:
    Model = str

# Source: SDK, AudioTranscription.model. Read 2026-11-23.
KnownTranscriptionModel = Literal[
    "whisper-1",
    "gpt-transcribe",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
    "gpt-4o-transcribe-diarize",
    "gpt-live-transcribe",
    "gpt-realtime-whisper",
]
if TYPE_CHECKING:
    TranscriptionModel = KnownTranscriptionModel | str
else:
    TranscriptionModel = str

# --- Voices --------------------------------------------------------------------------
# Source: SDK, RealtimeAudioConfigOutput.voice. Read 2026-11-23. The set is open.
KnownVoice = Literal[
    "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"
]  # fmt: skip
VOICES: Final[tuple[str, ...]] = get_args(KnownVoice)
if TYPE_CHECKING:
    Voice = KnownVoice | str
else:
    Voice = str

DEFAULT_VOICE: Final = "alloy"
# Source: the API reference recommends marin and cedar for best quality. Read 2026-11-23.
# The use cases are the seed's (litellm-rs 0.4.16); its nova, onyx and fable are not
# accepted by GA, so each use case has a voice that is.
RECOMMENDED_VOICES: Final = {
    "customer_service": "alloy",
    "assistant": "marin",
    "narrator": "cedar",
    "casual": "echo",
    "professional": "sage",
}

# --- Live ----------------------------------------------------------------------------
# Source: the guides live-conversations and live-delegation, and openai-python 3.57.0, types/live: the model and
# voices of SessionConfig, AudioFormat, and the docstrings of its limits. Read 2026-11-29.
KnownLiveModel = Literal["gpt-live-1", "gpt-live-1.1"]
LIVE_MODELS: Final[tuple[str, ...]] = get_args(KnownLiveModel)
KnownLiveVoice = Literal[
    "alloy", "ash", "ballad", "beacon", "bossa", "cedar", "cinder", "coral", "delta", "echo", "gleam", "marin",
    "meridian", "quartz", "ripple", "sage", "shida", "shimmer", "stone", "tempo", "verse", "vesper", "willow",
]  # fmt: skip
LIVE_VOICES: Final[tuple[str, ...]] = get_args(KnownLiveVoice)
if TYPE_CHECKING:
    LiveModel = KnownLiveModel | str
    LiveVoice = KnownLiveVoice | str
else:
    LiveModel = LiveVoice = str
DEFAULT_LIVE_VOICE: Final = "marin"
# The sample rates of each type of format, the default first.
LIVE_RATES: Final = {"audio/pcm": (24_000, 16_000), "audio/pcmu": (8_000,), "audio/pcma": (8_000,)}
LIVE_DELEGATIONS: Final = ("client", "responses", "decisions")
KnownLiveServiceTier = Literal["auto", "default", "fast_tier_temp_pilot", "flex", "priority", "ultrafast"]
LIVE_SERVICE_TIERS: Final[tuple[str, ...]] = get_args(KnownLiveServiceTier)
LIVE_TRIGGER_EVENTS: Final = ("session.input_transcript.delta", "session.output_transcript.delta")
MIN_LIVE_OUTPUT_TOKENS: Final = 16
MAX_LIVE_INSTRUCTIONS_TOKENS: Final = 16_384
MAX_LIVE_INPUT_MESSAGES: Final = 128
MAX_LIVE_INPUT_TOKENS: Final = 8_192
MAX_LIVE_FIXTURE_MS: Final = 30_000
# The input of the Responses backend that may wait for the next response.
MAX_LIVE_BACKEND_ITEMS: Final = 128
MAX_LIVE_BACKEND_BYTES: Final = 32_768
# The limit of one appended text. Source: https://platform.openai.com/docs/guides/live-conversations. Read 2026-11-29.
MAX_LIVE_APPEND_TOKENS: Final = 500
# In characters: OpenAI's server accepted 1,756 and refused 1,900, by the probes of 2026-09-11 and 12 in
# ProtocoloGptLive.cs, the specification of a voice client for Windows. Read 2026-11-29.
MAX_LIVE_CONTENT_CHARS: Final = 1_756
# A token had at least three characters in these probes. That is also a low estimate of its bytes in UTF-8 in other
# languages: a Chinese character has three bytes.
MIN_BYTES_PER_TOKEN: Final = MAX_LIVE_CONTENT_CHARS // MAX_LIVE_APPEND_TOKENS
# A text with more characters than this for each token of a limit exceeds it in any language.
MAX_CHARS_PER_TOKEN: Final = 6
# Measured by others (aplisay/llm-agent#306), read 2026-11-29.
MAX_LIVE_SESSION_SECONDS: Final = 2 * 60 * 60

# --- Prices --------------------------------------------------------------------------
# USD per million tokens. Source: the official model pages unless a line says otherwise.
# Read 2026-11-23. A model whose price is not confirmed is absent: its cost is an error, never $0.
# Tokens of audio: one per 100 ms of the user's, one per 50 ms of the assistant's (guide
# "Realtime costs").


PRICES_READ: Final = "2026-11-23"


class TokenPrice(NamedTuple):
    """USD per million tokens of one kind."""

    input: float
    cached: float
    output: float


class ModelPrice(NamedTuple):
    """The prices of one model by kind of token. Images are input only."""

    text: TokenPrice
    audio: TokenPrice
    image: TokenPrice | None = None


class MinutePrice(NamedTuple):
    """USD per minute, billed by the second: of a session or, for a transcription, of its audio.

    `paused_usd` is the price while a Live session is paused; None if that is the same.
    """

    usd: float
    paused_usd: float | None = None


_GPT_REALTIME_2 = ModelPrice(TokenPrice(4, 0.40, 24), TokenPrice(32, 0.40, 64), TokenPrice(5, 0.50, 0))
_GPT_4O = ModelPrice(TokenPrice(5, 2.50, 20), TokenPrice(40, 2.50, 80))
_GPT_4O_MINI = ModelPrice(TokenPrice(0.60, 0.30, 2.40), TokenPrice(10, 0.30, 20))

PRICES: Final = {
    "gpt-realtime-2": _GPT_REALTIME_2,
    "gpt-realtime-2.1": _GPT_REALTIME_2,
    "gpt-realtime-1.5": ModelPrice(TokenPrice(4, 0.40, 16), TokenPrice(32, 0.40, 64), TokenPrice(5, 0.50, 0)),
    "gpt-realtime-2.1-mini": ModelPrice(
        TokenPrice(0.60, 0.06, 2.40), TokenPrice(10, 0.30, 20), TokenPrice(0.80, 0.08, 0)
    ),
    "gpt-4o-realtime-preview": _GPT_4O,
    "gpt-4o-realtime-preview-2024-12-17": _GPT_4O,
    "gpt-4o-realtime-preview-2025-06-03": _GPT_4O,
    "gpt-4o-mini-realtime-preview": _GPT_4O_MINI,
    "gpt-4o-mini-realtime-preview-2024-12-17": _GPT_4O_MINI,
    # A secondary source; its text prices are not confirmed.
    "gpt-4o-realtime-preview-2024-10-01": ModelPrice(TokenPrice(5, 2.50, 20), TokenPrice(100, 20, 200)),
}  # fmt: skip

# USD per minute of audio, for models not priced by the token. Same source and date.
MINUTE_PRICES: Final = {
    "gpt-live-1": 0.05,
    "gpt-live-1.1": 0.05,
    "gpt-realtime-translate": 0.034,
    "gpt-realtime-whisper": 0.017,
    "gpt-live-transcribe": 0.017,
    "gpt-transcribe": 0.0045,
}
# USD per minute while a Live session is paused (WebRTC only). Source: the model page of gpt-live-1.1, read
# 2026-11-29; that of gpt-live-1 states no such price.
PAUSED_MINUTE_PRICES: Final = {"gpt-live-1.1": 0.02}

# Models that only transcribe and are in neither table. Source: the model pages of
# developers.openai.com, which list the 4o models' prices under "Audio tokens" and none for cached
# ones; the text of a prompt is assumed to cost the same. Read 2026-11-24.
_GPT_4O_TRANSCRIBE = TokenPrice(2.50, 2.50, 10)
_GPT_4O_MINI_TRANSCRIBE = TokenPrice(1.25, 1.25, 5)
TRANSCRIPTION_PRICES: Final[dict[str, ModelPrice | MinutePrice]] = {
    "gpt-4o-transcribe": ModelPrice(_GPT_4O_TRANSCRIBE, _GPT_4O_TRANSCRIBE),
    "gpt-4o-mini-transcribe": ModelPrice(_GPT_4O_MINI_TRANSCRIBE, _GPT_4O_MINI_TRANSCRIBE),
    "whisper-1": MinutePrice(0.006),
}

# --- The seed's own facts ------------------------------------------------------------
# Source: litellm-rs 0.4.16, src/core/providers/openai/realtime.rs, a client of the beta
# dialect. fable, nova and onyx were listed by OpenAI only from March to July 2025.
BETA_MODELS: Final = ("gpt-4o-realtime-preview", "gpt-4o-realtime-preview-2024-10-01")
KnownBetaVoice = Literal[
    "alloy", "ash", "ballad", "coral", "echo", "nova", "onyx", "fable", "sage", "shimmer", "verse"
]  # fmt: skip
BETA_VOICES: Final[tuple[str, ...]] = get_args(KnownBetaVoice)
BETA_RECOMMENDED_VOICES: Final = {
    "customer_service": "alloy",
    "assistant": "nova",
    "narrator": "onyx",
    "casual": "echo",
    "professional": "fable",
}
BETA_MAX_TEMPERATURE: Final = 2.0
# USD per minute in the seed: (with audio, text only).
BETA_MINUTE_PRICES: Final = dict.fromkeys(BETA_MODELS, (0.06, 0.03))
