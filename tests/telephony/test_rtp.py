"""RTP: packets both ways, hostile datagrams, and numbers that wrap around."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime import AudioError, ConfigError, DecodeError, EncodeError
from realtime.telephony import MediaFormat, Reorder, rtp, swap16

# Written from the diagram of the header in RFC 3550.
PLAIN = bytes.fromhex("80 00 0102 00000304 0a0b0c0d") + b"\xff\x7f"
FULL = (
    bytes.fromhex("b2 88 ffff ffffffff 00000001")  # padding, extension, two sources, marker, PT 8
    + bytes.fromhex("11111111 22222222")
    + bytes.fromhex("bede 0001 deadbeef")
    + b"\xd5\xd5\xd5"
    + b"\0\0\x03"
)


def test_a_plain_packet() -> None:
    packet = rtp.Packet(0, 0x0102, 0x0304, 0x0A0B0C0D, b"\xff\x7f")
    assert rtp.parse(PLAIN) == packet
    assert rtp.build(packet) == PLAIN


def test_a_packet_with_every_header_field() -> None:
    packet = rtp.parse(FULL)
    assert packet == rtp.Packet(
        8,
        0xFFFF,
        0xFFFFFFFF,
        1,
        b"\xd5\xd5\xd5",
        marker=True,
        csrcs=(0x11111111, 0x22222222),
        extension=rtp.Extension(0xBEDE, bytes.fromhex("deadbeef")),
    )
    assert rtp.parse(rtp.build(packet)) == packet
    assert rtp.build(packet) == bytes([FULL[0] & ~0x20]) + FULL[1:-3]


_U32 = st.integers(0, (1 << 32) - 1)
_PACKETS = st.builds(
    rtp.Packet,
    st.integers(0, 63) | st.integers(96, 127),
    st.integers(0, 65535),
    _U32,
    _U32,
    st.binary(max_size=40),
    st.booleans(),
    st.lists(_U32, max_size=15).map(tuple),
    st.none()
    | st.builds(rtp.Extension, st.integers(0, 65535), st.integers(0, 5).map(lambda n: bytes(4 * n))),
)


@given(_PACKETS, st.integers(0, 255))
def test_built_packets_parse_with_any_padding(packet: rtp.Packet, padding: int) -> None:
    datagram = rtp.build(packet)
    assert rtp.parse(datagram) == packet
    assert not rtp.is_rtcp(datagram)
    if padding:
        padded = bytes([datagram[0] | 0x20]) + datagram[1:] + bytes(padding - 1) + bytes([padding])
        assert rtp.parse(padded) == packet
    assert rtp.parse(bytearray(datagram)) == rtp.parse(memoryview(datagram)) == packet


@given(st.binary(max_size=80) | st.binary(max_size=40).map(lambda b: b"\xbf\x00" + b))
def test_hostile_datagrams(datagram: bytes) -> None:
    try:
        packet = rtp.parse(datagram)
    except DecodeError:
        return
    assert rtp.parse(rtp.build(packet)) == packet


@given(st.data())
def test_truncated_packets_are_refused_or_shorter(data: st.DataObject) -> None:
    cut = FULL[: data.draw(st.integers(0, len(FULL) - 1))]
    try:
        assert len(rtp.parse(cut).payload) < len(cut)
    except DecodeError as error:
        assert error.reason


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", "less than"),
        (PLAIN[:11], "less than"),
        (b"\x00" + PLAIN[1:], "version 0"),
        (b"\xc0" + PLAIN[1:], "version 3"),
        (b"\x80\xc8" + PLAIN[2:], "RTCP"),
        (b"\x8f" + PLAIN[1:], "shorter"),
        (b"\x90" + PLAIN[1:], "extension"),
        (b"\x90" + PLAIN[1:12] + b"\xbe\xde\xff\xff" + bytes(8), "shorter"),
        (b"\xa0" + PLAIN[1:-1] + b"\x00", "shorter"),
        (b"\xa0" + PLAIN[1:-1] + b"\x03", "shorter"),
    ],
)
def test_other_datagrams_are_refused(datagram: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        rtp.parse(datagram)


def test_a_packet_may_be_all_padding() -> None:
    assert rtp.parse(b"\xa0" + PLAIN[1:-2] + b"\x00\x02").payload == b""


def test_is_rtcp() -> None:
    for second in range(256):
        datagram = bytes([0x80, second]) + bytes(10)
        assert rtp.is_rtcp(datagram) is (192 <= second <= 223)
        if rtp.is_rtcp(datagram):
            with pytest.raises(DecodeError):
                rtp.parse(datagram)
        else:
            assert rtp.parse(datagram).payload_type == second & 127
    assert not rtp.is_rtcp(b"")
    assert not rtp.is_rtcp(b"\x80")


@pytest.mark.parametrize(
    "change",
    [
        {"payload_type": 128},
        {"payload_type": -1},
        {"sequence": 65536},
        {"sequence": -1},
        {"timestamp": 1 << 32},
        {"ssrc": -1},
        {"csrcs": (1,) * 16},
        {"csrcs": (1 << 32,)},
        {"extension": rtp.Extension(1, b"abc")},
        {"extension": rtp.Extension(1 << 16, b"")},
        {"extension": rtp.Extension(1, bytes(4 << 16))},
    ],
)
def test_invalid_fields_are_encode_errors(change: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"payload_type": 0, "sequence": 1, "timestamp": 1, "ssrc": 1, "payload": b""}
    with pytest.raises(EncodeError):
        rtp.build(rtp.Packet(**{**fields, **change}))


def test_wrong_types() -> None:
    with pytest.raises(TypeError):
        rtp.parse("text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        rtp.build(rtp.Packet(0, 0, 0, 0, "text"))  # type: ignore[arg-type]


# --- Sending -------------------------------------------------------------------------


def test_numbers_increase_and_wrap_around() -> None:
    source = rtp.Sequencer(0, ssrc=7, sequence=65534, timestamp=(1 << 32) - 200)
    packets = [rtp.parse(source.next(bytes(160))) for _ in range(3)]
    assert [p.sequence for p in packets] == [65534, 65535, 0]
    assert [p.timestamp for p in packets] == [(1 << 32) - 200, (1 << 32) - 40, 120]
    assert [p.marker for p in packets] == [True, False, False]
    assert {(p.ssrc, p.payload_type) for p in packets} == {(7, 0)}
    source.skip(1600)
    packet = rtp.parse(source.next(bytes(80)))
    assert (packet.sequence, packet.timestamp, packet.marker) == (1, 120 + 160 + 1600, True)


def test_timestamps_count_samples_not_bytes() -> None:
    l16 = MediaFormat("L16", 24_000, big_endian=True)
    source = rtp.Sequencer(96, format=l16, timestamp=0, sequence=0)
    source.next(swap16(bytes(960)))
    assert source.timestamp == 480
    stereo = rtp.Sequencer(10, timestamp=0)
    stereo.next(np.zeros((441, 2), ">i2").tobytes())
    assert stereo.timestamp == 441
    with pytest.raises(AudioError, match="all channels"):
        stereo.next(bytes(6))


def test_numbers_start_at_random() -> None:
    sources = [rtp.Sequencer(8) for _ in range(8)]
    assert len({source.ssrc for source in sources}) > 1
    assert len({source.timestamp for source in sources}) > 1
    for source in sources:
        assert rtp.parse(source.next(b"\xd5")).payload_type == 8


@pytest.mark.parametrize(("payload_type", "format"), [(96, None), (9, None), (96, MediaFormat("G722", 8000))])
def test_a_format_without_samples_is_refused(payload_type: int, format: MediaFormat | None) -> None:
    with pytest.raises(ConfigError):
        rtp.Sequencer(payload_type, format=format)


def test_packets_are_reordered() -> None:
    source = rtp.Sequencer(0, sequence=65530)
    datagrams = [source.next(bytes([n] * 160)) for n in range(20)]
    datagrams[5], datagrams[6] = datagrams[6], datagrams[5]
    datagrams.insert(9, datagrams[3])
    order: Reorder[rtp.Packet] = Reorder(modulus=rtp.SEQUENCES)
    out: list[Any] = []
    for datagram in datagrams:
        packet = rtp.parse(datagram)
        out += order.push(packet.sequence, packet)
    assert [packet.payload[0] for packet in out] == list(range(20))
    assert order.dropped == 1
