# sip.s - reads only the first byte of a line, and ends: what becomes of the rest?
    .include "user.inc"
    .text
    .globl  main
main:
    enter
    la      a0, byte
    li      a1, 1
    call    read
    say     "sip: done\n"
    li      a0, 0
    leave
    .bss
byte:
    .zero   4
