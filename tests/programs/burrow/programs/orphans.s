# orphans.s - end while the children live on: nobody waits for them, and nothing of them stays.
    .include "user.inc"

    .text
    .globl  main
main:
    enter   s0
    li      s0, 5
1:  la      a0, name
    la      a1, number
    call    spawn
    bltz    a0, 2f
    addi    s0, s0, -1
    bnez    s0, 1b
2:  mv      a0, s0
    leave   s0

    .section .rodata
name:
    .asciz  "count"
number:
    .asciz  "4"
