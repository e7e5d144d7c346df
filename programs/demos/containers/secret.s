# secret.s - keeps a secret in a page of its own.
    .include "user.inc"

    .equ    PAGE, 4096
    .equ    LONG, 1 << 30
    .equ    SECRET_BYTES, 16 + 23

    .text
    .globl  main
main:
    enter   s0
    li      a0, 0
    call    sbrk
    mv      s0, a0
    li      a0, 2 * PAGE
    call    sbrk
    bltz    a0, 2f
    li      t0, PAGE - 1
    add     s0, s0, t0
    not     t0, t0
    and     s0, s0, t0                      # s0: the beginning of a page
    la      t1, secret
    li      t2, SECRET_BYTES
1:  lbu     t0, (t1)
    sb      t0, (s0)
    addi    t1, t1, 1
    addi    s0, s0, 1
    addi    t2, t2, -1
    bnez    t2, 1b
2:  li      a0, LONG
    call    sleep
    j       2b

    .section .rodata
secret:                                     # the first word is what `peek` looks for
    .asciz  "secret"
    .balign 16
    .asciz  "the password is xyzzy\n"
