# sfence-vma.s - making the hart forget translations is for those who own the page table.
#
# isa: rv32ima
#
# What it shows
#   S mode changes the entry of a page and executes sfence.vma: the load behind it reads the new frame.
#   In U mode the instruction traps.  A hypervisor with shadow page tables lives on this trap: it is where
#   it learns that the guest has changed its own.
#
# How to run it
#   trapline boot programs/sensitive/sfence-vma.s

    .include "stage.inc"

main:
    mv      s11, ra
    call    build_tables
    li      t0, STATUS_SUM
    csrs    mstatus, t0
    la      a0, root_one
    li      a1, MODE_S
    call    translate
    say     "S mode: lw "
    try     MODE_S, load
    call    after
    say     "S mode, another frame and sfence.vma: lw "
    try     MODE_S, change_fence_load
    call    after
    la      a0, root_one
    li      a1, MODE_U
    call    translate
    say     "U mode: sfence.vma "
    try     MODE_U, fence_load
    call    after
    jr      s11

change_fence_load:
    la      t0, window_one
    la      t1, frame_two
    srli    t1, t1, 2
    ori     t1, t1, PAGE_PTE | PTE_U
    sw      t1, (t0)
fence_load:
    sfence.vma
load:
    li      a0, 0
    li      t0, WINDOW
    lw      a0, (t0)
    ecall

after:
    mv      s10, ra
    call    outcome
    li      t0, CAUSE_ILLEGAL_INSTRUCTION
    beq     s0, t0, 1f
    say     ", a0 is "
    show    s1
1:  call    newline
    jr      s10

    .include "tables.inc"
