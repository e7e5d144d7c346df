# tables.s - the guest's own page tables: what its hart would find there.
#
# The walk is that of the specification (Sv32, 10.3.2), with the guest's memory where its physical addresses say, and
# with A and D set as this machine does in hardware.  It works with numbers of pages, because a physical address has
# 34 bits.  Memory must be open (traps.s).

    .include "warren.inc"

    .globl  walk, guest_instruction, real_page

    .text
# walk(a0: virtual address, a1: access, as the bit of a page table entry that allows it, a2: mode):
#   a0: the guest's page number, a1: its entry, a2: 1 for a megapage, 0 for a page
#   or a1: 0, and a0: 1 for a page fault, 0 for an access fault
walk:
    lw      t0, VHART_SATP(tp)
    srli    t1, a0, MEGAPAGE_SHIFT          # t1: number of the entry
    bltz    t0, 1f
    srli    a0, a0, PAGE_SHIFT              # bare: everything is its own address
    li      a1, PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D
    li      a2, 1
    ret
1:  li      t2, 1                           # t2: the level
    slli    t0, t0, 32 - SATP_PAGE_BITS
    srli    t0, t0, 32 - SATP_PAGE_BITS
2:  li      t3, RAM_PAGE                    # t0: page of the table, t3: the real one
    sub     t0, t0, t3
    lw      t3, GUEST_PAGES(tp)
    bgeu    t0, t3, access_fault            # "violates a PMA or PMP check"
    lw      t3, GUEST_PAGE(tp)
    add     t3, t3, t0
    slli    t3, t3, PAGE_SHIFT
    slli    t1, t1, 2
    add     t3, t3, t1                      # t3: address of the entry, t4: the entry
    lw      t4, (t3)
    andi    t0, t4, PTE_V
    beqz    t0, fault
    andi    t0, t4, PTE_R | PTE_W
    li      t1, PTE_W
    beq     t0, t1, fault
    andi    t0, t4, PTE_R | PTE_X
    bnez    t0, 3f
    beqz    t2, fault
    andi    t0, t4, PTE_U | PTE_A | PTE_D   # "reserved for future standard use"
    bnez    t0, fault
    li      t2, 0
    srli    t0, t4, PTE_PAGE_SHIFT
    slli    t1, a0, 32 - MEGAPAGE_SHIFT
    srli    t1, t1, 32 - MEGAPAGE_SHIFT + PAGE_SHIFT
    j       2b

3:  beqz    t2, 4f
    slli    t0, t4, 32 - 20
    srli    t0, t0, 32 - 20 + PTE_PAGE_SHIFT
    bnez    t0, fault                       # a misaligned megapage
4:  lw      t1, VHART_SSTATUS(tp)
    andi    t0, t4, PTE_U
    bnez    t0, 5f
    beqz    a2, fault                       # a page of S mode
    j       6f
5:  beqz    a2, 6f
    li      t0, PTE_X                       # a page of U mode, from S mode
    beq     a1, t0, fault
    li      t0, STATUS_SUM
    and     t0, t0, t1
    beqz    t0, fault
6:  and     t0, t4, a1
    bnez    t0, 7f
    li      t0, PTE_R                       # what can be executed can be read with MXR
    bne     a1, t0, fault
    li      t0, STATUS_MXR
    and     t0, t0, t1
    beqz    t0, fault
    andi    t0, t4, PTE_X
    beqz    t0, fault
7:  ori     t0, t4, PTE_A
    li      t1, PTE_W
    bne     a1, t1, 8f
    ori     t0, t0, PTE_D
8:  beq     t0, t4, 9f
    sw      t0, (t3)
9:  mv      a1, t0
    mv      t1, a0
    srli    a0, a1, PTE_PAGE_SHIFT
    beqz    t2, 10f
    slli    t1, t1, 32 - MEGAPAGE_SHIFT
    srli    t1, t1, 32 - MEGAPAGE_SHIFT + PAGE_SHIFT
    or      a0, a0, t1
10: mv      a2, t2
    ret
fault:
    li      a0, 1
    li      a1, 0
    ret
access_fault:
    li      a0, 0
    li      a1, 0
    ret

# real_page(a0: the guest's page number): the real one, or 0 if there is no RAM.  Changes t0.
real_page:
    li      t0, RAM_PAGE
    sub     a0, a0, t0
    lw      t0, GUEST_PAGES(tp)
    bgeu    a0, t0, 1f
    lw      t0, GUEST_PAGE(tp)
    add     a0, a0, t0
    ret
1:  li      a0, 0
    ret

# guest_instruction(): the word at the guest's pc, 0 if it cannot be read.
guest_instruction:
    enter   s0
    call    open_memory
    csrr    s0, sepc
    mv      a0, s0
    li      a1, PTE_X
    lw      a2, VHART_MODE(tp)
    call    walk
    beqz    a1, 1f
    call    real_page
    beqz    a0, 1f
    slli    a0, a0, PAGE_SHIFT
    slli    s0, s0, 32 - PAGE_SHIFT
    srli    s0, s0, 32 - PAGE_SHIFT
    add     a0, a0, s0
    lw      a0, (a0)
    leave   s0
1:  li      a0, 0
    leave   s0
