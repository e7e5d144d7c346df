# spin.s - an endless loop.  Other processes still run; `kill` ends it.
    .include "user.inc"
    .text
    .globl  main
main:
    j       main
