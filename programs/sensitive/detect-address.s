# detect-address.s - can a guest tell by the real address of a page?
#
# isa: rv32ima_xlra
#
# What it shows
#   lra walks the real page table.  For a page that the guest has not used yet there is no shadow entry, and
#   where the hypervisor has moved its guest in memory the address is another.
#
# How to run it
#   trapline boot programs/sensitive/detect-address.s --isa rv32ima_xlra
#   trapline virt programs/sensitive/detect-address.s --isa rv32ima_xlra --compare

    .include "stage.inc"
    .include "verdict.inc"

    .equ    FRAME, RAM + 0x200000           # frame_one of tables.inc

main:
    mv      s10, ra
    li      s11, 0
    call    build_tables
    la      a0, root_one
    li      a1, MODE_U
    call    translate
    li      s4, WINDOW + 0x124
    try     MODE_U, ask
    expect  s1, FRAME + 0x124, "real address of a page that was never used"
    try     MODE_U, use_and_ask
    expect  s1, FRAME + 0x124, "real address of a page that was used"
    call    no_translation
    try     MODE_S, ask
    expect  s1, WINDOW + 0x124, "real address without translation"
    j       verdict

use_and_ask:
    lw      t0, (a0)
ask:
    lra     a0, a0
    ecall

    .include "tables.inc"
