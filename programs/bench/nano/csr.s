# csr.s - a nano-benchmark: an access to a CSR of S mode, the simplest instruction to emulate.
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
