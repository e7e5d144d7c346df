# detect-timing.s - can a guest tell by the clocks that it is a virtual machine?
#
# isa: rv32ima
#
# What it shows
#   Emulating an instruction takes a hypervisor longer than executing it takes the machine, so a guest that
#   compares the cycle counter with the clock, over privileged instructions and over others, finds it out,
#   unless both are virtual.  On this machine a tick of mtime is 100 steps, whatever the step is.
#
# How to run it
#   trapline boot programs/sensitive/detect-timing.s
#   trapline virt programs/sensitive/detect-timing.s --compare

    .include "stage.inc"
    .include "verdict.inc"

main:
    mv      s10, ra
    li      s11, 0
    la      s5, plain
    call    measure
    mv      s6, a0
    expect  s7, 0, "ticks that are not 100 cycles each, without privileged instructions"
    la      s5, privileged
    call    measure
    sub     s6, s6, a0
    expect  s6, 0, "cycles that privileged instructions cost more"
    expect  s7, 0, "ticks that are not 100 cycles each, with privileged instructions"
    j       verdict

# measure(): a0 = cycles that 1000 turns of the code at s5 take, s7 = whether the clock disagrees by more than a tick
measure:
    mv      s9, ra
    li      s3, 1000
    li      s4, MTIME
    lw      s2, (s4)
    csrr    s8, mcycle
1:  jalr    s5
    addi    s3, s3, -1
    bnez    s3, 1b
    csrr    a0, mcycle
    lw      t0, (s4)
    sub     a0, a0, s8
    sub     t0, t0, s2
    li      t1, 100
    mul     t0, t0, t1
    sub     t0, t0, a0
    addi    t0, t0, 100
    sltiu   s7, t0, 201
    xori    s7, s7, 1
    jr      s9

plain:
    nop
    nop
    ret

privileged:
    csrr    t0, mscratch
    csrw    mscratch, t0
    ret
