"""What a live call adds up to, without I/O: objects that take events and facts and give events and facts.

No socket, no clock, no thread: whoever holds one of these says what happened and when. Read
`playback` first (what was heard), then `conversation` (what was said), then the rest.
"""

from __future__ import annotations

from .calls import (
    ArgumentsError as ArgumentsError,
    FunctionCall as FunctionCall,
    FunctionCalls as FunctionCalls,
)
from .conversation import Conversation as Conversation, ConversationItem as ConversationItem
from .cost import (
    CostLine as CostLine,
    bill as bill,
    estimate_cost as estimate_cost,
    estimate_tokens as estimate_tokens,
    price_of as price_of,
    total_usd as total_usd,
)
from .differences import SessionDifference as SessionDifference, session_differences as session_differences
from .playback import Interruption as Interruption, Playback as Playback
from .restore import Restoration as Restoration, restoration as restoration, seconds_left as seconds_left
from .summarize import Summarizer as Summarizer, summary as summary
from .tokens import TokenCount as TokenCount, Tokens as Tokens
from .tools import Toolbox as Toolbox, function_tool as function_tool
from .usage import Usage as Usage
