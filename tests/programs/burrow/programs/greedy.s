# greedy.s - makes containers with one process each until there is no room, and says how many there were.
    .include "user.inc"
    .text
    .globl  main
main:
    enter   s0
    li      s0, 0
1:  la      a0, image
    la      a1, command
    la      a2, limits
    call    container_create
    bltz    a0, 2f
    addi    s0, s0, 1
    j       1b
2:  li      t0, ERROR_MEMORY
    bne     a0, t0, 3f
    say_number s0
    say     " containers\n"
    li      a0, 0
    leave   s0
3:  say     "greedy: not refused as it should be\n"
    li      a0, 1
    leave   s0

    .section .rodata
image:
    .asciz  "box"
command:
    .asciz  "hello"
    .balign 4
limits:
    .word   8, 1, 1, LIMITS_NONE, LIMITS_NONE, 0
