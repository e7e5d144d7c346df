# satp.s - a nano-benchmark: a write of the page-table base, like CR3 elsewhere, to switch the address space.
#
# One operation: `csrrw` in S mode that exchanges satp for the other of two address spaces, which map the same and have
# an ASID each, so no fence is due.  The number of rounds is even, so the first is in force at the end.

    .include "nano.inc"

    .equ    ASID_1, 1 << 22

supervisor:
    csrr    s4, satp
    li      t0, ASID_1
    xor     s2, s4, t0

again:
    .ifndef EMPTY
    .ifdef PARAVIRT
    mv      a0, s2
    mv      s2, s4                          # the exchange is a move here
    mv      s4, a0
    hypercall SET_PAGE_TABLE
    .else
    csrrw   s2, satp, s2
    .endif
    .endif
    addi    s0, s0, -1
    bnez    s0, again

    .ifndef EMPTY
    csrr    t0, satp
    srli    t0, t0, 22
    andi    t0, t0, 1
    bnez    t0, 1f
    lw      s1, rounds
1:
    .endif
    ebreak
