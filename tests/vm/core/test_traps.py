"""Traps against the privileged specification (volume II, 3.1.6 to 3.1.9, 3.1.14 to 3.1.16, 3.3), written out again.

The registers after each cause, where it goes, which interrupt is taken first, and what xRET, WFI and the
trap bits of mstatus do.
"""

from dataclasses import dataclass
from itertools import product

import pytest

from support.machines import (
    RAM,
    STATUS,
    M,
    S,
    U,
    csr_word,
    encode,
    enter,
    from_words,
    open_memory,
    put,
    set_status,
    status,
)
from trapline import Machine
from trapline.vm.machine import ExitReason

CODE = RAM + 0x100
M_HANDLER = RAM + 0x1000
S_HANDLER = RAM + 0x2000
ROOT = RAM + 0x8000
HOLE = 0x70000000
"""No RAM, no device."""
UNMAPPED = 0x40000000
ODD = RAM + 0x3001
NOP = encode("addi")
LEAF = 0x0F
"""V, R, W and X of a page table entry."""


@dataclass(frozen=True)
class Case:
    """An instruction that traps: x10 holds `address`, x11 is its destination. at: mepc, None for its own address."""

    cause: int
    word: int
    tval: int
    address: int = 0
    modes: tuple[int, ...] = (U, S, M)
    paged: bool = False
    at: int | None = None


def reading(word: int) -> int:
    return word | 11 << 7 | 10 << 15


CASES = {
    "jal misaligned": Case(0, encode("jal", rd=11, imm=0x102), CODE + 0x102),
    "jalr misaligned": Case(0, encode("jalr", rd=11, rs1=10, imm=1), CODE + 0x302, address=CODE + 0x302),
    "branch misaligned": Case(0, encode("beq", imm=-6), CODE - 6),
    "fetch outside": Case(1, encode("jalr", rs1=10), HOLE, address=HOLE, at=HOLE),
    "illegal zero": Case(2, 0, 0),
    "illegal ones": Case(2, 0xFFFFFFFF, 0xFFFFFFFF),
    "illegal csr": Case(2, csr_word("csrrw", 0x123, 11), csr_word("csrrw", 0x123, 11)),
    "compressed": Case(2, 0x00010001, 0x00010001),
    "float": Case(2, 0x00052507, 0x00052507),
    "mret below M": Case(2, encode("mret"), encode("mret"), modes=(U, S)),
    "sret in U": Case(2, encode("sret"), encode("sret"), modes=(U,)),
    "wfi in U": Case(2, encode("wfi"), encode("wfi"), modes=(U,)),
    "sfence in U": Case(2, encode("sfence.vma", rs1=3), encode("sfence.vma", rs1=3), modes=(U,)),
    "ebreak": Case(3, encode("ebreak"), CODE),
    "lr misaligned": Case(4, reading(encode("lr.w")), ODD, address=ODD),
    "lb outside": Case(5, reading(encode("lb", imm=5)), HOLE + 5, address=HOLE),
    "lw outside": Case(5, reading(encode("lw", imm=-4)), HOLE - 4, address=HOLE),
    "lr outside": Case(5, reading(encode("lr.w")), HOLE, address=HOLE),
    "amo misaligned": Case(6, reading(encode("amoadd.w")), ODD, address=ODD),
    "sb outside": Case(7, encode("sb", rs1=10, imm=1), HOLE + 1, address=HOLE),
    "sw outside": Case(7, encode("sw", rs1=10), HOLE, address=HOLE),
    "amo outside": Case(7, reading(encode("amoxor.w")), HOLE, address=HOLE),
    "ecall in U": Case(8, encode("ecall"), 0, modes=(U,)),
    "ecall in S": Case(9, encode("ecall"), 0, modes=(S,)),
    "ecall in M": Case(11, encode("ecall"), 0, modes=(M,)),
    "fetch unmapped": Case(12, encode("jalr", rs1=10), UNMAPPED, UNMAPPED, (U, S), True, at=UNMAPPED),
    "lh unmapped": Case(13, reading(encode("lh", imm=6)), UNMAPPED + 6, UNMAPPED, paged=True),
    "lr unmapped": Case(13, reading(encode("lr.w")), UNMAPPED, UNMAPPED, paged=True),
    "sh unmapped": Case(15, encode("sh", rs1=10, imm=2), UNMAPPED + 2, UNMAPPED, paged=True),
    "amo unmapped": Case(15, reading(encode("amoor.w")), UNMAPPED, UNMAPPED, paged=True),
}
DELEGABLE = 0xB3FF
"""Every exception that can happen below M mode: not 11, nor the reserved 10 and 14."""


def prepared(case: Case, mode: int, board: bool = True) -> Machine:
    """A machine about to execute the case's instruction in `mode`."""
    machine = from_words([NOP] * 0x1000, board=board)
    put(machine, CODE, [case.word])
    machine.csr["mtvec"] = M_HANDLER
    machine.csr["stvec"] = S_HANDLER
    open_memory(machine)
    if case.paged:
        # RAM at its own address, user memory or not as `mode` needs it.
        put(machine, ROOT + 4 * (RAM >> 22), [RAM >> 2 | LEAF | (0x10 if mode == U else 0)])
        machine.csr["satp"] = 1 << 31 | ROOT >> 12
        if mode == M:
            set_status(machine, MPRV=1, MPP=S)
    machine.x[10] = case.address
    machine.x[11] = 0x1234
    enter(machine, mode, CODE)
    return machine


@pytest.mark.parametrize("delegated", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_exception_leaves_the_specified_state(name: str, delegated: bool) -> None:
    """Cause, address and value; the privilege stack; nothing else written; "never ... to a less-privileged mode"."""
    case = CASES[name]
    for mode, enabled, board in product(case.modes, (0, 1), (True, False)):
        machine = prepared(case, mode, board)
        set_status(machine, MIE=enabled, SIE=1 - enabled, MPIE=1 - enabled, SPIE=enabled)
        machine.csr["medeleg"] = 1 << case.cause if delegated else DELEGABLE & ~(1 << case.cause)
        for register in ("mepc", "mcause", "mtval", "sepc", "scause", "stval"):
            machine.csr[register] = 0xABCD0
        before = machine.csr["mstatus"]
        cycles = 1 if case.at is None else 2
        machine.run(max_instructions=cycles)

        to_s = delegated and mode != M
        taken, other, letter = ("s", "m", "S") if to_s else ("m", "s", "M")
        assert machine.mode == (S if to_s else M)
        assert machine.pc == (S_HANDLER if to_s else M_HANDLER)
        assert machine.csr[f"{taken}cause"] == case.cause
        assert machine.csr[f"{taken}epc"] == (CODE if case.at is None else case.at)
        assert machine.csr[f"{taken}tval"] in ((0, case.tval) if case.cause == 3 else (case.tval,))
        assert [machine.csr[f"{other}{r}"] for r in ("epc", "cause", "tval")] == [0xABCD0] * 3
        assert status(machine, f"{letter}PP") == mode
        assert status(machine, f"{letter}PIE") == (before & STATUS[f"{letter}IE"] != 0)
        assert status(machine, f"{letter}IE") == 0
        touched = STATUS[f"{letter}PP"] | STATUS[f"{letter}PIE"] | STATUS[f"{letter}IE"]
        assert (machine.csr["mstatus"] ^ before) & ~touched == 0
        assert machine.x[11] == 0x1234, "an instruction that traps writes no register"
        assert (machine.cycle, machine.instret) == (cycles, cycles - 1)
        assert machine.trap_counts == {case.cause: 1}


def test_medeleg_holds_exactly_what_can_be_delegated() -> None:
    """ "medeleg[11] is read-only zero": an environment call from M mode is never delegated."""
    machine = Machine(memory=0x1000)
    machine.csr["medeleg"] = 0xFFFFFFFF
    assert machine.csr["medeleg"] == DELEGABLE
    machine.csr["mideleg"] = 0xFFFFFFFF
    assert machine.csr["mideleg"] == 0x222


def test_mret_unstacks() -> None:
    """ "xIE is set to xPIE; ... mode is changed to y; xPIE is set to 1; xPP is set to [U]. If y≠M, ... MPRV=0" """
    machine = from_words([encode("mret")] + [NOP] * 15)
    open_memory(machine)
    for mpp, mpie, mie, mprv, others in product((U, S, M), (0, 1), (0, 1), (0, 1), (0, 1)):
        set_status(machine, MPP=mpp, MPIE=mpie, MIE=mie, MPRV=mprv, SPP=others, SPIE=others, SIE=others, TSR=1)
        machine.csr["mepc"] = RAM + 0x23
        enter(machine, M)
        machine.step()
        assert (machine.mode, machine.pc) == (mpp, RAM + 0x20), "mepc[1:0] are always zero"
        fields = {name: status(machine, name) for name in ("MPP", "MPIE", "MIE", "MPRV", "SPP", "SPIE", "SIE", "TSR")}
        assert fields == {
            "MPP": U, "MPIE": 1, "MIE": mpie, "MPRV": mprv if mpp == M else 0,
            "SPP": others, "SPIE": others, "SIE": others, "TSR": 1,
        }  # fmt: skip


def test_sret_unstacks() -> None:
    machine = from_words([encode("sret")] + [NOP] * 15)
    open_memory(machine)
    for mode, spp, spie, sie, mprv, others in product((S, M), (U, S), (0, 1), (0, 1), (0, 1), (0, 1)):
        set_status(machine, SPP=spp, SPIE=spie, SIE=sie, MPRV=mprv, MPP=S, MPIE=others, MIE=others, TSR=0)
        machine.csr["sepc"] = RAM + 0x33
        enter(machine, mode)
        machine.step()
        assert (machine.mode, machine.pc) == (spp, RAM + 0x30)
        fields = {name: status(machine, name) for name in ("SPP", "SPIE", "SIE", "MPRV", "MPP", "MPIE", "MIE")}
        expected = {"SPP": U, "SPIE": 1, "SIE": spie, "MPRV": 0, "MPP": S, "MPIE": others, "MIE": others}
        assert fields == expected


FORBIDDEN = {
    "TVM": [encode("sfence.vma"), encode("sfence.vma", rs1=1, rs2=2), csr_word("csrrs", "satp", rd=1),
            csr_word("csrrw", "satp")],
    "TW": [encode("wfi")],
    "TSR": [encode("sret")],
}  # fmt: skip


@pytest.mark.parametrize("bit", FORBIDDEN)
def test_trap_bits_forbid_to_s_mode_alone(bit: str) -> None:
    for word, on, mode in product(FORBIDDEN[bit], (0, 1), (U, S, M)):
        machine = from_words([word] + [NOP] * 0x800)
        open_memory(machine)
        machine.csr["mtvec"] = M_HANDLER
        machine.csr["sepc"] = RAM + 4
        if mode != U:
            # So that WFI does not wait, and nothing is taken.
            machine.csr["mie"] = machine.csr["mip"] = machine.csr["mideleg"] = 2
        set_status(machine, SPP=1, **{b: on if b == bit else 1 - on for b in FORBIDDEN})
        enter(machine, mode)
        machine.step()
        forbidden = mode == U or (mode == S and on)
        assert machine.trap_counts.get(2, 0) == int(forbidden), (hex(word), on, mode)
        assert machine.instret == int(not forbidden)
        if forbidden:
            assert machine.csr["mtval"] == word


@pytest.mark.parametrize("mtvec", [0, 1, 0x7FFFFFFC, RAM])
def test_endless_traps_end_with_the_budget(mtvec: int) -> None:
    """A handler that traps itself, in memory that does not exist or on an illegal instruction."""
    machine = from_words([0])
    machine.csr["mtvec"] = mtvec
    exit = machine.run(max_instructions=100_000 if machine.engine.kind.name == "numba" else 1000)
    assert exit.reason is ExitReason.LIMIT
    assert machine.instret == 0
    assert sum(machine.trap_counts.values()) == machine.cycle
    assert machine.csr["mepc"] == machine.pc == mtvec & ~3
    assert machine.csr["mcause"] == (2 if mtvec == RAM else 1)
    assert machine.run(timeout=0.05).reason is ExitReason.TIMEOUT


def test_host_sees_traps_first_and_may_take_them() -> None:
    machine = from_words([encode("ecall"), 0])
    seen = []
    machine.csr["mtvec"] = RAM
    machine.on_trap(lambda m, cause, tval: seen.append((m.pc, cause, tval)), causes=1 << 11 | 1 << 2)
    machine.step()
    assert seen == [(RAM, 11, 0)]
    assert machine.csr["mcause"] == 11
    machine.host_traps = 1 << 11
    exit = machine.run(max_instructions=1)
    assert (exit.reason, exit.cause, exit.pc) == (ExitReason.TRAP, 11, RAM)
    machine.retire_trap(RAM + 4)
    machine.host_traps = 0
    machine.step()
    assert seen[1:] == [(RAM, 11, 0), (RAM + 4, 2, 0)]
    assert machine.csr["mepc"] == RAM + 4
