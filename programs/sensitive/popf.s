# popf.s - POPF of the x86: sets an interrupt enable bit in S mode and silently does not in U mode.
#
# isa: rv32ima_xpopf
#
# What it shows
#   The same instruction with the same operand, in two modes: it never traps, and sstatus.SIE differs.
#   A kernel that a hypervisor has moved from S to U mode enables its interrupts like this, and nothing
#   happens; no trap alerts the hypervisor.  With its bit of mleak set, it traps in U mode and is emulated.
#
# How to run it
#   trapline boot programs/sensitive/popf.s --isa rv32ima_xpopf

    .include "stage.inc"

main:
    mv      s11, ra
    li      s4, 0xa0000000 | STATUS_SIE     # uflags = 10, SIE = 1
    say     "S mode: popf "
    try     MODE_S, pop_flags
    call    after
    say     "U mode: popf "
    try     MODE_U, pop_flags
    call    after
    csrsi   mleak, 1
    say     "U mode, fixed: popf "
    try     MODE_U, pop_flags
    call    after
    jr      s11

pop_flags:
    popf    a0
    ecall

after:
    mv      s10, ra
    call    outcome
    say     ", SIE is "
    csrr    a0, mstatus
    srli    a0, a0, 1
    andi    a0, a0, 1
    call    print_unsigned
    say     ", uflags is "
    csrr    a0, uflags
    call    print_unsigned
    call    newline
    csrci   mstatus, STATUS_SIE             # back to what it was
    csrwi   uflags, 0
    jr      s10
