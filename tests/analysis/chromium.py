"""A page in a headless Chromium, controlled over the DevTools protocol."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import pybase64
import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

PROGRAM: Final = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))),
    None,
)
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine")
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0", "--window-size=1280,900",
)  # fmt: skip
_LISTENING: Final = "DevTools listening on "
_ANSWER_S: Final = 60.0


class Page:
    """One tab. `console` has all console messages and exceptions, `requests` the addresses that were requested."""

    def __init__(self, wire: Connection) -> None:
        self.console: list[str] = []
        self.requests: list[str] = []
        self._wire, self._ids, self._events = wire, itertools.count(1), set[str]()

    def send(self, method: str, **params: Any) -> Any:
        """Send a command and return its result."""
        number = next(self._ids)
        self._wire.send(json.dumps({"id": number, "method": method, "params": params}))
        while (message := self._next()).get("id") != number:
            pass
        if "error" in message:
            raise AssertionError(f"{method}: {message['error']}")
        return message["result"]

    def open(self, path: Path) -> None:
        """Load a file and wait until it is drawn."""
        self.requests.clear()
        self.console.clear()
        self._events.clear()
        self.send("Page.navigate", url=path.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._next()
        self.drawn()

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, evaluated in the page but outside of its policy."""
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")

    def drawn(self) -> None:
        """Wait until everything that is due is drawn."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector({json.dumps(selector)}).textContent"))

    def texts(self, selector: str) -> list[str]:
        found = self.run(
            f"Array.from(document.querySelectorAll({json.dumps(selector)}), (each) => each.textContent)"
        )
        return [str(text) for text in found]

    def place(self, selector: str) -> tuple[float, float, float, float]:
        """Scroll an element into view and return its left, top, width and height."""
        box = self.run(
            f"(() => {{ const found = document.querySelector({json.dumps(selector)});"
            "found.scrollIntoView({block: 'center', behavior: 'instant'}); const box = found.getBoundingClientRect();"
            "return [box.left, box.top, box.width, box.height]; })()"
        )
        return box[0], box[1], box[2], box[3]

    def mouse(self, kind: str, x: float, y: float, **params: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **params)

    def click(self, selector: str, x: float = 0.5, y: float = 0.5) -> None:
        """Click an element at fractions of its width and height."""
        left, top, width, height = self.place(selector)
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.mouse(kind, left + x * width, top + y * height, button="left", clickCount=1)
        self.drawn()

    def key(self, key: str, **params: Any) -> None:
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **params)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, **params)
        self.drawn()

    def wheel(self, selector: str, delta: float, x: float = 0.5) -> None:
        left, top, width, height = self.place(selector)
        self.mouse("mouseWheel", left + x * width, top + height / 2, deltaX=0, deltaY=delta)
        self.drawn()

    def picture(self, path: Path) -> None:
        path.write_bytes(pybase64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def size(self, width: int, height: int) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        self.drawn()

    def _next(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._wire.recv(_ANSWER_S))
        method, params = message.get("method", ""), message.get("params", {})
        self._events.add(method)
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.console.append(json.dumps(params))
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        return message


@contextlib.contextmanager
def chromium() -> Generator[Page, None, None]:
    """Start a new browser and yield its only tab."""
    assert PROGRAM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        arguments = [PROGRAM, *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
        browser = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            errors="replace",
        )  # fmt: skip
        try:
            with connect(_tab(_address(browser)), max_size=None, proxy=None, open_timeout=30) as wire:
                page = Page(wire)
                for domain in ("Page", "Runtime", "Log", "Network"):
                    page.send(f"{domain}.enable")
                yield page
        finally:
            browser.kill()
            browser.communicate()


def _address(browser: subprocess.Popen[str]) -> str:
    """Return the address that the browser listens on."""
    assert browser.stderr is not None
    lines: list[str] = []
    for line in browser.stderr:
        lines.append(line)
        if line.startswith(_LISTENING):
            return line.removeprefix(_LISTENING).strip()
    raise AssertionError("".join(lines))


def _tab(address: str) -> str:
    """Return the address of the browser's only tab."""
    with connect(address, max_size=None, proxy=None, open_timeout=30) as wire:
        wire.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
        while (message := json.loads(wire.recv(_ANSWER_S))).get("id") != 1:
            pass
    (tab,) = [each["targetId"] for each in message["result"]["targetInfos"] if each["type"] == "page"]
    return f"{address.partition('/devtools/')[0]}/devtools/page/{tab}"
