"""Hostile guests of Warren that attack through their own page tables, code and CSRs, and devices; see `attacks.py`."""

EVERY_CSR = """
        la      s2, 2f
        li      s1, 0
1:      slli    t0, s1, 20
        li      t1, {word}
        or      t0, t0, t1
        sw      t0, (s2)
        fence.i
        li      a0, -1
2:      nop
        keep    a0
        la      t6, skip
        csrw    stvec, t6
        csrw    sie, zero
        csrw    satp, zero
        addi    s1, s1, 1
        li      t0, 4096
        bne     s1, t0, 1b
"""

STATE_ATTACKS: dict[str, str] = {
    "its own memory where Warren lives": """
attack: entry   root, 0x3ff, 0x200000cf
        paging  0x80010
        li      s2, 400
1:      li      s1, window + 0x200000   # writes all over what is there, with traps between
        add     s1, s1, s2
        sw      s1, (s1)
        ecall
        li      t0, window
        lw      t1, 0x10(t0)
        keep    t1
        .word   0
        addi    s2, s2, -4
        bnez    s2, 1b""",
    "every slot of its root in use": """
attack: li      s1, 0
        li      s2, 1024
        li      t1, root
1:      li      t0, 0x200000cf
        sw      t0, (t1)
        addi    t1, t1, 4
        addi    s1, s1, 1
        bne     s1, s2, 1b
        entry   root, 0x201, 0x201000cf
        paging  0x80010
        li      s1, 0
2:      slli    t0, s1, 22
        li      t1, 0x180000
        add     t0, t0, t1
        sw      s1, (t0)
        lw      t1, (t0)
        keep    t1
        csrr    t1, sscratch
        addi    s1, s1, 1
        bne     s1, s2, 2b""",
    "more page tables than there are pages for": """
attack: li      s1, 0
        li      s2, 1024
        li      t1, root
1:      li      t0, 0x20004401
        li      t2, 0x201
        beq     s1, t2, 2f
        sw      t0, (t1)
2:      addi    t1, t1, 4
        addi    s1, s1, 1
        bne     s1, s2, 1b
        entry   leaf, 0, 0x200800cf
        entry   leaf, 5, 0x203000cf
        paging  0x80010
        li      s1, 0
3:      slli    t0, s1, 22
        li      t2, 0x201
        beq     s1, t2, 4f
        sw      s1, (t0)
        li      t1, 0x5000
        add     t0, t0, t1
        li      t1, 0
        lw      t1, (t0)
        keep    t1
4:      addi    s1, s1, 1
        bne     s1, s2, 3b""",
    "tables that change without a fence": """
attack: paging  0x80010
        li      s1, 0x80600
1:      entry   leaf, 0, 0x200800cf
        peek    0xc0000000
        slli    t0, s1, 10
        ori     t0, t0, 0xcf
        li      t1, leaf
        sw      t0, (t1)
        poke    0xc0000000
        sfence.vma
        peek    0xc0000000
        poke    0xc0000000
        addi    s1, s1, 1
        li      t0, 0x80660
        bne     s1, t0, 1b""",
    "code that changes under the access of a device": """
attack: paging  0x80010
        entry   root, 0x040, 0x040000cf # the UART at 0x10000000
        la      t0, 2f                  # two pages with code at the same place: a load, and something else
        li      t1, 0x80020100
        li      t2, 0x80021100
        lw      t3, 0(t0)
        sw      t3, 0(t1)
        lw      t3, 4(t0)
        sw      t3, 4(t1)
        sw      t3, 4(t2)
        li      s1, 0
1:      slli    t3, s1, 7               # any instruction
        ori     t3, t3, 0x23
        sw      t3, 0(t2)
        entry   leaf, 0, 0x200080cf
        sfence.vma
        fence.i
        li      a0, 0x10000005
        visit   0xc0000100
        entry   leaf, 0, 0x200084cf     # not fenced
        li      a0, 0x10000005
        visit   0xc0000100
        addi    s1, s1, 57
        li      t0, 5700
        bne     s1, t0, 1b
        j       end
2:      lb      a1, (a0)
        jr      ra""",
    "code beside its own page table": """
attack: li      t0, leaf + 0x800
        la      t1, 3f
        lw      t2, 0(t1)
        sw      t2, 0(t0)
        lw      t2, 4(t1)
        sw      t2, 4(t0)
        entry   leaf, 0, 0x200044cf
        paging  0x80010
        li      s1, 100
1:      visit   0xc0000800
        li      t0, 0xc0000000
        sw      s1, 0x10(t0)
        sfence.vma
        addi    s1, s1, -1
        bnez    s1, 1b
        j       end
3:      addi    s0, s0, 1
        jr      ra""",
    "user mode against its own kernel": """
attack: paging  0x80010
        enter_user
        peek    own
        poke    own
        peek    ram
        poke    window
        peek    window
        csrr    t1, sstatus
        csrw    satp, zero
        sfence.vma
        sret
        wfi
        visit   window
        .word   0
        li      t6, 0x10000000
        sb      t6, (t6)
        ecall""",
    "MXR and SUM": """
attack: entry   leaf, 0, 0x200800d9     # executable only, of U mode
        entry   leaf, 1, 0x203000d9     # likewise, of nobody
        paging  0x80010
        li      s1, 0xc0000
1:      csrs    sstatus, s1
        peek    0xc0000000
        peek    0xc0001000
        poke    0xc0000000
        csrc    sstatus, s1
        peek    0xc0000000
        li      t0, 0x40000
        sub     s1, s1, t0
        bnez    s1, 1b""",
    "every CSR, all ones, in S mode": "attack: " + EVERY_CSR.format(word="0x00051573"),
    "every CSR, read, in S mode": "attack: " + EVERY_CSR.format(word="0x00002573"),
    "every CSR in U mode": """
attack: li      t6, 0x100
        csrc    sstatus, t6
        la      t6, 1f
        csrw    sepc, t6
        sret
1:""" + EVERY_CSR.format(word="0x00051573"),
    "all addresses of devices": """
attack: la      s3, 3f
1:      lw      s1, 0(s3)
        beqz    s1, end
        lw      s2, 4(s3)
        lw      s4, 8(s3)
2:      li      t1, 0
        lw      t1, (s1)
        keep    t1
        lhu     t1, (s1)
        lbu     t1, (s1)
        keep    t1
        lw      t1, 1(s1)
        amoor.w t1, s1, (s1)
        li      t0, 0x100000            # not the finisher's own word
        beq     s1, t0, 4f
        sw      s1, (s1)
        sh      s1, (s1)
4:      sb      s1, (s1)
        add     s1, s1, s4
        bltu    s1, s2, 2b
        addi    s3, s3, 12
        j       1b
3:      .word   0x10000000, 0x10000010, 1, 0x10001000, 0x10009000, 0x100, 0x0c000000, 0x0c000200, 4
        .word   0x0c001000, 0x0c001010, 4, 0x0c002000, 0x0c002100, 4, 0x0c200000, 0x0c203000, 0x800
        .word   0x0c5ffff0, 0x0c600010, 4, 0x02000000, 0x02010000, 0x4000, 0x00100000, 0x00101010, 0x400, 0""",
}  # fmt: skip
