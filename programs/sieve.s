# sieve.s - count the primes below a limit with the sieve of Eratosthenes.
#
# What it shows
#   Byte loads and stores over an array, and nested loops with a stride.  Every composite number has a
#   prime factor not above its square root: so the outer loop may stop there, and each inner loop may
#   begin at the square of its prime.
#
# How to run it
#   trapline run programs/sieve.s                   primes below 1000
#   trapline run programs/sieve.s -- 10000000       any limit up to 16 million

    .equ    DEFAULT_LIMIT, 1000
    .equ    MAX_LIMIT, 16000000

    .bss
composite:                                  # composite[n] is 1 once a divisor of n is known
    .zero   MAX_LIMIT

    .section .rodata
below:
    .asciz  " primes below "
largest:
    .asciz  ", the largest is "
too_large:
    .asciz  "the limit must be 3 to 16000000\n"

    .text
    .globl  _start
_start:
    li      s0, DEFAULT_LIMIT               # s0: limit
    lw      t0, (sp)
    li      t1, 2
    blt     t0, t1, 1f
    lw      a0, 8(sp)
    call    parse_unsigned
    mv      s0, a0
    li      t0, 3
    bltu    s0, t0, refuse
    li      t0, MAX_LIMIT
    bgtu    s0, t0, refuse
1:
    la      s1, composite                   # s1: the array
    add     s2, s1, s0                      # s2: its end

    li      t0, 2                           # t0: candidate
strike_multiples:
    mul     t1, t0, t0
    bgeu    t1, s0, count
    add     t2, s1, t0
    lbu     t3, (t2)
    bnez    t3, 2f                          # not prime: its multiples are struck already
    add     t2, s1, t1
    li      t3, 1
1:  sb      t3, (t2)
    add     t2, t2, t0
    bltu    t2, s2, 1b
2:  addi    t0, t0, 1
    j       strike_multiples

count:
    li      s3, 0                           # s3: how many
    li      s4, 0                           # s4: the last one seen
    li      t0, 2
1:  add     t2, s1, t0
    lbu     t3, (t2)
    bnez    t3, 2f
    addi    s3, s3, 1
    mv      s4, t0
2:  addi    t0, t0, 1
    bltu    t0, s0, 1b

    mv      a0, s3
    call    print_unsigned
    la      a0, below
    call    print_string
    mv      a0, s0
    call    print_unsigned
    la      a0, largest
    call    print_string
    mv      a0, s4
    call    print_unsigned
    call    print_newline
    li      a0, 0
    j       exit

refuse:
    la      a0, too_large
    call    print_string
    li      a0, 1
    j       exit

    .include "text.inc"
