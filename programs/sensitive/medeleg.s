# medeleg.s - the same illegal instruction traps to M mode or to S mode, as medeleg says.
#
# isa: rv32ima
#
# What it shows
#   U mode executes mret twice.  Not delegated, the trap goes to M mode; delegated, it goes to S mode,
#   without M mode seeing it.  A hypervisor in M mode must keep medeleg clear for what it emulates.
#
# How to run it
#   trapline boot programs/sensitive/medeleg.s

    .include "stage.inc"

main:
    mv      s11, ra
    la      t0, supervisor
    csrw    stvec, t0
    say     "U mode, medeleg 0: mret "
    try     MODE_U, privileged
    call    after
    li      t0, 1 << CAUSE_ILLEGAL_INSTRUCTION
    csrw    medeleg, t0
    say     "U mode, medeleg 4: mret "
    try     MODE_U, privileged
    call    after
    jr      s11

privileged:
    li      a0, 0
    mret

    .balign 4
supervisor:
    csrr    a0, scause
    ecall                                   # to M mode, from S mode

after:
    mv      s10, ra
    say     "traps; to M mode came mcause "
    mv      a0, s0
    call    print_unsigned
    say     " from mode "
    mv      a0, s3
    call    print_unsigned
    say     ", in S mode scause was "
    mv      a0, s1
    call    print_unsigned
    call    newline
    jr      s10
