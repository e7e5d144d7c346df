# walk.s - a benchmark of address translation: ten million loads, each from another of 512 pages under Sv32.
#
# Every page holds the virtual address of the next word, in an order that no TLB likes, and the words are in different
# lines of their pages. So many fit into a computer's own TLBs and nearly into its first cache: with thousands of pages
# it would be these that are measured.
# Boot it: trapline boot programs/bench/walk.s

    .equ    ROOT, 0x80200000                # root page table, then four leaf tables
    .equ    LEAVES, 0x80201000
    .equ    FRAMES, 0x81000000              # the physical pages
    .equ    PAGES, 0x40000000               # where they are seen
    .equ    BITS, 9
    .equ    COUNT, 1 << BITS                # at most 4096
    .equ    STEPS, 10000000
    .equ    LINES, 64                       # lines of a page
    .equ    LINE_SHIFT, 6
    .equ    LEAF, 0xcf                      # D A X W R V
    .equ    FINISHER, 0x100000
    .equ    PASS, 0x5555

    .globl  _start
_start:
    la      t0, done
    csrw    mtvec, t0
    li      t0, -1                          # PMP entry 0: all of memory, all rights
    csrw    pmpaddr0, t0
    li      t0, 0x1f
    csrw    pmpcfg0, t0

    li      s0, ROOT                        # 4 MiB superpages: 0x80000000 and on as it is
    li      t1, 0x80000000
    li      t2, 32
    srli    t3, t1, 22
    slli    t3, t3, 2
    add     t3, t3, s0
    li      t5, 0x400000
1:  srli    t4, t1, 2
    ori     t4, t4, LEAF
    sw      t4, (t3)
    addi    t3, t3, 4
    add     t1, t1, t5
    addi    t2, t2, -1
    bnez    t2, 1b

    li      s1, LEAVES                      # four pointers to leaf tables for PAGES
    li      t2, 4
    li      t3, (PAGES >> 22) * 4
    add     t3, t3, s0
    mv      t1, s1
    li      t5, 4096
2:  srli    t4, t1, 2
    ori     t4, t4, 1
    sw      t4, (t3)
    addi    t3, t3, 4
    add     t1, t1, t5
    addi    t2, t2, -1
    bnez    t2, 2b

    li      t2, COUNT                       # the leaves
    mv      t3, s1
    li      t1, FRAMES
3:  srli    t4, t1, 2
    ori     t4, t4, LEAF
    sw      t4, (t3)
    addi    t3, t3, 4
    add     t1, t1, t5
    addi    t2, t2, -1
    bnez    t2, 3b

    li      t2, COUNT                       # page i names page (5 i + 2731) mod COUNT: one cycle through all
    li      t1, 0
    li      t3, FRAMES
    li      a0, PAGES
    li      a1, 2731
4:  slli    t4, t1, 2
    add     t4, t4, t1
    add     t4, t4, a1
    slli    t4, t4, 32 - BITS
    srli    t4, t4, 32 - BITS
    slli    t5, t1, 12
    add     t5, t5, t3
    andi    a2, t1, LINES - 1
    slli    a2, a2, LINE_SHIFT
    add     t5, t5, a2
    slli    t6, t4, 12
    add     t6, t6, a0
    andi    a2, t4, LINES - 1
    slli    a2, a2, LINE_SHIFT
    add     t6, t6, a2
    sw      t6, (t5)
    mv      t1, t4
    addi    t2, t2, -1
    bnez    t2, 4b

    srli    t0, s0, 12                      # satp: Sv32, root page number
    li      t1, 0x80000000
    or      t0, t0, t1
    csrw    satp, t0
    sfence.vma
    la      t0, chase
    csrw    mepc, t0
    li      t0, 0x1800                      # mstatus.MPP = S
    csrc    mstatus, t0
    li      t0, 0x800
    csrs    mstatus, t0
    mret

chase:
    li      a0, PAGES
    li      a1, STEPS
5:  lw      a0, (a0)
    addi    a1, a1, -1
    bnez    a1, 5b
    ecall

    .balign 4
done:
    li      t0, FINISHER
    li      t1, PASS
    sw      t1, (t0)
6:  j       6b
