# wild.s - a store to unmapped memory: `wild` to address 0, `wild 2147483648` into the kernel.
    .include "user.inc"
    .text
    .globl  main
main:
    enter
    li      a1, 0
    call    number_argument
    sw      zero, (a0)
    say     "wild: the store was done\n"
    li      a0, 0
    leave
