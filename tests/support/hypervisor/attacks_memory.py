"""Hostile guests that attack through page tables, PMP, MPRV and addresses behind RAM; see `attacks.py`."""

MEMORY_ATTACKS: dict[str, str] = {
    "a root outside RAM": """
attack: li      t6, 0xffffffff
        csrw    satp, t6
        la      ra, end
        enter   1
        peek    ram""",
    "roots in the hypervisor's frames": """
attack: li      s1, 0x80080040          # behind >> 12, each of the first frames
        li      s2, 0x80080040 + 64
1:      csrw    satp, s1
        li      t0, 0x20800 | 1 << 17   # MPRV for S mode: the handler goes on in M mode
        csrs    mstatus, t0
        li      t0, 0x1000
        csrc    mstatus, t0
        peek    ram
        poke    ram + 0x20000
        peek    behind
        li      t0, 0x20000
        csrc    mstatus, t0
        addi    s1, s1, 1
        bne     s1, s2, 1b""",
    "a root whose address wraps at 32 bits": """
attack: paging  0x180010
        la      ra, end
        enter   1
        peek    ram
        poke    ram + 0x20000""",
    "a root that maps itself": """
attack: entry   root, 0x3ff, 0x20004001
        entry   root, 0x010, 0x200040cf # as a leaf of 4 MiB it is misaligned
        entry   leaf, 0, 0x200040c7     # a page of `leaf` is the root
        paging  0x80010
        enter   1
        li      t0, 0xc0000000
        li      t1, 0x200100c7          # and lets itself map the frames
        sw      t1, 4(t0)
        sfence.vma
        peek    0x00400000
        poke    0x00440000
        peek    0xfffff000""",
    "a root in the CLINT": """
attack: paging  0x2000
        la      ra, end
        enter   1
        peek    ram""",
    "a lower table in the UART": """
attack: entry   root, 0x301, 0x04000001
        paging  0x80010
        enter   1
        peek    0xc0400000
        poke    0xc0401000""",
    "leaf entries for the frames": "attack: .set n, 0\n.rept 64\nentry leaf, n, (0x20010 + n) << 10 | 0xcf\n"
    ".set n, n + 1\n.endr\n"
    """
        paging  0x80010
        enter   1
        li      s1, 0xc0000000
        li      s2, 0xc0040000
        li      s3, 0x1000
1:      lw      t1, (s1)
        add     s0, s0, t1
        sw      s1, 4(s1)
        amoadd.w t1, s1, (s1)
        la      ra, 2f
        jr      s1
2:      add     s1, s1, s3
        bne     s1, s2, 1b""",
    "a superpage that goes on behind RAM": """
attack: paging  0x80010
        enter   1
        li      s1, 0x8003f000
        li      s2, 0x80400000
        li      s3, 0x1000
1:      lw      t1, (s1)
        add     s0, s0, t1
        sw      s1, 0x7f0(s1)
        sb      s1, 0x7ff(s1)
        add     s1, s1, s3
        bne     s1, s2, 1b""",
    "the same superpage in U mode": """
attack: paging  0x80010
        li      t6, user - ram
        la      t5, 1f
        add     t5, t5, t6
        csrw    mepc, t5
        li      t6, 0x1800
        csrc    mstatus, t6
        mret
1:      li      s1, 0x40000000 + 0x3f000
        li      s2, 0x40400000
        li      s3, 0x1000
2:      lw      t1, (s1)
        add     s0, s0, t1
        sw      s1, 0x7f0(s1)
        add     s1, s1, s3
        bne     s1, s2, 2b""",
    "leaf entries whose addresses wrap at 32 bits": """
attack: entry   leaf, 0, 0x600000cf     # 0x180000000
        entry   leaf, 1, 0x600100cf     # behind, and 2^32
        entry   leaf, 2, 0xffffffcf
        entry   leaf, 3, 0x400000cf
        entry   root, 0x301, 0x600000cf
        paging  0x80010
        enter   1
        peek    0xc0000000
        poke    0xc0000800
        peek    0xc0001000
        poke    0xc0001800
        peek    0xc0002ffc
        poke    0xc0002000
        poke    0xc0003000
        poke    0xc0400000""",
    "the page below RAM": """
attack: entry   leaf, 0, 0x1ffffccf
        entry   root, 0x301, 0x1ff000cf
        paging  0x80010
        enter   1
        poke    0xc0000ffc
        peek    0xc0000000
        poke    0xc07ffffc
        poke    0xc0000ffe""",
    "misaligned superpages": """
attack: entry   root, 0x301, 0x200004cf
        entry   root, 0x302, 0x200100cf
        paging  0x80010
        enter   1
        poke    0xc0400000
        poke    0xc0800000""",
    "every page of the address space in M mode": """
attack: li      s1, 0x80400000
        li      s3, 0x1000
        li      s2, 0x8003f000
1:      sub     s1, s1, s3
        lw      t1, (s1)
        add     s0, s0, t1
        sw      s1, (s1)
        bne     s1, s2, 1b
        li      s3, 0x100000
        li      s1, 0x90000000
2:      lw      t1, (s1)
        add     s0, s0, t1
        sw      t1, (s1)
        add     s1, s1, s3
        bnez    s1, 2b""",
    "stores over the top of RAM": """
attack: .set n, 1
.rept 7
        poke    behind - n
        peek    behind - n
        li      t0, behind - n
        sh      t1, (t0)
        lh      t1, (t0)
.set n, n + 1
.endr
        poke    ram - 1
        poke    ram - 3
        peek    ram - 2""",
    "atomics behind RAM": """
attack: li      s1, behind
        lr.w    t1, (s1)
        sc.w    t2, t1, (s1)
        amoswap.w t1, t1, (s1)
        li      t0, ram + 0x20000
        lr.w    t1, (t0)
        sc.w    t2, s1, (s1)
        add     s0, s0, t2
        lr.w    t1, (t0)
        li      t0, behind - 2
        amoor.w t1, t1, (t0)
        sc.w    t2, s1, (t0)
        add     s0, s0, t2""",
    "reservations over worlds": """
attack: li      s1, ram + 0x20000
        lr.w    t1, (s1)
        csrr    t2, cycle
        sc.w    t2, s1, (s1)
        add     s0, s0, t2
        lr.w    t1, (s1)
        enter   0
        sc.w    t2, s1, (s1)
        add     s0, s0, t2
        lr.w    t1, (s1)
        csrr    t2, mscratch            # traps: the reservation is gone
        sc.w    t2, s1, (s1)
        add     s0, s0, t2
        lr.w    t1, (s1)
        li      t0, ram + 0x21000
        lw      t2, (t0)                # hidden fault: it stays
        sc.w    t2, s1, (s1)
        add     s0, s0, t2
        li      t0, behind
        lr.w    t1, (s1)
        sc.w    t2, s1, (t0)
        add     s0, s0, t2""",
    "jumps behind RAM": """
attack: la      ra, 1f
        li      t0, behind
        jr      t0
1:      la      ra, 2f
        li      t0, behind - 4          # the last instruction of RAM, then none
        li      t1, 0x13
        sw      t1, (t0)
        jr      t0
2:      la      ra, 3f
        paging  0x80010
        enter   1
        li      t0, behind + 0x1000
        jr      t0
3:      nop""",
    "PMP locks everything, for M mode too": """
attack: li      t6, -1
        csrw    pmpaddr0, t6
        li      t6, 0x98
        csrw    pmpcfg0, t6
        peek    ram
        poke    ram + 0x20000""",
    "PMP regions upside down": """
attack: li      t6, behind >> 2
        csrw    pmpaddr0, t6
        li      t6, ram >> 2
        csrw    pmpaddr1, t6
        csrw    pmpaddr2, zero
        li      t6, -1
        csrw    pmpaddr3, t6
        li      t6, 0x0f0b0f0f
        csrw    pmpcfg0, t6
        enter   1
        peek    behind
        poke    behind
        peek    ram + 0x20000""",
    "PMP regions for the frames only": """
attack: li      t6, (behind | 0x1fffff) >> 2
        csrw    pmpaddr0, t6
        li      t6, 0x1f
        csrw    pmpcfg0, t6
        csrw    pmpcfg3, zero
        li      t6, 0x21800
        csrs    mstatus, t6
        li      t6, 0x1000
        csrc    mstatus, t6
        peek    behind
        poke    behind + 0x1000
        peek    ram""",
    "PMP: writable, not readable": """
attack: li      t6, (0x80020000 | 0x7ff) >> 2
        csrw    pmpaddr0, t6
        li      t6, 0x1a
        csrw    pmpcfg0, t6
        li      t6, 0x1c
        csrw    pmpcfg0, t6
        li      t6, 0x1e
        csrs    pmpcfg0, t6
        enter   1
        poke    0x80020000
        peek    0x80020000
        li      t0, 0x80020000
        amoadd.w t1, t1, (t0)""",
    "PMP: four bytes of a page table": """
attack: li      t6, (root + 0x800) >> 2
        csrw    pmpaddr0, t6
        li      t6, 0x10
        csrw    pmpcfg0, t6
        paging  0x80010
        la      ra, end
        enter   1
        peek    ram""",
    "MPRV: reach the frames for S mode": """
attack: paging  0x80040
        li      t6, 0x20800
        csrs    mstatus, t6
        li      t6, 0x1000
        csrc    mstatus, t6
        peek    ram
        poke    ram
        poke    behind
        paging  0x80010
        li      t6, 0xe0800
        csrs    mstatus, t6
        peek    behind
        poke    user + 0x40000""",
    "MPRV outlives M mode": """
attack: li      t6, 0x20000
        csrs    mstatus, t6
        enter   1
        peek    ram
        li      t6, 0x20000
        csrs    sstatus, t6
        sret
        peek    ram
        csrs    mstatus, t6""",
}
