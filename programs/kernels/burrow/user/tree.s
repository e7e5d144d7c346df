# tree.s - a process starts two, each of which starts two: `tree 3` is three levels deep.
#
# The status of each is the number of processes in its subtree, itself included.
    .include "user.inc"
    .text
    .globl  main
main:
    enter   s0, s1, s2
    mv      s2, a0
    li      a1, 2
    call    number_argument
    mv      s0, a0                          # s0: levels from here on
    li      s1, 1                           # s1: processes so far
    beqz    s0, 2f
    addi    s0, s0, -1
    li      t0, 9
    bgeu    s0, t0, 4f
    la      t0, level                       # the number for the next level, one digit
    addi    t1, s0, '0'
    sb      t1, (t0)
    la      a0, own_name
    la      a1, level
    call    spawn
    bltz    a0, 4f
    la      a0, own_name
    la      a1, level
    call    spawn
    bltz    a0, 4f
1:  li      a0, -1
    li      a1, 0
    call    wait
    bltz    a0, 2f                          # no more children
    add     s1, s1, a1
    j       1b
2:  mv      a0, s1
    leave   s0, s1, s2
4:  say     "tree: too many\n"
    j       1b

    .section .rodata
own_name:
    .asciz  "tree"

    .data
level:
    .asciz  "0"
