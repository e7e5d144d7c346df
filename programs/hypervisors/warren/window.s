# window.s - where Warren lives in a guest's address space, and how it gets out of the guest's way.
#
# A trap to S mode changes no address space, so Warren must be mapped in each that it runs a guest in.  But a guest may
# use every virtual address, and a guest that is Warren itself wants this very one.  So the window moves: the code
# here does not care where it is, and keeps no address of itself in memory.  When a guest's tables lead from the slot
# of the window to its memory, and it goes there, another slot is taken, if possible one that is empty in the guest's
# root; what shadow entries there were go, as from any cache.  Thus no address is withheld from anybody.
#
# Warren's own address space has all of RAM at its physical addresses, so the window is never in those slots.

    .include "warren.inc"

    .globl  own_root, own_satp, move_window

# next_slot reg: the slot below, which is not one of RAM.
    .macro  next_slot reg
    addi    \reg, \reg, -1
    andi    \reg, \reg, SLOTS - 1
    li      t6, END_RAM_SLOT - 1
    bne     \reg, t6, 66f
    li      \reg, FIRST_RAM_SLOT - 1
66:
    .endm

    .text
# move_window(): to another slot, with memory open, and no address of Warren on the stack.  Moves sp, tp, gp and ra too.
move_window:
    la      t0, _start
    srli    t0, t0, MEGAPAGE_SHIFT          # t0: the old slot
    lw      t1, VHART_SATP(tp)
    bgez    t1, 2f                          # bare: its memory is where no window is
    slli    t1, t1, 32 - SATP_PAGE_BITS
    srli    t1, t1, 32 - SATP_PAGE_BITS
    li      t2, RAM_PAGE
    sub     t1, t1, t2
    lw      t2, GUEST_PAGE(tp)              # the walk has been there: it is RAM
    add     t1, t1, t2
    slli    t3, t1, PAGE_SHIFT              # t3: the guest's root table
    mv      t2, t0
1:  next_slot t2
    beq     t2, t0, 2f                      # no slot of it is empty: take the next one
    slli    t4, t2, 2
    add     t4, t4, t3
    lw      t4, (t4)
    andi    t4, t4, PTE_V
    bnez    t4, 1b
    j       3f
2:  mv      t2, t0
    next_slot t2
3:  mv      t4, t0
    count   STAT_WINDOW
    mv      t0, t4
    la      t3, own_root                    # it is at both places until the jump
    slli    t4, t0, 2                       # t4: offset of the old entry, t5: of the new one
    slli    t5, t2, 2
    li      a0, BASE >> 2 | PTE_WARREN      # a0: the entry
    add     a1, t3, t5
    sw      a0, (a1)
    la      a1, guest_records               # a1: a guest, a2: its number, a3: its context, a4: number of that
    li      a2, GUESTS
4:  addi    a3, a1, CONTEXTS
    li      a4, MOST_CONTEXTS
5:  addi    a5, a3, CONTEXT_ROOTS
    addi    a6, a5, ROOTS_END
6:  lw      a7, (a5)
    beqz    a7, 7f
    slli    a7, a7, PAGE_SHIFT             # of a satp
    add     a7, a7, gp
    add     t1, a7, t4
    sw      zero, (t1)
    add     t1, a7, t5
    sw      a0, (t1)
7:  addi    a5, a5, 4
    bne     a5, a6, 6b
    addi    a3, a3, CONTEXT_SIZE
    addi    a4, a4, -1
    bnez    a4, 5b
    li      t1, GUEST_SIZE
    add     a1, a1, t1
    addi    a2, a2, -1
    bnez    a2, 4b
    sub     t1, t2, t0                      # t1: how far it moves
    slli    t1, t1, MEGAPAGE_SHIFT
    add     ra, ra, t1
    add     sp, sp, t1
    add     tp, tp, t1
    add     gp, gp, t1
    add     t3, t3, t1
    la      t2, 8f
    add     t2, t2, t1
    sfence.vma
    jr      t2
8:  la      t2, guest_trap
    csrw    stvec, t2
    add     t3, t3, t4
    sw      zero, (t3)
    sfence.vma
    ret

    .data
    .balign 4
own_satp:
    .word   0

    .bss
    .balign PAGE
own_root:
    .zero   PAGE
