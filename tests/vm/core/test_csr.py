"""CSR instructions as a guest sees them: access rights, the effect of writes, and what the views share.

The rules are written out here from the specification (volume I, chapter 6; volume II, chapters 2, 3 and 10), not
taken from the declarations under test; only which CSRs there are comes from the table.
"""

import ast
import random
from collections.abc import Callable
from itertools import product

import pytest

from support import budget
from support.machines import (
    OPTIONAL_CSRS,
    RAM,
    M,
    S,
    U,
    csr_word,
    encode,
    enter,
    from_text,
    from_words,
    open_memory,
    put,
    set_status,
)
from trapline import Machine, isa
from trapline.vm.codegen.engine_text import engine_text

OLD, NEW = 5, 6
"""Destination and source registers of the instructions tried."""
COUNTERS = {"mcycle", "minstret", "mcycleh", "minstreth"}
COUNTER_BITS = {"cycle": 0, "cycleh": 0, "time": 1, "timeh": 1, "instret": 2, "instreth": 2}


def machine_with(*words: int) -> Machine:
    machine = from_words(words, isa="rv32ima_xleak")
    machine.csr["mtvec"] = RAM + 0x1000
    open_memory(machine)
    return machine


def allowed(machine: Machine, mode: int, word: int) -> bool:
    """Whether `word` retires in `mode`; an illegal instruction must leave its destination and say what it was."""
    put(machine, RAM, [word])
    enter(machine, mode)
    machine.x[OLD] = 0x5EED
    before = machine.instret
    machine.step()
    if machine.instret == before:
        assert machine.csr["mcause"] == 2
        assert machine.csr["mtval"] == word
        assert machine.x[OLD] == 0x5EED
        return False
    return True


@pytest.mark.parametrize("mode", [U, S, M])
def test_who_may_access_each_of_the_4096_addresses(mode: int) -> None:
    """Bits 9:8 of the address are the lowest mode, 11:10 = 11 means read-only; what is not there is illegal."""
    machine = machine_with()
    machine.csr["mcounteren"] = machine.csr["scounteren"] = 7
    # Plain Python, which has the same text, tries all that are there and some that are not.
    for address in {*isa.CSR_BY_ADDRESS, *range(0, 4096, 13)} if budget.PLAIN else range(4096):
        csr = isa.CSR_BY_ADDRESS.get(address)
        readable = csr is not None and mode >= (address >> 8) & 3
        if csr is not None and csr.name in OPTIONAL_CSRS:
            readable = False
        if csr is not None and csr.name.startswith("hpmcounter"):
            readable = mode == M  # the HPM bits of mcounteren are read-only zero
        assert allowed(machine, mode, csr_word("csrrs", address, OLD)) == readable, hex(address)
        # Writing the value back changes nothing, so the machine stays as it was.
        writable = readable and address >> 10 != 3
        machine.x[NEW] = machine.csr[csr.name] if readable and csr is not None else 0
        assert allowed(machine, mode, csr_word("csrrw", address, OLD, NEW)) == writable, hex(address)


READ_ONLY = [c.name for c in isa.CSRS if c.address >> 10 == 3]


@pytest.mark.parametrize("csr", READ_ONLY)
def test_read_only_registers_refuse_every_form_of_write(csr: str) -> None:
    """ "csrrs/csrrc with rs1=x0 ... shall not ... raise illegal-instruction exceptions on accesses to read-only
    CSRs"; with another register they write "even if the register holds zero"."""
    machine = machine_with()
    machine.x[NEW] = 0
    for name in ("csrrs", "csrrc", "csrrsi", "csrrci"):
        assert allowed(machine, M, csr_word(name, csr, OLD, 0)), name
    for name in ("csrrs", "csrrc"):
        assert not allowed(machine, M, csr_word(name, csr, OLD, NEW)), name
    for name in ("csrrsi", "csrrci"):
        assert not allowed(machine, M, csr_word(name, csr, OLD, 1)), name
    for name in ("csrrw", "csrrwi"):
        for rd, source in product((0, OLD), (0, NEW)):
            assert not allowed(machine, M, csr_word(name, csr, rd, source)), name


def keep_mpp(old: int, new: int) -> int | None:
    return new & 0x7E19AA if new >> 11 & 3 != 2 else None


def mask(bits: int) -> Callable[[int, int], int]:
    return lambda old, new: new & bits


def zero(old: int, new: int) -> int:
    return 0


def pmpcfg(old: int, new: int) -> int | None:
    """Bits 5 and 6 of an entry are zero; R=0 with W=1 is reserved, so such a write may leave anything legal."""
    entries = [new >> shift & 0xFF for shift in (0, 8, 16, 24)]
    if any(entry & 3 == 2 for entry in entries):
        return None
    return new & 0x9F9F9F9F


RULES: dict[str, Callable[[int, int], int | None]] = {
    "mstatus": keep_mpp,
    "sstatus": mask(0xC0122),
    "misa": lambda old, new: old,
    "medeleg": mask(0xB3FF),
    "mideleg": mask(0x222),
    "mie": mask(0xAAA),
    "mip": mask(0x222),
    "sie": mask(0x222),
    "sip": lambda old, new: old & ~2 | new & 2,
    "mtvec": lambda old, new: None if new & 2 else new,
    "stvec": lambda old, new: None if new & 2 else new,
    "mcounteren": mask(7),
    "scounteren": mask(7),
    "mcountinhibit": mask(5),
    "mstatush": zero,
    "menvcfg": mask(1),
    "menvcfgh": zero,
    "senvcfg": mask(1),
    "mscratch": mask(0xFFFFFFFF),
    "sscratch": mask(0xFFFFFFFF),
    "mepc": mask(0xFFFFFFFC),
    "sepc": mask(0xFFFFFFFC),
    "mcause": mask(0xFFFFFFFF),
    "scause": mask(0xFFFFFFFF),
    "mtval": mask(0xFFFFFFFF),
    "stval": mask(0xFFFFFFFF),
    "satp": mask(0xFFFFFFFF),
    "uflags": mask(0xF),
    "mleak": mask(0xFF),
    **{f"pmpcfg{i}": pmpcfg for i in range(4)},
    **{f"pmpaddr{i}": mask(0xFFFFFFFF) for i in range(16)},
    **{f"mhpmcounter{i}{h}": zero for i in range(3, 32) for h in ("", "h")},
    **{f"mhpmevent{i}": zero for i in range(3, 32)},
}
"""What a register holds after a write of `new` over `old`; None where only a legal value is asked for."""


def legal(name: str, value: int) -> bool:
    """Whether a register may hold `value` at all."""
    if name == "mstatus":
        return value & ~0x7E19AA == 0 and value >> 11 & 3 != 2
    if name in ("mtvec", "stvec"):
        return value & 2 == 0
    if name.startswith("pmpcfg"):
        return value & 0x60606060 == 0 and all(value >> shift & 3 != 2 for shift in (0, 8, 16, 24))
    return True


def test_every_writable_register_has_a_rule() -> None:
    assert {c.name for c in isa.CSRS if c.address >> 10 != 3} == RULES.keys() | COUNTERS | OPTIONAL_CSRS


@pytest.mark.parametrize("name", RULES)
def test_the_effect_of_a_write(name: str) -> None:
    """From every mode that may: random words, and a write of what was read, which changes nothing."""
    rng = random.Random(name)
    address = isa.CSR_BY_NAME[name].address
    words = [rng.getrandbits(32) for _ in range(24)] + [0, 0xFFFFFFFF, 0x55555555, 0xAAAAAAAA]
    for mode in (S, M):
        if mode < address >> 8 & 3:
            continue
        machine = machine_with()
        if name in ("sie", "sip"):
            machine.csr["mideleg"] = 0x222
        for word in words:
            new = word & 0x7F7F7F7F if name.startswith("pmpcfg") else word
            old = machine.csr[name]
            machine.x[NEW] = new
            assert allowed(machine, mode, csr_word("csrrw", address, OLD, NEW))
            assert machine.x[OLD] == old
            after = machine.csr[name]
            expected = RULES[name](old, new)
            assert legal(name, after)
            if expected is not None:
                assert after == expected, f"{new:#x} over {old:#x}"
            if name in ("satp", "pmpcfg3", "pmpaddr15"):
                machine.csr["satp"] = 0
                open_memory(machine)
            # The read-back value is one that a write gives back.
            held = machine.csr[name]
            machine.x[NEW] = held
            assert allowed(machine, mode, csr_word("csrrw", address, OLD, NEW))
            assert machine.csr[name] == held


PLAIN = ("mscratch", "sscratch", "mtval", "stval", "pmpaddr3")


@pytest.mark.parametrize("name", PLAIN)
def test_set_and_clear(name: str) -> None:
    """Each form gives the old value, then sets, clears or replaces; rd and rs1 may be the same register."""
    rng = random.Random(name)
    for _ in range(10):
        old, operand, small = rng.getrandbits(32), rng.getrandbits(32), rng.randrange(32)
        results = {
            "csrrw": operand, "csrrs": old | operand, "csrrc": old & ~operand,
            "csrrwi": small, "csrrsi": old | small, "csrrci": old & ~small,
        }  # fmt: skip
        for form, expected in results.items():
            for rd in (OLD, NEW):
                machine = machine_with(csr_word(form, name, rd, small if form.endswith("i") else NEW))
                machine.csr[name] = old
                machine.x[NEW] = operand
                machine.step()
                assert (machine.x[rd], machine.csr[name]) == (old, expected), form


def test_sstatus_is_a_part_of_mstatus() -> None:
    machine = machine_with()
    rng = random.Random(1)
    for _ in range(50):
        machine.csr["mstatus"] = rng.getrandbits(32) & ~0x1000
        before = machine.csr["mstatus"]
        assert machine.csr["sstatus"] == before & 0xC0122
        value = rng.getrandbits(32)
        machine.x[NEW] = value
        assert allowed(machine, M, csr_word("csrrw", "sstatus", OLD, NEW))
        assert machine.csr["mstatus"] == before & ~0xC0122 | value & 0xC0122


@pytest.mark.parametrize("mideleg", [0, 2, 0x20, 0x200, 0x222])
def test_sie_and_sip_show_and_change_delegated_interrupts_only(mideleg: int) -> None:
    """ "if ... not delegated ... the corresponding bits in sip and sie are read-only zero"; only SSIP is writable."""
    machine = machine_with()
    machine.csr["mideleg"] = mideleg
    rng = random.Random(mideleg)
    for _ in range(30):
        mie, mip, value = (rng.getrandbits(32) for _ in range(3))
        machine.csr["mie"], machine.csr["mip"] = mie, mip
        set_status(machine, SIE=0, MIE=0)
        assert machine.csr["sie"] == mie & mideleg
        assert machine.csr["sip"] == mip & mideleg
        machine.x[NEW] = value
        assert allowed(machine, M, csr_word("csrrw", "sie", OLD, NEW))
        assert machine.csr["mie"] == mie & 0xAAA & ~mideleg | value & mideleg
        assert allowed(machine, M, csr_word("csrrw", "sip", OLD, NEW))
        assert machine.csr["mip"] == mip & 0x222 & ~(mideleg & 2) | value & mideleg & 2


PLIC_RAISES_SEIP = """
_start: li t1, 1
        li t0, 0xc000000
        sw t1, 40(t0)
        li t2, 1 << 10
        li t0, 0xc002080
        sw t2, 0(t0)                    # UART's source, for S mode
        li t0, 0x10000000
        li t1, 2
        sb t1, 1(t0)                    # it can transmit: an interrupt
        csrr a0, mip
        li t1, 2
        {instruction}
        csrr a2, mip
        li t0, 0xc002080
        sw zero, 0(t0)                  # no longer for S mode: the line falls
        csrr a3, mip
done:   j done
"""


@pytest.mark.parametrize(
    ("instruction", "read", "after"),
    [
        ("csrrs a1, mip, t1", 0x200, 2),
        ("csrrc a1, mip, t1", 0x200, 0),
        ("csrrsi a1, mip, 2", 0x200, 2),
        ("csrrs a1, mip, x0", 0x200, 0),
        ("csrrw a1, mip, t1", 0x200, 2),
        ("csrrwi a1, mip, 2", 0x200, 2),
    ],
)
def test_setting_a_bit_of_mip_does_not_latch_the_external_line(instruction: str, read: int, after: int) -> None:
    """ "only the software-writable SEIP bit participates in the read-modify-write sequence of a CSRRS or CSRRC"
    (3.1.9), though rd receives it or-ed with the signal from the interrupt controller."""
    machine = from_text(PLIC_RAISES_SEIP.format(instruction=instruction))
    machine.run(max_instructions=60)
    assert machine.pc == machine.symbols["done"]
    assert machine.x["a0"] == machine.x["a1"] == read
    assert machine.x["a2"] == 0x200 | after
    assert machine.x["a3"] == after


def test_software_may_set_seip_by_itself() -> None:
    machine = machine_with(csr_word("csrrs", "mip", OLD, NEW), csr_word("csrrc", "mip", OLD, NEW), encode("addi"))
    machine.x[NEW] = 0x200
    machine.step()
    assert machine.csr["mip"] == 0x200
    machine.step()
    assert machine.csr["mip"] == 0


@pytest.mark.parametrize("name", COUNTER_BITS)
def test_counter_enables(name: str) -> None:
    """Below M mode a counter needs its bit in mcounteren, in U mode also the one in scounteren; no other bit."""
    machine = machine_with()
    bit = COUNTER_BITS[name]
    for mcounteren, scounteren, mode in product(range(8), range(8), (U, S, M)):
        machine.csr["mcounteren"], machine.csr["scounteren"] = mcounteren, scounteren
        expected = mode == M or bool(mcounteren >> bit & 1 and (mode == S or scounteren >> bit & 1))
        assert allowed(machine, mode, csr_word("csrrs", name, OLD)) == expected, (mcounteren, scounteren, mode)


def test_identity_and_reset_values() -> None:
    """After reset: M mode; MIE, MPRV, mcause clear; no PMP entry on (3.4). The rest is ours to choose, and stays."""
    machine = Machine(memory=0x1000, isa="rv32ima_xleak")
    assert machine.mode == M
    assert machine.csr["mstatus"] & 0x20008 == 0
    assert machine.csr["mcause"] == 0
    assert all(machine.csr[f"pmpcfg{i}"] & 0x98989898 == 0 for i in range(4))
    letters = {chr(ord("a") + i) for i in range(26) if machine.csr["misa"] >> i & 1}
    assert (letters, machine.csr["misa"] >> 30) == (set("imasux"), 1)
    assert machine.csr["mhartid"] == 0
    names = {c.name for c in isa.CSRS} - OPTIONAL_CSRS - {"misa"}
    assert {name: machine.csr[name] for name in names} == {name: 0x80 if name == "mip" else 0 for name in names}, (
        "mtimecmp is 0 as on QEMU, so MTIP is pending"
    )


LOOKERS = {
    "csr_read", "csr_write", "write_mepc", "write_sepc",  # CSR instructions
    "take_trap", "log_trap", "mret", "sret", "return_to_user",
    "save_csrs", "copy_supervisor",  # when a hypervisor comes in
}  # fmt: skip


def test_only_traps_and_csr_instructions_look_at_inert_csrs() -> None:
    """So that what follows a write of one can follow in the inner loop."""
    inert = {csr.storage for csr in isa.CSRS if csr.inert}
    assert {"mscratch", "sscratch", "mepc", "sepc"} < inert
    for function in ast.parse(engine_text()).body:
        if isinstance(function, ast.FunctionDef) and function.name not in LOOKERS:
            looked_at = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
            assert not looked_at & inert, function.name
