"""Zcb: what its instructions do, written out from the specification (volume I, 27.8), and where each is illegal."""

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.machines import RAM, M, enter, from_words
from trapline import Machine

DATA = RAM + 0x100
HANDLER = RAM + 0x80
WORDS = st.one_of(st.sampled_from([0, 0x7F, 0x80, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]), st.integers(0, 0xFFFFFFFF))
PRIMED = st.integers(0, 7)


def signed(value: int, bits: int) -> int:
    return (value & ((1 << bits) - 1) ^ 1 << bits - 1) - (1 << bits - 1)


UNARY: dict[str, tuple[int, Callable[[int], int]]] = {
    "c.zext.b": (0b000, lambda x: x & 0xFF),
    "c.sext.b": (0b001, lambda x: signed(x, 8)),
    "c.zext.h": (0b010, lambda x: x & 0xFFFF),
    "c.sext.h": (0b011, lambda x: signed(x, 16)),
    "c.not": (0b101, lambda x: ~x),
}
"""funct5 without its two upper bits, and the value."""
NEED_ZBB = ("c.sext.b", "c.zext.h", "c.sext.h")
MUL = 0b100_111_000_10_000_01
LBU, LHU, LH, SB, SH = (0b100_000 << 10, 0b100_001 << 10, 0b100_001 << 10 | 1 << 6, 0b100_010 << 10, 0b100_011 << 10)
PARCELS = {name: 0b100_111_000_11_000_01 | funct << 2 for name, (funct, _) in UNARY.items()}
PARCELS |= {"c.mul": MUL, "c.lbu": LBU, "c.lhu": LHU, "c.lh": LH, "c.sb": SB, "c.sh": SH}


def machine(isa: str = "rv32ima_zbb_zcb") -> Machine:
    made = from_words([], isa=isa, engine="python", memory=1 << 16)
    made.csr["mtvec"] = HANDLER
    return made


def step(made: Machine, parcel: int) -> int | None:
    """Execute a parcel; None, or the cause of its trap."""
    made.write(RAM, struct.pack("<H", parcel))
    enter(made, M)
    made.step()
    if made.pc == HANDLER:
        return made.csr["mcause"]
    assert made.pc == RAM + 2
    return None


@given(st.sampled_from([*UNARY]), PRIMED, WORDS)
def test_one_register(name: str, rd: int, value: int) -> None:
    made = machine()
    made.x[8 + rd] = value
    assert step(made, PARCELS[name] | rd << 7) is None
    assert made.x[8 + rd] == UNARY[name][1](value) & 0xFFFFFFFF


@given(PRIMED, PRIMED, WORDS, WORDS)
def test_mul(rd: int, rs2: int, a: int, b: int) -> None:
    made = machine()
    made.x[8 + rd], made.x[8 + rs2] = a, b
    first = made.x[8 + rd]
    assert step(made, MUL | rd << 7 | rs2 << 2) is None
    assert made.x[8 + rd] == first * b & 0xFFFFFFFF


@given(st.sampled_from([LBU, LHU, LH]), PRIMED, PRIMED, st.integers(0, 3), st.binary(min_size=4, max_size=4))
def test_loads(parcel: int, rd: int, rs1: int, place: int, data: bytes) -> None:
    """A byte has two bits of offset, the lower one in bit 6; a halfword has one, in bit 5."""
    made = machine()
    made.write(DATA, data)
    made.x[8 + rs1] = DATA
    if parcel == LBU:
        offset, bits = place, (place & 1) << 6 | (place >> 1) << 5
        expected = data[offset]
    else:
        offset, bits = place & 2, (place >> 1) << 5
        expected = int.from_bytes(data[offset : offset + 2], "little", signed=parcel == LH) & 0xFFFFFFFF
    assert step(made, parcel | rs1 << 7 | rd << 2 | bits) is None
    assert made.x[8 + rd] == expected


@given(st.sampled_from([SB, SH]), PRIMED, PRIMED, st.integers(0, 3), WORDS)
def test_stores(parcel: int, rs2: int, rs1: int, place: int, value: int) -> None:
    made = machine()
    before = bytes(range(0xA0, 0xA4))
    made.write(DATA, before)
    made.x[8 + rs2], made.x[8 + rs1] = value, DATA
    width = 1 if parcel == SB else 2
    offset, bits = (place, (place & 1) << 6 | (place >> 1) << 5) if parcel == SB else (place & 2, (place >> 1) << 5)
    stored = made.x[8 + rs2].to_bytes(4, "little")[:width]
    assert step(made, parcel | rs1 << 7 | rs2 << 2 | bits) is None
    assert made.read(DATA, 4) == before[:offset] + stored + before[offset + width :]


@pytest.mark.parametrize("isa", ["rv32imac", "rv32imac_zbb", "rv32imac_zcb", "rv32imac_zbb_zcb"])
def test_illegal_without_it_and_what_it_stands_for(isa: str) -> None:
    """ "c.sext.b is only implemented if Zbb is implemented", and so on; M is always there."""
    for name, parcel in PARCELS.items():
        made = machine(isa)
        made.x["s0"] = DATA
        legal = "zcb" in isa and ("zbb" in isa or name not in NEED_ZBB)
        assert step(made, parcel) == (None if legal else 2), name
        if not legal:
            assert made.csr["mtval"] == parcel


@pytest.mark.parametrize("parcel", [0b100_011_000_1_0_000_00, 0b100_111_000_11_100_01, 0b100_111_000_11_110_01])
def test_its_reserved_encodings_are_illegal(parcel: int) -> None:
    """c.sh with bit 6, c.zext.w, and what lies beside c.not."""
    assert step(machine(), parcel) == 2
