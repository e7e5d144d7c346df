# perfect.s - perfect numbers, each the sum of its smaller divisors: 6 = 1 + 2 + 3.
#
# The program of `trapline demo virtualization`.  It asks its library for everything and knows no system call, so it
# runs on whatever operating system the library is for: Burrow (user/lib.s), or Linux (linux.s), which is the host.
    .include "user.inc"

    .equ    LIMIT, 500

    .text
    .globl  main
main:
    enter   s0, s1
    li      s1, 0                           # s1: how many so far
    li      s0, 2                           # s0: the number
1:  mv      a0, s0
    call    sum_of_divisors
    bne     a0, s0, 2f
    addi    s1, s1, 1
    say_number s0
    say     " is perfect\n"
2:  addi    s0, s0, 1
    li      t0, LIMIT
    bne     s0, t0, 1b
    say_number s1
    say     " perfect numbers below "
    li      a0, LIMIT
    call    print_number
    say     "\n"
    li      a0, 0
    leave   s0, s1

# sum_of_divisors(a0: number, at least 2): the sum of those that are smaller.
sum_of_divisors:
    mv      t0, a0
    li      a0, 1
    srli    t1, t0, 1                       # none is greater than half of it
    li      t3, 1
1:  beq     t1, t3, 3f
    remu    t2, t0, t1
    bnez    t2, 2f
    add     a0, a0, t1
2:  addi    t1, t1, -1
    j       1b
3:  ret
