# csrw-stvec.s - where traps of S mode go is for a supervisor to say.
#
# isa: rv32ima
#
# What it shows
#   In S mode the write takes effect; in U mode it traps and stvec is as before.  Compare sidt.s, which
#   reads the register where this may not.
#
# How to run it
#   trapline boot programs/sensitive/csrw-stvec.s

    .include "stage.inc"

main:
    mv      s11, ra
    csrw    stvec, zero
    li      s4, 0x80004560
    say     "S mode: csrw stvec "
    try     MODE_S, set_vector
    call    after
    li      s4, 0x80007890
    say     "U mode: csrw stvec "
    try     MODE_U, set_vector
    call    after
    jr      s11

set_vector:
    csrw    stvec, a0
    ecall

after:
    mv      s10, ra
    call    outcome
    say     ", stvec is "
    csrr    a0, stvec
    call    print_hex
    call    newline
    jr      s10
