# race.s - three processes with the same work: whoever is done says so.  The last one to start is urgent.
    .include "user.inc"

    .equ    WORK, 30000                     # rounds of two instructions, many time slices

    .text
    .globl  main
main:
    bnez    a1, runner
    enter   s0, s1
    la      s0, runners
1:  lw      a1, (s0)
    beqz    a1, 2f
    la      a0, own_name
    call    spawn
    addi    s0, s0, 4
    j       1b
2:  li      a0, -1
    li      a1, 0
    call    wait
    bgez    a0, 2b
    li      a0, 0
    leave   s0, s1

runner:                                     # a0: its name
    enter   s0
    mv      s0, a0
    lbu     t0, (s0)
    li      t1, 'u'
    bne     t0, t1, 1f
    li      a0, 1
    .ifdef  PRIORITIES
    call    priority
    .endif
1:  li      t0, WORK
2:  addi    t0, t0, -1
    bnez    t0, 2b
    mv      a0, s0
    call    print
    say     " is done\n"
    li      a0, 0
    leave   s0

    .section .rodata
own_name:
    .asciz  "race"
first:
    .asciz  "first"
second:
    .asciz  "second"
urgent:
    .asciz  "urgent"
    .balign 4
runners:
    .word   first, second, urgent, 0
