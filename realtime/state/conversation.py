"""Ordered conversation items, built from a session's events in whatever order they arrive.

`ItemContent` is one content part, `ConversationItem` one item, `_ItemList` the order of the
items and `Conversation` the object to feed. Nothing that a server sends raises an error. An event
of a response that has no item id is about the response's item of that kind (see `_ResponseItems`);
any other event without a usable item id is ignored. The events that recreate a conversation in a
new session are in `restore`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeAlias

from .._bounded import BoundedDict, SeenSet
from .._provider import ProviderLike, get_provider
from ..errors import ConfigError
from ..format import AudioFormat
from ._common import find_handler, get_field, made_call_id, stated_format

AudioChoice: TypeAlias = Literal["count", "keep", "drop"]

# Entries in each table of ids that are not in the list (or not yet): the oldest are forgotten.
_MAX_REMEMBERED: Final = 256


class ItemContent:
    """One content part of an item: its text or transcript, and its audio.

    Text and audio are stored as the pieces that arrived and joined when they are read.
    `audio_bytes` counts the audio in `format`, even if the audio itself is not stored. After a
    truncation `truncated_ms` is the position and `removed_text` the text that was removed.
    """

    __slots__ = (
        "_audio",
        "_has_full_text",
        "_text",
        "audio_bytes",
        "format",
        "image",
        "removed_text",
        "truncated_ms",
    )

    def __init__(self, format: AudioFormat) -> None:
        self._text: list[str] = []
        self._has_full_text = False
        self._audio: list[bytes] = []
        self.audio_bytes = 0
        self.format = format
        self.image: Any = None
        self.removed_text: str | None = None
        self.truncated_ms: int | None = None

    @property
    def text(self) -> str:
        """The text or transcript received so far."""
        if len(self._text) > 1:
            self._text = ["".join(self._text)]
        return self._text[0] if self._text else ""

    @property
    def audio(self) -> bytes:
        """The audio received so far, empty unless the conversation keeps audio."""
        if len(self._audio) > 1:
            self._audio = [b"".join(self._audio)]
        return self._audio[0] if self._audio else b""

    # The methods below return by how many characters and bytes the stored content grew.

    def _add_text(self, delta: str | None) -> int:
        """Append a text delta. Ignored once the full text is known or was truncated."""
        if not delta or self._has_full_text:
            return 0
        self._text.append(delta)
        return len(delta)

    def _set_text(self, text: str | None) -> int:
        """Replace the deltas by the full text. Ignored after a truncation."""
        if text is None or self.truncated_ms is not None:
            return 0
        before = sum(map(len, self._text))
        self._text, self._has_full_text = [text], True
        return len(text) - before

    def _replace_text(self, text: str) -> int:
        """Replace the text so far by a newer one that may still change. Ignored once the full text is known."""
        if self._has_full_text:
            return 0
        before = sum(map(len, self._text))
        self._text = [text]
        return len(text) - before

    def _add_audio(self, delta: bytes | None, choice: AudioChoice) -> int:
        """Count, store or drop an audio delta. Ignored after a truncation."""
        if not delta or choice == "drop" or self.truncated_ms is not None:
            return 0
        self.audio_bytes += len(delta)
        if choice == "count":
            return 0
        self._audio.append(delta)
        return len(delta)

    def _truncate(self, audio_end_ms: int) -> int:
        """Do what the server does: shorten the audio to `audio_end_ms`, remove the transcript."""
        if self.truncated_ms is None:
            self.removed_text = self.text
        before = len(self.audio) + len(self.text)
        self.truncated_ms, self._has_full_text, self._text = audio_end_ms, True, []
        limit = max(0, audio_end_ms) * self.format.sample_rate // 1000 * self.format.sample_width
        self.audio_bytes = min(self.audio_bytes, limit)
        self._audio = [self.audio[:limit]]
        return len(self.audio) - before


class ConversationItem:
    """One item of a conversation, with everything received for it so far. Read only.

    `type`, `role`, `status`, `phase`, `name`, `call_id` and `output` have the wire's values: `type` is
    "" and the others are None until an event states them. `previous_item_id` is the
    predecessor that an event stated. `wire_item` is the last item object that was received.
    `content_by_index` maps the wire's content_index to the content part. `transcription_error`
    is the error of a failed transcription. `at_ms` is the caller's clock at the first event,
    `retained_bytes` the size of the stored text (in characters) and audio (in bytes). `has_id` is
    False while no event has stated the item's id: `id` is then made here and unknown to the server.
    """

    __slots__ = (
        "_arguments",
        "_has_full_arguments",
        "_is_placed",
        "at_ms",
        "call_id",
        "content_by_index",
        "has_id",
        "id",
        "name",
        "output",
        "phase",
        "previous_item_id",
        "response_id",
        "retained_bytes",
        "role",
        "status",
        "transcription_error",
        "type",
        "wire_item",
    )

    def __init__(self, item_id: str, at_ms: float | None) -> None:
        self.id = item_id
        self.has_id = True
        self.type = ""
        self.role: str | None = None
        self.status: str | None = None
        self.phase: str | None = None
        self.name: str | None = None
        self.call_id: str | None = None
        self.output: str | None = None
        self.response_id: str | None = None
        self.transcription_error: Any = None
        self.wire_item: Any = None
        self.at_ms = at_ms
        self.retained_bytes = 0
        self.previous_item_id: str | None = None
        self.content_by_index: dict[int, ItemContent] = {}
        self._arguments: list[str] = []
        self._has_full_arguments = False
        self._is_placed = False  # maintained by _ItemList: True once an event has placed the item

    def __repr__(self) -> str:
        return f"<ConversationItem {self.id!r} {self.type} {self.role or self.name or ''} {self.text[:60]!r}>"

    @property
    def contents(self) -> list[ItemContent]:
        """The content parts, in order."""
        return [self.content_by_index[index] for index in sorted(self.content_by_index)]

    @property
    def text(self) -> str:
        """The texts and transcripts of all parts. Truncated parts have none, as on the server."""
        return "".join(part.text for part in self.contents)

    @property
    def removed_text(self) -> str:
        """The text that truncation removed. The user may have heard its beginning."""
        return "".join(part.removed_text or "" for part in self.contents)

    @property
    def audio(self) -> bytes:
        """The audio of all parts, empty unless the conversation keeps audio."""
        return b"".join(part.audio for part in self.contents)

    @property
    def audio_ms(self) -> int:
        """Milliseconds of audio received, rounded down for each part."""
        return sum(
            part.audio_bytes // part.format.sample_width * 1000 // part.format.sample_rate
            for part in self.content_by_index.values()
        )

    @property
    def truncated_ms(self) -> int | None:
        """The position at which the item was truncated, or None."""
        ends = (part.truncated_ms for part in self.content_by_index.values())
        return next((end for end in ends if end is not None), None)

    @property
    def arguments(self) -> str:
        """The arguments of a function or MCP call received so far, as JSON text."""
        if len(self._arguments) > 1:
            self._arguments = ["".join(self._arguments)]
        return self._arguments[0] if self._arguments else ""

    def _content(self, index: int | None, format: AudioFormat) -> ItemContent:
        """Return the content part at `index`. Creates it if it is new."""
        index = index or 0
        part = self.content_by_index.get(index)
        if part is None:
            part = self.content_by_index[index] = ItemContent(format)
        return part

    # The methods below return by how many characters and bytes the stored content grew.

    def _add_arguments(self, delta: str | None) -> int:
        """Append a delta of the arguments. Ignored once the full arguments are known."""
        if not delta or self._has_full_arguments:
            return 0
        self._arguments.append(delta)
        return len(delta)

    def _set_arguments(self, arguments: str | None) -> int:
        """Replace the deltas by the full arguments."""
        if arguments is None:
            return 0
        before = sum(map(len, self._arguments))
        self._arguments, self._has_full_arguments = [arguments], True
        return len(arguments) - before

    def _update(self, item: Any, format: AudioFormat, choice: AudioChoice) -> int:
        """Copy what an item object of the wire states. Its role is known by now: `format` follows from it."""
        self.wire_item = item
        self.type = get_field(item, "type") or self.type
        self.status = get_field(item, "status") or self.status
        self.phase = get_field(item, "phase") or self.phase
        self.name = get_field(item, "name") or self.name
        self.call_id = get_field(item, "call_id") or self.call_id
        self.output = get_field(item, "output") or self.output
        arguments = get_field(item, "arguments")
        growth = self._set_arguments(arguments) if arguments and not self._has_full_arguments else 0
        for index, part in enumerate(get_field(item, "content") or ()):
            growth += self._update_content(index, part, format, choice)
        return growth

    def _update_content(self, index: int | None, part: Any, format: AudioFormat, choice: AudioChoice) -> int:
        """Copy what a content part of the wire states: text, audio, image."""
        content = self._content(index, format)
        text = get_field(part, "text") or get_field(part, "transcript")
        growth = content._set_text(text) if text else 0
        audio = get_field(part, "audio")
        if audio and not content.audio_bytes:
            growth += content._add_audio(audio, choice)
        if get_field(part, "type") == "input_image":
            content.image = part
        return growth


class _Run:
    """Items that move as one: each but the first stands behind its predecessor in the run.

    `first` and `last` are the ids at its ends, `first` is None once all its items are removed.
    `size` counts removed items too. A run that was `joined` to another is only the way to it.
    """

    __slots__ = ("first", "joined", "last", "size")

    def __init__(self, item_id: str) -> None:
        self.first: str | None = item_id
        self.last = item_id
        self.size = 1
        self.joined: _Run | None = None


class _ItemList:
    """A doubly linked list of items that may be announced out of order.

    The order follows from the predecessors that events state:

    - An item stands behind its predecessor. Of two items with the same predecessor, the one
      that was placed later stands closer to it.
    - An item whose predecessor is not known stands at the end. Once the predecessor is known, the
      item moves behind it, together with its run: the items that have it, or another item of the
      run, as their predecessor.
    - The first statement about an item counts. A statement is ignored if it would put an item
      behind itself or behind an item of its own run: the predecessors would form a cycle.
    - Deleted and evicted items do not come back. The items behind them stay where they are.

    Every operation is O(1) amortised: a run is moved by its ends, and found by union-find with
    union by size. The links are ids, so that an item does not keep its neighbours in memory.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, ConversationItem] = {}
        # The neighbours of each item. None is both the place before the first and after the last.
        self._before: dict[str | None, str | None] = {None: None}
        self._after: dict[str | None, str | None] = {None: None}
        # The runs of items that have a predecessor or are one.
        self._runs: dict[str, _Run] = {}
        # The runs that wait for an unknown predecessor, by its id.
        self._waiting: BoundedDict[str, list[_Run]] = BoundedDict(_MAX_REMEMBERED)
        # Ids of items that belong at the start once they arrive, and of removed items.
        self._roots: BoundedDict[str, None] = BoundedDict(_MAX_REMEMBERED)
        self._removed: BoundedDict[str, None] = BoundedDict(_MAX_REMEMBERED)

    def __len__(self) -> int:
        return len(self.by_id)

    def __contains__(self, item_id: object) -> bool:
        return item_id in self.by_id

    def is_new(self, item_id: str) -> bool:
        """Return True if no item has or had this id."""
        return item_id not in self.by_id and item_id not in self._removed

    def __iter__(self) -> Iterator[ConversationItem]:
        return self._walk(self._after)

    def __reversed__(self) -> Iterator[ConversationItem]:
        return self._walk(self._before)

    def _walk(self, links: dict[str | None, str | None]) -> Iterator[ConversationItem]:
        item_id = links[None]
        while item_id is not None:
            following = links[item_id]
            yield self.by_id[item_id]
            # The item itself may have been removed meanwhile.
            item_id = links.get(item_id, following)
            if item_id not in links:
                raise RuntimeError("items were removed during iteration: iterate over `items`")

    @property
    def first(self) -> ConversationItem | None:
        """The first item."""
        return next(iter(self), None)

    def item(self, item_id: str | None, at_ms: float | None) -> ConversationItem | None:
        """Return the item with this id, adding it if it is new. None if it was removed, or without an id."""
        if not isinstance(item_id, str) or not item_id:
            return None
        item = self.by_id.get(item_id)
        if item is None and item_id not in self._removed:
            item = self.by_id[item_id] = ConversationItem(item_id, at_ms)
            if item_id in self._waiting:
                self._insert_before(item_id, self._waiting.pop(item_id))
            else:
                self._link(item_id, item_id, self._before[None])
        return item

    def place(
        self, item_id: str | None, previous: str | None, at_ms: float | None
    ) -> ConversationItem | None:
        """Put the item behind its predecessor. An item that was placed before stays where it is."""
        item = self.item(item_id, at_ms)
        if item is None or item._is_placed:
            return item
        if item.id in self._roots:
            del self._roots[item.id]
            item._is_placed = True
            self._move(self._run_of(item.id), None)
        elif isinstance(previous, str) and previous and previous != item.id:
            if previous not in self.by_id:
                self._wait(self._run_of(item.id), previous)
            elif item.id not in self._runs:
                self._append(item.id, previous)
            elif not self._join(self._run_of(item.id), previous):
                return item
            item._is_placed, item.previous_item_id = True, previous
        return item

    def put_first(self, item_id: str) -> None:
        """Put the item at the start when it arrives."""
        self._roots[item_id] = None

    def remove(self, item: ConversationItem) -> None:
        """Remove the item for good: later events of the same id are ignored."""
        if item.id in self._runs:
            run = self._run_of(item.id)
            if run.first == item.id:
                run.first = None if run.last == item.id else self._after[item.id]
            elif run.last == item.id:
                run.last = str(self._before[item.id])
            del self._runs[item.id]
        self._unlink(item.id, item.id)
        del self._before[item.id], self._after[item.id], self.by_id[item.id]
        self._removed[item.id] = None

    def rename(self, item: ConversationItem, item_id: str) -> None:
        """Give an item that was added without its id that id, which must be new. It stays where it is."""
        before = self._before[item.id]
        self.remove(item)
        item.id, item.has_id, self.by_id[item_id] = item_id, True, item
        self._link(item_id, item_id, before)
        for run in map(_joined, self._waiting.pop(item_id, ())):
            if run.first is not None:
                self._join(run, item_id)

    # --- Runs ---

    def _run_of(self, item_id: str) -> _Run:
        """Return the run of an item. Shortens the way to it for the next time."""
        run = self._runs.get(item_id)
        if run is None:
            run = self._runs[item_id] = _Run(item_id)
        elif run.joined is not None:
            run = self._runs[item_id] = _joined(run)
        return run

    def _wait(self, run: _Run, previous: str) -> None:
        """Note that the run belongs behind `previous`, which has not arrived yet."""
        if previous in self._removed:
            return
        waiting = self._waiting.get(previous)
        if waiting is None:
            self._waiting[previous] = [run]
        elif len(waiting) < _MAX_REMEMBERED:
            waiting.append(run)

    def _insert_before(self, item_id: str, waiting: list[_Run]) -> None:
        """Insert a new item in front of the runs that waited for it."""
        runs = [run for run in map(_joined, waiting) if run.first is not None]
        self._link(item_id, item_id, self._before[runs[0].first if runs else None])
        for run in runs:
            self._join(run, item_id)

    def _append(self, item_id: str, previous: str) -> None:
        """Move an item without a run to behind `previous`: `_join` for the most frequent case."""
        run = self._runs[item_id] = self._run_of(previous)
        run.size += 1
        if self._before[item_id] != previous:
            self._unlink(item_id, item_id)
            self._link(item_id, item_id, previous)
        if run.last == previous:
            run.last = item_id

    def _join(self, run: _Run, previous: str) -> bool:
        """Move the run to behind `previous`, and make it a part of that item's run.

        Returns False, and changes nothing, if `previous` is part of the run.
        """
        other = self._run_of(previous)
        if other is run:
            return False
        self._move(run, previous)
        first, last = other.first, run.last if other.last == previous else other.last
        small, large = (run, other) if run.size <= other.size else (other, run)
        small.joined = large
        large.first, large.last, large.size = first, last, large.size + small.size
        return True

    # --- Links ---

    def _move(self, run: _Run, before: str | None) -> None:
        """Move a run to behind the item `before`, or to the start."""
        if run.first is not None and self._before[run.first] != before:
            self._unlink(run.first, run.last)
            self._link(run.first, run.last, before)

    def _link(self, first: str, last: str, before: str | None) -> None:
        """Insert linked items behind `before`, or at the start."""
        after = self._after[before]
        self._after[before], self._before[first] = first, before
        self._after[last], self._before[after] = after, last

    def _unlink(self, first: str, last: str) -> None:
        before, after = self._before[first], self._after[last]
        self._after[before], self._before[after] = after, before


def _joined(run: _Run) -> _Run:
    """Return the run of which `run` became a part."""
    whole = run
    while whole.joined is not None:
        whole = whole.joined
    while run is not whole:
        following, run.joined = run.joined, whole
        run = following or whole
    return whole


class _ResponseItems:
    """The items of one response, for its events without an item id.

    `by_index` has the item ids by output_index, `latest` those of the newest item by type. Servers that
    send no item ids may leave out the index too, which then reads 0: an item at the index counts only
    if it has the type that the event is about, and the latest item of that type comes next. Without
    either, the item is added under an id that is made here, until an event states its own.
    """

    __slots__ = ("by_index", "latest", "made", "response_id")

    def __init__(self, response_id: str) -> None:
        self.response_id = response_id
        self.by_index: dict[tuple[str, int], str] = {}
        self.latest: dict[str, str] = {}
        self.made: dict[str, None] = {}  # ids that are made here, the oldest first

    def find(self, kind: str, index: int) -> str | None:
        """Return the id of the item of type `kind` that an event without an item id is about."""
        found = self.by_index.get((kind, index))
        latest = self.latest.get(kind)
        return latest if found is None and not (index and latest in self.made) else found

    def make(self, kind: str, index: int) -> str:
        """Return an id for an item whose id is not known."""
        item_id = f"{self.response_id}.{kind}.{index}"
        if len(self.made) < _MAX_REMEMBERED:
            self.made[item_id] = None
        self.add(item_id, kind, index)
        return item_id

    def add(self, item_id: str, kind: str, index: int | None) -> None:
        """Note an item of the response."""
        self.latest[kind] = item_id
        if index is None:
            index = len(self.by_index)
        if len(self.by_index) < _MAX_REMEMBERED or (kind, index) in self.by_index:
            self.by_index[kind, index] = item_id

    def take_made(self, kind: str, index: int | None) -> str | None:
        """Return the made id of an item that has announced its own: that at the index, or the latest."""
        found = None if index is None else self.by_index.get((kind, index))
        if found not in self.made:
            found = self.latest.get(kind)
        if found is None or found not in self.made:
            return None
        del self.made[found]
        return found


class Conversation:
    """Collects a session's events into ordered items.

    `audio` is "keep" to store audio, "count" to count its bytes only, "drop" to ignore it. The
    oldest items are evicted once there are more than `max_items`, once texts and stored audio
    exceed `max_bytes` (a character counts as a byte), or once an item is older than
    `max_age_ms` by the caller's clock, which is passed to `feed` as `at_ms`. `evicted` is the
    number of evicted items, `retained_bytes` the current size. `session` is the session in the
    last session.created or session.updated, `requested_session` the one in the last
    session.update that was fed; each is None until then.

    An item stands behind its previous_item_id; if that is not known yet, it stands at the end
    until it is. An item without one stands at the end, unless the client created it with
    "root". Iterating yields the items in order; if several of them may be removed meanwhile,
    iterate over `items`, which is a copy.

    Some servers send no item events, or deltas without item ids. Then the role of a message follows
    from the type of the event, and an item may have an id that is made here until its own is known.
    Some confirm a deletion with an empty id: feed the client's `conversation.item.delete` too, and
    the confirmation counts for it while no other deletion is in flight.

    `provider`, a name or value, is the server whose spellings of audio formats are used.

    The work for an event does not depend on the number of items.

    Raises:
        ConfigError: a limit is less than 1, `audio` is not one of the three, or `provider` is not known.
    """

    def __init__(
        self,
        *,
        audio: AudioChoice = "count",
        max_items: int = 10_000,
        max_bytes: int = 256 * 1024 * 1024,
        max_age_ms: float | None = None,
        provider: ProviderLike | None = None,
    ) -> None:
        if audio not in ("count", "keep", "drop"):
            raise ConfigError(f'audio must be "count", "keep" or "drop", not {audio!r}')
        for name, limit in (("max_items", max_items), ("max_bytes", max_bytes), ("max_age_ms", max_age_ms)):
            if limit is not None and not limit >= 1:
                raise ConfigError(f"{name} must be at least 1, got {limit}")
        self._audio: AudioChoice = audio
        self._max_items, self._max_bytes, self._max_age_ms = max_items, max_bytes, max_age_ms
        self._list = _ItemList()
        self._seen = SeenSet()
        self._active: BoundedDict[str, None] = BoundedDict(_MAX_REMEMBERED)
        # The items of responses, and the response that began last: "" until the first one.
        self._responses: BoundedDict[str, _ResponseItems] = BoundedDict(_MAX_REMEMBERED)
        self._response_id = ""
        self._is_responding = self._has_conversation_ids = False
        # The item of the user's speech that events without an item id are about, and the ids made so far.
        self._input_id: str | None = None
        self._made = 0
        # The latest item whose id is not known, by its type and role.
        self._without_id: BoundedDict[str, str] = BoundedDict(_MAX_REMEMBERED)
        # Deletions that the server has not confirmed, with the ids of the client's events.
        self._deleting: BoundedDict[str, object] = BoundedDict(_MAX_REMEMBERED)
        self._at_ms: float | None = None
        self._provider = None if provider is None else get_provider(provider)
        self._input_format = self._output_format = AudioFormat.PCM16
        if self._provider is not None:
            self._input_format = self._provider.default_format("input")
            self._output_format = self._provider.default_format("output")
        self.retained_bytes = 0
        self.evicted = 0
        self.requested_session: Any = None
        self.session: Any = None

    # --- Reading ---

    def __len__(self) -> int:
        return len(self._list)

    def __iter__(self) -> Iterator[ConversationItem]:
        return iter(self._list)

    def __reversed__(self) -> Iterator[ConversationItem]:
        return reversed(self._list)

    @property
    def items(self) -> list[ConversationItem]:
        """The items, in order."""
        return [*self]

    def get(self, item_id: str) -> ConversationItem | None:
        """Return the item with this id, or None."""
        return self._list.by_id.get(item_id)

    def transcript(self) -> list[tuple[str, str]]:
        """Return (role, text) of every message that has text, in order."""
        return [(item.role or "", item.text) for item in self if item.type == "message" and item.text]

    @property
    def active_response_ids(self) -> tuple[str, ...]:
        """The ids of responses that have started and not ended."""
        return (*self._active,)

    @property
    def pending_calls(self) -> list[ConversationItem]:
        """The finished function calls that have no output yet."""
        answered = {item.call_id for item in self if item.type == "function_call_output"}
        return [
            item for item in self
            if item.type == "function_call" and item.status != "in_progress" and item.call_id not in answered
        ]  # fmt: skip

    @property
    def expires_at(self) -> float | None:
        """The Unix time in seconds at which the server ends the session, or None if it is not known."""
        return getattr(self.session, "expires_at", None) or None

    # --- Events ---

    def feed(self, event: object, /, *, at_ms: float | None = None) -> ConversationItem | None:
        """Feed a server event, or a client event that was sent. Returns the item that changed, if any.

        `at_ms` is the caller's clock; it is used for `max_age_ms` only.

        Raises:
            TypeError: `event` is a raw frame.
        """
        try:
            handle = _HANDLERS[type(event)]
        except KeyError:
            handle = _HANDLERS[type(event)] = find_handler(event, _BY_TYPE)
        if at_ms is not None:
            self._at_ms = at_ms
        if handle is None:
            return None
        event_id = getattr(event, "event_id", None)
        if event_id and isinstance(event_id, str) and not self._seen.add(event_id):
            return None
        item = handle(self, event)
        if (
            len(self._list) > self._max_items
            or self.retained_bytes > self._max_bytes
            or self._max_age_ms is not None
        ):
            self._evict()
        return item

    # --- Items ---

    def _item(self, item_id: str | None) -> ConversationItem | None:
        return self._list.item(item_id, self._at_ms)

    def _place(self, item_id: str | None, previous: str | None) -> ConversationItem | None:
        return self._list.place(item_id, previous, self._at_ms)

    def _remove(self, item: ConversationItem) -> None:
        self._list.remove(item)
        self.retained_bytes -= item.retained_bytes

    def _evict(self) -> None:
        oldest = None
        if self._max_age_ms is not None and self._at_ms is not None:
            oldest = self._at_ms - self._max_age_ms
        while self._list.first is not None and (
            len(self._list) > self._max_items
            or (self.retained_bytes > self._max_bytes and len(self._list) > 1)
            or (oldest is not None and self._list.first.at_ms is not None and self._list.first.at_ms < oldest)
        ):
            self._remove(self._list.first)
            self.evicted += 1

    def _grow(self, item: ConversationItem, growth: int) -> ConversationItem:
        item.retained_bytes += growth
        self.retained_bytes += growth
        return item

    def _format_of(self, item: ConversationItem) -> AudioFormat:
        return self._input_format if item.role == "user" else self._output_format

    def _update(
        self, item: ConversationItem | None, wire_item: Any, response_id: Any
    ) -> ConversationItem | None:
        if item is None:
            return None
        if response_id and isinstance(response_id, str):
            item.response_id = response_id
        item.role = get_field(wire_item, "role") or item.role
        return self._grow(item, item._update(wire_item, self._format_of(item), self._audio))

    # --- Items of responses and of the user's speech, with or without their ids ---

    def _items_of(self, response_id: str | None) -> _ResponseItems:
        """Return the items of a response, by default of the one that began last."""
        response_id = response_id or self._response_id
        found = self._responses.get(response_id)
        if found is None:
            found = self._responses[response_id] = _ResponseItems(response_id or "response")
        return found

    def _note_output(self, item_id: str, kind: str, response_id: str | None, index: int | None) -> None:
        """Note an item of a response by its own id. An item that was added without that id gets it."""
        items = self._items_of(response_id)
        if item_id not in self._list:
            made = self._list.by_id.get(items.take_made(kind, index) or "")
            if made is not None and self._list.is_new(item_id):
                self._list.rename(made, item_id)
        items.add(item_id, kind, index)

    def _output(self, event: Any, kind: str) -> ConversationItem | None:
        """Return the item of type `kind` that an event of a response is about, adding it if it is new."""
        item_id = event.item_id
        item = self._item(item_id) if item_id else self._output_without_id(event, kind)
        if item is not None and not item.type:
            item.type = kind
        return item

    def _output_without_id(self, event: Any, kind: str) -> ConversationItem | None:
        items, index = self._items_of(event.response_id), event.output_index or 0
        item_id = items.find(kind, index)
        return self._made_item(items.make(kind, index)) if item_id is None else self._item(item_id)

    def _made_item(self, item_id: str = "") -> ConversationItem | None:
        """Add an item whose id is not known."""
        if not item_id:
            self._made += 1
            item_id = f"item.{self._made}"
        item = self._item(item_id)
        if item is not None:
            item.has_id = False
        return item

    def _message(self, event: Any) -> ConversationItem | None:
        """Return the message that an event of a response is about: its role follows from that."""
        item = self._list.by_id.get(event.item_id) or self._output(event, "message")
        if item is not None and not item.role:
            item.type, item.role = item.type or "message", "assistant"
        return item

    def _speech(self, event: Any) -> ConversationItem | None:
        """Return the message of the user that an event about a transcript is about."""
        item_id = getattr(event, "item_id", None) or self._input_id
        item = self._item(item_id) if item_id else self._made_item()
        if item is None:
            return None
        if not item.has_id:
            self._input_id = item.id
        if not item.role:
            item.type, item.role = item.type or "message", "user"
        return item

    def _announced(self, event: Any) -> ConversationItem | None:
        """Return the item that an event with an item object is about, adding it if it is new."""
        wire_item, response_id = event.item, getattr(event, "response_id", None)
        item_id, kind, role = _id_of(wire_item), get_field(wire_item, "type"), get_field(wire_item, "role")
        has_id = isinstance(item_id, str) and bool(item_id)
        kind = kind if isinstance(kind, str) else ""
        if response_id is not None or (self._is_responding and role != "user" and kind in _OUTPUT_TYPES):
            index = getattr(event, "output_index", None)
            if not has_id:
                return self._output_without_id(event, kind) if response_id is not None else None
            self._note_output(item_id, kind, response_id, index)
        elif not has_id and (get_field(wire_item, "content") or get_field(wire_item, "call_id")):
            return self._announced_without_id(event, f"{kind} {role}")
        return self._place(item_id, getattr(event, "previous_item_id", None))

    def _announced_without_id(self, event: Any, key: str) -> ConversationItem | None:
        """Return the item of an event without its id: a new one, unless the event ends the latest like it."""
        known = self._without_id.pop(key, None)
        if known is not None and event.type.endswith(".done"):
            return self._item(known)
        item = self._made_item()
        if item is not None:
            self._without_id[key] = item.id
        return item

    # --- Handlers ---

    def _on_item(self, event: Any) -> ConversationItem | None:
        item = self._announced(event)
        if item is None:
            return None
        if get_field(event.item, "role") == "user" and _has_audio(event.item):
            self._input_id = item.id
        return self._update(item, event.item, getattr(event, "response_id", None))

    def _on_create(self, event: Any) -> None:
        # Only a request: the item is added when the server announces it.
        if event.previous_item_id == "root" and isinstance(item_id := _id_of(event.item), str):
            self._list.put_first(item_id)

    def _on_committed(self, event: Any) -> ConversationItem | None:
        item = self._place(event.item_id, event.previous_item_id)
        if item is not None:
            item.type, item.role = item.type or "message", item.role or "user"
        self._input_id = event.item_id
        return item

    def _on_part(self, event: Any) -> ConversationItem | None:
        item = self._message(event)
        if item is None:
            return None
        growth = item._update_content(event.content_index, event.part, self._format_of(item), self._audio)
        return self._grow(item, growth)

    def _on_text_delta(self, event: Any) -> ConversationItem | None:
        item = self._message(event)
        if item is None:
            return None
        part = item.content_by_index.get(event.content_index or 0)
        if part is None:
            part = item._content(event.content_index, self._format_of(item))
        return self._grow(item, part._add_text(event.delta))

    def _on_text_done(self, event: Any) -> ConversationItem | None:
        # No model says more and then nothing: an empty text is one that the event lacked.
        return self._set_text(self._message(event), _text_of(event) or None, event.content_index)

    def _on_speech_delta(self, event: Any) -> ConversationItem | None:
        item = self._speech(event)
        if item is None:
            return None
        part = item._content(getattr(event, "content_index", None), self._format_of(item))
        text = newer_text(event)
        return self._grow(item, part._add_text(event.delta) if text is None else part._replace_text(text))

    def _on_speech_done(self, event: Any) -> ConversationItem | None:
        item = self._set_text(self._speech(event), _text_of(event), getattr(event, "content_index", None))
        if not getattr(event, "item_id", None):
            self._input_id = None  # the next transcript is of other speech
        return item

    def _set_text(
        self, item: ConversationItem | None, text: str | None, index: int | None
    ) -> ConversationItem | None:
        if item is None:
            return None
        return self._grow(item, item._content(index, self._format_of(item))._set_text(text))

    def _on_transcription_failed(self, event: Any) -> ConversationItem | None:
        item = self._speech(event)
        if item is not None:
            item.transcription_error = get_field(event, "error")
        return item

    def _on_audio(self, event: Any) -> ConversationItem | None:
        item = self._message(event)
        if item is None or self._audio == "drop":
            return item
        part = item._content(event.content_index, self._output_format)
        return self._grow(item, part._add_audio(event.delta, self._audio))

    def _on_arguments_delta(self, event: Any) -> ConversationItem | None:
        item = self._call(event)
        return None if item is None else self._grow(item, item._add_arguments(event.delta))

    def _on_arguments_done(self, event: Any) -> ConversationItem | None:
        item = self._call(event)
        if item is None:
            return None
        if item.type == "function_call":
            made = made_call_id(event.item_id, event.response_id, event.output_index, event.event_id)
            item.call_id = item.call_id or made or item.id
        return self._grow(item, item._set_arguments(get_field(event, "arguments")))

    def _call(self, event: Any) -> ConversationItem | None:
        item = self._output(event, "function_call" if hasattr(event, "call_id") else "mcp_call")
        if item is not None:
            item.call_id = getattr(event, "call_id", None) or item.call_id
            item.name = getattr(event, "name", None) or item.name
        return item

    def _on_truncated(self, event: Any) -> ConversationItem | None:
        item = self._list.by_id.get(event.item_id)
        if item is None:
            return None
        part = item._content(event.content_index, self._output_format)
        return self._grow(item, part._truncate(event.audio_end_ms or 0))

    def _on_delete(self, event: Any) -> None:
        # Only a request: the item is removed when the server confirms it.
        if event.item_id and isinstance(event.item_id, str):
            self._deleting[event.item_id] = get_field(event, "event_id")

    def _on_deleted(self, event: Any) -> None:
        item_id = event.item_id
        if not item_id and len(self._deleting) == 1:
            (item_id,) = self._deleting
        self._deleting.pop(item_id, None)
        item = self._list.by_id.get(item_id)
        if item is not None:
            self._remove(item)

    def _on_error(self, event: Any) -> None:
        # A deletion that the server refused is not in flight any more.
        event_id = get_field(get_field(event, "error"), "event_id")
        if event_id and self._deleting:
            for item_id in [key for key, value in self._deleting.items() if value == event_id]:
                del self._deleting[item_id]

    def _on_response_created(self, event: Any) -> None:
        response_id = getattr(event.response, "id", None)
        if response_id and isinstance(response_id, str):
            self._active[response_id] = None
        else:
            self._made += 1
            response_id = f"response.{self._made}"
        self._response_id, self._is_responding = response_id, True
        self._note_conversation(event.response)

    def _on_response_done(self, event: Any) -> None:
        response_id = getattr(event.response, "id", None) or self._response_id
        self._note_conversation(event.response)
        # An out-of-band response is not part of the conversation, and no other event adds its items. It
        # has no conversation_id; nor have those of servers that never send one.
        is_part = bool(getattr(event.response, "conversation_id", None)) or (
            response_id == self._response_id and self._is_responding and not self._has_conversation_ids
        )
        self._active.pop(str(response_id), None)
        if response_id == self._response_id:
            self._is_responding = False
        for index, wire_item in enumerate(getattr(event.response, "output", None) or ()):
            item_id, kind = _id_of(wire_item), get_field(wire_item, "type")
            if not isinstance(kind, str):
                kind = ""
            if item_id and isinstance(item_id, str):
                if item_id not in self._list and (is_part or response_id in self._responses):
                    self._note_output(item_id, kind, response_id, index)
            elif response_id in self._responses:
                item_id = self._items_of(response_id).find(kind, index)
            if item_id in self._list or is_part:
                self._update(self._item(item_id), wire_item, getattr(event.response, "id", None))

    def _note_conversation(self, response: Any) -> None:
        if getattr(response, "conversation_id", None):
            self._has_conversation_ids = True

    def _on_session_update(self, event: Any) -> None:
        self.requested_session = get_field(event, "session") or self.requested_session

    def _on_session(self, event: Any) -> None:
        self.session = get_field(event, "session") or self.session
        self._input_format = stated_format(event.session, "input", self._provider) or self._input_format
        self._output_format = stated_format(event.session, "output", self._provider) or self._output_format


# Types of items that a response adds.
_OUTPUT_TYPES: Final = frozenset({"message", "function_call", "mcp_call"})


def _has_audio(item: Any) -> bool:
    return any(get_field(part, "type") == "input_audio" for part in get_field(item, "content") or ())


def _text_of(event: Any) -> str | None:
    text: str | None = get_field(event, "transcript")
    return get_field(event, "text") if text is None else text


def newer_text(event: Any) -> str | None:
    """Return the transcript so far of an event that replaces the one before; None for a delta.

    xAI sends it as `transcript`, Qwen as `text`, which is final, and `stash`, which may change.
    """
    text: str | None = get_field(event, "transcript")
    if text is not None:
        return text
    final: str | None = get_field(event, "text")
    return None if final is None else final + (get_field(event, "stash") or "")


def _id_of(item: Any) -> Any:
    return getattr(item, "id", None)


_Handler: TypeAlias = Callable[[Conversation, Any], "ConversationItem | None"]
# By wire type, of GA and of beta.
_BY_TYPE: Final[dict[str, _Handler]] = {
    "session.created": Conversation._on_session,
    "session.updated": Conversation._on_session,
    "session.update": Conversation._on_session_update,
    "conversation.item.create": Conversation._on_create,
    "conversation.item.created": Conversation._on_item,
    "conversation.item.added": Conversation._on_item,
    "conversation.item.done": Conversation._on_item,
    "conversation.item.retrieved": Conversation._on_item,
    "response.output_item.added": Conversation._on_item,
    "response.output_item.done": Conversation._on_item,
    "response.content_part.added": Conversation._on_part,
    "response.content_part.done": Conversation._on_part,
    "input_audio_buffer.committed": Conversation._on_committed,
    "conversation.item.input_audio_transcription.delta": Conversation._on_speech_delta,
    "conversation.item.input_audio_transcription.completed": Conversation._on_speech_done,
    "conversation.item.input_audio_transcription.failed": Conversation._on_transcription_failed,
    "response.output_text.delta": Conversation._on_text_delta,
    "response.output_text.done": Conversation._on_text_done,
    "response.text.delta": Conversation._on_text_delta,
    "response.text.done": Conversation._on_text_done,
    "response.output_audio_transcript.delta": Conversation._on_text_delta,
    "response.output_audio_transcript.done": Conversation._on_text_done,
    "response.audio_transcript.delta": Conversation._on_text_delta,
    "response.audio_transcript.done": Conversation._on_text_done,
    "response.output_audio.delta": Conversation._on_audio,
    "response.audio.delta": Conversation._on_audio,
    "response.function_call_arguments.delta": Conversation._on_arguments_delta,
    "response.function_call_arguments.done": Conversation._on_arguments_done,
    "response.mcp_call_arguments.delta": Conversation._on_arguments_delta,
    "response.mcp_call_arguments.done": Conversation._on_arguments_done,
    "conversation.item.truncated": Conversation._on_truncated,
    "conversation.item.deleted": Conversation._on_deleted,
    "conversation.item.delete": Conversation._on_delete,
    "error": Conversation._on_error,
    "response.created": Conversation._on_response_created,
    "response.done": Conversation._on_response_done,
    # Of xAI, of Qwen, and of vLLM.
    "conversation.item.input_audio_transcription.updated": Conversation._on_speech_delta,
    "conversation.item.input_audio_transcription.text": Conversation._on_speech_delta,
    "transcription.delta": Conversation._on_speech_delta,
    "transcription.done": Conversation._on_speech_done,
}
# By class, filled from `_BY_TYPE` as classes are met.
_HANDLERS: dict[type, _Handler | None] = {}
