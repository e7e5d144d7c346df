# arguments.s - print the command line arguments and one variable of the environment.
#
# What it shows
#   What a process finds on its stack before its first instruction, as the calling convention says:
#       sp  ->  number of arguments
#               address of each argument, the program's name first, then a zero word
#               address of each NAME=value of the environment, then a zero word
#               the auxiliary vector: pairs of a type and a value, type 0 last
#   The exit status is the number of arguments, the name not counted.
#
# How to run it
#   GREETING=hello trapline run programs/arguments.s -- one "two words"

    .equ    AT_NULL, 0                      # types in the auxiliary vector
    .equ    AT_PAGESZ, 6

    .section .rodata
argument:
    .asciz  "argument "
separator:
    .asciz  ": "
page_size:
    .asciz  "page size "
wanted:
    .asciz  "GREETING="

    .text
    .globl  _start
_start:
    andi    t0, sp, 15                      # the convention also wants sp to be a multiple of 16
    li      a0, 255
    bnez    t0, exit

    lw      s0, (sp)                        # s0: how many
    addi    s1, sp, 8                       # s1: where the next address is; the name is left out
    li      s2, 1                           # s2: which
    j       2f
1:  la      a0, argument
    call    print_string
    mv      a0, s2
    call    print_unsigned
    la      a0, separator
    call    print_string
    lw      a0, (s1)
    call    print_string
    call    print_newline
    addi    s1, s1, 4
    addi    s2, s2, 1
2:  bltu    s2, s0, 1b

    lw      t0, (s1)                        # the zero word
    li      a0, 254
    bnez    t0, exit
    addi    s1, s1, 4

next_variable:
    lw      a0, (s1)
    addi    s1, s1, 4
    beqz    a0, auxiliary
    la      t0, wanted
1:  lbu     t1, (t0)                        # does it begin like the one wanted?
    beqz    t1, 2f
    lbu     t2, (a0)
    bne     t1, t2, next_variable
    addi    t0, t0, 1
    addi    a0, a0, 1
    j       1b
2:  call    print_string
    call    print_newline
    j       next_variable

auxiliary:
    lw      t0, 0(s1)
    lw      s3, 4(s1)
    addi    s1, s1, 8
    li      t1, AT_NULL
    beq     t0, t1, done
    li      t1, AT_PAGESZ
    bne     t0, t1, auxiliary
    la      a0, page_size
    call    print_string
    mv      a0, s3
    call    print_unsigned
    call    print_newline
    j       auxiliary
done:
    addi    a0, s0, -1
    j       exit

    .include "text.inc"
