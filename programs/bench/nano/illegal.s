# illegal.s - a nano-benchmark: an exception unrelated to memory, like a division by zero elsewhere.
#
# One operation: an illegal instruction in U mode, and a kernel that counts it and returns after it.

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
