# syscall.s - a nano-benchmark: a system call, from U mode into the kernel and back.
#
# One operation: `ecall` in U mode, and a kernel that counts it and returns.

    .include "nano.inc"

supervisor:
    la      t0, trap
    csrw    stvec, t0
    to_user user

user:
    .ifndef EMPTY
    ecall
    .endif
    addi    s0, s0, -1
    bnez    s0, user
    ebreak

    .balign 4
trap:
    return_behind
