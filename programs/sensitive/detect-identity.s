# detect-identity.s - can a guest tell by the names and features of its hart?
#
# isa: rv32ima
#
# What it shows
#   A hypervisor that passes on the real hart's identity, or has forgotten a bit of misa or a mode, shows.
#   On this machine vendor, architecture and implementation are 0, and misa says RV32 with A, I, M, S and U;
#   mstatus.MPP holds each of the three modes, and no other.
#
# How to run it
#   trapline boot programs/sensitive/detect-identity.s
#   trapline virt programs/sensitive/detect-identity.s --compare

    .include "stage.inc"
    .include "verdict.inc"

main:
    mv      s10, ra
    li      s11, 0
    csrr    s5, misa
    expect  s5, 0x40141101, "misa"
    csrr    s5, mvendorid
    expect  s5, 0, "mvendorid"
    csrr    s5, marchid
    expect  s5, 0, "marchid"
    csrr    s5, mimpid
    expect  s5, 0, "mimpid"
    csrr    s5, mhartid
    expect  s5, 0, "mhartid"
    csrr    s5, mconfigptr
    expect  s5, 0, "mconfigptr"
    li      s6, STATUS_MPP
    li      s7, 0x800                       # MPP = S
    csrs    mstatus, s6
    csrr    s5, mstatus
    and     s5, s5, s6
    expect  s5, 0x1800, "MPP after M was written"
    csrc    mstatus, s6
    csrs    mstatus, s7
    csrr    s5, mstatus
    and     s5, s5, s6
    expect  s5, 0x800, "MPP after S was written"
    csrc    mstatus, s6
    csrr    s5, mstatus
    and     s5, s5, s6
    expect  s5, 0, "MPP after U was written"
    try     MODE_M, call_environment
    expect  s0, 11, "cause of ecall in M mode"
    try     MODE_S, call_environment
    expect  s0, 9, "cause of ecall in S mode"
    try     MODE_U, call_environment
    expect  s0, 8, "cause of ecall in U mode"
    j       verdict

call_environment:
    ecall
