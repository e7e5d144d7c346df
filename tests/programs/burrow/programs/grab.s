# grab.s - tries to get what is typed, by any number that its process may have for the host.
    .include "user.inc"
    .equ    NUMBERS, 40
    .text
    .globl  main
main:
    enter   s0
    li      s0, 2
1:  mv      a0, s0
    call    foreground
    addi    s0, s0, 1
    li      t0, NUMBERS
    bltu    s0, t0, 1b
    la      a0, line
    li      a1, 64
    call    read
    say     "grab: got it\n"
    li      a0, 0
    leave   s0
    .bss
line:
    .zero   64
