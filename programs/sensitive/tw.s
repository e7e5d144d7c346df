# tw.s - mstatus.TW makes wfi of S mode trap.
#
# isa: rv32ima
#
# What it shows
#   A hypervisor that runs a guest's kernel in S mode sets TW, so that it learns when the guest is idle.
#   The same instruction in the same mode retires with TW = 0 and traps with TW = 1; M mode is not affected.
#
# How to run it
#   trapline boot programs/sensitive/tw.s

    .include "stage.inc"

main:
    mv      s11, ra
    li      t0, INTERRUPT_SSI               # pending and enabled, but SIE is 0: wfi has nothing to wait for
    csrw    mideleg, t0
    csrw    mie, t0
    csrs    mip, t0
    say     "S mode, TW 0: wfi "
    try     MODE_S, wait
    call    after
    li      t0, STATUS_TW
    csrs    mstatus, t0
    say     "S mode, TW 1: wfi "
    try     MODE_S, wait
    call    after
    say     "M mode, TW 1: wfi "
    try     MODE_M, wait
    call    after
    jr      s11

wait:
    wfi
    ecall

after:
    mv      s10, ra
    call    outcome
    call    newline
    jr      s10
