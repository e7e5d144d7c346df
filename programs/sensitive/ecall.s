# ecall.s - for contrast: traps in every mode, and says from which.
#
# isa: rv32ima
#
# What it shows
#   ecall cannot be told to do anything but trap, so it is no danger to a hypervisor: it gets control
#   each time.  The cause tells the modes apart; a hypervisor that passes the trap on to its guest has to
#   give it the cause of the mode that the guest is in, or believes to be in.
#
# How to run it
#   trapline boot programs/sensitive/ecall.s

    .include "stage.inc"

main:
    mv      s11, ra
    say     "M mode: ecall traps, mcause "
    try     MODE_M, call_up
    call    after
    say     "S mode: ecall traps, mcause "
    try     MODE_S, call_up
    call    after
    say     "U mode: ecall traps, mcause "
    try     MODE_U, call_up
    call    after
    jr      s11

call_up:
    ecall

after:
    mv      s10, ra
    mv      a0, s0
    call    print_unsigned
    call    newline
    jr      s10
