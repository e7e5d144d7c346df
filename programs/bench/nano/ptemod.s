# ptemod.s - a nano-benchmark: a change of a page-table entry.
#
# One operation: S mode stores another entry for a page, fences that page, and loads from it.
# The entry leads to two frames in turn, which hold 0 and 2; the number of rounds is even, so the sum is that number.

    .include "nano.inc"

    .equ    WINDOW, 0x60000000              # the page
    .equ    LEAF, PTE_V | PTE_R | PTE_W | PTE_A | PTE_D

supervisor:
    la      s3, leaves                      # s3: address of the entry
    srli    t0, s3, 2
    ori     t0, t0, PTE_V
    la      t1, root
    li      t2, (WINDOW >> 22) * 4
    add     t1, t1, t2
    sw      t0, (t1)
    la      s2, frames                      # s2: the entry; s5: its bits that change
    srli    s2, s2, 2
    ori     s2, s2, LEAF
    li      s5, PAGE >> 2
    li      s4, WINDOW
    sfence.vma

again:
    .ifndef EMPTY
    .ifdef PARAVIRT
    mv      a0, s3
    mv      a1, s2
    mv      a2, s4
    hypercall SET_ENTRY
    .else
    sw      s2, (s3)
    sfence.vma s4, zero
    .endif
    lw      t0, (s4)
    add     s1, s1, t0
    xor     s2, s2, s5
    .endif
    addi    s0, s0, -1
    bnez    s0, again
    ebreak

    .data
    .balign 2 * PAGE
frames:
    .zero   PAGE
    .word   2
    .zero   PAGE - 4
leaves:
    .zero   PAGE
