# detect-frames.s - can a guest find memory that is not its own?
#
# isa: rv32ima
# memory: 128M
#
# What it shows
#   A hypervisor has to keep its page tables somewhere.  Right behind the guest's RAM, at the top of the address
#   space and between devices there is nothing on the bare machine: each access is an access fault, with its
#   address.
#
# How to run it
#   trapline boot programs/sensitive/detect-frames.s
#   trapline virt programs/sensitive/detect-frames.s --compare

    .include "stage.inc"
    .include "verdict.inc"

    .equ    BEHIND, RAM + 0x8000000

main:
    mv      s10, ra
    li      s11, 0
    li      s4, BEHIND
    call    all_modes
    li      s4, BEHIND + 0x3ff000
    call    all_modes
    li      s4, 0xfffff000
    call    all_modes
    li      s4, 0x8000000
    call    all_modes
    j       verdict

all_modes:
    mv      s8, ra
    try     MODE_M, load
    call    refused
    try     MODE_S, load
    call    refused
    try     MODE_U, load
    call    refused
    try     MODE_U, store
    addi    s0, s0, CAUSE_LOAD_ACCESS - CAUSE_STORE_ACCESS
    call    refused
    jr      s8

refused:
    mv      s7, ra
    expect  s0, CAUSE_LOAD_ACCESS, "cause, as of a load,"
    sub     s2, s2, s4
    expect  s2, 0, "mtval, from the address on,"
    jr      s7

load:
    lw      a0, (a0)
    ecall

store:
    sw      a0, (a0)
    ecall
