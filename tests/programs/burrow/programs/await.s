# await.s - waits for a message of one process: `await 2`.  It says so if that process ends first.
    .include "user.inc"
    .text
    .globl  main
main:
    enter
    call    parse_number
    call    receive
    say     "await: it has ended\n"
    li      a0, 0
    leave
