# detect-selfmod.s - can a guest tell by reading and rewriting its own code?
#
# isa: rv32ima_xpopf
#
# What it shows
#   A hypervisor that puts other instructions into its guest's memory, in place of those that do not trap,
#   changes what the guest finds there when it looks, and is in the way of a guest that writes code itself:
#   popf is found as it was assembled, copied to another place and executed there, and overwritten.
#
# How to run it
#   trapline boot programs/sensitive/detect-selfmod.s --isa rv32ima_xpopf
#   trapline virt programs/sensitive/detect-selfmod.s --isa rv32ima_xpopf --compare

    .include "stage.inc"
    .include "verdict.inc"

    .equ    POPF_A0, 0x0005000b

main:
    mv      s10, ra
    li      s11, 0
    la      s5, popped
    lw      s5, (s5)
    expect  s5, POPF_A0, "the word of popf"
    li      s4, 0xa0000000                  # uflags = 10
    try     MODE_S, popped
    csrr    s5, uflags
    expect  s5, 10, "uflags after popf"
    la      s5, popped
    lw      s5, (s5)
    expect  s5, POPF_A0, "the word of popf after it was executed"
    la      t0, popped                      # copied word by word, as a loader would
    la      t1, copy
    lw      t2, 0(t0)
    sw      t2, 0(t1)
    lw      t2, 4(t0)
    sw      t2, 4(t1)
    fence.i
    li      s4, 0x50000000
    try     MODE_S, copy
    csrr    s5, uflags
    expect  s5, 5, "uflags after the copy of popf"
    la      t0, copy
    la      t1, increment
    lw      t1, (t1)
    sw      t1, (t0)
    fence.i
    li      s4, 6
    try     MODE_S, copy
    expect  s1, 7, "what the new instruction makes of 6"
    csrr    s5, uflags
    expect  s5, 5, "uflags after the new instruction"
    j       verdict

    .balign 4
popped:
    popf    a0
    ecall

increment:
    addi    a0, a0, 1

    .balign 4
copy:
    .word   0, 0
