# wfi.s - giving the processor up is not for programs.
#
# isa: rv32ima
#
# What it shows
#   wfi waits for an interrupt that mie enables, whether or not it would be taken.  In M and S mode one is
#   pending here, masked by SIE, so the instruction retires at once.
#   In U mode it traps: whether to idle is the supervisor's decision, and under a hypervisor the
#   hypervisor's.  No interrupt is pending there, since nothing masks it in U mode.
#
# How to run it
#   trapline boot programs/sensitive/wfi.s

    .include "stage.inc"

main:
    mv      s11, ra
    li      t0, INTERRUPT_SSI               # pending and enabled, but SIE is 0: wfi has nothing to wait for
    csrw    mideleg, t0
    csrw    mie, t0
    csrs    mip, t0
    say     "M mode: wfi "
    try     MODE_M, wait
    call    after
    say     "S mode: wfi "
    try     MODE_S, wait
    call    after
    csrw    mip, zero
    say     "U mode: wfi "
    try     MODE_U, wait
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
