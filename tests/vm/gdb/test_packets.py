"""Packets: what is read of a stream of bytes, however it is cut and damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trapline.vm.gdb.packets import PACKET_SIZE, Kind, Reader, checksum, escaped, framed, unescaped


def kinds(data: bytes) -> list[Kind]:
    return [arrival.kind for arrival in Reader().feed(data)]


def test_the_checksum_of_the_manual() -> None:
    """`$vMustReplyEmpty#3a` and `$qC#b4` are gdb's own."""
    assert framed(b"vMustReplyEmpty") == b"$vMustReplyEmpty#3a" and framed(b"qC") == b"$qC#b4"


def test_what_arrives() -> None:
    assert kinds(b"+$qC#b4\x03-$qC#00") == [
        Kind.ACKNOWLEDGED, Kind.PACKET, Kind.INTERRUPT, Kind.AGAIN, Kind.DAMAGED,
    ]  # fmt: skip


def test_ctrl_c_inside_a_packet_is_data() -> None:
    assert kinds(framed(b"X0,1:\x03")) == [Kind.PACKET]


def test_a_new_packet_begins_before_the_last_has_ended() -> None:
    (arrival,) = Reader().feed(b"$m0,$qC#b4")
    assert arrival.data == b"qC"


def test_a_packet_may_be_as_long_as_was_said_and_no_longer() -> None:
    assert kinds(framed(b"x" * PACKET_SIZE)) == [Kind.PACKET]
    assert kinds(framed(b"x" * (PACKET_SIZE + 1)) + b"$qC#b4") == [Kind.DAMAGED, Kind.PACKET]


def test_a_packet_without_an_end_takes_no_memory() -> None:
    reader = Reader()
    for _ in range(100):
        assert reader.feed(b"$" + b"x" * 0x1000) == [] or True
        assert len(reader._data) <= PACKET_SIZE
    for _ in range(100):
        reader.feed(b"x" * 0x1000)
        assert len(reader._data) <= PACKET_SIZE


@pytest.mark.parametrize("flood", [b"+", b"$#00", b"$qC#b4", b"$", b"x", b"#", b"-\x03"])
def test_a_flood_takes_no_more_time_than_bytes(flood: bytes) -> None:
    """The reader looks at each byte a few times at most: counted, not timed."""
    data = Counted(flood * (0x2000 // len(flood)))
    Counted.copied = 0
    Reader().feed(data)
    assert Counted.copied <= 4 * len(data)


class Counted(bytes):
    """Bytes that count, over all of them, what is copied out of them."""

    copied = 0

    def __getitem__(self, key):  # type: ignore[no-untyped-def]
        found = super().__getitem__(key)
        Counted.copied += len(found) if isinstance(key, slice) else 1
        return Counted(found) if isinstance(key, slice) else found

    def __radd__(self, other: bytes) -> "Counted":
        return Counted(bytes(other) + bytes(self))


@given(st.binary(), st.lists(st.integers(1, 9)))
def test_data_comes_through_in_pieces(data: bytes, cuts: list[int]) -> None:
    packet = framed(escaped(data))
    reader, found = Reader(), []
    for cut in cuts:
        found += reader.feed(packet[:cut])
        packet = packet[cut:]
    found += reader.feed(packet)
    (arrival,) = found
    assert arrival.kind is Kind.PACKET and unescaped(arrival.data) == data


@given(st.binary(max_size=200))
def test_any_bytes_are_survived(data: bytes) -> None:
    reader = Reader()
    for arrival in reader.feed(data):
        assert arrival.kind is not Kind.PACKET or checksum(arrival.data) in data.lower()


def test_an_escape_that_is_cut_off() -> None:
    with pytest.raises(ValueError, match="escape"):
        unescaped(b"ab}")
