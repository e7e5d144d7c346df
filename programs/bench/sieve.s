# sieve.s - a benchmark of byte loads and stores: primes below a million, twenty times over.
#
# Exit status 0 if 78498 of them were found.

    .equ    LIMIT, 1000000
    .equ    ROUNDS, 20

    .globl  _start
_start:
    la      s0, composite
    li      s1, LIMIT
    li      s2, ROUNDS
round:
    mv      t0, s0                          # forget the last round, a word at a time
    add     t1, s0, s1
1:  sw      zero, (t0)
    addi    t0, t0, 4
    bltu    t0, t1, 1b

    li      s3, 0                           # s3: primes found
    li      t0, 2                           # t0: candidate
next:
    add     t1, s0, t0
    lbu     t2, (t1)
    bnez    t2, 3f
    addi    s3, s3, 1
    add     t3, t0, t0                      # t3: multiple
    bgeu    t3, s1, 3f
    li      t4, 1
2:  add     t1, s0, t3
    sb      t4, (t1)
    add     t3, t3, t0
    bltu    t3, s1, 2b
3:  addi    t0, t0, 1
    bltu    t0, s1, next

    addi    s2, s2, -1
    bnez    s2, round

    li      t0, 78498
    sub     a0, s3, t0
    snez    a0, a0
    li      a7, 93                          # exit
    ecall

    .bss
    .balign 4
composite:
    .space  LIMIT
