# fib.s - Fibonacci numbers, first with a loop, then with recursion.
#
# What it shows
#   A loop that keeps its state in saved registers across calls, and a function that calls itself:
#   it must keep its return address and whatever it needs later on the stack.  Also how a program finds
#   its arguments: at the start sp points at their number, followed by their addresses.
#
# How to run it
#   trapline run programs/fib.s             F(0) to F(47), the largest that fits 32 bits
#   trapline run programs/fib.s -- 30       F(30) by recursion: 31 million instructions

    .text
    .globl  _start
_start:
    lw      t0, (sp)                        # number of arguments, the program's name among them
    li      t1, 2
    bge     t0, t1, recursive

    li      s0, 0                           # s0: F(n)
    li      s1, 1                           # s1: F(n + 1)
    li      s2, 0                           # s2: n
1:  mv      a0, s2
    call    print_unsigned
    li      a0, ' '
    call    print_char
    mv      a0, s0
    call    print_unsigned
    call    print_newline
    add     t0, s0, s1
    mv      s0, s1
    mv      s1, t0
    addi    s2, s2, 1
    li      t0, 48
    bltu    s2, t0, 1b

    li      s2, 15                          # both ways must agree
    mv      a0, s2
    call    fib
    li      t0, 610
    bne     a0, t0, 2f
    li      a0, 0
    j       exit
2:  li      a0, 1
    j       exit

recursive:
    lw      a0, 8(sp)                       # first argument after the name
    call    parse_unsigned
    call    fib
    call    print_unsigned
    call    print_newline
    li      a0, 0
    j       exit

# fib(a0: n) -> a0: F(n).  F(n) = F(n - 1) + F(n - 2), F(0) = 0, F(1) = 1.
fib:
    li      t0, 2
    bltu    a0, t0, 1f                      # 0 and 1 are their own answers: no stack frame needed
    addi    sp, sp, -16
    sw      ra, 12(sp)
    sw      s0, 8(sp)
    sw      s1, 4(sp)
    mv      s0, a0
    addi    a0, s0, -1
    call    fib
    mv      s1, a0                          # F(n - 1) survives the second call in s1
    addi    a0, s0, -2
    call    fib
    add     a0, a0, s1
    lw      s1, 4(sp)
    lw      s0, 8(sp)
    lw      ra, 12(sp)
    addi    sp, sp, 16
1:  ret

    .include "text.inc"
