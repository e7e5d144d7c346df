# jrst.s - JRST 1 of the PDP-10: leaves S mode without a trap, and in U mode is a jump like any other.
#
# isa: rv32ima_xjrst
#
# What it shows
#   Behind jrst the mode is U: reading sstatus, which S mode may, traps.  The change is silent.
#   A hypervisor that runs a guest's kernel in U mode never sees jrst, and goes on taking the guest's
#   program for its kernel.  This is the example that Popek and Goldberg give of a machine on which
#   no virtual machine monitor can be built, and on which a hybrid one can.
#
# How to run it
#   trapline boot programs/sensitive/jrst.s --isa rv32ima_xjrst

    .include "stage.inc"

main:
    mv      s11, ra
    say     "S mode: csrr sstatus "
    try     MODE_S, read_status
    call    after
    say     "S mode, behind jrst: csrr sstatus "
    try     MODE_S, jump_and_read
    call    after
    say     "U mode: csrr sstatus "
    try     MODE_U, read_status
    call    after
    say     "U mode, behind jrst: csrr sstatus "
    try     MODE_U, jump_and_read
    call    after
    say     "M mode, behind jrst: csrr sstatus "
    try     MODE_M, jump_and_read
    call    after
    li      t0, 1 << 5
    csrs    mleak, t0
    say     "S mode, fixed, behind jrst: csrr sstatus "
    try     MODE_S, jump_and_read
    call    after
    say     "U mode, fixed: jrst "
    try     MODE_U, jump_and_read
    call    after
    jr      s11

jump_and_read:
    la      t0, read_status
    jrst    t0
read_status:
    csrr    a0, sstatus
    ecall

after:
    mv      s10, ra
    call    outcome
    say     ", the trap came from mode "
    mv      a0, s3
    call    print_unsigned
    call    newline
    jr      s10
