"""State of a live session, computed from its events: playback, conversation, usage, tool calls.

No object here does I/O, reads a clock or starts a thread: the caller feeds events and reports
what was played and when. Read `playback` first, then `conversation`, `calls` and `usage`.
"""

from __future__ import annotations

from ..spec import MinutePrice, ModelPrice, TokenPrice
from .calls import ArgumentsError, FunctionCall, FunctionCalls
from .conversation import AudioChoice, Conversation, ConversationItem, ItemContent
from .cost import CostLine, Price, bill, estimate_cost, estimate_tokens, price_of, total_usd
from .differences import SessionDifference, session_differences
from .gate import ResponseGate
from .playback import Interruption, Playback
from .restore import Restoration, restoration, seconds_left
from .summarize import Summarizer, summary
from .tokens import TokenCount, Tokens
from .tools import Toolbox, function_tool
from .usage import Usage

__all__ = [
    "ArgumentsError", "AudioChoice", "Conversation", "ConversationItem", "CostLine", "FunctionCall",
    "FunctionCalls", "Interruption", "ItemContent", "MinutePrice", "ModelPrice", "Playback", "Price",
    "ResponseGate", "Restoration", "SessionDifference", "Summarizer", "TokenCount", "TokenPrice", "Tokens", "Toolbox",
    "Usage", "bill", "estimate_cost", "estimate_tokens", "function_tool", "price_of", "restoration",
    "seconds_left", "session_differences", "summary", "total_usd",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted(__all__)
