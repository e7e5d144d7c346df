# spin.s - an endless loop.  Others run all the same; `kill` ends it.
    .include "user.inc"
    .text
    .globl  main
main:
    j       main
