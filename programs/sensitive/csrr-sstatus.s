# csrr-sstatus.s - only a supervisor reads what the supervisor has set.
#
# isa: rv32ima
#
# What it shows
#   The result depends on the interrupt configuration: the instruction is behavior-sensitive.  It is
#   privileged, too: U mode gets a trap instead of the result.  Compare pushf.s.
#
# How to run it
#   trapline boot programs/sensitive/csrr-sstatus.s

    .include "stage.inc"

main:
    mv      s11, ra
    say     "S mode, interrupts off: csrr sstatus "
    try     MODE_S, read_status
    call    after
    csrsi   mstatus, STATUS_SIE
    say     "S mode, interrupts on: csrr sstatus "
    try     MODE_S, read_status
    call    after
    say     "U mode, interrupts on: csrr sstatus "
    try     MODE_U, read_status
    call    after
    jr      s11

read_status:
    li      a0, -1
    csrr    a0, sstatus
    ecall

after:
    mv      s10, ra
    call    outcome
    say     ", a0 is "
    show    s1
    call    newline
    jr      s10
