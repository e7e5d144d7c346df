# getpid.s - calls the kernel for the least that it can do.
    .include "user.inc"
    .text
    .globl  main
main:
1:  call    getpid
    j       1b
