# hello.s - the shortest program: one line.  `hello NAME` greets NAME.
    .include "user.inc"
    .text
    .globl  main
main:
    enter   s0
    mv      s0, a0
    beqz    a1, 1f
    say     "hello, "
    mv      a0, s0
    call    print
    say     "\n"
    j       2f
1:  say     "hello, world\n"
2:  li      a0, 0
    leave   s0
