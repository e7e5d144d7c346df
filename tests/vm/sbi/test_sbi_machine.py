"""Kernels in S mode over the built-in SBI, on the machine."""

import pytest

from support.kernels.supervisor import BASE, ask, supervisor
from trapline.vm.exit import ExitReason
from trapline.vm.sbi.call import IPI

LIMIT = 200_000


def halted(machine) -> bytes:
    """Run to the end; what was printed."""
    exit = machine.run(LIMIT)
    assert (exit.reason, exit.code) == (ExitReason.HALT, 0), (exit, machine.console.output)
    return machine.console.output


def test_what_a_kernel_finds():
    """The state that OpenSBI leaves: S mode, no interrupts, no translation, counters and memory open."""
    machine = supervisor("_start: rdtime t0\n rdcycle t1\n rdinstret t2\n csrr s1, sstatus\n csrr s2, sie\n"
                         " csrr s3, satp\n li t0, 0x80000000\n lw t3, (t0)\n power_off")  # fmt: skip
    assert (machine.pc, machine.mode, machine.x["a0"]) == (BASE, 1, 0)
    assert machine.read(machine.x["a1"], 4) == b"\xd0\x0d\xfe\xed"
    assert machine.csr["medeleg"] == 0xB1FF and machine.csr["mideleg"] == 0x222 and machine.csr["mcounteren"] == 7
    assert halted(machine) == b""
    assert (machine.x["s1"], machine.x["s2"], machine.x["s3"]) == (0, 0, 0)


def test_an_ecall_does_not_retire_and_is_counted():
    machine = supervisor("_start: li a0, 'x'\n li a7, 1\n ecall\n ecall\n power_off")
    assert halted(machine) == b"x\0"
    assert machine.trap_counts == {9: 3}
    assert machine.cycle - machine.instret == 3


TIMER = """
_start: la      t0, handler
        csrw    stvec, t0
        rdtime  s0
        addi    a0, s0, 50
        li      a1, 0
        sbi     TIME
        li      t0, 1 << 5
        csrs    sie, t0
        csrsi   sstatus, 2
1:      wfi
        beqz    s1, 1b
        csrr    s3, sip
        power_off
        .balign 4
handler:
        csrr    s1, scause
        rdtime  s2
        li      a0, -1
        li      a1, -1
        sbi     TIME
        sret
"""


@pytest.mark.parametrize("isa", ["rv32ima", "rv32ima_sstc"])
def test_timer_interrupts_come_when_they_were_asked_for(isa):
    machine = supervisor(TIMER, isa=isa)
    halted(machine)
    assert machine.x["s1"] == 0x80000005
    assert 50 <= machine.x["s2"] - machine.x["s0"] <= 51
    assert machine.x["s3"] == 0, "a deadline in the far future takes the pending interrupt away"


def test_the_supervisors_own_timer_is_the_one_that_calls_set():
    """As OpenSBI does where there is stimecmp, which S mode may then access, too."""
    machine = supervisor("_start: li a0, 0x1234\n li a1, 0x5678\n sbi TIME\n csrr s0, stimecmp\n csrr s1, stimecmph\n"
                         " power_off", isa="rv32ima_sstc")  # fmt: skip
    assert machine.csr["menvcfgh"] == 1 << 31 and machine.csr["stimecmph"] == 0xFFFFFFFF
    assert halted(machine) == b""
    assert (machine.x["s0"], machine.x["s1"]) == (0x1234, 0x5678)


HARTS = """
_start: la      s0, handler
        csrw    stvec, s0
        li      a0, 1
        la      a1, second
        li      a2, 0x1234
        sbi     HSM, 0
        mv      s1, a0
1:      li      a0, 1                   # until hart 1 has suspended itself
        sbi     HSM, 2
        li      t0, 4
        bne     a1, t0, 1b
        li      a0, 1                   # wake it
        li      a1, 1
        sbi     IPI
1:      li      a0, 1                   # until it has stopped
        sbi     HSM, 2
        li      t0, 1
        bne     a1, t0, 1b
        lw      s2, seen
        lw      s3, woken
        power_off
second: sw      a1, seen, t0
        la      t0, handler
        csrw    stvec, t0
        csrsi   sie, 2
        li      a0, 0
        sbi     HSM, 3
        csrsi   sstatus, 2
        nop
        sbi     HSM, 1
        j       .
        .balign 4
handler:
        csrr    t0, scause
        sw      t0, woken, t1
        csrci   sip, 2
        sret
        .data
seen:   .word   0
woken:  .word   0
"""


def test_a_hart_is_started_suspended_woken_and_stopped():
    machine = supervisor(HARTS, harts=2)
    assert machine.harts[1].h.stopped == 1, "a hart that nobody has started does nothing"
    halted(machine)
    assert (machine.x["s1"], machine.x["s2"], machine.x["s3"]) == (0, 0x1234, 0x80000001)
    assert machine.harts[1].h.stopped == 1


FENCE = """
_start: la      t0, table               # megapages: 0x40000000 is the first 4 MiB of RAM, the kernel is itself
        li      t1, 0x200000cf
        sw      t1, 0x400(t0)
        li      t1, 0x201000cf
        addi    t2, t0, 0x404
        sw      t1, 0x400(t2)
        srli    t2, t0, 12
        li      t3, 1 << 31
        or      t2, t2, t3
        csrw    satp, t2
        sfence.vma
        li      s0, 0x40000000
        lw      s1, (s0)
        li      t1, 0x201000cf          # now it is the kernel's
        sw      t1, 0x400(t0)
        li      a0, 1
        li      a1, 0
        li      a2, 0
        li      a3, -1
        sbi     RFENCE, 1
        lw      s2, (s0)
        lw      s3, _start
        power_off
        .balign 4096
table:  .skip   4096
"""


def test_a_remote_fence_drops_translations():
    machine = supervisor(FENCE)
    halted(machine)
    assert machine.x["s1"] == 0
    assert machine.x["s2"] == machine.x["s3"] != 0


POINTER = """
_start: la      t0, handler
        csrw    stvec, t0
        la      a0, mask
        li      a7, 4
        ecall
        csrr    s0, sip
        li      a0, 0x1000
        ecall
        j       .
        .balign 4
handler:
        csrr    s1, scause
        csrr    s2, stval
        csrr    s3, sepc
        lw      s4, (s3)
        power_off
mask:   .word   1
"""


def test_a_bad_mask_pointer_traps_at_the_call():
    machine = supervisor(POINTER)
    halted(machine)
    assert machine.x["s0"] == 2
    assert (machine.x["s1"], machine.x["s2"], machine.x["s4"]) == (5, 0x1000, 0x00000073)


UNMAPPED = """
_start: la      t0, root
        srli    t0, t0, 12
        li      t1, 0x80000000
        or      t0, t0, t1
        la      t1, handler
        csrw    stvec, t1
        csrw    satp, t0
        li      a0, 0x40000000
        li      a7, 4
        ecall
        j       .
        .balign 4
handler:
        csrr    s1, scause
        csrr    s2, stval
        power_off
        .balign 4096
root:   .zero   0x804
        .word   0x201000cf
        .balign 4096
"""


def test_a_pointer_that_the_kernel_has_not_mapped_is_a_page_fault():
    machine = supervisor(UNMAPPED)
    halted(machine)
    assert (machine.x["s1"], machine.x["s2"]) == (13, 0x40000000)


REFUSED = """
_start: la      t0, 1f
        csrw    stvec, t0
        .word   0
        .balign 4
1:      csrr    s0, scause
        la      t0, 2f
        csrw    stvec, t0
        li      t0, 0x100
        lw      t0, (t0)
        .balign 4
2:      csrr    s1, scause
        power_off
"""


def test_traps_that_firmware_declines_go_to_the_kernel():
    """An illegal instruction and an access fault reach S mode, as OpenSBI hands them back."""
    machine = supervisor(REFUSED)
    halted(machine)
    assert (machine.x["s0"], machine.x["s1"]) == (2, 5)


def test_shutting_down_for_a_failure_is_a_failure():
    exit = supervisor("_start: li a0, 0\n li a1, 1\n sbi SRST").run(LIMIT)
    assert (exit.reason, exit.code) == (ExitReason.HALT, 1)
    assert supervisor("_start: li a0, 1\n li a1, 0\n sbi SRST").run(LIMIT).reset


@pytest.mark.parametrize("cut", [1, 2, 3, 7])
def test_runs_do_not_depend_on_how_they_are_cut(cut):
    whole = supervisor(HARTS, harts=2)
    halted(whole)
    pieces = supervisor(HARTS, harts=2)
    while pieces.run(cut).reason is ExitReason.LIMIT:
        pass
    assert pieces.digest() == whole.digest()


def test_an_interrupt_for_a_hart_in_wfi_ends_it():
    machine = supervisor("_start: csrsi sie, 2\n wfi\n power_off", harts=1)
    assert machine.run(LIMIT).reason is ExitReason.IDLE
    pc = machine.pc
    h = machine.engine.h[0]
    saved = list(h.x)
    assert ask(machine.sbi, h, IPI, 0, 1, 0) == (0, 0)
    for number, value in enumerate(saved):
        h.x[number] = value
    machine.harts[0].pc = pc
    halted(machine)
