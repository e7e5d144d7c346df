# csrr-time.s - the time of day traps, or not, as the counter-enable bits say.
#
# isa: rv32ima
#
# What it shows
#   A program that can read a clock can tell a virtual machine from a real one by its speed, and a
#   hypervisor cannot show it a time of its own: the instruction is timing-dependent.  With the enable bits
#   off, as after reset, it traps below M mode and the hypervisor can answer.  U mode needs the bits of
#   both mcounteren and scounteren.  What the time is, is not shown.
#
# How to run it
#   trapline boot programs/sensitive/csrr-time.s

    .include "stage.inc"

    .equ    COUNTER_TM, 2

main:
    mv      s11, ra
    say     "counters off: M mode: csrr time "
    try     MODE_M, read_time
    call    after
    call    lower_modes
    csrsi   mcounteren, COUNTER_TM
    say     "mcounteren on:"
    call    lower_modes
    csrsi   scounteren, COUNTER_TM
    say     "scounteren, too:"
    call    lower_modes
    csrci   mcounteren, COUNTER_TM
    say     "scounteren alone:"
    call    lower_modes
    jr      s11

lower_modes:
    mv      s9, ra
    say     "    S mode: csrr time "
    try     MODE_S, read_time
    call    after
    say     "    U mode: csrr time "
    try     MODE_U, read_time
    call    after
    jr      s9

read_time:
    csrr    a0, time
    ecall

after:
    mv      s10, ra
    call    outcome
    call    newline
    jr      s10
