# sgdt.s - SGDT of the x86: reads where the page table is, in U mode too.
#
# isa: rv32ima_xsgdt
#
# What it shows
#   Two address spaces, and the instruction distinguishes them; `csrr a0, satp` traps in U mode, and with
#   mstatus.TVM set in S mode, but this does not.  A hypervisor's page table is not the guest's.
#
# How to run it
#   trapline boot programs/sensitive/sgdt.s --isa rv32ima_xsgdt

    .include "stage.inc"

main:
    mv      s11, ra
    call    build_tables
    say     "no translation: S mode: sgdt "
    try     MODE_S, read_root
    call    after
    la      s5, root_one
    say     "first table: "
    call    both_modes
    la      s5, root_two
    say     "second table: "
    call    both_modes
    li      t0, STATUS_TVM
    csrs    mstatus, t0
    say     "with TVM: "
    call    both_modes
    csrsi   mleak, 16
    say     "fixed: "
    call    both_modes
    jr      s11

both_modes:
    mv      s10, ra
    mv      a0, s5
    li      a1, MODE_S
    call    translate
    say     "S mode: sgdt "
    try     MODE_S, read_root
    call    after
    mv      a0, s5
    li      a1, MODE_U
    call    translate
    say     "        U mode: sgdt "
    try     MODE_U, read_root
    call    after
    jr      s10

read_root:
    li      a0, -1
    sgdt    a0
    ecall

after:
    mv      s9, ra
    call    outcome
    say     ", a0 is "
    show    s1
    call    newline
    jr      s9

    .include "tables.inc"
