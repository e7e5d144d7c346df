"""Kernels that echo the console."""

UART, PLIC, FINISHER = 0x10000000, 0xC000000, 0x100000

_START = f"""
        .equ UART, {UART}
        .equ PLIC, {PLIC}
        .equ FINISHER, {FINISHER}
        .equ CLINT, 0x2000000
        .text
        .globl _start
_start: la      t0, trap
        csrw    mtvec, t0
        la      sp, stack_end
        li      s0, UART
        li      s1, PLIC + 0x200004     # claim and complete
        li      t0, PLIC
        li      t1, 1
        sw      t1, 40(t0)
        li      t0, PLIC + 0x2000
        li      t1, 1 << 10
        sw      t1, (t0)
        li      t1, 1
        sb      t1, 1(s0)               # interrupt when something is received
        li      s2, COUNT
        li      t1, 0x800 | TICK << 7
        csrw    mie, t1
        .if     TICK
        li      s5, CLINT + 0xbff8
        li      s6, CLINT + 0x4000
        li      t0, -1
        sw      t0, (s6)
        sw      zero, 4(s6)
        lw      t0, (s5)
        li      t1, TICK_LENGTH
        add     t0, t0, t1
        sw      t0, (s6)
        .endif
        li      t1, '>'
        sb      t1, (s0)
        csrsi   mstatus, 8
idle:
"""
_TRAP = """
        .balign 4
trap:   csrr    t0, mcause
        li      t1, 1 << 31 | 7
        bne     t0, t1, input
        .if     TICK
        addi    s7, s7, 1               # ticks
        lw      t0, (s5)
        li      t1, TICK_LENGTH
        add     t0, t0, t1
        sw      t0, (s6)
        .endif
        mret
input:  lw      s3, (s1)
1:      lbu     t0, 5(s0)
        andi    t0, t0, 1
        beqz    t0, 2f
        lbu     t1, (s0)
        sb      t1, (s0)
        addi    s2, s2, -1
        bnez    s2, 1b
        li      t0, FINISHER
        li      t1, 7 << 16 | 0x3333
        sw      t1, (t0)
2:      sw      s3, (s1)
        mret
        .bss
        .skip   64
stack_end:
"""
IDLE = "        wfi\n        j idle\n"
BUSY = "        addi s8, s8, 1\n        j idle\n"


def echo(count: int, between: str = IDLE, tick: int = 0) -> str:
    """A kernel that prints `>`, echoes what it receives by interrupt, and ends with 7 after `count` bytes.

    between: code that it runs meanwhile. tick: ticks of mtime between timer interrupts, 0 for none.
    """
    settings = f".equ COUNT, {count}\n.equ TICK, {int(tick > 0)}\n.equ TICK_LENGTH, {tick}\n"
    return settings + _START + between + _TRAP
