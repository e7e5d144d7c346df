# herd.s - threads that use all the time that they get: `herd 5`.  With `herd 5 2` there are two such processes.
    .include "user.inc"

    .text
    .globl  main
main:
    enter   s0, s1, s2
    call    take_word
    mv      s2, a0                          # s2: the number as a text
    mv      s1, a1
    li      a1, 1
    call    number_argument
    mv      s0, a0                          # s0: threads
    mv      a0, s1
    li      a1, 1
    call    number_argument
    mv      s1, a0                          # s1: processes
1:  addi    s1, s1, -1
    blez    s1, 2f
    la      a0, own_name
    mv      a1, s2
    call    spawn
    j       1b
2:  addi    s0, s0, -1
    blez    s0, run
    la      a0, run
    li      a1, 0
    call    thread_create
    j       2b
run:
    j       run

    .section .rodata
own_name:
    .asciz  "herd"
