"""Several harts: turns, shared memory and atomics, interrupts between them, waiting; nothing is left to chance."""

import subprocess
from pathlib import Path

import pytest

from support.gnu import Find
from support.machines import CLINT, MTIME, MTIMECMP, RAM, from_text, put
from trapline import Machine
from trapline.asm import assemble_text
from trapline.vm.machine import ExitReason

COUNT = 300

ADDERS = f"""
        .globl _start
_start: csrr    s0, mhartid
        la      s1, counter
        li      s2, {COUNT}
again:  lr.w    t0, (s1)
        addi    t0, t0, 1
        sc.w    t1, t0, (s1)
        bnez    t1, again
        amoadd.w zero, s0, 4(s1)
        addi    s2, s2, -1
        bnez    s2, again
        la      t0, done
        li      t1, 1
        amoadd.w zero, t1, (t0)
        bnez    s0, sleep
wait:   lw      t1, (t0)
        li      t2, HARTS
        bne     t1, t2, wait
        lw      a0, 0(s1)
        lw      a1, 4(s1)
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
sleep:  wfi
        j       sleep
        .data
counter: .word 0, 0
done:   .word 0
"""


def adders(harts: int, **options: object) -> Machine:
    text = ADDERS.replace("HARTS", str(harts)).replace(
        "amoadd.w zero, s0, 4(s1)", "addi t2, s1, 4\namoadd.w zero, s0, (t2)"
    )
    return from_text(text, harts=harts, **options)


@pytest.mark.parametrize("harts", [1, 2, 3, 8])
def test_no_update_of_shared_memory_is_lost(harts: int) -> None:
    machine = adders(harts)
    exit = machine.run(max_instructions=2_000_000)
    assert exit.reason is ExitReason.HALT, exit
    assert machine.x["a0"] == COUNT * harts
    assert machine.x["a1"] == COUNT * sum(range(harts))


@pytest.mark.parametrize("pieces", [1, 7, 999, 1000, 1001])
def test_the_course_of_a_run_does_not_depend_on_how_it_is_cut(pieces: int) -> None:
    whole, cut = adders(3), adders(3, engine="python")
    whole.run(max_instructions=5_000)
    while cut.cycle < 5_000:
        cut.run(max_instructions=min(pieces, 5_000 - cut.cycle))
    assert [h.pc for h in whole.harts] == [h.pc for h in cut.harts]
    assert whole.digest() == cut.digest()


PING = f"""
        .globl _start
_start: csrr    s0, mhartid
        li      s1, {CLINT}
        la      t0, taken
        csrw    mtvec, t0
        li      t0, 8
        csrw    mie, t0
        csrsi   mstatus, 8
        bnez    s0, idle
        li      t0, 1
        sw      t0, 4(s1)               # to hart 1
idle:   wfi
        j       idle
        .balign 4
taken:  slli    t1, s0, 2
        add     t1, t1, s1
        sw      zero, (t1)              # our own msip
        la      t2, trail
        lw      t3, (t2)
        slli    t3, t3, 4
        addi    t4, s0, 1
        add     t3, t3, t4
        sw      t3, (t2)
        bnez    s0, last
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
last:   li      t5, HARTS-1
        beq     s0, t5, home
        addi    t5, s0, 1
        j       send
home:   li      t5, 0
send:   slli    t5, t5, 2
        add     t5, t5, s1
        li      t0, 1
        sw      t0, (t5)
        mret
        .data
trail:  .word 0
"""


@pytest.mark.parametrize("harts", [2, 4])
def test_software_interrupts_go_round(harts: int) -> None:
    machine = from_text(PING.replace("HARTS", str(harts)), harts=harts)
    exit = machine.run(max_instructions=100_000)
    assert exit.reason is ExitReason.HALT, exit
    trail = int.from_bytes(machine.read(machine.symbols["trail"], 4), "little")
    assert f"{trail:x}" == "".join(str(i + 1) for i in (*range(1, harts), 0))


def test_each_hart_has_its_timer_and_idle_time_is_skipped() -> None:
    """Deadlines of 10, 20 and 30 ms: three million ticks apart, and no step is spent on them."""
    machine = from_text(
        f"""
        .globl _start
_start: csrr    s0, mhartid
        li      s1, {MTIMECMP}
        slli    t0, s0, 3
        add     s1, s1, t0
        addi    t1, s0, 1
        li      t2, 100000
        mul     t1, t1, t2
        sw      t1, (s1)
        sw      zero, 4(s1)
        li      t0, 0x80
        csrw    mie, t0
        wfi
        li      t0, {MTIME}
        lw      a0, (t0)
        csrw    mie, zero
stop:   wfi
        j       stop
        """,
        harts=3,
    )
    exit = machine.run(max_instructions=10_000)
    assert exit.reason is ExitReason.IDLE
    for number, hart in enumerate(machine.harts):
        assert (number + 1) * 100_000 <= hart.x["a0"] < (number + 1) * 100_000 + 100
        assert hart.instret < 40


TWO_SLEEPERS = """
_start: csrr    t0, mhartid
        li      t1, 0x80
        csrw    mie, t1
        slli    t0, t0, 3
        li      t1, {mtimecmp}
        add     t1, t1, t0
        li      t2, {first}                 # hart 0
        beqz    t0, 1f
        li      t2, {second}
1:      li      t3, -1
        sw      t3, 4(t1)
        sw      t2, 0(t1)
        sw      zero, 4(t1)
        wfi
        csrr    a0, time
done:   j       done
"""


@pytest.mark.parametrize("soon", range(15, 50))
def test_no_hart_sleeps_past_its_deadline_to_that_of_another(soon: int) -> None:
    """Its deadline may come while it is another hart's turn to find that all are idle."""
    for early in (0, 1):
        deadlines = (soon, 1_000_000) if early == 0 else (1_000_000, soon)
        text = TWO_SLEEPERS.format(mtimecmp=MTIMECMP, first=deadlines[0], second=deadlines[1])
        machine = from_text(text, harts=2)
        machine.run(max_instructions=200)
        assert soon <= machine.harts[early].x["a0"] <= soon + 10


def test_a_reservation_does_not_outlive_its_turn() -> None:
    """Hart 0 reserves and never stores within its turn; hart 1 stores; then sc.w must fail."""
    machine = from_text(
        """
        .globl _start
_start: csrr    s0, mhartid
        la      s1, word
        bnez    s0, other
        lr.w    t0, (s1)
        li      t2, 2000
spin:   addi    t2, t2, -1
        bnez    t2, spin
        sc.w    a0, t0, (s1)
stop:   j       stop
other:  li      t0, 7
        sw      t0, (s1)
        j       stop
        .data
word:   .word 3
        """,
        harts=2,
    )
    machine.run(max_instructions=20_000)
    assert machine.x["a0"] == 1
    assert machine.read(machine.symbols["word"], 4) == bytes((7, 0, 0, 0))


def test_code_that_one_hart_writes_is_what_another_executes() -> None:
    """The page is data to hart 0, whose store TLB has it, before hart 1 executes in it."""
    machine = from_text(
        """
        .globl _start
_start: csrr    s0, mhartid
        la      s1, patch
        la      s2, turn
        bnez    s0, other
        lw      t0, (s1)
        sw      t0, (s1)
wait0:  lw      t1, (s2)
        beqz    t1, wait0
        li      t0, 0x00200513          # li a0, 2
        sw      t0, (s1)
        li      t1, 2
        sw      t1, (s2)
stop:   j       stop
other:  fence.i
        jal     patch
        mv      a1, a0
        li      t0, 1
        sw      t0, (s2)
wait1:  lw      t1, (s2)
        li      t2, 2
        bne     t1, t2, wait1
        fence.i
        jal     patch
        j       stop
        .balign 4096
patch:  li      a0, 1
        ret
        .balign 4096
turn:   .word   0
        """,
        harts=2,
    )
    machine.run(max_instructions=50_000)
    assert (machine.harts[1].x["a1"], machine.harts[1].x["a0"]) == (1, 2)


def test_a_stopped_hart_does_nothing() -> None:
    machine = from_text("_start: addi a0, a0, 1\n j _start", harts=2)
    machine.engine.h[1].stopped = 1
    machine.run(max_instructions=10_000)
    assert machine.harts[1].instret == 0 and machine.harts[0].instret == 10_000


@pytest.mark.parametrize("harts", [0, 9, -1])
def test_number_of_harts_has_limits(harts: int) -> None:
    with pytest.raises(ValueError, match="1 to 8 harts"):
        Machine(memory=0x1000, harts=harts)


@pytest.mark.slow
def test_the_same_sum_on_qemu(tool: Find, tmp_path: Path) -> None:
    """The adders on four harts of `qemu-system-riscv32`; it prints the sum over the UART."""
    printing = """
        li      t0, 0x10000000
        li      t2, 8
digit:  srli    t1, a0, 28
        slli    a0, a0, 4
        addi    t1, t1, 'A'
        sb      t1, (t0)
        addi    t2, t2, -1
        bnez    t2, digit
"""
    text = (
        ADDERS.replace("HARTS", "4")
        .replace("amoadd.w zero, s0, 4(s1)", "")
        .replace("        lw      a1, 4(s1)\n", printing)
    )
    program = assemble_text(text, name="adders.s", text_base=RAM)
    path = tmp_path / "adders"
    path.write_bytes(program.elf)
    qemu = [
        tool("qemu-system-riscv32"),
        "-machine",
        "virt",
        "-smp",
        "4",
        "-bios",
        "none",
        "-nographic",
        "-kernel",
        str(path),
    ]
    result = subprocess.run(qemu, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    machine = Machine.from_elf(program.elf, memory=1 << 20, harts=4)
    machine.run(max_instructions=5_000_000)
    assert machine.console.output == result.stdout.strip() == b"AAAAAELA"


def test_registers_of_absent_harts_are_zero() -> None:
    machine = from_text(
        f"""
_start: li t0, {CLINT}
        li t1, 1
        sw t1, 8(t0)
        lw a0, 8(t0)
        li t0, {MTIMECMP + 16}
        lw a1, (t0)
stop:   j stop
        """,
        harts=2,
    )
    machine.x["a0"] = machine.x["a1"] = 5
    machine.run(max_instructions=50)
    assert (machine.x["a0"], machine.x["a1"]) == (0, 0)


def test_host_writes_reach_every_hart() -> None:
    machine = from_text("_start: addi a0, a0, 1\n j _start", harts=2)
    machine.run(max_instructions=3_000)
    put(machine, RAM, [0x0000006F])
    before = [hart.x["a0"] for hart in machine.harts]
    machine.run(max_instructions=3_000)
    assert all(hart.x["a0"] - old <= 1 for hart, old in zip(machine.harts, before, strict=True))
