"""Machine code of CSR instructions, against the CSR file as plain Python."""

import random
from array import array
from typing import Any

import pytest

from support.budget import LONG, NIGHTLY
from support.translator.plain import functions
from support.translator.translated import Translated, alone, packed, write_code
from trapline.isa import BY_NAME, CSRS, INSTRUCTIONS, Csr, Instruction, Kind
from trapline.isa.extension import extension_bit
from trapline.isa.mode import M, S, U
from trapline.isa.mstatus import ENABLES, INERT, MPP, MPP_SHIFT, MSTATUS_WRITABLE
from trapline.isa.trap import NEXT, NO_INTERRUPT
from trapline.isa.word import HALFWORD, MASK, WORD
from trapline.isa.zicsr import ALWAYS_WRITE
from trapline.vm.core.hart import HART_FIELDS, HartView, new_harts
from trapline.vm.translator.csr_text import choices
from trapline.vm.translator.layout import READS

pytestmark = [pytest.mark.once, pytest.mark.timeout(LONG)]

TUPLES = 10_000 if NIGHTLY else 100
"""Random harts and operands for each instruction and CSR."""
MANY = 1_000_000
FORMS = [i for i in INSTRUCTIONS if i.kind is Kind.CSR]
BY_ADDRESS = {csr.address: csr for csr in CSRS}
BY_CSR_NAME = {csr.name: csr for csr in CSRS}
WORDS = sorted({str(c.storage) for c in CSRS if c.storage and c.guard is None} - {"mhartid", "misa", "mepc", "sepc"})
ENGINE = functions()
STATE = [name for name, count in HART_FIELDS if count == 1] + ["x"]


def accessed(i: Instruction) -> list[tuple[Csr, bool]]:
    """The CSRs that an instruction has machine code for, and whether that is for a source of 0 as well as others."""
    return [(BY_ADDRESS[choice & ~READS], bool(choice & READS)) for choice in choices(i)]


def randomize(h: Any, rng: random.Random) -> None:
    """Any state in which the hart goes on with its next instruction."""
    while True:
        for name in WORDS:
            setattr(h, name, rng.getrandbits(32))
        h.mode = rng.choice((U, S, S, M, M, M))
        h.mstatus = rng.getrandbits(32) & rng.choice((MSTATUS_WRITABLE & ~MPP, INERT | ENABLES))
        h.mstatus |= rng.choice((U, U, S, M)) << MPP_SHIFT
        h.extensions = rng.choice((0, extension_bit("c")))
        h.mip, h.mie, h.lines = (rng.choice((0, rng.getrandbits(12))) for _ in range(3))
        h.mepc, h.sepc = (rng.getrandbits(32) & ~3 for _ in range(2))
        for number in range(1, 32):
            bit = 1 << rng.randrange(32)
            h.x[number] = rng.choice((rng.getrandbits(32), bit, h.mstatus ^ bit))
        if ENGINE["pending_interrupt"](h) == NO_INTERRUPT:
            break


def state(h: Any) -> dict[str, Any]:
    """All of a hart but its TLBs and what their tags are."""
    return {name: list(h.x) if name == "x" else getattr(h, name) for name in STATE}


def contexts(h: Any) -> tuple[int, int, int]:
    """What says how memory is accessed."""
    ENGINE["refresh"](h)
    return h.fetch_context, h.data_context, h.data_mode


@pytest.fixture(scope="module")
def hart() -> Translated:
    return alone(2)


def put(h: Any, values: dict[str, Any]) -> None:
    """Give a hart such a state."""
    for name, value in values.items():
        if name == "x":
            h.x[:] = array("q", value)
        else:
            setattr(h, name, value)


def interpreted(h: Any, csr: Csr, i: Instruction, rd: int, source: int) -> bool:
    """What `execute` does, unless it would trap; then false."""
    writes = source != 0 or i.name in ALWAYS_WRITE
    old = ENGINE["csr_access"](h, csr.address, writes)
    if old < 0:
        return False
    if writes:
        operand = source if "uimm" in i.operands else h.x[source]
        held = ENGINE["csr_held"](h, csr.address, old)
        assert ENGINE["csr_write"](h, csr.address, i.meaning(old=held, operand=operand) & MASK) == NEXT
    h.x[rd] = old if rd else 0
    return True


@pytest.mark.parametrize("i", FORMS, ids=lambda i: i.name)
def test_of_each_csr(i: Instruction, hart: Translated) -> None:
    """It is done, or left as it is: then the mode forbids it, or the engine has more to do behind it."""
    rng = random.Random(i.name)
    h, other = hart.h, HartView(new_harts(1, 0))
    for csr, zero in accessed(i):
        source = 0 if zero else rng.randrange(1, 32)
        rd = rng.choice((0, source, rng.randrange(1, 32), rng.randrange(1, 32)))
        hart.code[:8] = 0
        write_code(hart, [packed("addi"), packed(i.name, rd=rd, rs1=source, imm=csr.address), packed("addi")])
        assert hart.translate(0, 0)
        done = 0
        for _ in range(TUPLES):
            randomize(h, rng)
            contexts(h)
            h.pc = h.cycle = 0
            before = state(h)
            put(other, before)
            executed = hart.enter(MANY)
            assert (h.pc, h.cycle) == (WORD * executed, executed)
            if executed == 1:
                assert state(h) == before | {"pc": WORD, "cycle": 1}
            if not interpreted(other, csr, i, rd, source):
                assert executed == 1
                continue
            changed, pending = before["mstatus"] ^ other.mstatus, (other.mip | other.lines) & other.mie
            if changed & ~(INERT | ENABLES) or (changed & other.mstatus & ENABLES and pending):
                assert executed == 1
                continue
            assert executed == len(("before", "it", "behind"))
            assert state(h) == state(other) | {"pc": h.pc, "cycle": h.cycle}
            same = other.fetch_context, other.data_context, other.data_mode
            assert contexts(other) == same and ENGINE["pending_interrupt"](other) == NO_INTERRUPT
            done += 1
        assert done > TUPLES // 100, f"{csr.name} is hardly ever done"


def test_which_have_one() -> None:
    """All accesses to what is inert and to the status; reads of what no guard is for; none of what counts steps."""
    for i in FORMS:
        written = {csr.name for csr, zero in accessed(i) if not zero}
        assert written == {csr.name for csr in CSRS if csr.inert} | {"mstatus", "sstatus"}
    read = {csr.name for csr, zero in accessed(BY_NAME["csrrs"]) if zero}
    assert read > {"mhartid", "mip", "sip", "mie", "sie", "stvec", "mtvec", "misa", "mepc"}
    assert not read & {"cycle", "time", "instret", "mcycle", "minstret", "satp", "pmpcfg0", "pmpaddr0", "uflags"}
    assert not [csr for csr in CSRS if csr.name in read and (csr.guard or csr.privilege == U)]


def test_it_is_a_block_of_its_own(hart: Translated) -> None:
    """So machine code goes on behind it where the interpreter has done it, as under a hypervisor."""
    hart.code[:8] = 0
    csr = BY_CSR_NAME["sscratch"]
    write_code(hart, [packed("addi"), packed("csrrw", rs1=1, imm=csr.address), packed("addi")])
    assert hart.translate(0, 0)
    assert [bool(hart.entries[at // HALFWORD]) for at in range(0, 4 * WORD, WORD)] == [True, True, True, False]


def test_others_are_for_the_interpreter(hart: Translated) -> None:
    """They end the block before them."""
    hart.code[:8] = 0
    write_code(hart, [packed("addi"), packed("csrrs", imm=BY_CSR_NAME["time"].address), packed("addi")])
    assert hart.translate(0, 0)
    assert hart.entries[0] and not hart.entries[WORD // HALFWORD]
