# sidt.s - SIDT of the x86: reads where the trap handler is, in U mode too.
#
# isa: rv32ima_xsidt
#
# What it shows
#   The result follows stvec, which only a supervisor can set.  Under a hypervisor the real stvec is not
#   the one that the guest's kernel has written; "red pill" programs told a virtual x86 from a real one so.
#
# How to run it
#   trapline boot programs/sensitive/sidt.s --isa rv32ima_xsidt

    .include "stage.inc"

    .equ    HERE, 0x80123454
    .equ    THERE, 0x80abcdf1               # vectored

main:
    mv      s11, ra
    li      s6, HERE
    say     "stvec 80123454, "
    call    both_modes
    li      s6, THERE
    say     "stvec 80abcdf1, "
    call    both_modes
    csrsi   mleak, 8
    say     "fixed, "
    call    both_modes
    jr      s11

both_modes:
    mv      s10, ra
    csrw    stvec, s6
    say     "S mode: sidt "
    try     MODE_S, read_vector
    call    after
    say     "                U mode: sidt "
    try     MODE_U, read_vector
    call    after
    jr      s10

read_vector:
    li      a0, -1
    sidt    a0
    ecall

after:
    mv      s9, ra
    call    outcome
    say     ", a0 is "
    show    s1
    call    newline
    jr      s9
