# memory.s - pages and page tables, and their owners.
#
# RAM after the kernel is allocated page by page: first freed pages, then pages that were never used.  In
# every address space, superpages without U map all of RAM at its physical addresses for the kernel, so it
# writes a process's page at its physical address, whichever process runs.

    .include "burrow.inc"

    .globl  memory_prepare, allocate_page, free_page, space_create, space_free
    .globl  map_page, map_new_page, leaf_entry, call_sbrk, free_pages

    .text
# memory_prepare(): initialize the allocator, and the kernel's own page table.
memory_prepare:
    enter
    la      t0, memory_begin
    li      t1, PAGE - 1
    add     t0, t0, t1
    not     t1, t1
    and     t0, t0, t1
    la      t1, next_page
    sw      t0, (t1)
    li      t1, KERNEL_RAM
    lw      t2, memory_size
    add     t1, t1, t2
    la      t2, memory_end
    sw      t1, (t2)
    sub     t1, t1, t0
    srli    t1, t1, 12
    la      t2, free_pages
    sw      t1, (t2)
    la      t2, host                        # until there are containers, all of it is the host's
    sw      t1, CONTAINER_LIMITS + PAGES(t2)
    la      a0, kernel_root
    call    fill_root
    la      t0, kernel_root
    srli    t0, t0, 12
    li      t1, SATP_SV32
    or      t0, t0, t1
    la      t1, kernel_process
    sw      t0, PROCESS_ROOT(t1)
    leave

# fill_root(a0: a zeroed page): fill the part of a root table that all address spaces share.
fill_root:
    li      t0, PTE_KERNEL & ~PTE_X         # the test finisher, at address 0x100000
    sw      t0, (a0)
    li      t1, PLIC >> 2
    or      t1, t1, t0
    sw      t1, (PLIC >> 22) * 4(a0)
    li      t1, UART >> 2
    or      t1, t1, t0
    sw      t1, (UART >> 22) * 4(a0)
    li      t0, KERNEL_RAM >> 2 | PTE_KERNEL
    lw      t1, memory_size
    srli    t1, t1, 22
    li      t2, (KERNEL_RAM >> 22) * 4
    add     t2, t2, a0
    li      t3, 1 << 20                     # the next superpage
1:  sw      t0, (t2)
    add     t0, t0, t3
    addi    t2, t2, 4
    addi    t1, t1, -1
    bnez    t1, 1b
    ret

# allocate_page(): a zeroed page, or 0 if there is none.  Changes t0 and t1 only.
allocate_page:
    la      t0, free_list
    lw      a0, (t0)
    beqz    a0, 1f
    lw      t1, (a0)
    sw      t1, (t0)
    j       2f
1:  la      t0, next_page
    lw      a0, (t0)
    lw      t1, memory_end
    bgeu    a0, t1, 4f
    li      t1, PAGE
    add     t1, t1, a0
    sw      t1, (t0)
2:  la      t0, free_pages
    lw      t1, (t0)
    addi    t1, t1, -1
    sw      t1, (t0)
    li      t0, PAGE
    add     t0, t0, a0
    mv      t1, a0
3:  sw      zero, 0(t1)
    sw      zero, 4(t1)
    sw      zero, 8(t1)
    sw      zero, 12(t1)
    sw      zero, 16(t1)
    sw      zero, 20(t1)
    sw      zero, 24(t1)
    sw      zero, 28(t1)
    addi    t1, t1, 32
    bltu    t1, t0, 3b
    ret
4:  li      a0, 0
    ret

# take_page(a0: process): a zeroed page that it owns, or 0 at its container's limit.  Changes t0 to t2 only.
# The limits of all containers together are what there is.
take_page:
    lw      t2, PROCESS_CONTAINER(a0)
    branch_at_limit t2, PAGES, 4b
    charge  t2, PAGES
    lw      t0, PROCESS_PAGES(a0)
    addi    t0, t0, 1
    sw      t0, PROCESS_PAGES(a0)
    j       allocate_page

# free_page(a0: page).  Changes t0 and t1.
free_page:
    la      t0, free_list
    lw      t1, (t0)
    sw      t1, (a0)
    sw      a0, (t0)
    la      t0, free_pages
    lw      t1, (t0)
    addi    t1, t1, 1
    sw      t1, (t0)
    ret

# space_create(a0: process): make a root table; PROCESS_ROOT gets its satp; 0, or ERROR_MEMORY.
space_create:
    enter   s1
    mv      s1, a0
    call    take_page
    beqz    a0, 1f
    srli    t0, a0, 12
    li      t1, SATP_SV32
    or      t0, t0, t1
    sw      t0, PROCESS_ROOT(s1)
    call    fill_root
    li      a0, 0
    leave   s1
1:  li      a0, ERROR_MEMORY
    leave   s1

# space_free(a0: process): free its pages and tables.  No hart may be using them.
space_free:
    enter   s1, s2, s3, s4, s5
    mv      s1, a0
    call    detach_regions
    lw      s2, PROCESS_ROOT(s1)
    slli    s2, s2, 12                      # s2: its root
    lw      t0, HART_ROOT(tp)
    lw      t1, PROCESS_ROOT(s1)
    bne     t0, t1, 1f
    lw      a0, kernel_process + PROCESS_ROOT
    sw      a0, HART_ROOT(tp)
    set_page_table
1:  li      s3, USER_TABLES
2:  slli    t0, s3, 2
    add     t0, t0, s2
    lw      s4, (t0)
    beqz    s4, 5f
    srli    s4, s4, 10
    slli    s4, s4, 12                      # s4: a second-level table, then an entry of it
    li      s5, PAGE
    add     s5, s5, s4
3:  lw      a0, (s4)
    beqz    a0, 4f
    srli    a0, a0, 10
    slli    a0, a0, 12
    call    free_page
4:  addi    s4, s4, 4
    bltu    s4, s5, 3b
    li      t0, PAGE
    sub     a0, s4, t0
    call    free_page
5:  addi    s3, s3, 1
    li      t0, USER_END >> 22
    bltu    s3, t0, 2b
    mv      a0, s2
    call    free_page
    lw      t1, PROCESS_CONTAINER(s1)
    lw      t0, CONTAINER_USED + PAGES(t1)
    lw      t2, PROCESS_PAGES(s1)
    sub     t0, t0, t2
    sw      t0, CONTAINER_USED + PAGES(t1)
    sw      zero, PROCESS_PAGES(s1)
    leave   s1, s2, s3, s4, s5

# leaf_entry(a0: process, a1: address): the address of the page's entry, or 0 if it has no table.
# Changes t0 and t1 only.
leaf_entry:
    lw      t0, PROCESS_ROOT(a0)
    slli    t0, t0, 12
    srli    t1, a1, 22
    slli    t1, t1, 2
    add     t0, t0, t1
    lw      a0, (t0)
    beqz    a0, 1f
    srli    a0, a0, 10
    slli    a0, a0, 12
    srli    t0, a1, 10
    li      t1, 0xffc
    and     t0, t0, t1
    add     a0, a0, t0
1:  ret

# map_page(a0: process, a1: address, a2: page, a3: PTE flags): 0, or ERROR_MEMORY if there is no page for a table.
# The page must not be mapped yet; the caller accounts for its owner.
map_page:
    enter   s1, s2, s3, s4
    mv      s1, a0
    mv      s2, a1
    srli    s3, a2, 2
    or      s3, s3, a3
    call    leaf_entry
    bnez    a0, 1f
    mv      a0, s1
    call    take_page
    beqz    a0, 2f
    srli    t0, a0, 2
    ori     a1, t0, PTE_V
    lw      t0, PROCESS_ROOT(s1)
    slli    t0, t0, 12
    srli    t1, s2, 22
    slli    t1, t1, 2
    add     a0, t0, t1
    mv      a2, s2
    set_entry s1
    mv      a0, s1
    mv      a1, s2
    call    leaf_entry
1:  mv      a1, s3
    mv      a2, s2
    set_entry s1
    li      a0, 0
    leave   s1, s2, s3, s4
2:  li      a0, ERROR_MEMORY
    leave   s1, s2, s3, s4

# map_new_page(a0: process, a1: address, a2: PTE flags): map a zeroed page; a0: the page, or 0.
map_new_page:
    enter   s1, s2, s3, s4
    mv      s1, a0
    mv      s2, a1
    mv      s3, a2
    call    take_page
    beqz    a0, 1f
    mv      s4, a0
    mv      a0, s1
    mv      a1, s2
    mv      a2, s4
    mv      a3, s3
    call    map_page
    bnez    a0, 2f
    mv      a0, s4
1:  leave   s1, s2, s3, s4
2:  lw      t2, PROCESS_CONTAINER(s1)
    charge  t2, PAGES, -1
    lw      t0, PROCESS_PAGES(s1)
    addi    t0, t0, -1
    sw      t0, PROCESS_PAGES(s1)
    mv      a0, s4
    call    free_page
    li      a0, 0
    leave   s1, s2, s3, s4

# --- system calls ------------------------------------------------------------------------------------------
# sbrk: the heap grows and never shrinks; pages are mapped as its end reaches them.
call_sbrk:
    enter   s2, s3, s4
    lw      s2, PROCESS_BREAK(s1)
    add     s3, s2, a0                      # s3: the new end
    li      a0, ERROR_INVALID
    bltu    s3, s2, 3f
    li      a0, ERROR_MEMORY
    li      t0, HEAP_END
    bltu    t0, s3, 3f
    li      t0, PAGE - 1
    add     s4, s2, t0
    not     t0, t0
    and     s4, s4, t0                      # s4: the first page not yet mapped
1:  bgeu    s4, s3, 2f
    mv      a0, s1
    mv      a1, s4
    li      a2, PTE_USER_DATA
    call    map_new_page
    beqz    a0, 4f
    li      t0, PAGE
    add     s4, s4, t0
    sw      s4, PROCESS_BREAK(s1)           # if memory runs out, the program keeps what it got
    j       1b
2:  sw      s3, PROCESS_BREAK(s1)
    mv      a0, s2
3:  leave   s2, s3, s4
4:  li      a0, ERROR_MEMORY
    leave   s2, s3, s4

    .data
    .balign 4
next_page:                                  # this page and all after it were never used
    .word   0
memory_end:
    .word   0
free_list:                                  # the first word of a free page links to the next
    .word   0
free_pages:
    .word   0

    .bss
    .balign PAGE
kernel_root:
    .zero   PAGE
