# sret.s - the return from a trap that S mode has handled.
#
# isa: rv32ima
#
# What it shows
#   In S mode (and M mode) it goes to sepc in the mode that SPP names, and SIE becomes what SPIE was.
#   In U mode it traps: without that a guest's kernel could not be run there.
#
# How to run it
#   trapline boot programs/sensitive/sret.s

    .include "stage.inc"

main:
    mv      s11, ra
    say     "S mode, SPP 0: sret "
    li      s4, STATUS_SPIE
    try     MODE_S, return
    call    after
    say     "S mode, SPP 1: sret "
    li      s4, STATUS_SPP
    try     MODE_S, return
    call    after
    say     "M mode, SPP 1: sret "
    li      s4, STATUS_SPP | STATUS_SPIE
    try     MODE_M, return
    call    after
    csrci   mstatus, STATUS_SIE
    say     "U mode: sret "
    try     MODE_U, only_return
    call    after
    jr      s11

return:
    la      t0, returned
    csrw    sepc, t0
    li      t0, STATUS_SPP | STATUS_SPIE | STATUS_SIE
    csrc    sstatus, t0
    csrs    sstatus, a0
only_return:
    sret
returned:
    ecall

after:
    mv      s10, ra
    call    outcome
    say     ", the trap came from mode "
    mv      a0, s3
    call    print_unsigned
    say     ", SIE is "
    csrr    a0, mstatus
    srli    a0, a0, 1
    andi    a0, a0, 1
    call    print_unsigned
    call    newline
    jr      s10
