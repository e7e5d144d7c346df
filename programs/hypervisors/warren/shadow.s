# shadow.s - shadow page tables: what the real hart walks while a guest runs.
#
# They are a cache of the guest's tables, filled when a page fault shows that an entry is missing, and emptied where a
# TLB would be: at sfence.vma.  The guest's entry says which page of the guest's memory; the shadow entry says where
# that really is, and is one of U mode, because that is where the guest runs.
#
# So the mode must show elsewhere.  An address space of the guest has three shadow tables: one with the pages of its U
# mode, one with those of its S mode, and one with both for S mode under SUM, in which no page of U mode can be executed.
# MXR needs none: it is set in the real sstatus.
#
# A context is what is kept for one value of the guest's satp; so a switch of its processes, as long as it does not
# fence, finds again what has been filled before.  Each guest has its part of the pool of pages.  When that is used up,
# the guest's shadow tables are all dropped; they fill again.  Each root has an ASID of its own: 1 + 3 * (number of the
# guest * MOST_CONTEXTS + number of the context) + number of the root; Warren's own has 0.

    .include "warren.inc"

    .globl  page_fault, choose_root, find_context, forget_all, fence, shadow_prepare, pool_links

    .text
# A page fault of the real hart.  It is hidden (the guest's tables allow the access), true (they do not), or one of a
# device.  s1: the address.
page_fault:
    csrr    s1, stval
    call    open_memory
    addi    t0, s0, -CAUSE_INSTRUCTION_PAGE
    la      t1, accesses
    add     t1, t1, t0
    lbu     a1, (t1)
    mv      a0, s1
    lw      a2, VHART_MODE(tp)
    call    walk
    beqz    a1, 3f
    mv      s3, a0                          # s3: the guest's page
    mv      s4, a1                          # s4: its entry
    mv      s5, a2                          # s5: its level
    call    real_page
    beqz    a0, device_access
    mv      s6, a0                          # s6: the real page
    srli    s2, s1, MEGAPAGE_SHIFT          # s2: the slot
    la      t0, _start
    srli    t0, t0, MEGAPAGE_SHIFT
    bne     s2, t0, 1f
    call    move_window
1:  call    fill
    beqz    a0, 2f
    count   STAT_FILL
    j       resume
2:  call    forget_all                      # no page for a table: begin anew
    call    choose_root
    j       resume
3:  mv      a1, s1
    bnez    a0, 4f
    la      t0, access_causes - CAUSE_INSTRUCTION_PAGE      # the table of the guest's is not in its RAM
    add     t0, t0, s0
    lbu     s0, (t0)
4:  mv      a0, s0
    j       inject_exception

# refuse_access: there is nothing at the address s1 for an access of the page fault s0.
    .globl  refuse_access
refuse_access:
    mv      a1, s1
    la      t0, access_causes - CAUSE_INSTRUCTION_PAGE
    add     t0, t0, s0
    lbu     a0, (t0)
    j       inject_exception

# fill(): make the entry of s1 in the root in force; 1, or 0 if there is no page for a table.
fill:
    enter   s7, s8
    andi    s7, s4, PTE_R | PTE_W | PTE_X   # s7: the entry
    andi    t0, s4, PTE_D
    bnez    t0, 1f
    andi    s7, s7, ~PTE_W                  # the first store is to set D
1:  lw      t0, VHART_MODE(tp)
    beqz    t0, 2f
    andi    t0, s4, PTE_U
    beqz    t0, 2f
    andi    s7, s7, ~PTE_X
    li      t0, PTE_R
    andi    t1, s7, PTE_R
    bnez    t1, 2f
    ori     s7, s7, PTE_R                   # MXR allowed it; sstatus_written drops this
2:  ori     s7, s7, PTE_V | PTE_U | PTE_A | PTE_D
    lw      t0, VHART_ROOT(tp)
    slli    t0, t0, PAGE_SHIFT             # of a satp
    add     t0, t0, gp
    slli    t1, s2, 2
    add     s8, t0, t1                      # s8: address of the entry in the root
    beqz    s5, 4f

    srli    t0, s3, MEGAPAGE_SHIFT - PAGE_SHIFT     # a megapage, if all of it is the guest's RAM
    slli    t0, t0, MEGAPAGE_SHIFT - PAGE_SHIFT
    li      t1, RAM_PAGE - MEGAPAGE_PAGES
    sub     t0, t0, t1
    lw      t1, GUEST_PAGES(tp)
    bltu    t1, t0, 4f
    srli    t0, s6, MEGAPAGE_SHIFT - PAGE_SHIFT
    slli    t0, t0, MEGAPAGE_SHIFT - PAGE_SHIFT + PTE_PAGE_SHIFT
    or      s7, s7, t0
    j       6f

4:  lw      t0, (s8)                        # a page
    andi    t1, t0, PTE_V
    beqz    t1, 5f
    andi    t1, t0, PTE_R | PTE_W | PTE_X
    beqz    t1, 7f
5:  lw      a0, VHART_CONTEXT(tp)
    add     a0, a0, tp
    call    allocate_page
    beqz    a0, 9f
    slli    t0, a0, PTE_PAGE_SHIFT
    ori     t0, t0, PTE_V
7:  beqz    s5, 8f
    ori     t0, t0, PTE_SPLIT
8:  sw      t0, (s8)
    srli    t0, t0, PTE_PAGE_SHIFT
    slli    t0, t0, PAGE_SHIFT
    add     t0, t0, gp
    slli    t1, s1, 32 - MEGAPAGE_SHIFT
    srli    t1, t1, 32 - MEGAPAGE_SHIFT + PAGE_SHIFT
    slli    t1, t1, 2
    add     s8, t0, t1
    slli    t0, s6, PTE_PAGE_SHIFT
    or      s7, s7, t0
6:  lw      t0, (s8)
    sw      s7, (s8)
    bne     t0, s7, 10f
    sfence.vma s1                           # it was there, so the hart had cached that it was not
10: li      a0, 1
9:  leave   s7, s8

# --- contexts ----------------------------------------------------------------------------------------------
# choose_root(): VHART_ROOT follows the mode, the context and SUM.  A root that is missing is made.
choose_root:
    lw      t0, VHART_CONTEXT(tp)
    add     t0, t0, tp
    lw      t1, CONTEXT_SATP(t0)
    bgez    t1, 1f
    lw      t1, VHART_MODE(tp)
    beqz    t1, 1f
    addi    t0, t0, ROOT_S
    lw      t1, VHART_SSTATUS(tp)
    slli    t1, t1, 31 - 18                 # SUM
    bgez    t1, 1f
    addi    t0, t0, ROOT_SUM - ROOT_S
1:  lw      t1, CONTEXT_ROOTS(t0)
    beqz    t1, 2f
    sw      t1, VHART_ROOT(tp)
    ret
2:  enter   s0, s1
    addi    s0, t0, CONTEXT_ROOTS           # s0: where the root is kept
    lw      a0, VHART_CONTEXT(tp)
    add     a0, a0, tp
    sub     s1, s0, a0
    addi    s1, s1, -CONTEXT_ROOTS
    srli    s1, s1, 2                       # s1: number of the root
    call    allocate_page
    bnez    a0, 3f
    call    forget_all                      # no page is left: drop everything, and try again
    leave_to choose_root, s0, s1
3:  lw      t0, VHART_CONTEXT(tp)           # its ASID
    addi    t0, t0, -CONTEXTS
    li      t1, CONTEXT_SIZE
    divu    t0, t0, t1
    lw      t1, GUEST_NUMBER(tp)
    li      t2, MOST_CONTEXTS
    mul     t1, t1, t2
    add     t0, t0, t1
    li      t1, 3
    mul     t0, t0, t1
    add     t0, t0, s1
    addi    t0, t0, 1
    slli    t0, t0, SATP_ASID_SHIFT
    li      t1, SATP_SV32
    or      t0, t0, t1
    or      t0, t0, a0
    sw      t0, (s0)
    sw      t0, VHART_ROOT(tp)
    slli    a0, a0, PAGE_SHIFT
    add     a0, a0, gp
    la      t0, _start                      # the window is in every root
    srli    t0, t0, MEGAPAGE_SHIFT
    slli    t0, t0, 2
    add     a0, a0, t0
    li      t0, BASE >> 2 | PTE_WARREN
    sw      t0, (a0)
    leave   s0, s1

# find_context(): VHART_CONTEXT follows satp.  The context that is given up for a new one is the oldest.
find_context:
    lw      t0, VHART_SATP(tp)
    bltz    t0, 1f
    li      t0, 0                           # bare, whatever the other bits are
1:  li      t1, MOST_CONTEXTS
    addi    t2, tp, CONTEXTS
2:  lw      t3, CONTEXT_SATP(t2)
    bne     t3, t0, 3f
    lw      t3, CONTEXT_IN_USE(t2)
    bnez    t3, 4f
3:  addi    t2, t2, CONTEXT_SIZE
    addi    t1, t1, -1
    bnez    t1, 2b
    lw      t1, GUEST_VICTIM(tp)
    li      t2, CONTEXT_SIZE
    mul     t2, t2, t1
    add     t2, t2, tp
    addi    t2, t2, CONTEXTS
    addi    t1, t1, 1
    andi    t1, t1, MOST_CONTEXTS - 1
    sw      t1, GUEST_VICTIM(tp)
    enter   s0, s1
    mv      s0, t2
    mv      s1, t0
    mv      a0, t2
    call    drop_context
    mv      t2, s0
    sw      s1, CONTEXT_SATP(t2)
    li      t0, 1
    sw      t0, CONTEXT_IN_USE(t2)
    sub     t2, t2, tp
    sw      t2, VHART_CONTEXT(tp)
    leave   s0, s1
4:  sub     t2, t2, tp
    sw      t2, VHART_CONTEXT(tp)
    ret

# drop_context(a0: context): forget its tables; their pages are free.
drop_context:
    lw      t0, CONTEXT_IN_USE(a0)
    beqz    t0, 5f
    mv      t2, ra
    mv      t3, a0
    count   STAT_DROP
    call    open_memory                     # the hart may be in one of the roots, and a page is used again at once
    mv      ra, t2
    mv      a0, t3
    sw      zero, CONTEXT_IN_USE(a0)
    addi    t2, a0, ROOTS_END
1:  lw      t0, CONTEXT_ROOTS(a0)           # what the hart has cached of them
    beqz    t0, 2f
    sw      zero, CONTEXT_ROOTS(a0)
    srli    t0, t0, SATP_ASID_SHIFT
    andi    t0, t0, ASID_MASK
    sfence.vma zero, t0
2:  addi    a0, a0, 4
    bne     a0, t2, 1b
    addi    a0, a0, -ROOTS_END
    lw      t0, CONTEXT_PAGES(a0)
    beqz    t0, 5f
    sw      zero, CONTEXT_PAGES(a0)
    mv      t1, t0
3:  link    t2, t1                          # the last of them leads to the first that was free before
    lw      t1, (t2)
    bnez    t1, 3b
    lw      t1, GUEST_FREE(tp)
    sw      t1, (t2)
    sw      t0, GUEST_FREE(tp)
5:  ret

# forget_all(): drop all shadow tables of the guest, and give its satp a context again.
forget_all:
    enter   s0, s1
    addi    s0, tp, CONTEXTS
    li      s1, MOST_CONTEXTS
1:  mv      a0, s0
    call    drop_context
    addi    s0, s0, CONTEXT_SIZE
    addi    s1, s1, -1
    bnez    s1, 1b
    call    find_context
    leave   s0, s1

# allocate_page(a0: context): number of a zeroed page that belongs to it from now on, or 0.
allocate_page:
    lw      t0, GUEST_FREE(tp)
    beqz    t0, 2f
    link    t1, t0
    lw      t2, (t1)
    sw      t2, GUEST_FREE(tp)
    lw      t2, CONTEXT_PAGES(a0)
    sw      t2, (t1)
    sw      t0, CONTEXT_PAGES(a0)
    mv      a0, t0
    slli    t0, t0, PAGE_SHIFT
    add     t0, t0, gp
    li      t1, PAGE
    add     t1, t1, t0
1:  .irp    n, 0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60
    sw      zero, \n(t0)
    .endr
    addi    t0, t0, 64
    bne     t0, t1, 1b                      # the last page may end at address 0
    count   STAT_TABLE
    ret
2:  li      a0, 0
    ret

# shadow_prepare(): all of the guest's part of the pool is free, and no context is in use.
shadow_prepare:
    li      t0, POOL >> PAGE_SHIFT
    lw      t1, GUEST_NUMBER(tp)
    li      t2, POOL_PAGES
    mul     t1, t1, t2
    add     t0, t0, t1
    add     t1, t0, t2
    sw      t0, GUEST_FREE(tp)
1:  link    t2, t0
    addi    t0, t0, 1
    beq     t0, t1, 2f
    sw      t0, (t2)
    j       1b
2:  sw      zero, (t2)
    ret

# --- sfence.vma of the guest ---------------------------------------------------------------------------------
# fence(s3: 1 for all addresses, 0 for s1; s4: 1 for all ASIDs, 0 for a1)
fence:
    enter   s0, s5, s7
    mv      s7, a1
    addi    s0, tp, CONTEXTS
    li      s5, MOST_CONTEXTS
1:  lw      t0, CONTEXT_IN_USE(s0)
    beqz    t0, 4f
    lw      t0, CONTEXT_SATP(s0)
    bgez    t0, 4f                          # bare: there is nothing that a fence could change
    bnez    s4, 2f
    srli    t0, t0, SATP_ASID_SHIFT
    xor     t0, t0, s7
    andi    t0, t0, ASID_MASK
    bnez    t0, 4f
2:  bnez    s3, 3f
    mv      a0, s0
    call    forget_address
    j       4f
3:  mv      a0, s0
    call    drop_context
4:  addi    s0, s0, CONTEXT_SIZE
    addi    s5, s5, -1
    bnez    s5, 1b
    bnez    s3, 5f
    sfence.vma s1
    leave   s0, s5, s7
5:  call    find_context
    leave_to choose_root, s0, s5, s7

# forget_address(a0: context): drop the entries of s1.  If the guest has a megapage there, that is all of it.
forget_address:
    srli    t4, s1, MEGAPAGE_SHIFT
    la      t0, _start
    srli    t0, t0, MEGAPAGE_SHIFT
    beq     t0, t4, 5f                      # the window: nothing of the guest's
    slli    t4, t4, 2
    addi    t3, a0, ROOTS_END
1:  lw      t0, CONTEXT_ROOTS(a0)
    beqz    t0, 4f
    slli    t0, t0, PAGE_SHIFT             # of a satp
    add     t0, t0, gp
    add     t0, t0, t4
    lw      t1, (t0)
    andi    t2, t1, PTE_V
    beqz    t2, 4f
    andi    t2, t1, PTE_R | PTE_X
    bnez    t2, 3f
    andi    t2, t1, PTE_SPLIT
    bnez    t2, 2f
    srli    t1, t1, PTE_PAGE_SHIFT
    slli    t1, t1, PAGE_SHIFT
    add     t1, t1, gp
    slli    t0, s1, 32 - MEGAPAGE_SHIFT
    srli    t0, t0, 32 - MEGAPAGE_SHIFT + PAGE_SHIFT
    slli    t0, t0, 2
    add     t0, t0, t1
    j       3f
2:  sw      zero, (t0)                      # a megapage of the guest's, by pages: each of them goes
    sfence.vma
3:  sw      zero, (t0)
4:  addi    a0, a0, 4
    bne     a0, t3, 1b
5:  ret

    .section .rodata
accesses:                                   # what a page fault was for: causes 12 to 15
    .byte   PTE_X, PTE_R, 0, PTE_W
access_causes:                              # and what it is where nothing is
    .byte   CAUSE_INSTRUCTION_ACCESS, CAUSE_LOAD_ACCESS, 0, CAUSE_STORE_ACCESS

    .bss
    .balign 4
pool_links:                                 # for each page of the pool, the next one of its context, or free one
    .zero   GUESTS * POOL_PAGES * 4
