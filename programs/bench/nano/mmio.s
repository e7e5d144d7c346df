# mmio.s - a nano-benchmark: a read of a device register, like `in` from a port elsewhere.
#
# One operation: a load in S mode from the CLINT's mtimecmp, which holds the number of rounds.

    .include "nano.inc"

supervisor:
    li      s2, MTIMECMP
    sw      s0, (s2)

again:
    .ifndef EMPTY
    lw      s1, (s2)
    .endif
    addi    s0, s0, -1
    bnez    s0, again
    ebreak
