"""The CSR table: addresses against GNU as and capstone, fields against the effect of reads and writes."""

import re
from pathlib import Path
from types import SimpleNamespace

import capstone
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.asm.encodings import Find, gnu_words
from trapline.isa import BY_NAME, CSR_BY_NAME, CSRS, Csr
from trapline.isa.hart import FIELDS

CUSTOM = range(0x7C0, 0x800), range(0x800, 0x900), range(0xBC0, 0xC00), range(0xCC0, 0xD00), range(0xFC0, 0x1000)
STANDARD = [c for c in CSRS if not any(c.address in area for area in CUSTOM)]
WORDS = st.integers(0, 0xFFFFFFFF)


def test_addresses_equal_gnu_as(tool: Find, tmp_path: Path) -> None:
    words = gnu_words(tool, tmp_path, (f"csrr a0, {c.name}" for c in STANDARD))
    assert {c.name: hex(word >> 20) for c, word in zip(STANDARD, words, strict=True)} == {
        c.name: hex(c.address) for c in STANDARD
    }


def test_names_equal_capstone() -> None:
    # capstone 5 does not know these, and has two of the PMP addresses the wrong way round.
    unknown = {
        "senvcfg", "menvcfg", "menvcfgh", "mstatush", "mcountinhibit", "mconfigptr", "stimecmp", "stimecmph", "tinfo",
    }  # fmt: skip
    swapped = {"pmpaddr13": "pmpaddr14", "pmpaddr14": "pmpaddr13"}
    engine = capstone.Cs(capstone.CS_ARCH_RISCV, capstone.CS_MODE_RISCV32)
    for csr in STANDARD:
        word = BY_NAME["csrrs"].encode(rd=10, rs1=11, csr=csr.address)
        operands = next(engine.disasm_lite(word.to_bytes(4, "little"), 0))[3].split(", ")
        expected = str(csr.address) if csr.name in unknown else swapped.get(csr.name, csr.name)
        assert operands == ["a0", expected, "a1"]


def test_privilege_and_access_follow_from_the_address() -> None:
    """ "csr[11:10] ... read/write (00, 01, or 10) or read-only (11)"; "csr[9:8] ... lowest privilege level"."""
    assert {c.name for c in CSRS if c.name.startswith(("m", "pmp")) and c.privilege != 3} == set()
    assert {c.name for c in CSRS if c.name.startswith("s") and c.privilege != 1} == set()
    assert {c.name for c in CSRS if re.match("cycle|time|instret|hpm", c.name) and not c.read_only} == set()
    assert CSR_BY_NAME["mhartid"].read_only and not CSR_BY_NAME["misa"].read_only


def fresh_hart() -> SimpleNamespace:
    """A hart record whose registers hold zero."""
    return SimpleNamespace(**{name: 0 if length == 1 else [0] * length for name, length in FIELDS})


def read(hart: SimpleNamespace, csr: Csr) -> int:
    """What a CSR instruction reads."""
    if csr.constant is not None:
        return csr.constant
    if csr.read is None:
        assert csr.storage is not None
        return getattr(hart, csr.storage)
    return csr.read(hart) if csr.index is None else csr.read(hart, csr.index)


def write(hart: SimpleNamespace, csr: Csr, value: int) -> None:
    """What a CSR instruction does with the value it writes."""
    if csr.constant is not None:
        return
    if csr.write is None:
        assert csr.storage is not None
        old = getattr(hart, csr.storage)
        setattr(hart, csr.storage, (old & ~csr.write_mask) | (value & csr.write_mask))
    elif csr.index is None:
        csr.write(hart, value)
    else:
        csr.write(hart, csr.index, value)


COUNTERS = ("mcycle", "minstret", "mcycleh", "minstreth")
WRITABLE = [c for c in CSRS if not c.read_only and c.constant is None and c.name not in COUNTERS]
NARROWED = ("sie", "sip", "mip")
"""Registers of which a write reaches only the delegated bits, or those that no device holds."""


@pytest.mark.parametrize("csr", WRITABLE, ids=lambda c: c.name)
def test_writes_obey_the_fields(csr: Csr) -> None:
    @given(WORDS, WORDS)
    def check(first: int, second: int) -> None:
        hart = fresh_hart()
        write(hart, csr, first)
        before = read(hart, csr)
        write(hart, csr, second)
        after = read(hart, csr)
        assert 0 <= after <= 0xFFFFFFFF
        assert (before ^ after) & ~csr.write_mask == 0, "a write changes a bit that no writable field has"
        for field in csr.fields:
            if field.rule == "rw" and csr.name not in NARROWED:
                assert after & field.mask == second & field.mask, field.name

    check()


@pytest.mark.parametrize("csr", [c for c in CSRS if c.fields], ids=lambda c: c.name)
def test_fields_lie_within_the_register(csr: Csr) -> None:
    for field in csr.fields:
        assert 31 >= field.high >= field.low >= 0
        assert field.rule in ("rw", "warl", "ro")


@given(WORDS)
def test_reserved_mpp_is_never_held(value: int) -> None:
    hart = fresh_hart()
    write(hart, CSR_BY_NAME["mstatus"], value)
    assert (hart.mstatus >> 11) & 3 != 2


@given(st.sampled_from([1 << 5, 1 << 9, 1 << 1, 0x222]), WORDS)
def test_supervisor_sees_delegated_interrupts_only(delegated: int, value: int) -> None:
    hart = fresh_hart()
    hart.mie = hart.lines = 0xAAA
    hart.mideleg = delegated
    assert read(hart, CSR_BY_NAME["sie"]) == delegated
    assert read(hart, CSR_BY_NAME["sip"]) == delegated
    write(hart, CSR_BY_NAME["sie"], value)
    assert hart.mie == (0xAAA & ~delegated) | (value & delegated)
    write(hart, CSR_BY_NAME["sip"], value)
    assert hart.mip == value & delegated & 2


@given(WORDS, WORDS)
def test_locked_pmp_entry_keeps_its_configuration_and_address(config: int, value: int) -> None:
    hart = fresh_hart()
    locked = CSR_BY_NAME["pmpcfg0"]
    write(hart, locked, config & 0x9F9F9F9F)
    before = list(hart.pmpcfg)
    write(hart, locked, value)
    for i in range(4):
        if before[i] & 0x80:
            assert hart.pmpcfg[i] == before[i]
            write(hart, CSR_BY_NAME[f"pmpaddr{i}"], value | 1)
            assert hart.pmpaddr[i] == 0
        assert hart.pmpcfg[i] & 3 != 2, "R=0 with W=1 is reserved"
