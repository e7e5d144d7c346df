"""Zicbom: which mode may execute what, what an operation checks, and that it changes nothing.

The rules are written out from the specification (volume I, chapter 19), not taken from the declarations.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.machines import RAM, M, S, U, encode, enter, from_text, from_words, get, open_memory, put, set_status
from support.paging import AT, FRAME, FULL, HANDLER, SIZE, USER, WINDOW, A, D, Space
from trapline import Machine
from trapline.vm.hypervisor.technique import TECHNIQUES

ISA = "rv32ima_zicbom"
INVAL, CLEAN, FLUSH = (encode(f"cbo.{name}", rs1=AT) for name in ("inval", "clean", "flush"))
LBU = encode("lbu", rd=0, rs1=AT)
CBIE, CBCFE = 3 << 4, 1 << 6
ILLEGAL, STORE_ACCESS, STORE_PAGE = 2, 7, 15


def bare(isa: str = ISA) -> Machine:
    machine = from_words([], isa=isa, engine="python", memory=SIZE)
    put(machine, HANDLER, [encode("jal")])
    machine.csr["mtvec"] = HANDLER
    return machine


def step(machine: Machine, word: int, mode: int) -> tuple[int, int] | None:
    """Cause and mtval if the word traps, None if it retires."""
    put(machine, RAM, [word])
    enter(machine, mode)
    before = machine.csr["mstatus"], machine.instret
    machine.step()
    machine.csr["mstatus"] = before[0]
    return None if machine.instret > before[1] else (machine.csr["mcause"], machine.csr["mtval"])


@pytest.mark.parametrize("mode", [U, S, M])
@pytest.mark.parametrize("menvcfg", [0, 1 << 4, 3 << 4, CBCFE])
@pytest.mark.parametrize("senvcfg", [0, 1 << 4, 3 << 4, CBCFE])
def test_who_may_execute_what(mode: int, menvcfg: int, senvcfg: int) -> None:
    machine = bare()
    open_memory(machine)
    machine.csr["menvcfg"], machine.csr["senvcfg"] = menvcfg, senvcfg
    machine.x[AT] = FRAME
    for word, field in ((INVAL, CBIE), (CLEAN, CBCFE), (FLUSH, CBCFE)):
        allowed = not (mode != M and not menvcfg & field) and not (mode == U and not senvcfg & field)
        assert step(machine, word, mode) == (None if allowed else (ILLEGAL, word))


def test_illegal_on_a_machine_without_it() -> None:
    machine = bare("rv32ima")
    machine.x[AT] = FRAME
    for word in (INVAL, CLEAN, FLUSH):
        assert step(machine, word, M) == (ILLEGAL, word)


@given(
    flags=st.integers(0, 255),
    mode=st.sampled_from([U, S]),
    status=st.integers(0, 3),
    denied=st.integers(0, 7),
    offset=st.integers(0, 4095),
    word=st.sampled_from([INVAL, CLEAN, FLUSH]),
)
def test_what_may_be_loaded_may_be_managed(
    flags: int, mode: int, status: int, denied: int, offset: int, word: int
) -> None:
    """ "permitted to access the specified cache block whenever a load instruction or store instruction is permitted",
    else a store fault; a store is never permitted where a load is not. A is set as by a load, D is not. The operation
    changes no memory: only the entry of its page."""
    found = []
    for tried in (LBU, word):
        machine = bare()
        space = Space(machine)
        space.map_large(RAM, RAM, FULL | (USER if mode == U else 0))
        entry = space.map(WINDOW, FRAME, flags)
        machine.csr["pmpaddr0"], machine.csr["pmpaddr15"] = FRAME >> 2 | 0x1FF, 0xFFFFFFFF
        machine.csr["pmpcfg0"], machine.csr["pmpcfg3"] = 0x18 | (7 ^ denied), 0x1F << 24
        machine.csr["satp"] = space.satp
        set_status(machine, SUM=status & 1, MXR=status >> 1)
        machine.csr["menvcfg"] = machine.csr["senvcfg"] = CBIE | CBCFE
        machine.x[AT] = WINDOW + offset
        before = machine.read(FRAME, 0x1000)
        trap = step(machine, tried, mode)
        assert machine.read(FRAME, 0x1000) == before
        found.append((trap, get(machine, entry)))
    (loaded, after), managed = found
    causes = {13: STORE_PAGE, 5: STORE_ACCESS}
    assert managed == (loaded and (causes[loaded[0]], WINDOW + offset), after)
    assert after & ~A == entry_without_a(flags) and after & D == flags & D


def entry_without_a(flags: int) -> int:
    """The entry of WINDOW's page with A clear."""
    return FRAME >> 12 << 10 | flags & ~A


def test_only_memory_has_cache_blocks() -> None:
    """ "The PMAs shall be the same for all physical addresses in the cache block", which registers' are not here."""
    machine = bare()
    for address in (0x10000000, 0x10000001, 0, RAM - 1, RAM + SIZE, 0xFFFFFFFF):
        machine.x[AT] = address
        assert step(machine, CLEAN, M) == (STORE_ACCESS, address)
    for address in (RAM, RAM + 63, RAM + SIZE - 1):
        machine.x[AT] = address
        assert step(machine, CLEAN, M) is None


def test_mprv_gives_the_rights_of_another_mode() -> None:
    machine = bare()
    machine.x[AT] = FRAME
    set_status(machine, MPRV=1, MPP=U)
    assert step(machine, CLEAN, M) == (STORE_ACCESS, FRAME)
    open_memory(machine)
    set_status(machine, MPRV=1, MPP=U)
    assert step(machine, CLEAN, M) is None


@given(st.lists(st.tuples(st.sampled_from(["menvcfg", "senvcfg"]), st.integers(0, 0xFFFFFFFF)), max_size=4))
def test_fields_of_menvcfg_and_senvcfg(writes: list[tuple[str, int]]) -> None:
    """CBIE = 2 is reserved and keeps what was there; without Zicbom there is only FIOM."""
    machine, without = bare(), bare("rv32ima")
    kept = {"menvcfg": 0, "senvcfg": 0}
    for name, value in writes:
        machine.csr[name] = without.csr[name] = value
        kept[name] = value & 0x41 | (kept[name] if value & CBIE == 2 << 4 else value) & CBIE
        assert {n: machine.csr[n] for n in kept} == kept
        assert without.csr[name] == value & 1


GUEST = """
        la      t0, handler
        csrw    mtvec, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      s0, 0               # one bit for each operation, set if it retires
        li      s1, 0x50
        csrw    menvcfg, s1
        jal     try                 # in M mode
        li      t0, 0x1800
        csrc    mstatus, t0
        la      t0, user
        csrw    mepc, t0
        mret
user:   jal     try                 # in U mode, with senvcfg = 0
        ecall
handler:
        csrr    t1, mcause
        li      t2, 8
        beq     t1, t2, called
        csrr    t1, mepc
        addi    t1, t1, 8           # and over the instruction that sets the bit
        csrw    mepc, t1
        mret
called: bnez    s3, done
        li      s3, 1
        csrw    senvcfg, s1
        la      t0, again
        csrw    mepc, t0
        mret
again:  jal     try
        ecall
try:    slli    s0, s0, 3
        la      a0, user
        cbo.inval (a0)
        ori     s0, s0, 1
        cbo.clean (a0)
        ori     s0, s0, 2
        li      a0, 64
        cbo.flush (a0)
        ori     s0, s0, 4
        ret
done:   j       done
"""


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_guest_finds_the_same_under_every_technique(technique: str) -> None:
    machine = from_text(GUEST, isa=ISA, engine="python", technique=technique, memory=1 << 20)
    machine.run(max_instructions=300)
    assert machine.pc == machine.symbols["done"]
    assert machine.x["s0"] == 0b011_000_011
    assert machine.csr["senvcfg"] == machine.csr["menvcfg"] == 0x50
