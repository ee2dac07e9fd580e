"""The translation dialect: the same names as `realtime`, for its wire."""

from __future__ import annotations

from .codec import DialectCodec
from .events import translation as events
from .events.translation import *


class Codec(DialectCodec[events.ServerEvent, events.ClientEvent]):
    """The codec of the translation dialect. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = events.ServerEvent
    client_events = events.ClientEvent
    append = events.SessionInputAudioBufferAppend


_CODEC = Codec()
decode_server = _CODEC.decode_server
decode_client = _CODEC.decode_client
decode_server_if = _CODEC.decode_server_if
decode_client_if = _CODEC.decode_client_if
encode = _CODEC.encode
encode_append = _CODEC.encode_append
