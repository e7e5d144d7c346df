# fault.s - a nano-benchmark: a page fault caused by the guest's own page tables.
#
# One operation: a load in U mode from an address that is not mapped, and a kernel that counts it and returns after it.

    .include "nano.inc"

supervisor:
    la      t0, trap
    csrw    stvec, t0
    li      s2, NOTHING
    to_user user

user:
    .ifndef EMPTY
    lw      t0, (s2)
    .endif
    addi    s0, s0, -1
    bnez    s0, user
    ebreak

    .balign 4
trap:
    return_behind
