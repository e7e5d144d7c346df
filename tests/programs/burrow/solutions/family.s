# family.s - who has started whom: asks for its own number and its parent's, and lets a child do the same.
    .include "user.inc"
    .text
    .globl  main
main:
    enter   s0
    mv      s0, a1                          # only the child has an argument
    call    getppid
    mv      s1, a0
    call    getpid
    say_number a0
    say     " was started by "
    say_number s1
    say     "\n"
    bnez    s0, 1f
    la      a0, own_name
    la      a1, child
    call    spawn
    li      a1, 0
    call    wait
1:  li      a0, 0
    leave   s0

    .section .rodata
own_name:
    .asciz  "family"
child:
    .asciz  "child"
