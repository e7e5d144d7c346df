# detect-unused.s - can a guest tell by a page that it has not used yet?
#
# isa: rv32ima_xprobe
#
# What it shows
#   A hypervisor fills its shadow page table on demand.  Whether a page can be read is asked of the real one:
#   a page that is there for the guest and has never been used is missing.
#
# How to run it
#   trapline boot programs/sensitive/detect-unused.s --isa rv32ima_xprobe
#   trapline virt programs/sensitive/detect-unused.s --isa rv32ima_xprobe --compare

    .include "stage.inc"
    .include "verdict.inc"

main:
    mv      s10, ra
    li      s11, 0
    call    build_tables
    la      a0, root_one
    li      a1, MODE_U
    call    translate
    li      s4, ABSENT
    try     MODE_U, ask
    expect  s1, 0, "a page that is not there can be read"
    li      s4, WINDOW
    try     MODE_U, ask
    expect  s1, 1, "a page that was never used can be read"
    try     MODE_U, use_and_ask
    expect  s1, 1, "a page that was used can be read"
    j       verdict

use_and_ask:
    lw      t0, (a0)
ask:
    probe   a0, a0
    ecall

    .include "tables.inc"
