# tsr.s - mstatus.TSR makes sret of S mode trap.
#
# isa: rv32ima
#
# What it shows
#   A hypervisor that runs a guest's kernel in S mode may want to know when the kernel returns to a
#   program.  The same instruction in the same mode returns with TSR = 0 and traps with TSR = 1.
#
# How to run it
#   trapline boot programs/sensitive/tsr.s

    .include "stage.inc"

main:
    mv      s11, ra
    say     "S mode, TSR 0: sret "
    try     MODE_S, return
    call    after
    li      t0, STATUS_TSR
    csrs    mstatus, t0
    say     "S mode, TSR 1: sret "
    try     MODE_S, return
    call    after
    say     "M mode, TSR 1: sret "
    try     MODE_M, return
    call    after
    jr      s11

return:
    la      t0, returned
    csrw    sepc, t0
    li      t0, STATUS_SPP
    csrc    sstatus, t0
    sret
returned:
    ecall

after:
    mv      s10, ra
    call    outcome
    say     ", the trap came from mode "
    mv      a0, s3
    call    print_unsigned
    call    newline
    jr      s10
