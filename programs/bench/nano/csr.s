# csr.s - a nano-benchmark: one CSR of S mode is read and written, the plainest instruction that is emulated.
#
# One operation: `csrrw` in S mode that writes the countdown to sscratch, where 1 stays at the end.

    .include "nano.inc"

supervisor:
    .ifndef EMPTY
    csrrw   t0, sscratch, s0
    .endif
    addi    s0, s0, -1
    bnez    s0, supervisor

    csrr    t0, sscratch
    addi    t0, t0, -1
    bnez    t0, 1f
    lw      s1, rounds
1:  ebreak
