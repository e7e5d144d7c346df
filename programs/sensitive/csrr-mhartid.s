# csrr-mhartid.s - which hart this is, only M mode can see.
#
# isa: rv32ima
#
# What it shows
#   A kernel in S mode learns from its firmware which hart it runs on, and that may be wrong.  A virtual
#   machine's harts are numbered from 0 whatever harts they run on, and nothing contradicts that.
#
# How to run it
#   trapline boot programs/sensitive/csrr-mhartid.s

    .include "stage.inc"

main:
    mv      s11, ra
    say     "M mode: csrr mhartid "
    try     MODE_M, read_hart
    call    after
    say     "S mode: csrr mhartid "
    try     MODE_S, read_hart
    call    after
    say     "U mode: csrr mhartid "
    try     MODE_U, read_hart
    call    after
    jr      s11

read_hart:
    li      a0, -1
    csrr    a0, mhartid
    ecall

after:
    mv      s10, ra
    call    outcome
    say     ", a0 is "
    show    s1
    call    newline
    jr      s10
