# csrrw-mstatus.s - the register that holds the state of the machine belongs to M mode.
#
# isa: rv32ima
#
# What it shows
#   In M mode the instruction reads the old value and writes the new one: it is control-sensitive.
#   In S and U mode it traps, so a hypervisor gets to see it: it is privileged.
#
# How to run it
#   trapline boot programs/sensitive/csrrw-mstatus.s

    .include "stage.inc"

main:
    mv      s11, ra
    say     "M mode: csrrw mstatus "
    try     MODE_M, swap_status
    call    after
    csrci   mstatus, STATUS_SIE
    say     "S mode: csrrw mstatus "
    try     MODE_S, swap_status
    call    after
    say     "U mode: csrrw mstatus "
    try     MODE_U, swap_status
    call    after
    jr      s11

swap_status:
    li      a0, STATUS_SIE | STATUS_MPP
    csrrw   a0, mstatus, a0
    li      t0, STATUS_MPP | STATUS_MPIE    # what the old value says of how we came here is not shown
    or      a0, a0, t0
    xor     a0, a0, t0
    ecall

after:
    mv      s10, ra
    call    outcome
    say     ", SIE is "
    csrr    a0, mstatus
    srli    a0, a0, 1
    andi    a0, a0, 1
    call    print_unsigned
    call    newline
    jr      s10
