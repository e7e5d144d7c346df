"""Compressed instructions: each parcel is at most one of them, and stands for one instruction of 32 bits."""

import pytest

from trapline.isa import decode
from trapline.isa.compression import COMPRESSED, PARCEL_BITS, compressed, is_long
from trapline.isa.instruction import DeclarationError
from trapline.isa.table import decode_parcel

PARCELS = [parcel for parcel in range(1 << PARCEL_BITS) if not is_long(parcel)]


def test_every_parcel() -> None:
    for parcel in PARCELS:
        found = [c for c in COMPRESSED if c.encodes(parcel)]
        assert len(found) <= 1, hex(parcel)
        assert decode_parcel(parcel) is (found[0] if found else None)
        for c in found:
            word = c.expand(parcel)
            assert decode(word) is c.base, hex(parcel)
            assert c.compress(c.base.pattern.extract(word)) == parcel
            assert c.text.startswith(c.base.name)


@pytest.mark.parametrize(
    ("parcel", "name", "word"),
    [
        # From the listing of the specification (Unpriv 26.8), worked out by hand.
        (0x0001, "c.nop", 0x00000013),
        (0x0085, "c.addi", 0x00108093),  # c.addi ra, 1
        (0x717D, "c.addi16sp", 0xFF010113),  # c.addi16sp sp, -16
        (0x0048, "c.addi4spn", 0x00410513),  # c.addi4spn a0, sp, 4
        (0x4501, "c.li", 0x00000513),  # c.li a0, 0
        (0x8082, "c.jr", 0x00008067),  # c.jr ra
        (0x9002, "c.ebreak", 0x00100073),
        (0xC606, "c.swsp", 0x00112623),  # c.swsp ra, 12(sp)
        (0x40B2, "c.lwsp", 0x00C12083),  # c.lwsp ra, 12(sp)
        (0x852E, "c.mv", 0x00B00533),  # c.mv a0, a1
        (0x952E, "c.add", 0x00B50533),  # c.add a0, a1
        (0xA001, "c.j", 0x0000006F),  # c.j .
        (0x757D, "c.lui", 0xFFFFF537),  # c.lui a0, 0xfffff
    ],
)
def test_known(parcel: int, name: str, word: int) -> None:
    found = decode_parcel(parcel)
    assert found is not None
    assert (found.name, found.expand(parcel)) == (name, word)


@pytest.mark.parametrize(
    ("parcel", "why"),
    [
        (0x0000, "defined to be illegal"),
        (0x0004, "c.addi4spn with 0"),
        (0x4002, "c.lwsp to x0"),
        (0x6101, "c.addi16sp with 0"),
        (0x6501, "c.lui with 0"),
        (0x8002, "c.jr with x0"),
        (0x9C01, "c.subw"),
        (0x1002, "c.slli by 32"),
        (0x9001, "c.srli by 32"),
        (0x6000, "c.flw"),
        (0x2000, "c.fld"),
        (0xE002, "c.fswsp"),
        (0x8C40, "reserved beside c.sh"),
        (0x9C71, "c.zext.w"),
        (0x9C79, "reserved beside c.not"),
    ],
)
def test_illegal(parcel: int, why: str) -> None:
    assert decode_parcel(parcel) is None, why


@pytest.mark.parametrize(
    ("pattern", "text", "complaint"),
    [
        ("010 imm[5] rd imm[4:0] 01", "nothing rd, x0, imm", "no instruction 'nothing'"),
        ("010 imm[5] rd imm[4:0] 01", "addi rd, x0", "does not have the operands"),
        ("010 imm[5] rd imm[4:0] 01", "addi rd, rs9, imm", "the pattern has no rs9"),
        ("010 imm[5] rd imm[4:0] 01", "addi x1, x0, imm", "does not use rd"),
        ("010 imm[5] rd imm[4:0] 1", "addi rd, x0, imm", "15 bits instead of 16"),
    ],
)
def test_refused(pattern: str, text: str, complaint: str) -> None:
    before = list(COMPRESSED)
    with pytest.raises(DeclarationError, match=complaint):
        compressed(pattern, "c.new", "", text, "1", "New.", extension="c")
    with pytest.raises(DeclarationError, match="has no rs2"):
        compressed("010 imm[5] rd imm[4:0] 01", "c.new", "", "addi rd, x0, imm", "1", "New.", extension="c",
                   differs={"rs2": (0,)})  # fmt: skip
    assert before == COMPRESSED
