# pushf.s - PUSHF of the x86: reads the interrupt enable bits, in U mode too.
#
# isa: rv32ima_xpushf
#
# What it shows
#   U mode sees SIE, SPIE and SPP of the real sstatus, which `csrr` would not let it see.
#   A kernel in U mode under a hypervisor finds there what the hypervisor has set, not what it has set
#   itself: its interrupts are on when they should be off.
#
# How to run it
#   trapline boot programs/sensitive/pushf.s --isa rv32ima_xpushf

    .include "stage.inc"

main:
    mv      s11, ra
    csrwi   uflags, 5
    li      s5, MODE_S
    say     "S mode"
    call    three_states
    li      s5, MODE_U
    say     "U mode"
    call    three_states
    csrsi   mleak, 2
    say     "U mode, fixed"
    call    three_states
    jr      s11

three_states:
    mv      s10, ra
    say     ", all off: pushf "
    li      s6, 0
    call    push
    say     "        interrupts on: pushf "
    li      s6, STATUS_SIE
    call    push
    say     "        all on: pushf "
    li      s6, STATUS_SIE | STATUS_SPIE | STATUS_SPP
    call    push
    jr      s10

push:
    mv      s9, ra
    li      t0, STATUS_SIE | STATUS_SPIE | STATUS_SPP
    csrc    mstatus, t0
    csrs    mstatus, s6
    mv      a0, s5
    la      a1, push_flags
    call    in_mode
    call    outcome
    say     ", a0 is "
    show    s1
    call    newline
    jr      s9

push_flags:
    pushf   a0
    ecall
