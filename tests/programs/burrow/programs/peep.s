# peep.s - reads all files by number, hidden ones too if the kernel lets it, and prints the texts.
    .include "user.inc"
    .text
    .globl  main
main:
    enter   s0, s1
    li      s0, 0
1:  mv      a0, s0
    la      a1, entry
    call    list
    mv      s1, a0
    li      t0, ERROR_MISSING
    beq     a0, t0, 3f
    lw      t0, entry + ENTRY_KIND
    bnez    s1, 2f
    bnez    t0, 4f                          # a program
    la      a0, entry + ENTRY_NAME
    call    print
    say     ": "
2:  mv      a0, s0
    li      a1, 0
    la      a2, buffer
    li      a3, WRITE_MOST
    call    read_file
    bltz    a0, 4f
    mv      a1, a0
    la      a0, buffer
    call    write
4:  addi    s0, s0, 1
    j       1b
3:  li      a0, 0
    leave   s0, s1

    .bss
    .balign 4
entry:
    .zero   ENTRY_SIZE
buffer:
    .zero   WRITE_MOST
