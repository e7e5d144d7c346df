# detect-vector.s - can a guest tell by where its trap handler is? (the Red Pill)
#
# isa: rv32ima_xsidt
#
# What it shows
#   The Red Pill of 2004 executed sidt in user mode: the address of the interrupt table is the one that the
#   operating system has set, or the hypervisor's.
#
# How to run it
#   trapline boot programs/sensitive/detect-vector.s --isa rv32ima_xsidt
#   trapline virt programs/sensitive/detect-vector.s --isa rv32ima_xsidt --compare

    .include "stage.inc"
    .include "verdict.inc"

main:
    mv      s10, ra
    li      s11, 0
    li      t0, 0x80123454
    csrw    stvec, t0
    try     MODE_S, ask
    expect  s1, 0x80123454, "stvec in S mode"
    try     MODE_U, ask
    expect  s1, 0x80123454, "stvec in U mode"
    j       verdict

ask:
    sidt    a0
    ecall
