# switch_processes.s - two processes that yield to each other.
    .include "user.inc"
    .text
    .globl  main
main:
    bnez    a1, 1f                          # the second one has an argument
    la      a0, own_name
    la      a1, argument
    call    spawn
1:  call    yield
    j       1b

    .section .rodata
own_name:
    .asciz  "switch_processes"
argument:
    .asciz  "2"
