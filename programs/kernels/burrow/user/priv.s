# priv.s - an instruction that only the kernel may execute: another page table for us.
    .include "user.inc"
    .text
    .globl  main
main:
    enter
    csrw    satp, zero
    say     "priv: the page table is gone\n"
    li      a0, 0
    leave
