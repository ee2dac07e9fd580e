"""The page in a real browser: drawing, input, no requests, and nothing of a log that runs."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.analysis import timeline
from realtime.analysis.event_list import EventList
from realtime.analysis.page import write_page

from .chromium import Page, chromium, needs_chromium
from .live_scenes import TOOL_CALL, Words, live_call
from .page_logs import Call, hostile, hotel, long_call

pytestmark = [needs_chromium, pytest.mark.slow]

# The number of colours of a canvas, and of pixels that do not have its most frequent colour.
COLORS = """(() => {
  const canvas = document.querySelector('%s'), counts = new Map();
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  for (const pixel of new Uint32Array(data.buffer)) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const all = [...counts.values()];
  return [all.length, all.reduce((a, b) => a + b) - Math.max(...all)];
})()"""
CANVAS = "document.querySelector('%s').toDataURL()"


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    """Yield a page of the usual size. It must have no console messages when the test ends."""
    browser.size(1280, 900)
    yield browser
    assert browser.console == []
    assert all(url.startswith(("file:", "data:")) for url in browser.requests)
    assert len([url for url in browser.requests if url.startswith("file:")]) == 1


@pytest.fixture(scope="module")
def hotel_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _written(hotel(), tmp_path_factory.mktemp("hotel"))


def _written(call: Call, folder: Path, **options: Any) -> Path:
    write_page(call.write(folder / "call.jsonl"), folder / "call.html", **options)
    return folder / "call.html"


def _of_lines(folder: Path, *lines: Any) -> Path:
    (folder / "call.jsonl").write_text(
        "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines)
    )
    write_page(folder / "call.jsonl", folder / "call.html")
    return folder / "call.html"


def _seen(page: Page) -> list[str]:
    """Return the visible range, read from the tooltip at both ends of the canvas."""
    left, top, width, _ = page.place("#stage")
    times = []
    for x in (left + 0.5, left + width - 0.5):
        page.mouse("mouseMoved", x, top + 60)
        page.drawn()
        times.append(page.text("#tip b"))
    return times


def _ms(time: str) -> float:
    minutes, seconds = time.split(":")
    return int(minutes) * 60_000 + float(seconds) * 1000


# --- Content -----------------------------------------------------------------------------


def test_a_call_is_shown(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    assert page.run("document.documentElement.dataset.ready") == "yes"
    assert page.run("document.title") == "call.jsonl: a call"
    assert page.texts(".facts .value")[1] == "5"
    assert page.run("document.querySelectorAll('.turn').length") == 5
    assert page.texts(".turn .chip.latency") == ["410 ms", "960 ms", "580 ms", "slowest: 1,760 ms", "890 ms"]
    assert page.texts(".turn .chip.warning") == [
        "interrupted by the user's speech, 2.300 s of 7.600 s played",
        "1 gap",
    ]
    assert page.texts(".fn") == ["\u0192 quote_room, output after 1,360 ms"]
    assert page.texts(".fn-detail") == [
        "id call_9fQ",
        'arguments {"room":"garden","night":"2026-12-14","loyalty":true}',
        'output {"pounds":112}',
    ]
    (unheard,) = page.texts(".unheard")
    assert unheard.endswith("until half past ten.")
    assert page.texts("#legend li")[:4] == ["error", "interruption", "function call", "unknown event"]


def test_a_live_call_is_shown(page: Page, tmp_path: Path) -> None:
    user = [Words(1_000, 2_200, "Where is my order?"), Words(7_000, 7_400, "mm-hm")]
    model = [Words(2_700, 4_100, "Let me look"), Words(6_500, 8_000, "It arrives on Tuesday")]
    path = live_call(user, model, 9_000, more=TOOL_CALL, format="pcmu").write(tmp_path / "call.jsonl")
    write_page(path, tmp_path / "call.html")
    page.open(tmp_path / "call.html")
    assert page.texts(".turn:nth-child(1) .who") == ["Caller", "Delegation", "Assistant", "Assistant"]
    assert page.texts(".turn .chip") == ["slowest: 620 ms", "0.400 s while the caller spoke"]
    assert page.texts(".fn") == [
        "to responses, done after 3,000 ms",
        "\u0192 find_order, output after 1,000 ms",
    ]
    assert page.texts(".fn-detail")[:3] == [
        "+10 ms response.created: in_progress",
        "+200 ms response.output_item.done: find_order",
        "+300 ms response.completed",
    ]
    assert page.texts(".facts .value")[4] == "400 ms"
    colors, drawn = page.run(COLORS % "#lanes")
    assert (colors > 10, drawn > 20_000) == (True, True)
    left, top, width, _ = page.place("#stage")
    page.mouse("mouseMoved", left + width * 0.55, top + 200)
    page.drawn()
    assert "response received, first audio after 620 ms" in page.text("#tip")


def test_the_canvases_are_not_blank(page: Page, hotel_page: Path, tmp_path: Path) -> None:
    page.open(hotel_page)
    empty = _of_lines(tmp_path)
    for canvas, least in (("#lanes", 20_000), ("#map", 1000)):
        page.open(hotel_page)
        colors, drawn = page.run(COLORS % canvas)
        page.open(empty)
        _, without = page.run(COLORS % canvas)
        assert colors > 10
        assert drawn > without + least


def test_the_audio_can_be_played(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    assert page.run("new Promise((done) => { const s = document.querySelector('#sound');"
                    "if (s.readyState) done(s.duration); else s.onloadedmetadata = () => done(s.duration); })") == 44.1  # fmt: skip
    page.click(".turn:nth-child(2) .go")
    assert page.run("document.querySelector('#sound').currentTime") == pytest.approx(5.1, abs=0.01)
    assert page.text("#clock") == "0:05.100 / 0:44.100"
    assert page.run("new Promise((done) => { const s = document.querySelector('#sound');"
                    "s.ontimeupdate = () => { if (s.currentTime > 5.2) done(s.paused); };"
                    "document.querySelector('#play').click(); })") is False  # fmt: skip
    assert page.text("#play-name") == "Pause"
    page.click("#play")
    assert page.run("document.querySelector('#sound').paused") is True
    assert page.text("#play-name") == "Play"
    assert _ms(page.text("#clock").partition(" ")[0]) > 5100


def test_a_page_without_audio_has_a_note(page: Page, tmp_path: Path) -> None:
    page.open(_written(hotel("g711_ulaw"), tmp_path, audio=False))
    assert page.run("document.querySelector('#play').disabled") is True
    assert page.text("#play-name") == "No audio"
    page.click("#stage", 0.25, 0.1)
    page.key(" ")
    assert page.text("#clock").startswith("0:11.0")


# --- Zoom and navigation -------------------------------------------------------------------


def test_wheel_buttons_keys_and_drags_move_the_timeline(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    assert [round(_ms(time), -2) for time in _seen(page)] == [0, 44_100]
    page.wheel("#stage", -300)
    start, end = map(_ms, _seen(page))
    assert 0 < start < 22_000 < end < 44_000
    assert (start + end) / 2 == pytest.approx(22_050, abs=150)
    page.click("#zoom-in")
    closer = [*map(_ms, _seen(page))]
    assert closer[1] - closer[0] == pytest.approx((end - start) * 0.6, rel=0.02)
    page.click("#stage", 0.5, 0.1)
    page.key("ArrowRight")
    moved = [*map(_ms, _seen(page))]
    assert moved[0] - closer[0] == pytest.approx((closer[1] - closer[0]) * 0.1, rel=0.1)
    left, top, width, _ = page.place("#stage")
    page.mouse("mousePressed", left + width * 0.6, top + 60, button="left", clickCount=1)
    page.mouse("mouseMoved", left + width * 0.4, top + 60, button="left", buttons=1)
    page.mouse("mouseReleased", left + width * 0.4, top + 60, button="left", clickCount=1)
    page.drawn()
    assert _ms(_seen(page)[0]) - moved[0] == pytest.approx((moved[1] - moved[0]) * 0.2, rel=0.05)
    for key, wanted in (
        ("0", [0, 44_100]),
        ("+", None),
        ("-", [0, 44_100]),
        ("+", None),
        ("End", None),
        ("0", [0, 44_100]),
    ):
        page.key(key)
        if wanted:
            assert [round(_ms(time), -2) for time in _seen(page)] == wanted
    page.key("+")
    page.key("End")
    assert round(_ms(_seen(page)[1]), -2) == 44_100
    page.key("Home")
    assert _ms(_seen(page)[0]) < 100
    page.click("#map", 0.9)
    assert _ms(_seen(page)[0]) > 15_000


def test_a_wheel_over_the_complete_call_scrolls_the_page(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    assert page.run("new Promise((done) => { document.querySelector('#stage').addEventListener('wheel',"
                    "(event) => done(event.defaultPrevented)); document.querySelector('#stage').dispatchEvent("
                    "new WheelEvent('wheel', {deltaY: 100, cancelable: true})); })") is False  # fmt: skip


def test_a_turn_moves_the_timeline_there(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    page.click(".turn:nth-child(4) .go")
    assert page.run("document.querySelector('.turn.picked .count').textContent") == "4"
    start, end = map(_ms, _seen(page))
    assert 24_000 < start < 27_500 < 35_310 < end < 39_000
    assert page.text("#clock").startswith("0:27.500")
    page.run("document.querySelector('#stage').focus()")
    page.key("n")
    assert page.text("#clock").startswith("0:36.100")
    page.key("p")
    page.key("p")
    assert page.text("#clock").startswith("0:10.900")
    assert page.run("document.querySelectorAll('.turn.picked').length") == 1


def test_a_place_in_the_timeline_chooses_its_turn_and_its_event(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    page.click("#stage", 12_000 / 44_100, 0.2)
    assert page.run("document.querySelector('.turn.picked .count').textContent") == "3"
    page.click("#stage", 25_048 / 44_100, 275 / 292)
    assert "input_audio_buffer_commit_empty" in page.text("#event")
    assert page.text(".row.picked .type") == "error"
    assert page.text("#clock").startswith("0:25.048")


def test_the_tooltip_describes_the_position(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    left, top, width, _ = page.place("#stage")
    for ms, y, wanted in (
        (6000, 60, "Turn 2: user speech, 2.700 s"),
        (10_000, 200, "Turn 2: response cancelled, first audio after 960 ms"),
        (24_000, 275, "0:24.000  response.output_sparkle.added"),
    ):
        page.mouse("mouseMoved", left + width * ms / 44_100, top + y)
        page.drawn()
        assert wanted in page.text("#tip")
    page.mouse("mouseMoved", 5, 5)
    page.drawn()
    assert page.run("document.querySelector('#tip').hidden") is True


def test_marks_that_are_out_of_order_are_found(page: Page, tmp_path: Path) -> None:
    """Two processes wrote this log, so its times go back."""
    times = [9000, 1000, 8000, 2000, 3_600_000, 7000, 3000]
    page.open(
        _of_lines(
            tmp_path,
            *({"direction": "server", "time_ms": at, "frame": {"type": f"new.at_{at}"}} for at in times),
            {"direction": "client", "time_ms": 4000, "frame": {"type": "response.cancel"}},
        )
    )
    for _ in range(5):
        page.click("#zoom-in")
    page.run("document.querySelector('#stage').focus()")
    page.key("Home")
    left, top, width, _ = page.place("#stage")
    page.drawn()
    first, last = (_ms(time) for time in _seen(page))
    for at in (1000, 2000, 3000, 7000, 8000, 9000):
        page.mouse("mouseMoved", left + width * (at - first) / (last - first), top + 275)
        page.drawn()
        assert f"new.at_{at}" in page.text("#tip")


def test_hours_are_formatted_as_in_python(page: Page, tmp_path: Path) -> None:
    page.open(_of_lines(tmp_path, {"direction": "server", "time_ms": 3_600_000, "frame": {"type": "new"}}))
    assert page.text(".row .at") == "1:00:00.000"


# --- The list of events ----------------------------------------------------------------------


def test_events_are_filtered(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    everything = int(page.text("#events-count"))
    assert 0 < page.run("document.querySelectorAll('.row').length") < 40 < everything
    page.click("#filter-text")
    for letter in "Quote_room":
        page.key(letter)
    found = int(page.text("#events-count").split(" ")[0])
    assert 0 < found < 6
    assert page.text("#events-count") == f"{found} of {everything}"
    choose = "(() => { const s = document.querySelector('%s'); s.value = '%s'; s.dispatchEvent(new Event('input')); })()"
    page.run(choose % ("#filter-text", ""))
    page.run(choose % ("#filter-type", "error"))
    assert page.texts(".row .type") == ["error"]
    page.run(choose % ("#filter-side", "0"))
    assert page.texts(".row") == []
    assert page.text("#rows") == "No event matches."
    page.run(choose % ("#filter-type", ""))
    assert set(page.texts(".row .way")) == {"\u2191"}


def test_keys_move_through_the_list(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    page.run("document.querySelector('#events').focus()")
    page.key("ArrowDown")
    page.key("ArrowDown")
    assert page.text(".row.picked .type") == "session.update"
    assert page.text("#event dd") == "session.update"
    page.key("End")
    last = page.run("document.querySelector('.row.picked').getAttribute('aria-posinset')")
    assert last == page.text("#events-count")
    assert page.run("document.querySelector('#events').getAttribute('aria-activedescendant')") == page.run(
        "document.querySelector('.row.picked').id"
    )
    page.key("Home")
    assert page.text(".row.picked .type") == "session.created"


def test_the_list_shows_where_rows_were_left_out(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "EventList", functools.partial(EventList, 4))
    page.open(_written(hotel(), tmp_path))
    assert [text.endswith("rows were left out here") for text in page.texts(".row")] == [
        False,
        False,
        True,
        False,
        False,
    ]
    page.run("document.querySelector('#events').focus()")
    for _ in range(3):
        page.key("ArrowDown")
    assert page.run("document.querySelector('.row.picked').getAttribute('aria-posinset')") == "4"


# --- Hostile and unusual logs --------------------------------------------------------------------


def test_a_hostile_log_runs_nothing(page: Page, tmp_path: Path) -> None:
    page.open(_written(hostile(), tmp_path))
    assert page.run("typeof window.hacked") == "undefined"
    assert page.run("document.querySelectorAll('img, iframe, object, [onerror], [onmouseover]').length") == 0
    assert page.run("document.scripts.length") == 2
    words = page.texts(".turn .text")
    assert any("</script><script>window.hacked=1" in text for text in words)
    assert not any("\u202e" in text or "\x00" in text for text in page.texts("body"))
    for turn in range(1, page.run("document.querySelectorAll('.turn').length") + 1):
        page.click(f".turn:nth-child({turn}) .go")
    page.run("document.querySelector('#events').focus()")
    for _ in range(12):
        page.key("PageDown")
    assert page.run("typeof window.hacked") == "undefined"
    page.click("#zoom-all")
    for ms in range(0, 16_000, 500):
        left, top, width, _ = page.place("#stage")
        page.mouse("mouseMoved", left + width * ms / 16_000, top + 275)
    assert page.run("typeof window.hacked") == "undefined"
    assert page.run("document.documentElement.scrollWidth <= 1280")


def test_markup_and_scripts_are_refused_by_the_page_itself(browser: Page, hotel_page: Path) -> None:
    """A mistake in the script is not a vulnerability: no inline script runs, and no text becomes markup."""
    browser.size(1280, 900)
    browser.open(hotel_page)
    browser.run("document.body.append(Object.assign(document.createElement('b'), {id: 'x'}))")
    attempt = "(() => { try { document.querySelector('#x').%s; return 'made'; } catch (why) { return why.name; } })()"
    assert browser.run(attempt % "innerHTML = '<i>1</i>'") == "TypeError"
    browser.run(attempt % "setAttribute('onclick', 'window.hacked = 1')")
    browser.run("document.querySelector('#x').click()")
    inline = "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.hacked = 1'}))"
    assert (
        browser.run(f"(() => {{ try {{ {inline}; return 'made'; }} catch (why) {{ return why.name; }} }})()")
        == "TypeError"
    )
    browser.run("document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x.png'}))")
    browser.drawn()
    assert browser.run("typeof window.hacked") == "undefined"


LOGS: list[tuple[str, list[Any]]] = [
    ("empty", []),
    ("broken", ["{", "]", "\x00"]),
    ("one frame", [{"direction": "client", "time_ms": 0, "frame": {"type": "response.create"}}]),
    ("no audio", [{"direction": "client", "time_ms": at * 20, "frame": {"type": "input_audio_buffer.append", "audio": "", "audio_bytes": 960}} for at in range(50)]),
    ("beta", [
        {"direction": "server", "time_ms": 1, "frame": {"type": "session.created", "session": {"id": "s", "modalities": ["audio"], "input_audio_format": "g711_ulaw"}}},
        {"direction": "client", "time_ms": 5, "frame": {"type": "input_audio_buffer.append", "audio": "AAAA" * 900}},
        {"direction": "server", "time_ms": 9, "frame": {"type": "response.audio.delta", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "AQID" * 900}},
    ]),
    ("translation", [
        {"direction": "client", "time_ms": 5, "frame": {"type": "session.input_audio_buffer.append", "audio": "AAAA" * 900}},
        {"direction": "server", "time_ms": 6, "frame": {"type": "session.input_transcript.delta", "delta": "Hallo", "elapsed_ms": 5}},
        {"direction": "server", "time_ms": 9, "frame": {"type": "session.output_audio.delta", "delta": "AQID" * 900}},
        {"direction": "server", "time_ms": 9, "frame": {"type": "session.output_transcript.delta", "delta": "Hello", "elapsed_ms": 9}},
    ]),
    *(
        (f"a time of {time}, and then a clock that goes back", [
            {"direction": "client", "time_ms": first, "frame": {"type": "input_audio_buffer.append", "audio": "AQID" * 900}},
            {"direction": "server", "time_ms": time, "frame": {"type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 1e300}},
            {"direction": "server", "time_ms": time, "frame": {"type": "response.created", "response": {"id": "r"}}},
            {"direction": "server", "time_ms": 5, "frame": {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "AQID" * 900}},
            {"direction": "server", "time_ms": 3, "frame": {"type": "response.done", "response": {"id": "r", "status": "cancelled"}}},
        ]) for time in (1e15, 1e308) for first in (0, time)
    ),
    ("late", [{"direction": "client", "time_ms": 9e9, "frame": {"type": "input_audio_buffer.append", "audio": "AQID" * 900}}]),
]  # fmt: skip


@pytest.mark.parametrize("lines", [case[1] for case in LOGS], ids=[case[0] for case in LOGS])
def test_every_log_has_a_sensible_page(page: Page, tmp_path: Path, lines: list[Any]) -> None:
    page.open(_of_lines(tmp_path, *lines))
    assert page.run("document.documentElement.dataset.ready") == "yes"
    for key in ("+", "ArrowRight", "n", "p", "End", "0", " "):
        page.run("document.querySelector('#stage').focus()")
        page.key(key)
    page.wheel("#stage", -200)
    page.click("#stage", 0.5, 0.95)
    assert page.run(COLORS % "#lanes")[1] > 0
    assert page.text("#turns") != ""


@pytest.mark.slow
def test_the_page_of_an_hour_is_quick_to_draw(page: Page, tmp_path: Path) -> None:
    write_page(long_call(tmp_path / "call.jsonl", 60, 400), tmp_path / "call.html")
    page.open(tmp_path / "call.html")
    assert page.text("#turns-count") == "400"
    page.click(".turn:nth-child(399) .go")
    assert page.run("document.querySelectorAll('.row').length") < 60
    assert page.run(COLORS % "#lanes")[1] > 10_000


# --- Widths, colours, print and accessibility ------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_nothing_is_wider_than_the_window(page: Page, hotel_page: Path, width: int) -> None:
    page.size(width, 844)
    page.open(hotel_page)
    assert page.run("document.documentElement.scrollWidth") <= width
    left, _, lanes, _ = page.place("#lanes")
    assert 0 < left < left + lanes < width


def test_dark_mode_changes_the_picture(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    pictures, backs = [], []
    for scheme in ("light", "dark"):
        page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.drawn()
        page.drawn()
        pictures.append(page.run(CANVAS % "#lanes"))
        backs.append(page.run("getComputedStyle(document.body).backgroundColor"))
    page.send("Emulation.setEmulatedMedia", features=[])
    assert len(set(pictures)) == len(set(backs)) == 2


def test_it_prints_in_light_with_its_events(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    page.run("dispatchEvent(new Event('beforeprint'))")
    assert page.run("document.querySelectorAll('.row').length") == int(page.text("#events-count"))
    page.run("dispatchEvent(new Event('afterprint'))")
    assert page.run("document.querySelectorAll('.row').length") < 60
    assert len(page.send("Page.printToPDF")["data"]) > 10_000


def test_everything_has_a_name_and_is_reached_by_tab(page: Page, hotel_page: Path) -> None:
    page.open(hotel_page)
    page.run("document.activeElement.blur()")
    reached = []
    for _ in range(20):
        page.key("Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.append(page.run("document.activeElement.id || document.activeElement.className"))
    wanted = [
        "skip",
        "play",
        "speed",
        "zoom-out",
        "zoom-in",
        "zoom-all",
        "stage",
        "go",
        "filter-text",
        "filter-side",
        "filter-type",
        "events",
    ]
    assert [name for name in dict.fromkeys(reached) if name in wanted] == wanted
    tree = page.send("Accessibility.getFullAXTree")["nodes"]
    for node in tree:
        if (
            node.get("role", {}).get("value") in ("button", "combobox", "searchbox", "listbox")
            and not node["ignored"]
        ):
            assert node["name"]["value"], node
