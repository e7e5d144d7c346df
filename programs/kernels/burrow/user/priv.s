# priv.s - an instruction that only the kernel may execute: a write to satp.
    .include "user.inc"
    .text
    .globl  main
main:
    enter
    csrw    satp, zero
    say     "priv: the page table is gone\n"
    li      a0, 0
    leave
