# supervisor.s - the start over an SBI, in the variant supervisor: in S mode from the first instruction.
#
# The SBI has M mode.  It starts one hart here, with its number in a0 and the address of the device tree in a1,
# and the others when they are asked for.  Which hart comes first is the SBI's choice; the kernel wants hart 0,
# which takes the console's interrupts, so another one starts hart 0 and stops, to be started like the rest.

    .include "burrow.inc"

    .globl  _start, hart_start_all

    .text
_start:
    bnez    a0, 1f
    call    open_counters
    j       supervisor_first
1:  li      a0, 0
    la      a1, _start
    li      a2, 0
    sbi     SBI_HSM, SBI_HART_START
    sbi     SBI_HSM, SBI_HART_STOP
2:  wfi                                     # the SBI has neither
    j       2b

other_start:
    call    open_counters
    j       supervisor_other

# open_counters(): user mode may read cycle, time and instret, as far as the SBI lets S mode.  Changes t0.
open_counters:
    li      t0, 7
    csrw    scounteren, t0
    ret

# hart_start_all(): start all harts but 0 in the kernel.
hart_start_all:
    enter   s2
    fence   rw, rw
    li      s2, 1
1:  mv      a0, s2
    la      a1, other_start
    li      a2, 0
    sbi     SBI_HSM, SBI_HART_START
    li      t0, SBI_ALREADY_AVAILABLE       # the one that has started hart 0 is about to stop
    beq     a0, t0, 1b                      # any other error: there is no such hart
    addi    s2, s2, 1
    li      t0, MOST_HARTS
    bltu    s2, t0, 1b
    leave   s2
