"""Hostile guests that attack through devices, interrupts, time and the host's own interfaces; see `attacks.py`."""

SWEEP = """
1:      lw      t1, (s1)
        add     s0, s0, t1
        lhu     t1, (s1)
        lbu     t1, 1(s1)
        lw      t1, 2(s1)
        sw      s3, (s1)
        sh      s3, (s1)
        sb      s3, 3(s1)
        sw      s3, 1(s1)
        amoadd.w t1, s3, (s1)
        add     s1, s1, s4
        bltu    s1, s2, 1b
"""


def _sweep(first: int, last: int, step: int, value: int) -> str:
    return f"attack: li s1, {first:#x}\n li s2, {last:#x}\n li s3, {value:#x}\n li s4, {step:#x}\n{SWEEP}"


VIRTIO = """
.equ slot, 0x10001000
.macro reg offset, value
        li      t0, slot + \\offset
        li      t1, \\value
        sw      t1, (t0)
.endm
.macro word address, value
        li      t0, \\address
        li      t1, \\value
        sw      t1, (t0)
.endm
.macro queue pfn                        # a legacy queue of eight in the page `pfn`
        reg     0x70, 0
        reg     0x70, 3
        reg     0x28, 4096
        reg     0x30, 0
        reg     0x38, 8
        reg     0x3c, 4096
        reg     0x40, \\pfn
        reg     0x70, 7
.endm
.macro descriptor number, low, high, length, flags
        word    0x80020000 + 16 * \\number, \\low
        word    0x80020004 + 16 * \\number, \\high
        word    0x80020008 + 16 * \\number, \\length
        word    0x8002000c + 16 * \\number, \\flags
.endm
.macro notify count                     # the chain that begins at descriptor 0, for the `count`th time
        word    0x80020080, \\count << 16
        reg     0x50, 0
.endm
attack:
"""

DEVICE_ATTACKS: dict[str, str] = {
    "every register of the CLINT, and behind it": _sweep(0x2000000, 0x2010000, 0x404, 0xFFFFFFFF),
    "CLINT registers of other harts": _sweep(0x2000000, 0x2000040, 4, 1)
    + "li s1, 0x2004000\nli s2, 0x2004080\n"
    + SWEEP,
    "every register of the UART, and behind it": _sweep(0x10000000, 0x10000120, 4, 0x41),
    "the PLIC, contexts that are not there": _sweep(0xC000000, 0xC600000, 0x1FFC, 0xFFFFFFFF),
    "empty virtio slots": _sweep(0x10002000, 0x10009200, 0x84, 0x80000),
    "holes between the devices": _sweep(0x0, 0x2000000, 0x80004, 0x1234),
    "virtio: buffers in the frames": VIRTIO
    + """
        queue   0x80020
        descriptor 0, 0x80040000, 0, 0x1000, 2
        notify  1
        descriptor 0, 0x8003ff00, 0, 0x1000, 2
        notify  2""",
    "virtio: buffers beyond 32 bits, of 4 GiB, below RAM": VIRTIO
    + """
        queue   0x80020
        descriptor 0, 0x80030000, 1, 0x100, 2
        notify  1
        descriptor 0, 0x80030000, 0, 0xffffffff, 2
        notify  2
        descriptor 0, 0x7ffffff0, 0, 0x20, 2
        notify  3
        descriptor 0, 0xfffffff0, 0xffffffff, 0x20, 2
        notify  4""",
    "virtio: chains without end": VIRTIO
    + """
        queue   0x80020
        descriptor 0, 0x80030000, 0, 16, 0x10003
        descriptor 1, 0x80030000, 0, 16, 0x00003
        notify  1
        descriptor 0, 0x80030000, 0, 16, 0xffff0003
        notify  2
        descriptor 0, 0x80020000, 0, 0xfffffff0, 4
        notify  3""",
    "virtio: a queue in the frames": VIRTIO
    + """
        queue   0x80040
        notify  1
        queue   0x8003f
        notify  2
        queue   0xfffff
        notify  3
        queue   0
        notify  4""",
    "virtio: a buffer that is the queue, the page table and the code": VIRTIO
    + """
        paging  0x80010
        queue   0x80020
        descriptor 0, 0x80021000, 0, 0x1000, 2
        notify  1
        descriptor 0, 0x80010000, 0, 0x100, 2
        notify  2
        la      t2, end
        li      t0, 0x80020000
        sw      t2, (t0)
        notify  3""",
    "HTIF: a system call behind RAM": """
attack: la      t0, tohost
        li      t1, behind
        sw      t1, (t0)
        sw      zero, 4(t0)
        li      s1, 200
1:      addi    s1, s1, -1
        bnez    s1, 1b
        la      t0, tohost
        li      t1, behind - 8
        sw      t1, (t0)
        sw      zero, 4(t0)
        li      s1, 200
1:      addi    s1, s1, -1
        bnez    s1, 1b
        j       end
        .balign 8
tohost: .dword  0
fromhost: .dword 0""",
    "HTIF: a write of what lies behind RAM": """
attack: la      t0, call
        li      t1, 64
        sw      t1, (t0)
        li      t1, 1
        sw      t1, 8(t0)
        li      t1, behind - 16
        sw      t1, 16(t0)
        li      t1, 0x10000
        sw      t1, 24(t0)
        la      t1, tohost
        sw      t0, (t1)
        sw      zero, 4(t1)
        li      s1, 200
1:      addi    s1, s1, -1
        bnez    s1, 1b
        la      t0, call
        lw      t1, (t0)
        add     s0, s0, t1
        j       end
        .balign 8
call:   .zero   64
tohost: .dword  0
fromhost: .dword 0""",
    "HTIF: bytes, half-words and translated stores": """
attack: la      t0, tohost
        li      t1, 0x41
        sb      t1, (t0)
        sh      t1, 6(t0)
        sw      t1, 2(t0)
        paging  0x80010
        li      t6, 0x40000
        csrs    mstatus, t6
        enter   1
        la      t0, tohost
        li      t1, user - ram
        add     t0, t0, t1
        li      t1, 0x42
        sw      t1, (t0)
        li      t1, 0x01010000
        sw      t1, 4(t0)
        amoor.w t1, t1, (t0)
        li      s1, 200
1:      addi    s1, s1, -1
        bnez    s1, 1b
        j       end
        .balign 8
tohost: .dword  0
fromhost: .dword 0""",
    "a software interrupt that never goes": """
attack: la      t6, 2f
        csrw    mtvec, t6
        li      t0, 0x2000000
        li      t1, 1
        sw      t1, (t0)
        li      t1, -1
        csrw    mie, t1
        csrsi   mstatus, 8
1:      j       1b
        .balign 4
2:      addi    s0, s0, 1
        mret""",
    "a timer that is always due, delegated lines and all": """
attack: la      t6, 2f
        csrw    mtvec, t6
        li      t0, 0x2004000
        sw      zero, (t0)
        sw      zero, 4(t0)
        li      t1, -1
        csrw    mideleg, t1
        csrw    mip, t1
        csrw    mie, t1
        enter   0
1:      j       1b
        .balign 4
2:      addi    s0, s0, 1
        mret""",
    "time at its end": """
attack: li      t0, 0x200bff8
        li      t1, -1
        sw      t1, (t0)
        sw      t1, 4(t0)
        csrw    mcycle, t1
        csrw    mcycleh, t1
        csrw    minstret, t1
        csrw    minstreth, t1
        li      t0, 0x2004000
        sw      t1, (t0)
        li      t2, 0x7fffffff
        sw      t2, 4(t0)
        li      t2, 0x80
        csrw    mie, t2
        li      s1, 50
1:      rdtime  t2
        add     s0, s0, t2
        rdcycle t2
        add     s0, s0, t2
        wfi
        addi    s1, s1, -1
        bnez    s1, 1b""",
    "wfi that nothing wakes": """
attack: csrw    mie, zero
        li      t1, -1
        csrw    mip, t1
        enter   1
        wfi
1:      wfi
        j       1b""",
    "the finisher, in every width": """
attack: li      t0, 0x100000
        li      t1, 0x1234
        sb      t1, (t0)
        sw      t1, 4(t0)
        lw      t2, (t0)
        li      t1, 0x00073333
        sw      t1, (t0)""",
    "reads everything that an address can name": """
attack: li      s1, 0
        li      s2, 0x40004
        li      s3, 8000
1:      lw      t1, (s1)
        add     s0, s0, t1
        add     s1, s1, s2
        addi    s3, s3, -1
        bnez    s3, 1b""",
    "reads everything that a page table can name": """
attack: paging  0x80010
        li      s1, 0x0000000f          # leaf 0: each physical page in steps of 4 MiB and some
        li      s2, 0x00100400
        li      s3, 1500
        enter   1
1:      li      t0, leaf
        ori     t1, s1, 0xcf
        sw      t1, (t0)
        sfence.vma
        li      t0, 0xc0000000
        lw      t1, (t0)
        add     s0, s0, t1
        add     s1, s1, s2
        addi    s3, s3, -1
        bnez    s3, 1b""",
}
