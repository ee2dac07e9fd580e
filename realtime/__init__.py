"""OpenAI's Realtime protocol for audio pipelines: frames to typed events and back.

Data flow (only `realtime.client` opens a connection)::

    microphone, phone          realtime.audio               realtime
    raw samples, G.711  ->  Chunker, Converter  ->  encode_append, encode  ->  WebSocket
    raw samples, G.711  <-      Converter       <-      decode_server      <-  WebSocket

`realtime` itself speaks GA, today's protocol; `realtime.beta`, `realtime.translation` and
`realtime.live` offer the same names for their own dialects. `import realtime` imports neither
numpy nor a network library: these modules, `realtime.audio` (numpy), `realtime.state`,
`realtime.telephony`, `realtime.recording`, `realtime.client` (websockets), `realtime.analysis`, `realtime.testing`
(websockets) and `realtime.rest` are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from . import events as events
from ._members import extras
from ._version import __version__ as __version__
from .build import (
    create_audio_input,
    create_function_output,
    create_session_config,
    create_text_input,
    estimate_cost_per_minute,
    get_recommended_voice,
    get_sample_rate,
    get_supported_models,
    supports_realtime,
    wire_format,
)
from .codec import (
    Codec,
    decode_client,
    decode_client_if,
    decode_server,
    decode_server_if,
    encode,
    encode_append,
)
from .errors import AudioError, ConfigError, DecodeError, EncodeError, ModelNotFoundError, RealtimeError
from .events import *
from .format import AudioFormat, AudioFormatLike, AudioFormatName
from .peek import peek_type
from .validate import validate_response_params, validate_session_config

__all__ = [
    "AudioError",
    "AudioFormat",
    "AudioFormatLike",
    "AudioFormatName",
    "Codec",
    "ConfigError",
    "DecodeError",
    "EncodeError",
    "ModelNotFoundError",
    "RealtimeError",
    "create_audio_input",
    "create_function_output",
    "create_session_config",
    "create_text_input",
    "decode_client",
    "decode_client_if",
    "decode_server",
    "decode_server_if",
    "encode",
    "encode_append",
    "estimate_cost_per_minute",
    "extras",
    "get_recommended_voice",
    "get_sample_rate",
    "get_supported_models",
    "peek_type",
    "supports_realtime",
    "validate_response_params",
    "validate_session_config",
    "wire_format",
]  # fmt: skip
__all__ += events.__all__

# Not in __all__: a star import must not import numpy.
_PACKAGES = (
    "analysis",
    "audio",
    "beta",
    "client",
    "live",
    "providers",
    "recording",
    "rest",
    "state",
    "telephony",
    "testing",
    "translation",
)

if TYPE_CHECKING:
    from . import (
        analysis as analysis,
        audio as audio,
        beta as beta,
        client as client,
        live as live,
        providers as providers,
        recording as recording,
        rest as rest,
        state as state,
        telephony as telephony,
        testing as testing,
        translation as translation,
    )
else:

    def __getattr__(name):
        if name in _PACKAGES:
            return _import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_PACKAGES})
