"""OpenAI's Realtime protocol for audio pipelines: frames to typed events and back.

How data flows (nothing here opens a socket or reads a clock)::

    microphone, phone          realtime.audio               realtime
    raw samples, G.711  ->  Chunker, Converter  ->  encode_append, encode  ->  WebSocket
    raw samples, G.711  <-      Converter       <-      decode_server      <-  WebSocket

`realtime` itself speaks GA, today's protocol; `realtime.beta`, `realtime.translation` and
`realtime.live` offer the same names for their own wires. `import realtime` imports neither
numpy nor a network library: these modules, `realtime.audio` (numpy), `realtime.state`,
`realtime.telephony`, `realtime.recording`, `realtime.analysis` and `realtime.testing` (websockets) are
imported when they are first named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._version import __version__ as __version__
from .build import (
    create_audio_input as create_audio_input,
    create_function_output as create_function_output,
    create_session_config as create_session_config,
    create_text_input as create_text_input,
    estimate_cost_per_minute as estimate_cost_per_minute,
    get_recommended_voice as get_recommended_voice,
    get_sample_rate as get_sample_rate,
    get_supported_models as get_supported_models,
    supports_realtime as supports_realtime,
    wire_format as wire_format,
)
from .codec import (
    Codec as Codec,
    decode_client as decode_client,
    decode_client_if as decode_client_if,
    decode_server as decode_server,
    decode_server_if as decode_server_if,
    encode as encode,
    encode_append as encode_append,
)
from .errors import (
    AudioError as AudioError,
    ConfigError as ConfigError,
    DecodeError as DecodeError,
    EncodeError as EncodeError,
    ModelNotFoundError as ModelNotFoundError,
    RealtimeError as RealtimeError,
)
from .events import *
from .format import (
    AudioFormat as AudioFormat,
    AudioFormatLike as AudioFormatLike,
    AudioFormatName as AudioFormatName,
)
from .peek import peek_type as peek_type
from .validate import (
    validate_response_params as validate_response_params,
    validate_session_config as validate_session_config,
)

if TYPE_CHECKING:
    from . import (
        analysis as analysis,
        audio as audio,
        beta as beta,
        live as live,
        recording as recording,
        state as state,
        telephony as telephony,
        testing as testing,
        translation as translation,
    )
else:
    from ._names import public_names as _public_names

    # Not in __all__: a star import must not import numpy.
    _ON_DEMAND = frozenset(
        {"analysis", "audio", "beta", "live", "recording", "state", "telephony", "testing", "translation"}
    )
    __all__ = _public_names(globals())

    def __getattr__(name):
        if name in _ON_DEMAND:
            import importlib

            return importlib.import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
