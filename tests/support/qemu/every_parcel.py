"""A program that executes every parcel that is no part of a longer instruction, and prints what came of it.

Each stands in the middle of a field of halfwords that are illegal and all different, with all registers pointing into
the field: what a load reads, where a jump goes and what comes after the instruction shows in mtval and mepc of the
trap that follows. The trap handler folds the registers, the trap and the words that a store can reach into a hash,
and repairs these words.
"""

FIELD = 0x80010000
"""16 KiB of halfwords, the parcel in the middle."""
PARCEL = FIELD + 0x1000
NEAR = PARCEL + 0x1800
"""Where register i points, plus 4 * i: on another page, because QEMU is slow where code is stored to."""
STORED = 72
"""Words from NEAR on that a store can change."""
SAVED = FIELD + 0x6000
"""Registers, then the trap."""
GROUP = 16
"""Parcels of one hash."""
HASH = 0x01000193
ILLEGAL = 0x2000
"""The lowest halfword of those that need D: bits 12 to 2 may be any."""

ENDLESS = (0x2001, 0xA001, *(0xE001 | register << 7 for register in range(8)))
"""Jumps, and branches that are taken here, to themselves."""

PROGRAM = f"""
    .text
    .globl  _start
_start:
    la      t0, trap
    csrw    mtvec, t0
    li      t0, {SAVED}
    csrw    mscratch, t0
    li      s0, {FIELD}
    li      s1, {FIELD + 0x4000}
    li      t0, {ILLEGAL}
    li      t1, {ILLEGAL | 0x1FFC}
1:  sh      t0, (s0)
    beq     t0, t1, 2f
    addi    t0, t0, 4
    j       3f
2:  li      t0, {ILLEGAL}
3:  addi    s0, s0, 2
    bltu    s0, s1, 1b
    li      s0, 0
    li      s1, 0
try:
    andi    t0, s0, 3
    li      t1, 3
    beq     t0, t1, next
    {"; ".join(f"li t0, {p:#x}; beq s0, t0, next" for p in ENDLESS)}
    li      t0, {SAVED + 0x200}
    sw      s0, 0(t0)
    sw      s1, 4(t0)
    li      t0, {PARCEL}
    sh      s0, (t0)
    fence.i
    li      x31, {NEAR}
    {"; ".join(f"addi x{i}, x31, {4 * i}" for i in range(1, 31))}
    addi    x31, x31, 124
    j       {PARCEL:#x}

    .balign 4
trap:
    csrrw   x31, mscratch, x31
    li      x31, {SAVED}
    {"; ".join(f"sw x{i}, {4 * i}(x31)" for i in range(1, 31))}
    csrr    x30, mscratch
    sw      x30, 124(x31)
    csrr    t0, mcause
    sw      t0, 128(x31)
    csrr    t1, mepc
    sw      t1, 132(x31)
    li      t2, 2
    csrr    t1, mtval
    beq     t0, t2, 1f
    li      t1, 0
1:  sw      t1, 136(x31)
    li      t0, {SAVED + 0x200}
    lw      s0, 0(t0)
    lw      s1, 4(t0)
    li      t2, {HASH}
    addi    t0, x31, 4
    addi    t1, x31, 140
2:  lw      a0, (t0)
    xor     s1, s1, a0
    mul     s1, s1, t2
    addi    t0, t0, 4
    bltu    t0, t1, 2b
    li      t0, {NEAR}
    li      t1, {NEAR + 4 * STORED}
    li      a1, {ILLEGAL | (NEAR - FIELD) // 2 % 0x800 * 4 | (ILLEGAL | ((NEAR - FIELD) // 2 + 1) % 0x800 * 4) << 16}
    li      a2, 0x80008
3:  lw      a0, (t0)
    xor     s1, s1, a0
    mul     s1, s1, t2
    beq     a0, a1, 4f
    sw      a1, (t0)
4:  add     a1, a1, a2
    addi    t0, t0, 4
    bltu    t0, t1, 3b
next:
    addi    s0, s0, 1
    andi    t0, s0, {GROUP - 1}
    bnez    t0, 6f
    li      t0, 0x10000000
    li      t4, 28
7:  srl     t1, s1, t4
    andi    t1, t1, 15
    addi    t2, t1, '0'
    sltiu   t1, t1, 10
    bnez    t1, 5f
    addi    t2, t2, 'a' - 10 - '0'
5:  sb      t2, (t0)
    addi    t4, t4, -4
    bgez    t4, 7b
    li      t2, '\\n'
    sb      t2, (t0)
    li      s1, 0
6:  srli    t0, s0, 16
    beqz    t0, try
    li      t0, 0x100000
    li      t1, 0x5555
    sw      t1, (t0)
    j       .
"""
