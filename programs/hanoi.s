# hanoi.s - the Towers of Hanoi: move a pile of disks, one at a time, never a larger one onto a smaller.
#
# What it shows
#   Recursion at its purest.  To move n disks from one peg to another: move the n - 1 upper ones to the
#   third peg, move the largest, move the n - 1 onto it.  Four arguments travel in a0 to a3, are kept in
#   saved registers across the calls, and the second recursive call is a jump (a tail call).
#
# How to run it
#   trapline run programs/hanoi.s           4 disks, 15 moves
#   trapline run programs/hanoi.s -- 10     another number of disks, 1 to 20

    .section .rodata
move_disk:
    .asciz  "disk "
arrow:
    .asciz  " -> "
moves:
    .asciz  " moves\n"
bad_number:
    .asciz  "the number of disks must be 1 to 20\n"

    .text
    .globl  _start
_start:
    li      s0, 4                           # s0: number of disks
    lw      t0, (sp)
    li      t1, 2
    blt     t0, t1, 1f
    lw      a0, 8(sp)
    call    parse_unsigned
    mv      s0, a0
    addi    t0, s0, -1
    li      t1, 20
    bgeu    t0, t1, refuse
1:  li      s11, 0                          # s11: moves made, for the whole program
    mv      a0, s0
    li      a1, 'A'
    li      a2, 'C'
    li      a3, 'B'
    call    hanoi
    mv      a0, s11
    call    print_unsigned
    la      a0, moves
    call    print_string
    li      t0, 1                           # it takes 2 to the power of n, minus 1
    sll     t0, t0, s0
    addi    t0, t0, -1
    sub     a0, s11, t0
    snez    a0, a0
    j       exit

refuse:
    la      a0, bad_number
    call    print_string
    li      a0, 1
    j       exit

# hanoi(a0: disks, a1: from peg, a2: to peg, a3: spare peg), the pegs as letters
hanoi:
    beqz    a0, 1f
    addi    sp, sp, -32
    sw      ra, 28(sp)
    sw      s0, 24(sp)
    sw      s1, 20(sp)
    sw      s2, 16(sp)
    sw      s3, 12(sp)
    mv      s0, a0
    mv      s1, a1
    mv      s2, a2
    mv      s3, a3

    addi    a0, s0, -1
    mv      a2, s3                          # the upper ones go to the spare peg
    mv      a3, s2
    call    hanoi

    la      a0, move_disk
    call    print_string
    mv      a0, s0
    call    print_unsigned
    li      a0, ' '
    call    print_char
    mv      a0, s1
    call    print_char
    la      a0, arrow
    call    print_string
    mv      a0, s2
    call    print_char
    call    print_newline
    addi    s11, s11, 1

    addi    a0, s0, -1
    mv      a1, s3                          # and from there onto the largest
    mv      a2, s2
    mv      a3, s1
    lw      s3, 12(sp)                      # nothing is left to do after this call: take the frame down
    lw      s2, 16(sp)                      # first, and let it return straight to our caller
    lw      s1, 20(sp)
    lw      s0, 24(sp)
    lw      ra, 28(sp)
    addi    sp, sp, 32
    tail    hanoi
1:  ret

    .include "text.inc"
