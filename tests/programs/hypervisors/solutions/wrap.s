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

main:   addi    sp, sp, -16
        sw      ra, (sp)
        kernel_tables MAPPED
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
