# mret.s - the return from a trap is how M mode gives the processor away.
#
# isa: rv32ima
#
# What it shows
#   In M mode it goes to mepc in the mode that mstatus.MPP names: it is control-sensitive.
#   In S and U mode it traps; a hypervisor that has moved a guest's M mode there returns on its behalf.
#
# How to run it
#   trapline boot programs/sensitive/mret.s

    .include "stage.inc"

main:
    mv      s11, ra
    say     "M mode, MPP 0: mret "
    li      s4, 0
    try     MODE_M, return
    call    after
    say     "M mode, MPP 1: mret "
    li      s4, STATUS_MPP_S
    try     MODE_M, return
    call    after
    say     "M mode, MPP 3: mret "
    li      s4, STATUS_MPP
    try     MODE_M, return
    call    after
    say     "S mode: mret "
    try     MODE_S, only_return
    call    after
    say     "U mode: mret "
    try     MODE_U, only_return
    call    after
    jr      s11

return:
    la      t0, returned
    csrw    mepc, t0
    li      t0, STATUS_MPP
    csrc    mstatus, t0
    csrs    mstatus, a0
only_return:
    mret
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
