# illegal.s - a nano-benchmark: an exception that has nothing to do with memory, as a division by zero is elsewhere.
#
# One operation: an illegal instruction in U mode, and a kernel that counts it and returns behind it.

    .include "nano.inc"

supervisor:
    la      t0, trap
    csrw    stvec, t0
    to_user user

user:
    .ifndef EMPTY
    .word   0
    .endif
    addi    s0, s0, -1
    bnez    s0, user
    ebreak

    .balign 4
trap:
    return_behind
