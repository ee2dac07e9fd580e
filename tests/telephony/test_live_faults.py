"""A phone call through `Bridge` to a loopback server with each fault of Live sessions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from realtime import AudioFormat, live
from realtime.audio import read_wav
from realtime.telephony import Bridge
from realtime.testing import Fault, LoopbackServer, Say, Transcribe, faults
from tests.blocks import ROOT
from tests.telephony.calls import PHONES
from tests.telephony.live_calls import PlayingPhone
from tests.testing.helpers import connect

PHONE, ULAW = PHONES[0], AudioFormat.G711_ULAW
SPEECH = read_wav(str(ROOT / "realtime" / "data" / "caller.wav")).to(ULAW)[8 * 400 : 8 * 1_600]
QUESTIONS = ("What time is it?", "And the date?")
ANSWERS = ("It is five o'clock in the afternoon.", "It is the first of December.")
WORD_MS = 240  # the server speaks in tones


class Call:
    """A call with two questions. Each 100 ms of the caller's audio bring a delta."""

    def __init__(self, fault: Fault) -> None:
        self.bridge, self.carrier = Bridge("twilio", dialect="live"), PlayingPhone(PHONE)
        self.transcript = live.LiveTranscript()
        self.events: list[Any] = []
        self.is_lost = False
        script: Any = [[Transcribe(q), Say(a)] for q, a in zip(QUESTIONS, ANSWERS, strict=True)]
        with (
            LoopbackServer(faults=[fault], script=script) as server,
            connect(server.live_url, max_size=None, compression=None, close_timeout=0.2) as self.ws,
        ):
            try:
                self._run()
            except ConnectionClosed:
                self.is_lost = True

    def _run(self) -> None:
        self.take(self.bridge.from_carrier(PHONE.start()))
        self.ws.send(self.bridge.session_start())
        self._receive(live.SessionStarted)
        for number, chunk in enumerate(self._chunks(), start=2):
            for mark in self.carrier.advance(100):
                self.take(self.bridge.from_carrier(mark))
            self.take(self.bridge.from_carrier(PHONE.media(chunk, number)))
            self._receive(live.SessionOutputAudioDelta)
            if self.bridge.ended:
                return
        self.take(self.bridge.end())
        self._receive(live.SessionClosed)

    @staticmethod
    def _chunks() -> Iterator[bytes]:
        for _ in QUESTIONS:
            audio = ULAW.silence(500) + bytes(SPEECH) + ULAW.silence(4_300)
            yield from (audio[at : at + 800] for at in range(0, len(audio), 800))

    def _receive(self, kind: type[Any]) -> None:
        """Receive until an event of this kind has arrived, or the session has ended."""
        while not self.bridge.ended:
            frame = self.ws.recv(timeout=20)
            self.take(self.bridge.from_server(frame))
            if isinstance(self.events[-1], kind):
                return

    def take(self, step: Any) -> None:
        self.carrier.send(step.to_carrier)
        for frame in step.to_server:
            self.ws.send(frame)
        self.events += step.events
        for event in step.events:
            if isinstance(event, live.SessionStarted | live.TimelineEvent):
                self.transcript.feed(event)

    @property
    def errors(self) -> list[str | None]:
        return [event.error.code for event in self.events if isinstance(event, live.Error)]

    @property
    def reason(self) -> str | None:
        """The reason of the session's end, None if it was not confirmed."""
        return next((event.reason for event in self.events if isinstance(event, live.SessionClosed)), None)

    @property
    def words(self) -> list[str]:
        return [segment.text for segment in self.transcript.segments]

    @property
    def heard_ms(self) -> float:
        """The audible audio that the caller has heard."""
        heard, gate = bytes(self.carrier.played), live.SpeechGate(ULAW)
        return sum(20 for at in range(0, len(heard), 160) if gate.is_audible(heard[at : at + 160]))


ALL_MS = sum(len(answer.split()) for answer in ANSWERS) * WORD_MS
ALL_WORDS = [QUESTIONS[0], ANSWERS[0], QUESTIONS[1], ANSWERS[1]]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.parametrize(
    ("fault", "errors"),
    [(faults.LiveNullCode(), [None]), (faults.LiveLateTranscripts(), [])],
    ids=["null code", "late transcripts"],
)
def test_nothing_is_missing_after(fault: Fault, errors: list[str | None]) -> None:
    call = Call(fault)
    assert call.words == ALL_WORDS
    assert call.heard_ms >= ALL_MS
    assert (call.errors, call.reason, call.is_lost) == (errors, "close_requested", False)
    assert call.bridge.ended
    assert call.carrier.most_ms < 300


def test_moderation_cuts_one_answer() -> None:
    call = Call(faults.LiveModeration())
    assert call.errors == [None]
    assert call.words[-2:] == ALL_WORDS[-2:]
    assert len(ANSWERS[1].split()) * WORD_MS < call.heard_ms < ALL_MS
    assert call.reason == "close_requested"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(faults.LiveModeration(is_final=True), "content"), (faults.LiveExpired(), "expired")],
    ids=["content", "expired"],
)
def test_the_session_ends_the_call(fault: Fault, reason: str) -> None:
    call = Call(fault)
    assert call.reason == reason
    assert call.bridge.ended
    assert call.bridge.from_carrier(PHONE.media(bytes(160), 1_000)).to_server == ()


def test_an_end_that_is_not_confirmed() -> None:
    call = Call(faults.LiveUnconfirmed())
    assert call.words == ALL_WORDS
    assert (call.reason, call.is_lost, call.bridge.ended) == (None, True, False)


def test_a_session_without_credit_does_not_start() -> None:
    call = Call(faults.LiveNoCredit())
    assert call.errors == ["credit_balance_exhausted"]
    assert (call.reason, call.is_lost, call.heard_ms) == (None, True, 0)
