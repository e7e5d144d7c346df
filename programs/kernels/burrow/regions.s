# regions.s - shared memory.
#
# A region is a set of pages that any process can map, at the same address in each, so that pointers into it
# are valid in all of them.  It exists while a process is attached to it; a process detaches when it ends.
# Only processes of the container that made it can attach; its pages count for that container.

    .include "burrow.inc"

    .globl  call_share_create, call_share_attach, detach_regions

    # --- region record: memory that processes share
    .equ    REGION_USERS, 0                 # attached processes; 0: the record is free
    .equ    REGION_COUNT, 4                 # pages
    .equ    REGION_CONTAINER, 8             # whose it is
    .equ    REGION_PAGE, 12                 # the address of each
    .equ    REGION_SIZE, 12 + 4 * REGION_PAGES

    .text
# share_create: make a zeroed region that other processes can attach to.
call_share_create:
    enter   s2, s3, s4, s5
    mv      s2, a0
    addi    t0, a0, -1
    li      a0, ERROR_INVALID
    li      t1, REGION_PAGES
    bgeu    t0, t1, 5f
    lw      t2, PROCESS_CONTAINER(s1)
    li      a0, ERROR_MEMORY
    branch_at_limit t2, SHARED_REGIONS, 5f
    la      s3, regions
    li      s4, 0
1:  lw      t0, REGION_USERS(s3)
    beqz    t0, 2f
    addi    s3, s3, REGION_SIZE
    addi    s4, s4, 1
    li      t0, MOST_REGIONS
    bltu    s4, t0, 1b
    li      a0, ERROR_MEMORY
    j       5f
2:  sw      t2, REGION_CONTAINER(s3)
    charge  t2, SHARED_REGIONS
    li      s5, 0                           # s5: pages so far
3:  lw      t2, REGION_CONTAINER(s3)
    branch_at_limit t2, PAGES, 6f
    charge  t2, PAGES
    call    allocate_page
    slli    t0, s5, 2
    add     t0, t0, s3
    sw      a0, REGION_PAGE(t0)
    addi    s5, s5, 1
    sw      s5, REGION_COUNT(s3)
    bltu    s5, s2, 3b
    mv      a0, s4
    call    attach
    bltz    a0, 6f
    sw      a0, FRAME_A1(s0)
    mv      a0, s4
5:  leave   s2, s3, s4, s5
6:  mv      a0, s3
    call    free_region
    li      a0, ERROR_MEMORY
    leave   s2, s3, s4, s5

call_share_attach:
    li      t0, MOST_REGIONS
    bgeu    a0, t0, no_region
    li      t0, REGION_SIZE
    mul     t0, t0, a0
    la      t1, regions
    add     t0, t0, t1
    lw      t1, REGION_USERS(t0)
    beqz    t1, no_region
    lw      t1, REGION_CONTAINER(t0)
    lw      t0, PROCESS_CONTAINER(s1)
    bne     t0, t1, no_region
    j       attach
no_region:
    answer  ERROR_MISSING

# attach(a0: region): map it in process s1, if it is not yet; its address, or ERROR_MEMORY.
attach:
    enter   s2, s3, s4, s5
    li      t0, REGION_SIZE
    mul     t0, t0, a0
    la      s2, regions
    add     s2, s2, t0                      # s2: the region
    slli    s3, a0, 16
    li      t0, REGIONS
    add     s3, s3, t0                      # s3: its address
    li      t0, 1
    sll     s4, t0, a0                      # s4: its bit
    lw      t0, PROCESS_REGIONS(s1)
    and     t1, t0, s4
    bnez    t1, 2f
    li      s5, 0
1:  slli    t0, s5, 2                       # only the first page can fail, for lack of a table
    add     t0, t0, s2
    lw      a2, REGION_PAGE(t0)
    slli    t0, s5, 12
    add     a1, t0, s3
    li      a3, PTE_USER_DATA
    mv      a0, s1
    call    map_page
    bltz    a0, 3f
    addi    s5, s5, 1
    lw      t0, REGION_COUNT(s2)
    bltu    s5, t0, 1b
    lw      t0, PROCESS_REGIONS(s1)
    or      t0, t0, s4
    sw      t0, PROCESS_REGIONS(s1)
    lw      t0, REGION_USERS(s2)
    addi    t0, t0, 1
    sw      t0, REGION_USERS(s2)
2:  mv      a0, s3
3:  leave   s2, s3, s4, s5

# detach_regions(a0: process): unmap shared pages before the process's own are freed.
detach_regions:
    enter   s1, s2, s3, s4
    mv      s1, a0
    li      s2, 0
    la      s3, regions
1:  lw      t0, PROCESS_REGIONS(s1)
    srl     t0, t0, s2
    beqz    t0, 5f
    andi    t0, t0, 1
    beqz    t0, 4f
    lw      s4, REGION_COUNT(s3)
2:  addi    s4, s4, -1
    slli    a1, s2, 16
    li      t0, REGIONS
    add     a1, a1, t0
    slli    t0, s4, 12
    add     a1, a1, t0
    mv      a0, s1
    call    leaf_entry
    sw      zero, (a0)                      # no hart uses this table any more
    bnez    s4, 2b
    lw      t0, REGION_USERS(s3)
    addi    t0, t0, -1
    sw      t0, REGION_USERS(s3)
    bnez    t0, 4f
    mv      a0, s3
    call    free_region
4:  addi    s2, s2, 1
    addi    s3, s3, REGION_SIZE
    j       1b
5:  leave   s1, s2, s3, s4

# free_region(a0: region record): free its pages.
free_region:
    enter   s1, s2, s3
    mv      s1, a0
    lw      s3, REGION_CONTAINER(s1)
    charge  s3, SHARED_REGIONS, -1
1:  lw      s2, REGION_COUNT(s1)
    beqz    s2, 2f
    addi    s2, s2, -1
    sw      s2, REGION_COUNT(s1)
    slli    t0, s2, 2
    add     t0, t0, s1
    lw      a0, REGION_PAGE(t0)
    call    free_page
    charge  s3, PAGES, -1
    j       1b
2:  leave   s1, s2, s3

    .bss
    .balign 4
regions:
    .zero   REGION_SIZE * MOST_REGIONS
