# matmul.s - multiply two square matrices of words.
#
# What it shows
#   Three nested loops, two-dimensional arrays stored row by row, and pointers that are stepped instead
#   of indices that are multiplied: along a row the step is one word, down a column it is one row.
#   The product is checked without a second multiplication: the sum of row i of A*B must equal row i of
#   A times the row sums of B.
#
# How to run it
#   trapline run programs/matmul.s                  one product of two 32 x 32 matrices
#   trapline run programs/matmul.s -- 1000          a thousand times the same, for time measurements

    .equ    N, 32
    .equ    ROW, 4 * N                      # bytes in a row

    .bss
    .balign 4
matrix_a:
    .zero   N * ROW
matrix_b:
    .zero   N * ROW
product:
    .zero   N * ROW
row_sums:                                   # of matrix_b
    .zero   4 * N

    .section .rodata
checksum_is:
    .asciz  "checksum "
rows_agree:
    .asciz  "row sums agree\n"
rows_differ:
    .asciz  "row sums differ\n"

    .text
    .globl  _start
_start:
    li      s0, 1                           # s0: repetitions left
    lw      t0, (sp)
    li      t1, 2
    blt     t0, t1, 1f
    lw      a0, 8(sp)
    call    parse_unsigned
    mv      s0, a0
1:
    la      t0, matrix_a                    # both filled from one sequence of small signed numbers
    la      t1, product                     # matrix_b follows matrix_a
    li      t2, 12345
    li      t3, 1103515245
1:  mul     t2, t2, t3
    addi    t2, t2, 1234
    srai    t4, t2, 22
    sw      t4, (t0)
    addi    t0, t0, 4
    bltu    t0, t1, 1b

    beqz    s0, 2f
1:  la      a0, product
    la      a1, matrix_a
    la      a2, matrix_b
    call    multiply
    addi    s0, s0, -1
    bnez    s0, 1b
2:
    la      t0, product                     # checksum = checksum * 31 + word, over all words
    la      t1, product + N * ROW
    li      s1, 0
    li      t2, 31
1:  lw      t3, (t0)
    mul     s1, s1, t2
    add     s1, s1, t3
    addi    t0, t0, 4
    bltu    t0, t1, 1b
    la      a0, checksum_is
    call    print_string
    mv      a0, s1
    call    print_hex
    call    print_newline

    la      a0, matrix_b
    la      a1, row_sums
    li      a2, N
1:  mv      t0, a0                          # row_sums[k] = sum of B[k][j] over j
    call    sum_row
    sw      t1, (a1)
    addi    a0, a0, ROW
    addi    a1, a1, 4
    addi    a2, a2, -1
    bnez    a2, 1b

    la      a0, product
    la      a1, matrix_a
    la      a3, matrix_b
compare_row:
    mv      t0, a0
    call    sum_row                         # t1: sum of product[i][j] over j
    la      t2, row_sums
    addi    t3, a1, ROW
1:  lw      t4, (a1)                        # take away A[i][k] * row_sums[k] for every k
    lw      t5, (t2)
    mul     t4, t4, t5
    sub     t1, t1, t4
    addi    a1, a1, 4
    addi    t2, t2, 4
    bltu    a1, t3, 1b
    bnez    t1, differ                      # nothing may be left
    addi    a0, a0, ROW
    bltu    a1, a3, compare_row             # matrix_a ends where matrix_b begins

    la      a0, rows_agree
    call    print_string
    li      a0, 0
    j       exit
differ:
    la      a0, rows_differ
    call    print_string
    li      a0, 1
    j       exit

# sum_row(t0: address of a row) -> t1: the sum of its words.  Changes t0, t2 and t3 only.
sum_row:
    addi    t2, t0, ROW
    li      t1, 0
1:  lw      t3, (t0)
    add     t1, t1, t3
    addi    t0, t0, 4
    bltu    t0, t2, 1b
    ret

# multiply(a0: C, a1: A, a2: B): C = A * B, all of them N x N words
multiply:
    li      t6, N * ROW
    add     t6, a1, t6                      # t6: end of A
    addi    a3, a2, ROW                     # a3: end of the first row of B
next_row:
    mv      a4, a2                          # a4: head of the current column of B
next_column:
    mv      t0, a1                          # t0: along the row of A
    mv      t1, a4                          # t1: down the column of B
    addi    t2, a1, ROW                     # t2: end of the row of A
    li      t3, 0                           # t3: sum of the products
1:  lw      t4, (t0)
    lw      t5, (t1)
    mul     t4, t4, t5
    add     t3, t3, t4
    addi    t0, t0, 4
    addi    t1, t1, ROW
    bltu    t0, t2, 1b
    sw      t3, (a0)
    addi    a0, a0, 4
    addi    a4, a4, 4
    bltu    a4, a3, next_column
    addi    a1, a1, ROW
    bltu    a1, t6, next_row
    ret

    .include "text.inc"
