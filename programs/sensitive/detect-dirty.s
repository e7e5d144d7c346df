# detect-dirty.s - can a guest tell by the accessed and dirty bits of its page table?
#
# isa: rv32ima
#
# What it shows
#   The page table that the hardware walks is the hypervisor's; the guest's has to show what the guest's own
#   accesses would have done to it: A after a load, D after a store, neither where nothing was accessed, and
#   both again after they were cleared and the translations forgotten.
#
# How to run it
#   trapline boot programs/sensitive/detect-dirty.s
#   trapline virt programs/sensitive/detect-dirty.s --compare

    .include "stage.inc"
    .include "verdict.inc"

    .equ    ENTRY, RAM + 0x212008           # in tables.inc, window_one: of the page GUARDED, which belongs to S mode
    .equ    USED, PTE_A | PTE_D

main:
    mv      s10, ra
    li      s11, 0
    call    build_tables
    la      a0, root_one
    li      a1, MODE_S
    call    translate
    call    clear
    call    look
    expect  s5, 0, "A and D before any access"
    li      s4, GUARDED
    try     MODE_S, load
    call    look
    expect  s5, PTE_A, "A and D after a load"
    try     MODE_S, store
    call    look
    expect  s5, PTE_A | PTE_D, "A and D after a store"
    call    clear
    call    look
    expect  s5, 0, "A and D after they were cleared"
    try     MODE_S, store
    call    look
    expect  s5, PTE_A | PTE_D, "A and D after a store to a page that was clean again"
    call    clear
    try     MODE_U, load
    call    look
    expect  s5, 0, "A and D after a load that is not allowed"
    j       verdict

look:
    li      t0, ENTRY
    lw      s5, (t0)
    andi    s5, s5, USED
    ret

clear:
    li      t0, ENTRY
    lw      t1, (t0)
    andi    t1, t1, ~USED
    sw      t1, (t0)
    sfence.vma
    ret

load:
    lw      a0, (a0)
    ecall

store:
    sw      a0, (a0)
    ecall

    .include "tables.inc"
