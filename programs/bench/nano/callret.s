# callret.s - a nano-benchmark: a subroutine call and its return, within the kernel.
#
# One operation: S mode calls a subroutine that counts.  Nothing in it is sensitive.

    .include "nano.inc"

supervisor:
    .ifndef EMPTY
    call    subroutine
    .endif
    addi    s0, s0, -1
    bnez    s0, supervisor
    ebreak

subroutine:
    addi    s1, s1, 1
    ret
