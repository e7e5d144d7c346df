# echo.s - print the arguments; without any, repeat what is typed until Ctrl-D.
    .include "user.inc"
    .text
    .globl  main
main:
    enter
    beqz    a1, 1f
    call    print
    say     "\n"
    j       2f
1:  la      a0, line
    li      a1, 128
    call    read
    blez    a0, 2f
    mv      a1, a0
    la      a0, line
    call    write
    j       1b
2:  li      a0, 0
    leave

    .bss
line:
    .zero   128
