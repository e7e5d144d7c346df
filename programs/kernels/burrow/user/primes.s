# primes.s - the primes below a number, by a sieve on the heap: `primes 100`.
    .include "user.inc"
    .text
    .globl  main
main:
    enter   s0, s1, s2, s3
    li      a1, 50
    call    number_argument
    mv      s0, a0                          # s0: the limit
    call    sbrk                            # a byte for each number, 0: may be a prime
    bltz    a0, 5f
    mv      s1, a0
    li      s2, 2                           # s2: the number
    li      s3, 0                           # s3: primes so far
1:  bgeu    s2, s0, 4f
    add     t0, s1, s2
    lbu     t0, (t0)
    bnez    t0, 3f
    addi    s3, s3, 1
    mv      t1, s2                          # its multiples are none
2:  add     t0, s1, t1
    sb      s2, (t0)
    add     t1, t1, s2
    bltu    t1, s0, 2b
3:  addi    s2, s2, 1
    j       1b
4:  say_number s3
    say     " primes below "
    say_number s0
    say     "\n"
    li      a0, 0
    leave   s0, s1, s2, s3
5:  say     "primes: not that much memory\n"
    li      a0, 1
    leave   s0, s1, s2, s3
