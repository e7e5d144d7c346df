# post.s - sends two messages to a process that is in no hurry, and says when it can go on.
    .include "user.inc"
    .text
    .globl  main
main:
    bnez    a1, slow
    enter   s0
    la      a0, own_name
    la      a1, argument
    call    spawn
    mv      s0, a0
    li      a1, 7
    call    send
    say     "sent\n"
    mv      a0, s0
    li      a1, 8
    call    send
    say     "sent\n"
    mv      a0, s0
    li      a1, 0
    call    wait
    li      a0, 0
    leave   s0

slow:
    enter   s0
    li      a0, 10000
    call    sleep
    say     "awake\n"
    li      s0, 2
1:  li      a0, -1
    call    receive
    say_number a1
    say     " received\n"
    addi    s0, s0, -1
    bnez    s0, 1b
    li      a0, 0
    leave   s0

    .section .rodata
own_name:
    .asciz  "post"
argument:
    .asciz  "slow"
