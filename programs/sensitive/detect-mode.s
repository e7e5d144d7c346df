# detect-mode.s - can a guest tell by asking for its mode?
#
# isa: rv32ima_xrdmode
#
# What it shows
#   rdmode, like reading the selector of the code segment on x86, reveals the real mode of the hart.
#
# How to run it
#   trapline boot programs/sensitive/detect-mode.s --isa rv32ima_xrdmode
#   trapline virt programs/sensitive/detect-mode.s --isa rv32ima_xrdmode --compare

    .include "stage.inc"
    .include "verdict.inc"

main:
    mv      s10, ra
    li      s11, 0
    rdmode  s5
    expect  s5, 3, "mode in M mode"
    try     MODE_S, ask
    expect  s1, 1, "mode in S mode"
    try     MODE_U, ask
    expect  s1, 0, "mode in U mode"
    j       verdict

ask:
    rdmode  a0
    ecall
