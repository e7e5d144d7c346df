# paging - every page table entry, access and mode; fences; and every megapage of the address space in turn.

        .include "guest.inc"

        .equ    TARGET, 0x50000000              # by pages
        .equ    LARGE, 0x60000000               # by a megapage
        .equ    USER_CODE, 0x40000000           # this kernel's code, for U mode
        .equ    MEMORY, 0x80800000              # what LARGE leads to
        .equ    RAM_END, 0x81000000

main:   addi    sp, sp, -16
        sw      ra, (sp)
        kernel_tables TARGET
        li      t1, 0x80400000 >> 2 | USER_LEAF
        li      t2, (USER_CODE >> 22) * 4
        add     t2, t2, t0
        sw      t1, (t2)
        srli    t0, t0, 12
        li      t1, SV32
        or      t0, t0, t1
        csrw    satp, t0
        sfence.vma
        li      t0, MEMORY
        li      t1, 0x00100073                  # ebreak
        sw      t1, (t0)
        la      t0, page
        sw      t1, (t0)

        call    entries
        call    megapages
        call    fences
        call    spaces
        call    everywhere
        lw      ra, (sp)
        addi    sp, sp, 16
        ret

# s1: access, s2: sstatus, s3: flags, s4: entry, s5: its page number part, s6: address
        .macro  all_entries label
        addi    sp, sp, -16
        sw      ra, (sp)
        li      s1, 0
1:      li      s2, 0
2:      li      s3, 0
3:      or      t0, s5, s3
        sw      t0, (s4)
        sfence.vma
        la      t0, statuses
        slli    t1, s2, 2
        add     t0, t0, t1
        lw      a0, (t0)
        la      t0, routines
        slli    t1, s1, 2
        add     t0, t0, t1
        lw      a1, (t0)
        andi    t0, a0, 1 << 8
        bnez    t0, 4f
        li      t0, 0x80400000 - USER_CODE
        sub     a1, a1, t0
4:      mv      a2, s6
        call    probe
        call    add_probe
        lw      a0, (s4)
        call    add_value
        addi    s3, s3, 1
        li      t0, 256
        bne     s3, t0, 3b
        la      a0, \label
        call    print_text
        addi    a0, s1, '0'
        li      a7, 1
        ecall
        addi    a0, s2, '0'
        li      a7, 1
        ecall
        li      a0, ' '
        li      a7, 1
        ecall
        call    print_checksum
        addi    s2, s2, 1
        li      t0, 6
        bne     s2, t0, 2b
        addi    s1, s1, 1
        li      t0, 4
        bne     s1, t0, 1b
        lw      ra, (sp)
        addi    sp, sp, 16
        ret
        .endm

entries:
        la      s4, table
        la      s5, page
        srli    s5, s5, 2
        li      s6, TARGET
        all_entries page_text
megapages:
        la      s4, root + (LARGE >> 22) * 4
        li      s5, MEMORY >> 2
        li      s6, LARGE
        all_entries large_text

load:   lw      t0, (a2)
        ebreak
store:  li      t0, 0x00100073
        sw      t0, (a2)
        ebreak
fetch:  jr      a2
atomic: amoor.w t0, zero, (a2)
        ebreak
        .section .rodata
        .balign 4
routines:
        .word   load, store, fetch, atomic
statuses:
        .word   SPP, SPP | SUM, SPP | MXR, SPP | SUM | MXR, 0, MXR
page_text:
        .asciz  "page "
large_text:
        .asciz  "large "
        .text

# What an entry leads to after it has changed, with each form of the fence, and across megapages and tables.
fences: addi    sp, sp, -16
        sw      ra, (sp)
        la      t0, page + 4
        li      t1, 0x11111111
        sw      t1, (t0)
        la      t0, other + 4
        li      t1, 0x22222222
        sw      t1, (t0)
        li      s6, TARGET
        li      s1, 0
1:      la      t0, page
        andi    t1, s1, 1
        beqz    t1, 2f
        la      t0, other
2:      srli    t0, t0, 2
        ori     t0, t0, LEAF
        la      t1, table
        sw      t0, (t1)
        srli    t1, s1, 1
        andi    t1, t1, 3
        beqz    t1, 3f
        addi    t1, t1, -1
        beqz    t1, 4f
        addi    t1, t1, -1
        beqz    t1, 5f
        sfence.vma s6, zero
        j       6f
3:      sfence.vma
        j       6f
4:      sfence.vma zero, zero
        j       6f
5:      li      t0, TARGET + 64
        li      t1, 0
        sfence.vma t0, t1
6:      lw      a0, 4(s6)
        call    add_value
        addi    s1, s1, 1
        li      t0, 32
        bne     s1, t0, 1b
        print   "fences "
        call    print_checksum

        li      s1, 0                           # a megapage, then a table, and back, fenced at one address only
        li      s6, LARGE + 0x3000
        la      s5, root + (LARGE >> 22) * 4
        la      t0, page
        srli    t0, t0, 2
        ori     t0, t0, LEAF
        la      t1, second + 3 * 4
        sw      t0, (t1)
        la      t1, second + 4 * 4
        sw      t0, (t1)
1:      li      t0, MEMORY >> 2 | LEAF
        andi    t1, s1, 1
        beqz    t1, 2f
        la      t0, second
        srli    t0, t0, 2
        ori     t0, t0, 1
2:      sw      t0, (s5)
        sfence.vma
        lw      a0, 4(s6)
        call    add_value
        li      t0, LARGE + 0x4000
        lw      a0, 4(t0)
        call    add_value
        addi    s1, s1, 1
        li      t0, 8
        bne     s1, t0, 1b
        print   "tables "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret

# Two address spaces with an ASID each, and switches between them without a fence.
spaces: addi    sp, sp, -16
        sw      ra, (sp)
        la      t0, root
        la      t1, second_root
        li      t2, 1024
1:      lw      t3, (t0)
        sw      t3, (t1)
        addi    t0, t0, 4
        addi    t1, t1, 4
        addi    t2, t2, -1
        bnez    t2, 1b
        la      t0, root + (LARGE >> 22) * 4
        li      t1, MEMORY >> 2 | LEAF
        sw      t1, (t0)
        la      t0, second_root + (LARGE >> 22) * 4
        li      t1, (MEMORY + MEGAPAGE) >> 2 | LEAF
        sw      t1, (t0)
        sfence.vma
        li      t0, MEMORY + 64
        li      t1, 0x33333333
        sw      t1, (t0)
        li      t1, 0x44444444
        li      t2, MEGAPAGE
        add     t0, t0, t2
        sw      t1, (t0)
        li      s1, 0
        li      s5, LARGE
        csrr    s4, satp
2:      la      t0, root
        andi    t1, s1, 1
        beqz    t1, 3f
        la      t0, second_root
3:      srli    t0, t0, 12
        li      t2, SV32
        or      t0, t0, t2
        addi    t1, t1, 3
        slli    t1, t1, 22
        or      t0, t0, t1
        csrw    satp, t0
        lw      a0, 64(s5)
        call    add_value
        lw      t0, 64(s5)
        addi    t0, t0, 1
        sw      t0, 64(s5)
        addi    s1, s1, 1
        li      t0, 100
        bne     s1, t0, 2b
        csrr    a0, satp
        call    add_value
        csrw    satp, s4
        sfence.vma
        print   "spaces "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret

# Every megapage of the address space but the kernel's own, for loads, stores and fetches.
everywhere:
        addi    sp, sp, -16
        sw      ra, (sp)
        li      s1, 1023
1:      srli    t0, s1, 2
        li      t1, 0x80000000 >> 24
        beq     t0, t1, 2f
        slli    t0, s1, 2
        la      s5, root
        add     s5, s5, t0
        lw      s6, (s5)
        li      t0, MEMORY >> 2 | LEAF
        sw      t0, (s5)
        slli    s7, s1, 22
        sfence.vma s7
        lw      a0, 64(s7)
        call    add_value
        addi    t0, s1, 7
        sw      t0, 64(s7)
        li      a0, SPP
        la      a1, fetch
        mv      a2, s7
        call    probe
        call    add_probe
        sw      s6, (s5)
        sfence.vma s7, zero
2:      addi    s1, s1, -1
        bgez    s1, 1b
        print   "everywhere "
        call    print_checksum

        la      t0, root                        # and all of them at once
        li      t1, 0
        li      t2, 1024
1:      srli    t3, t1, 2
        li      t4, 0x80000000 >> 24
        beq     t3, t4, 2f
        li      t3, MEMORY >> 2 | LEAF
        sw      t3, (t0)
2:      addi    t0, t0, 4
        addi    t1, t1, 1
        bne     t1, t2, 1b
        sfence.vma
        li      s1, 0
3:      slli    s7, s1, 22
        lw      a0, 68(s7)
        call    add_value
        li      t0, 13
        mul     t0, s1, t0
        addi    t0, t0, 5
        andi    t0, t0, 1023
        srli    t1, t0, 2
        li      t2, 0x80000000 >> 24
        beq     t1, t2, 4f
        srli    t1, s1, 2
        beq     t1, t2, 4f
        slli    t0, t0, 22
        sw      s1, 68(t0)
        lw      a0, 68(s7)
        call    add_value
        li      t1, MEGAPAGE - 2                # misaligned, across two megapages
        add     t1, t1, s7
        lw      a0, (t1)
        call    add_value
4:      addi    s1, s1, 1
        li      t0, 510
        bne     s1, t0, 3b
        print   "all "
        call    print_checksum
        lw      ra, (sp)
        addi    sp, sp, 16
        ret

        .bss
        .balign PAGE
root:   .zero   PAGE
second_root:
        .zero   PAGE
table:  .zero   PAGE
second: .zero   PAGE
page:   .zero   PAGE
other:  .zero   PAGE
