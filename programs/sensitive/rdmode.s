# rdmode.s - MOVPSL of the VAX: reads the mode, so a kernel can tell that it is not where it thinks it is.
#
# isa: rv32ima_xrdmode
#
# What it shows
#   The same instruction in three modes gives three results.  RISC-V has no instruction that reads the
#   mode, for this reason: a kernel in S mode and a kernel moved to U mode cannot tell the difference.
#
# How to run it
#   trapline boot programs/sensitive/rdmode.s --isa rv32ima_xrdmode

    .include "stage.inc"

main:
    mv      s11, ra
    say     "M mode: rdmode "
    try     MODE_M, read_mode
    call    after
    say     "S mode: rdmode "
    try     MODE_S, read_mode
    call    after
    say     "U mode: rdmode "
    try     MODE_U, read_mode
    call    after
    csrsi   mleak, 4
    say     "U mode, fixed: rdmode "
    try     MODE_U, read_mode
    call    after
    jr      s11

read_mode:
    li      a0, 99
    rdmode  a0
    ecall

after:
    mv      s10, ra
    call    outcome
    say     ", a0 is "
    mv      a0, s1
    call    print_unsigned
    call    newline
    jr      s10
