# fib.s - a benchmark of calls and the stack: F(36) by recursion, 485 million instructions.
#
# Exit status 0 if the result is right.

    .globl  _start
_start:
    li      a0, 36
    call    fib
    li      t0, 14930352
    sub     a0, a0, t0
    snez    a0, a0
    li      a7, 93                          # exit
    ecall

# fib(a0): F(a0) in a0
fib:
    li      t0, 2
    bltu    a0, t0, 1f
    addi    sp, sp, -16
    sw      ra, 12(sp)
    sw      s0, 8(sp)
    sw      s1, 4(sp)
    mv      s0, a0
    addi    a0, a0, -1
    call    fib
    mv      s1, a0
    addi    a0, s0, -2
    call    fib
    add     a0, a0, s1
    lw      ra, 12(sp)
    lw      s0, 8(sp)
    lw      s1, 4(sp)
    addi    sp, sp, 16
1:  ret
