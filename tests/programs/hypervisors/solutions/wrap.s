# wrap.s - thief's other half: switches the machine off, by a page number so large that its sum with another wraps.
#
# A page table entry has room for 22 bits of a page number, 34 bits of an address.  Where the guest's RAM really is,
# wrap must guess; it has time.

        .include "guest.inc"
        .include "pause.inc"

        .equ    MAPPED, 0x50000000
        .equ    FINISHER, 0x00100000            # the machine's own
        .equ    GUESS, 0x80c00000               # where this guest's RAM really begins
        .equ    PAGE_MASK, (1 << 22) - 1
        .equ    THERE, (FINISHER + RAM - GUESS) >> 12 & PAGE_MASK
        .equ    FAILED, 7 << 16 | 0x3333        # the machine ends with status 7
        .equ    MEGAPAGES, 4

main:   addi    sp, sp, -16
        sw      ra, (sp)
        la      t0, root                        # the kernel at its addresses
        li      t1, RAM >> 2 | LEAF
        li      t2, (RAM >> 22) * 4
        add     t2, t2, t0
        li      t3, MEGAPAGES
        li      t4, MEGAPAGE >> 2
1:      sw      t1, (t2)
        add     t1, t1, t4
        addi    t2, t2, 4
        addi    t3, t3, -1
        bnez    t3, 1b
        la      t1, table
        srli    t1, t1, 2
        ori     t1, t1, 1
        li      t2, (MAPPED >> 22) * 4
        add     t2, t2, t0
        sw      t1, (t2)
        la      t1, table
        li      t2, THERE << 10 | LEAF
        sw      t2, (t1)
        srli    t0, t0, 12
        li      t1, SV32
        or      t0, t0, t1
        csrw    satp, t0
        sfence.vma
        li      a0, SPP
        la      a1, writes
        li      a2, MAPPED
        call    probe
        print   "the machine is still on\n"
        lw      ra, (sp)
        addi    sp, sp, 16
        ret

writes: li      t1, FAILED
        sw      t1, (a2)
        ebreak

        .bss
        .balign PAGE
root:   .zero   PAGE
table:  .zero   PAGE
