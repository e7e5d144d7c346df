# stale.s - maps a page, reads it, maps another one at its address, fences, and reads again: is it the new one?

        .include "guest.inc"

        .equ    TARGET, 0x50000000
        .equ    ASID, 5
        .equ    ASID_SHIFT, 22

# try text, fence: with this fence between.
        .macro  try text, fence:vararg
        print   "\text: "
        la      a0, old_page
        call    map
        sfence.vma
        li      t0, TARGET
        lw      a0, (t0)
        la      a0, new_page
        call    map
        li      s1, TARGET
        li      s2, ASID
        \fence
        lw      a0, (s1)                        # each page begins with the address of its name
        call    print_text
        .endm

main:   addi    sp, sp, -16
        sw      ra, (sp)
        kernel_tables TARGET
        srli    t0, t0, 12
        li      t1, SV32 | ASID << ASID_SHIFT
        or      t0, t0, t1
        csrw    satp, t0
        sfence.vma
        try     "everything", sfence.vma
        try     "one address", sfence.vma s1
        try     "one address space", sfence.vma zero, s2
        try     "one address of one address space", sfence.vma s1, s2
        lw      ra, (sp)
        addi    sp, sp, 16
        ret

# map: the page a0 at TARGET.
map:    srli    t0, a0, 2
        ori     t0, t0, LEAF
        la      t1, table
        sw      t0, (t1)
        ret

        .section .rodata
old_name:
        .asciz  "the old page\n"
new_name:
        .asciz  "the new page\n"

        .data
        .balign PAGE
old_page:
        .word   old_name
        .balign PAGE
new_page:
        .word   new_name
        .bss
        .balign PAGE
root:   .zero   PAGE
table:  .zero   PAGE
