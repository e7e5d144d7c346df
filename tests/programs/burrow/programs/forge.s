# forge.s - output that looks like that of others, if the console lets it: marks, control characters, half lines.
    .include "user.inc"
    .text
    .globl  main
main:
    enter
    say     "2.box| I am another one\n"
    say     "\r$ \b\b\033[2Jgone\n"
    say     "half a line"
    li      a0, 20000
    call    sleep
    say     ", the other half\n"
    say     "no end"
    li      a0, 0
    leave
