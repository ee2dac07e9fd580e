"""The servers that speak this protocol, or nearly, and their own events.

`PROVIDERS` is the table, from `_provider`; each module here has the events and settings that one
server adds to its base dialect, and the functions of a dialect's module.
"""

from __future__ import annotations

from .._provider import PROVIDERS, Provider, ProviderLike, ProviderName, Quirk, get_provider
from . import azure_voice_live, glm, localai, qwen, vllm, xai

__all__ = [
    "PROVIDERS", "Provider", "ProviderLike", "ProviderName", "Quirk", "azure_voice_live", "get_provider", "glm",
    "localai", "qwen", "vllm", "xai",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)
