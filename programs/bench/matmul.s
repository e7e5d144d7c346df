# matmul.s - a benchmark of multiplication and array access: the product of two 128 x 128 matrices, twenty times.
#
# a[i][j] = i + j, b[i][j] = i * j.  Exit status 0 if the sum of the product's words is right.

    .equ    N, 128
    .equ    ROW, N * 4
    .equ    ROUNDS, 20

# The sum over i, k, j of (i + k) * k * j, with S1 = sum of 0..N-1 and S2 = sum of their squares,
# is S1 * (S1 * S1 + N * S2).
    .equ    S1, N * (N - 1) / 2
    .equ    S2, (N - 1) * N * (2 * N - 1) / 6
    .equ    EXPECTED, (S1 * (S1 * S1 + N * S2)) & 0xffffffff

    .globl  _start
_start:
    la      s0, a
    la      s1, b
    la      s2, c
    li      s3, N

    mv      t0, s0
    mv      t1, s1
    li      t2, 0                           # t2: i
fill:
    li      t3, 0                           # t3: j
1:  add     t4, t2, t3
    sw      t4, (t0)
    mul     t4, t2, t3
    sw      t4, (t1)
    addi    t0, t0, 4
    addi    t1, t1, 4
    addi    t3, t3, 1
    bne     t3, s3, 1b
    addi    t2, t2, 1
    bne     t2, s3, fill

    li      s4, ROUNDS
round:
    mv      a0, s0                          # a0: row of a
    mv      a2, s2                          # a2: place in c
    add     s5, s0, 0
    li      t0, N * ROW
    add     s5, s5, t0                      # s5: end of a
rows:
    mv      a1, s1                          # a1: column of b
    addi    s6, s1, ROW                     # s6: end of b's first row
columns:
    mv      t0, a0
    mv      t1, a1
    addi    t2, a0, ROW
    li      t3, 0
2:  lw      t4, (t0)
    lw      t5, (t1)
    addi    t0, t0, 4
    addi    t1, t1, ROW
    mul     t4, t4, t5
    add     t3, t3, t4
    bne     t0, t2, 2b
    sw      t3, (a2)
    addi    a2, a2, 4
    addi    a1, a1, 4
    bne     a1, s6, columns
    addi    a0, a0, ROW
    bne     a0, s5, rows
    addi    s4, s4, -1
    bnez    s4, round

    mv      t0, s2                          # sum of c, modulo 2^32
    li      t1, N * ROW
    add     t1, t1, s2
    li      a0, 0
3:  lw      t2, (t0)
    add     a0, a0, t2
    addi    t0, t0, 4
    bne     t0, t1, 3b

    li      t0, EXPECTED
    sub     a0, a0, t0
    snez    a0, a0
    li      a7, 93                          # exit
    ecall

    .bss
    .balign 4
a:  .space  N * ROW
b:  .space  N * ROW
c:  .space  N * ROW
