# switch_threads.s - two threads that yield to each other.
    .include "user.inc"
    .text
    .globl  main
main:
    la      a0, loop
    li      a1, 0
    call    thread_create
loop:
    call    yield
    j       loop
