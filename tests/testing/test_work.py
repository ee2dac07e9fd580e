"""Work and memory of a session: hostile clients cost no more than what they send."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

import realtime as r
from realtime import beta, live, translation
from realtime.testing import ServerProtocol, history, live as testing_live, response, script
from tests.testing.helpers import COMMIT, PCM16, RESPOND, append, exchange, formats, tone, types
from tests.work import count_lines

SIZES = (10, 100, 1000)
VAD = r.ServerVad(create_response=False)
NO_VAD = r.encode(formats())


def text_item(number: int, **fields: Any) -> r.ConversationItemCreate:
    item = r.MessageItem(id=f"i{number}", role="user", content=[r.InputText(text="x")])
    return r.ConversationItemCreate(item=item, **fields)


def encoded(*events: Any) -> list[bytes]:
    return [r.encode(event) for event in events]


def items(count: int) -> list[bytes]:
    return encoded(*map(text_item, range(count)))


def items_in_reverse(count: int) -> list[bytes]:
    """Each item goes before all others."""
    return encoded(*(text_item(number, previous_item_id="root") for number in range(count)))


def items_in_the_middle(count: int) -> list[bytes]:
    """Each item goes after the same one."""
    return encoded(
        text_item(0), *(text_item(number, previous_item_id="i0") for number in range(1, min(count, 900)))
    )


def deletions(count: int) -> list[bytes]:
    """Hundreds of items are created and deleted again and again, the newest first."""
    frames: list[bytes] = []
    for start in range(0, count // 2, 500):
        block = range(start, min(start + 500, count // 2))
        frames += encoded(*map(text_item, block))
        frames += encoded(*(r.ConversationItemDelete(item_id=f"i{number}") for number in reversed(block)))
    return frames


def reserved_ids(count: int) -> list[bytes]:
    """The client uses the ids that the server would give."""
    made = [
        r.MessageItem(id=f"item_{n:08}", role="user", content=[r.InputText(text="x")]) for n in range(count)
    ]
    return encoded(*(r.ConversationItemCreate(item=item) for item in made), RESPOND)


def responses(count: int) -> list[bytes]:
    return [frame for item in items(count // 2) for frame in (item, *encoded(RESPOND))]


def unknown_items(count: int) -> list[bytes]:
    return encoded(*(r.ConversationItemRetrieve(item_id=f"no{number}") for number in range(count)))


def parts(count: int) -> list[bytes]:
    """A message of many parts, and a response to it."""
    item = r.MessageItem(role="user", content=[r.InputText(text="x")] * count)
    return encoded(r.ConversationItemCreate(item=item), RESPOND)


def own_input(count: int) -> list[bytes]:
    """A response with an input of its own."""
    inputs: list[Any] = [r.MessageItem(role="user", content=[r.InputText(text="x")])] * count
    return encoded(r.ResponseCreate(response=r.ResponseParams(input=inputs)))


def references(count: int) -> list[bytes]:
    inputs: list[Any] = [r.ItemReference(id="i0")] * count
    params = r.ResponseParams(input=inputs)
    return encoded(text_item(0), r.ResponseCreate(response=params))


def long_text(count: int) -> list[bytes]:
    """A text of many words, and the echo of it."""
    item = r.MessageItem(role="user", content=[r.InputText(text="a " * count)])
    return encoded(r.ConversationItemCreate(item=item), RESPOND)


def appends(count: int) -> list[bytes]:
    """Appends of one sample, without turn detection."""
    return [NO_VAD, *encoded(append(b"\0\0")) * count]


def appends_with_vad(count: int) -> list[bytes]:
    return encoded(append(tone(PCM16, 1))) * count


def turns(count: int) -> list[bytes]:
    """Speech and silence in turn, within long appends."""
    burst = tone(PCM16, 100) + PCM16.silence(300)
    vad = r.ServerVad(silence_duration_ms=200, prefix_padding_ms=0, create_response=False)
    return [r.encode(formats(vad=vad)), *encoded(append(burst * 10)) * (count // 10)]


def endless_speech(count: int) -> list[bytes]:
    return encoded(append(tone(PCM16, 100))) * (count // 10)


def clears(count: int) -> list[bytes]:
    return encoded(append(b"\0\0"), r.InputAudioBufferClear()) * (count // 2)


def commits(count: int) -> list[bytes]:
    return [NO_VAD, *encoded(append(PCM16.silence(100)), COMMIT) * (count // 2)]


def tools(count: int) -> list[bytes]:
    """One update with many tools."""
    many: list[Any] = [
        r.FunctionTool(name=f"f{number}", parameters={"type": "object"}) for number in range(count)
    ]
    return encoded(r.SessionUpdate(session=r.RealtimeSession(tools=many)))


def updates(count: int) -> list[bytes]:
    return [NO_VAD] * count


def invalid(count: int) -> list[bytes]:
    return [b'{"type":"dance"}', b"{", b"\xff"] * (count // 3)


GA = (
    items, items_in_reverse, deletions, reserved_ids, responses, unknown_items, parts, own_input, references,
    long_text, appends, appends_with_vad, turns, endless_speech, clears, commits, tools, updates, invalid,
)  # fmt: skip


def feed_all(frames: list[bytes], dialect: Any = "ga", **options: Any) -> ServerProtocol:
    session = ServerProtocol(dialect=dialect, **options)
    session.open()
    for frame in frames:
        session.feed(frame)
    return session


def check_growth(lines: Callable[[int], int]) -> None:
    """Check that ten times the input is at most twelve times the work, twice."""
    work = [lines(size) for size in SIZES]
    assert work[1] <= 12 * work[0]
    assert work[2] <= 12 * work[1]


@pytest.mark.mostly_slow(quick=5)
@pytest.mark.parametrize("make", GA, ids=lambda make: make.__name__)
def test_the_work_of_a_ga_session_is_linear(make: Callable[[int], list[bytes]]) -> None:
    check_growth(lambda size: count_lines(feed_all, make(size)))


@pytest.mark.parametrize("make", GA, ids=lambda make: make.__name__)
def test_every_ga_case_is_accepted(make: Callable[[int], list[bytes]]) -> None:
    session = ServerProtocol()
    events = [event for frame in make(100) for event in session.feed(frame)]
    refused = {"unknown_items", "invalid"}
    assert ("error" in types(events)) == (make.__name__ in refused)


def test_inserting_into_a_long_history_is_constant() -> None:
    """The work of an insertion does not depend on where it is and what follows."""
    short, long = items_in_the_middle(100), items_in_the_middle(900)
    assert count_lines(feed_all, long) <= 12 * 9 / 10 * count_lines(feed_all, short)


BETA: dict[str, Callable[[int], list[bytes]]] = {
    "items": items,
    "tools": lambda n: [
        beta.encode(beta.SessionUpdate(session=beta.RealtimeSessionConfig(tools=[beta.FunctionTool(name=f"f{k}") for k in range(n)])))
    ],
    "responses": lambda n: [beta.encode(beta.ResponseCreate())] * (n // 10),
    "appends": lambda n: [beta.encode_append(tone(PCM16, 1))] * n,
}  # fmt: skip
TRANSLATION: dict[str, Callable[[int], list[bytes]]] = {
    "appends": lambda n: [translation.encode_append(bytes(2))] * n,
    "speech": lambda n: [translation.encode_append(bytes(4800))] * n,
    "long speech": lambda n: [translation.encode_append(bytes(480 * n)), translation.encode(translation.SessionClose())],
    "updates": lambda n: [translation.encode(translation.SessionUpdate(session=translation.TranslationSession()))] * n,
}  # fmt: skip

LIVE_START = live.encode(
    live.SessionStart(
        session=live.LiveSession(
            model="gpt-live-1", delegation=live.ResponsesDelegation(responses=live.ResponsesConfig(model="m"))
        )
    )
)


def live_text(content: str) -> bytes:
    return live.encode(live.SessionCommentaryAppend(content=content))


def live_item(text: str) -> bytes:
    return live.encode(live.ResponseItemCreate(item=live.Message(role="user", content=text)))


LIVE: dict[str, Callable[[int], list[bytes]]] = {
    "appends": lambda n: [live.encode_append(bytes(2))] * n,
    "audio": lambda n: [live.encode_append(bytes(4800))] * n,
    "long audio": lambda n: [live.encode_append(bytes(4800 * n)), live.encode(live.SessionClose())],
    "turns": lambda n: [live.encode_append(tone(PCM16, 200) + PCM16.silence(800))] * (n // 10),
    "endless speech": lambda n: [live.encode_append(tone(PCM16, 100))] * n,
    "texts": lambda n: [live_text("a b"), live.encode_append(bytes(9600))] * n,
    "items": lambda n: ([live_item("x")] * 9 + [live.encode(live.ResponseCreate())]) * (n // 10),
    "responses": lambda n: [live_item("a b c"), live.encode(live.ResponseCreate())] * n,
    "updates": lambda n: [live.encode(live.SessionUpdate(session=live.LiveSessionUpdate()))] * n,
    "mutes": lambda n: [live.encode(live.SessionInputAudioMute())] * n,
}
OTHERS = {"beta": BETA, "translation": TRANSLATION, "live": LIVE}


@pytest.mark.mostly_slow(quick=3)
@pytest.mark.parametrize(
    ("dialect", "name"), [(dialect, name) for dialect, cases in OTHERS.items() for name in cases]
)
def test_the_work_of_the_other_dialects_is_linear(dialect: str, name: str) -> None:
    start = [LIVE_START] if dialect == "live" else []
    check_growth(lambda size: count_lines(feed_all, start + OTHERS[dialect][name](size), dialect))


# --- Memory --------------------------------------------------------------------------


def peak_bytes(function: Callable[[], object]) -> int:
    """Return the memory in use after `function`, which its result may hold. Garbage is collected before."""
    tracemalloc.start()
    try:
        begin = tracemalloc.get_traced_memory()[0]
        result = function()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - begin + 0 * id(result)
    finally:
        tracemalloc.stop()


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize(
    "make", [commits, items, responses, turns, clears, invalid], ids=lambda make: make.__name__
)
def test_the_memory_of_a_session_is_bounded(
    make: Callable[[int], list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_ITEMS", 50)
    few, many = make(300), make(3000)
    feed_all(few)  # fills the caches of the process
    assert peak_bytes(lambda: feed_all(many)) < 1.5 * peak_bytes(lambda: feed_all(few)) + 20_000


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("name", ["turns", "endless speech", "texts", "items", "responses"])
def test_the_memory_of_a_live_session_is_bounded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(testing_live, "MAX_TURN_MS", 2000)
    monkeypatch.setattr(testing_live, "MAX_SPEECH_MS", 2000)
    monkeypatch.setattr("realtime.testing.vad.MAX_UNSPOKEN_MS", 2000)
    few, many = ([LIVE_START, *LIVE[name](count)] for count in (100, 500))
    assert (
        peak_bytes(lambda: feed_all(many, "live")) < 1.5 * peak_bytes(lambda: feed_all(few, "live")) + 100_000
    )


def test_the_input_buffer_is_bounded() -> None:
    """An hour of audio is the longest session."""
    hour_bytes = PCM16.chunk_bytes(r.spec.MAX_SESSION_SECONDS * 1000)
    session = ServerProtocol()
    session.open()
    exchange(session, formats())
    block = r.encode(append(bytes(PCM16.max_append_bytes)))
    answers = [session.feed(block) for _ in range(hour_bytes // PCM16.max_append_bytes + 2)]
    assert [bool(answer) for answer in answers] == [False] * (len(answers) - 2) + [True] * 2
    assert "the input buffer is full" in answers[-1][0].error.message


@pytest.mark.slow
def test_silence_is_dropped_while_nobody_speaks() -> None:
    session = ServerProtocol()
    block = r.encode(append(PCM16.silence(60_000)))
    assert peak_bytes(lambda: [session.feed(block) for _ in range(20)]) < 3 * PCM16.chunk_bytes(60_000)


def test_a_long_text_gets_a_bounded_answer() -> None:
    """A word of two bytes is not answered by 14,400 bytes of silence and an event without end."""
    words = 100_000
    item = r.MessageItem(role="user", content=[r.InputText(text="a " * words)])
    session = ServerProtocol()
    session.feed(r.encode(r.ConversationItemCreate(item=item)))
    events = session.feed(r.encode(RESPOND))
    deltas = [event.delta for event in events if isinstance(event, r.ResponseOutputAudioTranscriptDelta)]
    assert len(deltas) == response.MAX_DELTAS == 10_000
    assert "".join(deltas) == "a " * words
    audio = sum(len(event.delta) for event in events if isinstance(event, r.ResponseOutputAudioDelta))
    assert audio == PCM16.chunk_bytes(script.MAX_SILENCE_MS) == 28_800_000
    assert script.Say("a " * 2000).render(PCM16) == script.Say("a " * 2001).render(PCM16)
    assert len(script.Say("a " * 1999).render(PCM16)) == PCM16.chunk_bytes(1999 * 300)
