# probe.s - PROBER of the VAX: asks whether memory can be read, without reading it and without a trap.
#
# isa: rv32ima_xprobe
#
# What it shows
#   The answer depends on the mode and on the page table: a page of S mode can be read in S mode only, an
#   unmapped page in no mode.  The last lines are about a page that is mapped and was never used: a
#   hypervisor that fills its shadow page table when the guest first uses a page has no entry for it yet,
#   and its guest finds a page unmapped that is mapped on the bare machine.
#
# How to run it
#   trapline boot programs/sensitive/probe.s --isa rv32ima_xprobe

    .include "stage.inc"

main:
    mv      s11, ra
    call    build_tables
    li      s5, MODE_S
    li      s4, GUARDED
    say     "S mode, a page of S mode: probe "
    call    ask
    li      s5, MODE_U
    say     "U mode, a page of S mode: probe "
    call    ask
    li      s4, ABSENT
    say     "U mode, no page: probe "
    call    ask
    li      s5, MODE_S
    say     "S mode, no page: probe "
    call    ask
    li      s4, WINDOW
    say     "S mode, a page of U mode: probe "
    call    ask
    li      t0, STATUS_SUM
    csrs    mstatus, t0
    say     "S mode with SUM, a page of U mode: probe "
    call    ask
    li      s5, MODE_U
    say     "U mode, a page of U mode, not used yet: probe "
    call    ask
    li      t0, 1 << 6
    csrs    mleak, t0
    say     "U mode, fixed: probe "
    call    ask
    jr      s11

ask:
    mv      s10, ra
    la      a0, root_one
    mv      a1, s5
    call    translate
    mv      a0, s5
    la      a1, probe_it
    call    in_mode
    call    outcome
    say     ", a0 is "
    show    s1
    call    newline
    jr      s10

probe_it:
    probe   a0, a0
    ecall

    .include "tables.inc"
