# memory.s - allocate pages until there are none; the allocation fails, and other processes run on.
    .include "user.inc"

    .equ    PAGE, 4096

    .text
    .globl  main
main:
    enter   s0, s1
    li      s0, 0                           # s0: pages so far
1:  li      a0, PAGE
    call    sbrk
    bltz    a0, 2f
    sw      s0, (a0)
    addi    s0, s0, 1
    j       1b
2:  li      t0, ERROR_MEMORY
    bne     a0, t0, 4f
    li      a0, 0
    call    sbrk
    li      t1, PAGE
    mv      s1, s0
3:  beqz    s1, 5f                          # each page still holds what was stored in it
    addi    s1, s1, -1
    sub     a0, a0, t1
    lw      t0, (a0)
    beq     t0, s1, 3b
4:  say     "memory: something is wrong\n"
    li      a0, 1
    leave   s0, s1
5:  say     "memory: that was all of it\n"
    li      a0, 0
    leave   s0, s1
