# lra.s - LRA of the S/360-67, made unprivileged: reveals a program's physical addresses.
#
# isa: rv32ima_xlra
#
# What it shows
#   One virtual address, two address spaces, two results, in U mode as in S mode.  What the guest of a
#   hypervisor takes for physical memory is somewhere else, and this instruction gives it away.
#
# How to run it
#   trapline boot programs/sensitive/lra.s --isa rv32ima_xlra

    .include "stage.inc"

main:
    mv      s11, ra
    call    build_tables
    li      s4, WINDOW + 0x124
    say     "no translation, S mode: lra "
    try     MODE_S, real_address
    call    after
    la      s5, root_one
    say     "first table, "
    call    both_modes
    la      s5, root_two
    say     "second table, "
    call    both_modes
    li      s4, ABSENT
    say     "no page, "
    call    both_modes
    li      t0, 1 << 7
    csrs    mleak, t0
    say     "fixed, "
    call    both_modes
    jr      s11

both_modes:
    mv      s10, ra
    mv      a0, s5
    li      a1, MODE_S
    call    translate
    say     "S mode: lra "
    try     MODE_S, real_address
    call    after
    mv      a0, s5
    li      a1, MODE_U
    call    translate
    say     "        U mode: lra "
    try     MODE_U, real_address
    call    after
    jr      s10

real_address:
    lra     a0, a0
    ecall

after:
    mv      s9, ra
    call    outcome
    say     ", a0 is "
    show    s1
    call    newline
    jr      s9

    .include "tables.inc"
