# fleet.s - starts N instances of a program and waits for them: `fleet container 8 hello` or `fleet process 8 hello`.
    .include "user.inc"

    .text
    .globl  main
main:
    enter   s0, s1, s2, s3, s4
    call    take_word
    lbu     s2, (a0)                        # s2: 'c' or 'p'
    mv      a0, a1
    call    take_word
    mv      s1, a1                          # s1: the program with its arguments
    li      a1, 1
    call    number_argument
    mv      s0, a0                          # s0: how many
    mv      s3, s0
    li      t0, 'c'
    beq     s2, t0, 1f
    mv      a0, s1
    call    take_word
    mv      s1, a0
    mv      s4, a1
1:  beqz    s3, 3f
    addi    s3, s3, -1
    li      t0, 'c'
    bne     s2, t0, 2f
    la      a0, image
    mv      a1, s1
    la      a2, limits
    call    container_create
    bltz    a0, wrong
    j       1b
2:  mv      a0, s1
    mv      a1, s4
    call    spawn
    bltz    a0, wrong
    j       1b
3:  beqz    s0, 4f
    addi    s0, s0, -1
    li      a0, -1
    li      a1, 0
    call    wait
    bltz    a0, wrong
    beqz    a1, 3b
wrong:
    say     "fleet: not all have ended well\n"
    li      a0, 1
    leave   s0, s1, s2, s3, s4
4:  li      a0, 0
    leave   s0, s1, s2, s3, s4

    .section .rodata
image:
    .asciz  "box"
    .balign 4
limits:                                     # pages, processes, threads, regions, transfers, share
    .word   24, 2, 2, LIMITS_NONE, LIMITS_NONE, 0
