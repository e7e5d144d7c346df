# detect-root.s - can a guest tell by where its page table is?
#
# isa: rv32ima_xsgdt
#
# What it shows
#   sgdt reads satp in every mode.  Under shadow page tables the real one is the hypervisor's.
#
# How to run it
#   trapline boot programs/sensitive/detect-root.s --isa rv32ima_xsgdt
#   trapline virt programs/sensitive/detect-root.s --isa rv32ima_xsgdt --compare

    .include "stage.inc"
    .include "verdict.inc"

    .equ    ROOT, RAM + 0x210000            # root_one of tables.inc

main:
    mv      s10, ra
    li      s11, 0
    call    build_tables
    la      a0, root_one
    li      a1, MODE_S
    call    translate
    try     MODE_S, ask
    expect  s1, SATP_SV32 | ROOT >> 12, "satp in S mode"
    la      a0, root_one
    li      a1, MODE_U
    call    translate
    try     MODE_U, ask
    expect  s1, SATP_SV32 | ROOT >> 12, "satp in U mode"
    call    no_translation
    try     MODE_U, ask
    expect  s1, 0, "satp without translation"
    j       verdict

ask:
    sgdt    a0
    ecall

    .include "tables.inc"
