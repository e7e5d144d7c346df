"""The Python API: building a machine, running and stopping it, and that runs repeat.

ELF files come from GNU as and ld too.
"""

import inspect
import typing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import gnu
from trapline import Exit, ExitReason, Machine
from trapline.asm import AsmError, assemble_text
from trapline.vm.board.devices import Bus
from trapline.vm.host.console import Console
from trapline.vm.loader.image import LoadError
from trapline.vm.registers import Csrs, Registers
from trapline.vm.snapshot import pages

RAM = 0x80000000
SMALL = 1 << 20

SUM = """
        .globl  _start
_start: li      a0, 0
        li      a1, 10
loop:   add     a0, a0, a1
        addi    a1, a1, -1
        bnez    a1, loop
done:   sw      a0, total, t0
        ebreak
        .data
        .globl  total
total:  .word   0
"""

BUSY = """
        .equ    FINISHER, 0x100000
_start: la      t0, handler
        csrw    mtvec, t0
        li      t0, 0x2004000           # mtimecmp: the timer fires after 5 ticks of 100 instructions
        li      t1, 5
        sw      t1, 0(t0)
        sw      zero, 4(t0)
        li      t1, 0x80
        csrw    mie, t1
        csrsi   mstatus, 8
        li      s0, 0
        li      s1, 200
again:  ecall                           # traps, which take a step and do not retire
        slli    t1, s0, 3
        xor     s0, t1, s1
        sw      s0, (sp)
        li      t1, 0x10000000
        sb      s1, 7(t1)               # a device, served by the host
        lbu     s2, 7(t1)
        add     s0, s0, s2
        addi    s1, s1, -1
        bnez    s1, again
        li      t0, FINISHER
        li      t1, 0x53333
        sw      t1, (t0)
handler:
        csrr    t2, mcause
        bltz    t2, timer
        csrr    t2, mepc
        addi    t2, t2, 4
        csrw    mepc, t2
        mret
timer:  addi    s3, s3, 1
        lw      t2, 4(sp)
        addi    t2, t2, 3
        sw      t2, 4(sp)
        li      t3, 0x2004000
        sw      t2, (t3)
        mret
"""


def small(text: str, **options: typing.Any) -> Machine:
    return Machine.from_source(text, memory=SMALL, **options)


def busy() -> Machine:
    machine = small(BUSY)
    machine.x["sp"] = RAM + 0x8000
    return machine


# Building


@pytest.mark.parametrize("how", ["source", "elf bytes", "elf file", "source file", "gnu"])
def test_built_from(how: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    source = tmp_path / "sum.s"
    source.write_text(SUM)
    if how == "source":
        machine = small(SUM)
    elif how == "source file":
        machine = Machine.from_file(source, memory=SMALL)
    elif how == "gnu":
        elf = gnu.build(request.getfixturevalue("tool"), [source], tmp_path / "sum.elf", text_base=RAM)
        machine = Machine.from_elf(elf.read_bytes(), memory=SMALL)
    else:
        elf = tmp_path / "sum"
        elf.write_bytes(assemble_text(SUM, text_base=RAM).elf)
        machine = (
            Machine.from_file(str(elf), memory=SMALL)
            if how == "elf file"
            else Machine.from_elf(elf.read_bytes(), memory=SMALL)
        )
    assert machine.pc == machine.symbols["_start"] == RAM
    machine.host_traps = 1 << 3
    exit = machine.run(max_instructions=1000)
    assert exit.reason is ExitReason.TRAP and exit.cause == 3 and exit.tval == exit.pc == machine.pc
    assert machine.x["a0"] == 55
    assert machine.read(machine.symbols["total"], 4) == (55).to_bytes(4, "little")
    assert machine.instret == 2 + 3 * 10 + 2


def test_built_from_a_raw_image(tmp_path: Path) -> None:
    image = tmp_path / "kernel.bin"
    image.write_bytes(bytes.fromhex("1305a002") + bytes(4))  # li a0, 42, and a word that is no instruction
    machine = Machine.from_file(image, memory=SMALL)
    assert machine.pc == RAM
    machine.host_traps = 1 << 2
    assert machine.run().tval == 0
    assert machine.x["a0"] == 42


def test_entry_and_base_of_a_source() -> None:
    machine = Machine.from_source("one: nop\ntwo: nop", entry="two", memory=SMALL, ram_base=0x10000)
    assert machine.pc == machine.symbols["two"] == 0x10004
    assert machine.ram_base == 0x10000


def test_a_mistake_in_a_source_has_its_name_and_line() -> None:
    with pytest.raises(AsmError, match=r"kernel\.s:2:"):
        Machine.from_source("_start: nop\n addd a0, a0, a0", name="kernel.s", memory=SMALL)


def test_a_program_larger_than_ram_is_refused() -> None:
    with pytest.raises(LoadError, match="needs 1 MiB of memory and has 4 KiB"):
        Machine.from_source("_start: nop\n .bss\n .zero 8192", memory=4096)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": 0}, "whole pages"),
        ({"memory": 4095}, "whole pages"),
        ({"memory": -4096}, "whole pages"),
        ({"memory": 1 << 33}, "whole pages"),
        ({"memory": SMALL, "ram_base": 1}, "whole pages"),
        ({"memory": SMALL, "isa": "rv64i"}, "rv64i"),
        ({"memory": SMALL, "isa": "rv32imaq"}, "no 'q'"),
        ({"memory": SMALL, "engine": "nunba"}, "'nunba' is not 'numba' or 'interpreter' or 'python'"),
    ],
)
def test_bad_options_are_explained(options: dict[str, typing.Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Machine(**options)


# Running


def test_step_counts_instructions() -> None:
    machine = small("_start: nop\n j _start")
    exit = machine.step()
    assert exit == Exit(ExitReason.LIMIT, RAM + 4) and machine.instret == 1
    assert machine.step(6).pc == machine.pc == RAM + 4
    assert machine.instret == 7
    assert machine.run(max_instructions=0) == Exit(ExitReason.LIMIT, RAM + 4)
    assert machine.instret == 7


def test_timeout_ends_an_endless_loop() -> None:
    exit = small("_start: j _start").run(timeout=0.05)
    assert exit.reason is ExitReason.TIMEOUT and exit.pc == RAM


def test_breakpoints_stop_before_the_instruction() -> None:
    machine = small(SUM)
    machine.breakpoints = {machine.symbols["loop"], machine.symbols["done"]}
    stops = []
    for _ in range(11):
        exit = machine.run(max_instructions=100)
        assert exit.reason is ExitReason.BREAKPOINT and exit.pc == machine.pc
        stops.append((exit.pc - RAM, machine.x["a1"]))
    loop, done = machine.symbols["loop"] - RAM, machine.symbols["done"] - RAM
    assert stops == [*((loop, n) for n in range(10, 0, -1)), (done, 0)]
    machine.breakpoints.clear()
    assert machine.step(2).reason is ExitReason.LIMIT


def test_a_breakpoint_on_a_handler_is_hit_by_an_interrupt() -> None:
    machine = busy()
    machine.breakpoints.add(machine.symbols["handler"])
    causes = set()
    for _ in range(60):
        assert machine.run(max_instructions=2000).reason is ExitReason.BREAKPOINT
        assert machine.pc == machine.symbols["handler"]
        causes.add(machine.csr["mcause"])
    assert causes == {11, 0x80000007}, "neither the ecall nor the interrupt slips past"


@pytest.mark.parametrize(
    ("word", "code", "reset"), [(0x5555, 0, False), (0x2A3333, 42, False), (0x7777, 0, True), (0x13333, 1, False)]
)
def test_the_guest_ends_the_run(word: int, code: int, reset: bool) -> None:
    machine = small(f"_start: li t0, 0x100000\n li t1, {word}\n sw t1, (t0)\n after: nop")
    exit = machine.run(max_instructions=100)
    assert exit == Exit(ExitReason.HALT, machine.symbols["after"], code=code, reset=reset)
    assert str(exit) == f"halted at pc {exit.pc:#010x}"


def test_idle_with_nothing_that_could_wake_it() -> None:
    machine = small("_start: wfi\n nop")
    exit = machine.run(max_instructions=100)
    assert exit.reason is ExitReason.IDLE and exit.pc == RAM + 4


def test_a_trap_for_the_host_has_not_happened_for_the_guest() -> None:
    machine = small("_start: li a7, 5\n here: ecall")
    machine.host_traps = 1 << 11
    exit = machine.run(max_instructions=100)
    assert exit == Exit(ExitReason.TRAP, machine.symbols["here"], cause=11)
    assert "ecall" in str(exit) or "environment call" in str(exit)
    assert machine.csr["mcause"] == 0 and machine.trap_counts == {}
    machine.retire_trap(machine.pc + 4)
    assert (machine.pc, machine.instret, machine.cycle) == (RAM + 8, 1, 2)


def test_an_access_fault_at_the_bus_is_a_trap_for_the_host_too() -> None:
    for access, cause in (("lw a0, (t0)", 5), ("sw a0, (t0)", 7)):
        machine = small(f"_start: li t0, 0x50000000\n here: {access}")
        machine.host_traps = 1 << cause
        exit = machine.run(max_instructions=100)
        assert exit == Exit(ExitReason.TRAP, machine.symbols["here"], cause=cause, tval=0x50000000)


def test_taking_a_trap_by_hand() -> None:
    machine = small("_start: nop\n .balign 64\n handler: nop")
    machine.csr["mtvec"] = machine.symbols["handler"]
    machine.take_trap(2, 0x123)
    assert machine.pc == machine.symbols["handler"]
    assert [machine.csr[n] for n in ("mcause", "mtval", "mepc")] == [2, 0x123, RAM]
    assert machine.trap_counts == {2: 1} and machine.instret == 0


def test_trap_counts_by_mcause() -> None:
    machine = busy()
    assert machine.run().code == 5
    counts = machine.trap_counts
    assert counts[11] == 200
    assert counts[0x80000007] == machine.x["s3"] >= 10
    assert set(counts) == {11, 0x80000007}
    assert machine.cycle - machine.instret == 200, "an interrupt is not an instruction"


def test_time_follows_instructions_and_can_be_advanced() -> None:
    machine = small("_start: j _start")
    machine.step(1000)
    assert machine.csr["time"] == 10
    machine.advance_time(1 << 32)
    assert (machine.csr["time"], machine.csr["timeh"]) == (10, 1)


# The console


def test_console_is_captured_and_fed() -> None:
    echo = """
_start: li      t0, 0x10000000
next:   lbu     t1, 5(t0)
        andi    t1, t1, 1
        beqz    t1, end
        lbu     a0, (t0)
        sb      a0, (t0)
        j       next
end:    li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
"""
    text = bytes(range(256)) + b"end\n"
    machine = small(echo, stdin=text)
    assert machine.run(max_instructions=100_000).reason is ExitReason.HALT
    assert machine.console.output == text


def test_console_reads_and_writes_streams(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"abc")
    with open(tmp_path / "in", "rb") as source, open(tmp_path / "out", "wb") as sink:
        console = Console(sink, source)
        assert [console.read() for _ in range(5)] == [97, 98, 99, None, None]
        assert not console.wait(0), "nothing will ever come"
        console.write(b"x\ny")
        console.flush()
    assert (tmp_path / "out").read_bytes() == console.output == b"x\ny"


# It repeats


def test_two_runs_end_alike() -> None:
    one, two = busy(), busy()
    assert one.run() == two.run()
    assert one.digest() == two.digest()
    assert (one.cycle, one.instret, one.trap_counts) == (two.cycle, two.instret, two.trap_counts)


def test_the_digest_sees_each_part_of_the_state() -> None:
    seen = set()
    changes: list[typing.Callable[[Machine], None]] = [
        lambda m: None,
        lambda m: m.x.__setitem__("t6", 1),
        lambda m: setattr(m, "pc", RAM + 4),
        lambda m: setattr(m, "mode", 0),
        lambda m: m.write(RAM + 4095, b"\1"),
        *(
            lambda m, name=name: m.csr.__setitem__(name, 0x8)
            for name in "mstatus mie mtvec mscratch mepc mcause mtval stvec sscratch sepc scause satp pmpaddr15".split()
        ),
    ]
    for change in changes:
        machine = Machine(memory=4096)
        change(machine)
        digest = machine.digest()
        assert len(digest) == 64 and int(digest, 16) >= 0
        seen.add(digest)
    assert len(seen) == len(changes)


WHOLE: dict[int, str] = {}


def digest_after(steps: int) -> str:
    if steps not in WHOLE:
        machine = busy()
        machine.run(max_instructions=steps)
        WHOLE[steps] = machine.digest()
    return WHOLE[steps]


@given(cuts=st.lists(st.integers(1, 400), min_size=1, max_size=12))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    machine = busy()
    for cut in cuts:
        assert machine.step(cut).reason is ExitReason.LIMIT or machine.x["s1"] == 0
    assert machine.digest() == digest_after(sum(cuts))


def test_single_steps_breakpoints_and_whole_runs_end_alike() -> None:
    whole, stepped, watched = busy(), busy(), busy()
    end = whole.run()
    watched.breakpoints = {watched.symbols["timer"]}
    while (exit := watched.run()).reason is ExitReason.BREAKPOINT:
        pass
    assert exit == end and end.reason is ExitReason.HALT
    while (exit := stepped.step()).reason is ExitReason.LIMIT:
        pass
    assert exit == end
    assert whole.digest() == watched.digest() == stepped.digest()
    assert whole.cycle == watched.cycle == stepped.cycle


# Documented and annotated


NAMED = {"np": np} | vars(pages)
"""What annotations name that only a type checker imports: a run does without."""


@pytest.mark.parametrize("cls", [Machine, Exit, ExitReason, Registers, Csrs, Console, Bus], ids=lambda c: c.__name__)
def test_public_api_is_annotated_and_documented(cls: type) -> None:
    assert inspect.getdoc(cls)
    for name, member in vars(cls).items():
        if name.startswith("_") and name != "__init__":
            continue
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if not inspect.isfunction(function):
            continue
        if name != "__init__":
            assert function.__doc__, f"{cls.__name__}.{name} has no docstring"
        hints = typing.get_type_hints(function, localns=NAMED)
        missing = {"return", *inspect.signature(function).parameters} - {"self", "cls"} - set(hints)
        assert not missing, f"{cls.__name__}.{name} does not annotate {missing}"
