# keeper.s - has a secret in shared memory and one in a page of its own, and waits for messages that must not come.
    .include "user.inc"

    .text
    .globl  main
main:
    enter   s0
    li      a0, 1
    call    share_create
    bltz    a0, 1f
    li      t0, 0x5ec2e7
    sw      t0, (a1)
    say     "keeper: ready\n"
    li      a0, -1
    call    receive
    say     "keeper: a message from outside\n"
1:  li      a0, 1
    leave   s0
