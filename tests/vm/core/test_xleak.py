"""Xleak against docs/xleak.md, on both engines: what each hole answers in each mode, its fix bit, and its absence.

probe and lra, which report on memory, are in `test_xleak_memory.py`.
"""

from itertools import product
from random import Random

import pytest

from support.machines import RAM, STATUS, M, S, U, csr_word, encode, enter, open_memory, put, set_status, state, status
from support.paths import DOCS
from trapline import Machine
from trapline import isa as declarations

HOLES = ("popf", "pushf", "rdmode", "sidt", "sgdt", "jrst", "probe", "lra")
"""In the order of the bits of mleak."""

RD, RS1 = 10, 11
HANDLER = RAM + 0x1000
WRITABLE = 0x7E19AA
"""The bits of mstatus that exist here, from the specification (volume II, 3.1.6)."""

MODES = (U, S, M)
engines = pytest.mark.parametrize("engine", ["numba", "python"])
modes = pytest.mark.parametrize("mode", MODES, ids=["U", "S", "M"])


def machine_with(*words: int, engine: str = "python", isa: str = "rv32ima_xleak") -> Machine:
    """A machine with these words at the start of RAM, all memory open to S and U mode."""
    machine = Machine(isa=isa, engine=engine, memory=0x10000)
    put(machine, HANDLER, [encode("jal")])
    machine.csr["mtvec"] = HANDLER
    open_memory(machine)
    put(machine, RAM, words)
    return machine


def hole(name: str, rd: int = RD, rs1: int = RS1) -> int:
    return encode(name, rd=rd, rs1=rs1)


def one(machine: Machine, word: int, mode: int) -> int | None:
    """Execute one word in `mode`; the cause if it trapped, with mtval checked to be the word."""
    put(machine, RAM, [word])
    enter(machine, mode)
    machine.csr["mcause"] = 0xBAD
    machine.step()
    cause = machine.csr["mcause"]
    if cause == 0xBAD:
        return None
    assert (machine.pc, machine.csr["mepc"], machine.csr["mtval"]) == (HANDLER, RAM, word)
    assert status(machine, "MPP") == mode
    return cause


def executes(machine: Machine, word: int, mode: int) -> None:
    """Execute one word that must neither trap nor jump."""
    assert one(machine, word, mode) is None
    assert (machine.pc, machine.mode) == (RAM + 4, mode)


@engines
@modes
def test_popf(engine: str, mode: int) -> None:
    """uflags in every mode; SIE in S and M mode, silently not in U mode; nothing else of mstatus."""
    machine = machine_with(engine=engine)
    rng = Random(1)
    for before in (0, WRITABLE & ~STATUS["MPRV"], STATUS["SIE"], WRITABLE & ~STATUS["SIE"]):
        for _ in range(4):
            word = rng.getrandbits(32)
            machine.csr["mstatus"] = before
            before = machine.csr["mstatus"]
            machine.csr["uflags"] = rng.getrandbits(4)
            machine.x[RS1] = word
            executes(machine, hole("popf"), mode)
            assert machine.csr["uflags"] == word >> 28
            sie = before & 2 if mode == U else word & 2
            assert machine.csr["mstatus"] == before & ~2 | sie


@engines
@modes
def test_pushf(engine: str, mode: int) -> None:
    """The real SIE (bit 1), SPIE (5) and SPP (8) and uflags on top; no other bit of mstatus shows."""
    machine = machine_with(engine=engine)
    for sie, spie, spp, flags, others in product((0, 1), (0, 1), (0, 1), (0, 5, 15), (0, WRITABLE)):
        machine.csr["mstatus"] = others & ~0x122 | sie << 1 | spie << 5 | spp << 8
        before = machine.csr["mstatus"]
        machine.csr["uflags"] = flags
        executes(machine, hole("pushf"), mode)
        assert machine.x[RD] == flags << 28 | sie << 1 | spie << 5 | spp << 8
        assert (machine.csr["mstatus"], machine.csr["uflags"]) == (before, flags)


@engines
@modes
def test_what_pushf_saves_popf_restores_but_for_sie_in_user_mode(engine: str, mode: int) -> None:
    machine = machine_with(engine=engine)
    machine.csr["uflags"] = 9
    set_status(machine, SIE=1)
    executes(machine, hole("pushf"), mode)
    machine.csr["uflags"] = 0
    set_status(machine, SIE=0)
    machine.x[RS1] = machine.x[RD]
    executes(machine, hole("popf"), mode)
    assert machine.csr["uflags"] == 9
    assert status(machine, "SIE") == (0 if mode == U else 1)


@engines
@modes
def test_rdmode_sidt_sgdt(engine: str, mode: int) -> None:
    machine = machine_with(engine=engine)
    executes(machine, hole("rdmode"), mode)
    assert machine.x[RD] == mode
    set_status(machine, MPRV=1, MPP=U)
    executes(machine, hole("rdmode"), mode)
    assert machine.x[RD] == mode  # MPRV is about loads and stores
    for value in (0, 0x80001235, 0xFFFFFFFD):
        machine.csr["stvec"] = value
        executes(machine, hole("sidt"), mode)
        assert machine.x[RD] == machine.csr["stvec"] == value
    for value in (0, 0x7FFFFFFF, 0x00012345):
        machine.csr["satp"] = value
        executes(machine, hole("sgdt"), mode)
        assert machine.x[RD] == machine.csr["satp"] == value


@engines
def test_sgdt_reads_satp_although_tvm_protects_it(engine: str) -> None:
    machine = machine_with(engine=engine)
    machine.csr["satp"] = 0x12345
    set_status(machine, TVM=1)
    assert one(machine, csr_word("csrrs", "satp", rd=RD), S) == 2
    executes(machine, hole("sgdt"), S)
    assert machine.x[RD] == 0x12345


@engines
@modes
def test_jrst(engine: str, mode: int) -> None:
    """To U mode at rs1 without its two low bits; mstatus keeps all but MPRV."""
    machine = machine_with(engine=engine)
    everything = WRITABLE if mode == M else WRITABLE & ~STATUS["MPRV"]
    for target, low in product((RAM, RAM + 0x100, 0, 0xFFFFFFFC, 0x40000000), range(4)):
        machine.csr["mstatus"] = everything & ~STATUS["MIE"]
        before = machine.csr["mstatus"]
        machine.x[RS1] = target + low
        assert one(machine, hole("jrst"), mode) is None
        assert (machine.pc, machine.mode) == (target, U)
        assert machine.csr["mstatus"] == before & ~STATUS["MPRV"]
    assert one(machine, hole("jrst", rs1=0), mode) is None
    assert (machine.pc, machine.mode) == (0, U)


@engines
@pytest.mark.parametrize("mode", [S, M], ids=["S", "M"])
def test_what_jrst_reaches_runs_in_user_mode(engine: str, mode: int) -> None:
    """The next instruction is fetched and executed as U mode's, loads after it are U mode's."""
    machine = machine_with(engine=engine)
    put(machine, RAM + 0x100, [hole("rdmode"), encode("lw", rd=12, rs1=RS1), encode("ecall")])
    machine.csr["pmpaddr0"] = (RAM + 0x100) >> 2 | 0x1F  # 256 bytes for execution only
    machine.csr["pmpcfg0"] = 0x1C
    machine.x[RS1] = RAM + 0x100
    if mode == M:
        set_status(machine, MPRV=1, MPP=M)
    assert one(machine, hole("jrst"), mode) is None
    machine.step()
    assert machine.x[RD] == U
    machine.step()
    assert (machine.csr["mcause"], machine.csr["mtval"], machine.csr["mepc"]) == (5, RAM + 0x100, RAM + 0x104)
    enter(machine, U, RAM + 0x108)
    machine.step()
    assert machine.csr["mcause"] == 8


@engines
def test_jrst_in_user_mode_lets_an_atomic_sequence_go_on(engine: str) -> None:
    """It is a plain jump, which keeps a reservation."""
    machine = machine_with(
        encode("lr.w", rd=12, rs1=13), hole("jrst"), 0, encode("sc.w", rd=12, rs1=13, rs2=14), engine=engine
    )
    machine.x[13], machine.x[RS1], machine.x[12], machine.x[14] = RAM + 0x800, RAM + 12, 7, 0x1234
    enter(machine, U)
    machine.step(3)
    assert (machine.pc, machine.x[12], machine.read(RAM + 0x800, 4)) == (RAM + 16, 0, b"\x34\x12\0\0")


@engines
@pytest.mark.parametrize("name", [n for n in HOLES if n not in ("popf", "jrst")])
def test_the_result_is_not_written_to_x0(engine: str, name: str) -> None:
    machine = machine_with(engine=engine)
    machine.csr["stvec"], machine.csr["satp"], machine.csr["uflags"] = 0x80000004, 0x123, 15
    machine.x[RS1] = RAM + 0x40
    for mode in MODES:
        executes(machine, hole(name, rd=0), mode)
        assert machine.x[0] == 0
    before = [machine.x[i] for i in range(32)]
    executes(machine, hole(name, rd=RS1), M)  # one register for both
    assert [i for i in range(32) if machine.x[i] != before[i]] == ([] if name == "lra" else [RS1])


@engines
@pytest.mark.parametrize("bit", range(8), ids=HOLES)
def test_fix_bit(engine: str, bit: int) -> None:
    """Its instruction is illegal in U mode and changes nothing; others and other modes are as before."""
    machine = machine_with(engine=engine)
    machine.x[RS1] = 0xF0000002
    for mleak in (1 << bit, 0xFF):
        machine.csr["mleak"] = mleak
        before = state(machine)
        assert one(machine, hole(HOLES[bit]), U) == 2
        after = state(machine)
        assert after["x"] == before["x"]
        for name in ("uflags", "sstatus", "satp", "stvec", "mleak"):
            assert after["csr"][name] == before["csr"][name]
    assert one(machine, hole(HOLES[bit]), S) is None
    assert one(machine, hole(HOLES[bit]), M) is None
    machine.csr["mleak"] = 0xFF & ~(1 << bit)
    assert one(machine, hole(HOLES[bit]), U) is None


@engines
@pytest.mark.parametrize("bit", range(8), ids=HOLES)
def test_without_its_extension_a_hole_is_illegal(engine: str, bit: int) -> None:
    """In every mode, with mtval the word, on a machine without Xleak and on one with all its other holes."""
    others = "_".join(f"x{name}" for name in HOLES if name != HOLES[bit])
    for isa, count in (("rv32ima", 0), (f"rv32ima_{others}", 7)):
        machine = machine_with(engine=engine, isa=isa)
        machine.x[RS1] = RAM
        for mode in MODES:
            assert one(machine, hole(HOLES[bit]), mode) == 2
            results = [one(machine, hole(name), mode) for name in HOLES if name != HOLES[bit]]
            assert results.count(None) == count
        assert machine.csr["misa"] >> 23 & 1 == (count > 0)
    alone = machine_with(engine=engine, isa=f"rv32ima_x{HOLES[bit]}")
    alone.x[RS1] = RAM
    assert [n for n in HOLES if one(alone, hole(n), U) is None] == [HOLES[bit]]


@engines
def test_neighbouring_words_are_illegal(engine: str) -> None:
    """Fields that an encoding fixes, and the function codes above 7, are not free."""
    machine = machine_with(engine=engine)
    word = hole("popf")
    for bit in (7, 12, 13, 14, 20, 24, 28, 31):
        assert one(machine, word | 1 << bit, M) == 2
    for name, field in (("pushf", 15), ("rdmode", 15), ("jrst", 7), ("probe", 20), ("lra", 20)):
        assert one(machine, hole(name) | 1 << field, M) == 2


@engines
def test_uflags_has_four_bits_for_every_mode(engine: str) -> None:
    machine = machine_with(engine=engine)
    for mode in MODES:
        for old, name, operand, expected in (
            (0x9, "csrrw", 0xFFFFFFF6, 0x6),
            (0x6, "csrrs", 0x00000019, 0xF),
            (0xF, "csrrc", 0xFFFFFFF3, 0xC),
            (0xC, "csrrs", 0xFFFFFFF0, 0xC),
        ):
            machine.csr["uflags"], machine.x[RS1] = old, operand
            executes(machine, csr_word(name, "uflags", RD, RS1), mode)
            assert (machine.x[RD], machine.csr["uflags"]) == (old, expected)
        executes(machine, csr_word("csrrwi", "uflags", RD, 0x1A), mode)
        assert machine.csr["uflags"] == 0xA


@engines
def test_which_machines_have_uflags_and_mleak(engine: str) -> None:
    """uflags with xpopf or xpushf, mleak with any hole, a bit of it for each; mleak is for M mode only."""
    for isa in ("rv32ima", *(f"rv32ima_x{name}" for name in HOLES), "rv32ima_xsidt_xlra", "rv32ima_xleak"):
        machine = machine_with(engine=engine, isa=isa)
        there = [bit for bit, name in enumerate(HOLES) if f"_x{name}" in isa or isa.endswith("xleak")]
        machine.x[RS1] = 0xFFFFFFFF
        for mode in MODES:
            cause = one(machine, csr_word("csrrw", "uflags", RD, RS1), mode)
            assert cause == (None if 0 in there or 1 in there else 2), isa
            cause = one(machine, csr_word("csrrw", "mleak", RD, RS1), mode)
            assert cause == (None if there and mode == M else 2), isa
        if there:
            executes(machine, csr_word("csrrs", "mleak", RD), M)
            assert machine.x[RD] == sum(1 << bit for bit in there)
            machine.x[RS1] = 0xFFFFFF00
            executes(machine, csr_word("csrrw", "mleak", RD, RS1), M)
            assert machine.csr["mleak"] == 0


@engines
def test_after_reset_flags_are_clear_and_no_hole_is_fixed(engine: str) -> None:
    machine = machine_with(engine=engine)
    assert (machine.csr["uflags"], machine.csr["mleak"]) == (0, 0)


@engines
@pytest.mark.parametrize("at_once", [True, False], ids=["one run", "step by step"])
def test_an_interrupt_that_popf_unmasks_is_taken(engine: str, at_once: bool) -> None:
    """Behind popf and before the next instruction; popf itself has retired."""
    nop = encode("addi", rd=12, rs1=12, imm=1)
    machine = machine_with(hole("popf"), nop, nop, engine=engine)
    put(machine, HANDLER + 0x100, [encode("addi", rd=14, rs1=14, imm=1), encode("jal")])
    machine.csr["stvec"] = HANDLER + 0x100
    machine.csr["mideleg"], machine.csr["mie"], machine.csr["mip"] = 2, 2, 2
    machine.x[RS1] = 2
    enter(machine, S)
    for count in (2,) if at_once else (1, 1):
        machine.step(count)
    assert (machine.x[14], machine.x[12]) == (1, 0)
    assert (machine.csr["scause"], machine.csr["sepc"]) == (0x80000001, RAM + 4)
    assert (status(machine, "SIE"), status(machine, "SPIE"), status(machine, "SPP")) == (0, 1, 1)


@engines
def test_one_step_of_popf_ends_before_the_interrupt(engine: str) -> None:
    machine = machine_with(hole("popf"), engine=engine)
    machine.csr["mideleg"], machine.csr["mie"], machine.csr["mip"] = 2, 2, 2
    machine.x[RS1] = 2
    enter(machine, S)
    machine.step()
    assert (machine.pc, machine.mode, status(machine, "SIE")) == (RAM + 4, S, 1)


@engines
def test_popf_masks_a_pending_interrupt_again(engine: str) -> None:
    """popf with SIE = 1 and then 0 leaves one boundary between instructions at which the interrupt is taken."""
    machine = machine_with(hole("popf"), hole("popf", rs1=0), engine=engine)
    machine.csr["mideleg"], machine.csr["mie"], machine.csr["mip"] = 2, 2, 2
    machine.csr["stvec"] = HANDLER
    machine.x[RS1] = 2
    enter(machine, S)
    machine.step(2)
    assert machine.csr["sepc"] == RAM + 4


def test_the_document_has_the_encodings_and_sections_of_the_declarations() -> None:
    text = (DOCS / "xleak.md").read_text(encoding="utf-8")
    for number, name in enumerate(HOLES, 1):
        declared = declarations.BY_NAME[name]
        assert f"| `{name} {declared.syntax}` | `{declared.pattern.text}` |" in text
        assert f"| `{declared.extension}` | `{name} {declared.syntax}` |" in text
        assert declared.section == f"Xleak {number}"
        assert f"\n## {number} {name}\n" in text
