# count.s - count to a number with a millisecond's sleep in between: `count 5`.
    .include "user.inc"
    .text
    .globl  main
main:
    enter   s0, s1
    li      a1, 3
    call    number_argument
    mv      s0, a0
    li      s1, 0
1:  bgeu    s1, s0, 2f
    addi    s1, s1, 1
    say_number s1
    say     "\n"
    li      a0, 10000                       # ticks of 100 ns
    call    sleep
    j       1b
2:  li      a0, 0
    leave   s0, s1
