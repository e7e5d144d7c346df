# cat.s - print a file of the image: `cat NAME`.
    .include "user.inc"
    .text
    .globl  main
main:
    enter   s0, s1
    call    take_word
    call    open
    bltz    a0, 2f
    mv      s0, a0                          # s0: the file
    li      s1, 0                           # s1: how far
1:  mv      a0, s0
    mv      a1, s1
    la      a2, buffer
    li      a3, WRITE_MOST
    call    read_file
    blez    a0, 3f
    add     s1, s1, a0
    mv      a1, a0
    la      a0, buffer
    call    write
    j       1b
2:  say     "cat: no such file\n"
    li      a0, 1
    j       4f
3:  li      a0, 0
4:  leave   s0, s1

    .bss
buffer:
    .zero   WRITE_MOST
