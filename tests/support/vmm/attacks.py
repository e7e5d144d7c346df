"""Hostile guests of Warren and what each tries. `attacks_state.py` and `attacks_calls.py` have more of them;
PRELUDE begins every one.

Their RAM is SIZE bytes from `ram` on, so that half a megapage is missing at its end; `behind` is the address after it.
A trap is skipped, or goes on at ra where the pc was nowhere, so that one refusal does not end an attack. All that is
read is kept in RAM.
"""

SIZE = 6 << 20

PRELUDE = """
        .equ    ram, 0x80000000
        .equ    own, 0x80400000         # where this code is
        .equ    behind, 0x80600000
        .equ    root, 0x80010000
        .equ    leaf, 0x80011000
        .equ    kept, 0x80100000        # 1 MiB for what was read
        .equ    user, 0x40000000        # where U mode sees this code
        .equ    window, 0xffc00000      # where Warren begins to live
        .macro  entry table, number, pte
        li      t5, \\table + 4 * (\\number)
        li      t6, \\pte
        sw      t6, (t5)
        .endm
        .macro  paging ppn, asid=0
        li      t6, 0x80000000 | (\\asid) << 22 | (\\ppn)
        csrw    satp, t6
        sfence.vma
        .endm
        .macro  keep register
        sw      \\register, (s11)
        addi    s11, s11, 4
        li      t6, kept + 0xffff0
        bltu    s11, t6, 99f
        li      s11, kept
99:
        .endm
        .macro  peek address
        li      t0, \\address
        li      t1, 0
        lw      t1, (t0)
        keep    t1
        .endm
        .macro  poke address
        li      t0, \\address
        li      t1, 0xbadbad
        sw      t1, (t0)
        .endm
        .macro  visit address
        la      ra, 98f
        li      t0, \\address
        jr      t0
98:
        .endm
        .macro  enter_user              # with paging
        la      t6, 97f
        li      t5, user - own
        add     t6, t6, t5
        csrw    sepc, t6
        li      t6, 0x100
        csrc    sstatus, t6
        sret
97:
        .endm
        .macro  sbi extension, function
        li      a7, \\extension
        li      a6, \\function
        ecall
        keep    a0
        keep    a1
        .endm
        .globl  _start
_start: la      t6, skip
        csrw    stvec, t6
        li      s11, kept
        entry   root, 0x200, 0x200000cf # RAM where it is, and to U mode this code
        entry   root, 0x201, 0x201000cf
        entry   root, 0x100, 0x201000df
        entry   root, 0x300, 0x20004401 # 0xc0000000: through `leaf`
        j       attack
        .balign 4
skip:   csrr    t6, scause
        li      t5, 12                  # nothing to fetch
        beq     t6, t5, back
        li      t5, 1
        beq     t6, t5, back
        bltz    t6, stop
        csrr    t6, sepc
        addi    t6, t6, 4
        csrw    sepc, t6
        sret
stop:   csrw    sie, zero
        sret
back:   csrw    sepc, ra
        li      t6, 0x100
        csrs    sstatus, t6
        sret
"""
END = """
end:    csrw    satp, zero
        li      a0, 0
        li      a1, 0
        li      a6, 0
        li      a7, 0x53525354
        ecall
"""


def _each(template: str, *values: str) -> str:
    return "attack:" + "".join(template.replace("VALUE", value) for value in values)


OUTSIDE = (
    "behind", "behind + 0x1ffffc", "0x80800000", "0x80c00000", "0x81000000", "0x81400000", "0x82000000", "0xbffffffc",
    "window", "window + 0x1000", "window + 0x300000", "0xfffffffc", "0x1000", "0x2000000",
)  # fmt: skip
"""Addresses of no RAM, among them those where Warren and the neighbour really are."""

ATTACKS: dict[str, str] = {
    "loads outside its RAM": _each("\n        peek VALUE", *OUTSIDE),
    "stores outside its RAM": _each("\n        poke VALUE", *OUTSIDE),
    "jumps outside its RAM": _each("\n        visit VALUE", *OUTSIDE),
    "atomics outside its RAM": _each(
        "\n        li t0, VALUE\n        lr.w t1, (t0)\n        keep t1\n        sc.w t1, t0, (t0)"
        "\n        amoswap.w t1, t0, (t0)\n        keep t1", *OUTSIDE
    ),
    "misaligned accesses over the end of RAM": """
attack: li      s1, behind - 3
        li      s2, behind + 3
1:      li      t1, 0
        lw      t1, (s1)
        keep    t1
        lhu     t1, (s1)
        keep    t1
        sw      s1, (s1)
        sh      s1, (s1)
        addi    s1, s1, 1
        bne     s1, s2, 1b""",
    "a superpage that hangs over the end": """
attack: entry   root, 0x301, 0x201000cf
        entry   root, 0x302, 0x202000cf
        paging  0x80010
        peek    0xc0400000
        peek    0xc0600000
        poke    0xc0600000
        peek    0xc07ffffc
        poke    0xc05ffffe
        visit   0xc0600000
        peek    0xc0800000
        poke    0xc0800000""",
    "superpages of every megapage": """
attack: li      s1, 0x80000             # page number
        li      s2, 0x84000
1:      slli    t0, s1, 10
        ori     t0, t0, 0xcf
        li      t1, root + 4 * 0x301
        sw      t0, (t1)
        paging  0x80010
        li      t0, 0xc0400000
        li      t1, 0
        lw      t1, 0x100(t0)
        keep    t1
        li      t2, 0x200000
        add     t0, t0, t2
        lw      t1, 0x100(t0)
        keep    t1
        li      t2, 0x80000
        beq     s1, t2, 2f
        sw      s1, 0x100(t0)
2:      li      t0, 0x400
        add     s1, s1, t0
        bne     s1, s2, 1b""",
    "leaf entries for what is behind RAM": """
attack: li      s1, 0x80600             # page number
        li      s2, leaf
1:      slli    t0, s1, 10
        ori     t0, t0, 0xcf
        sw      t0, (s2)
        addi    s1, s1, 7
        addi    s2, s2, 4
        li      t0, leaf + 0x1000
        bne     s2, t0, 1b
        paging  0x80010
        li      s1, 0xc0000000
        li      s2, 0xc0400000
2:      li      t1, 0
        lw      t1, (s1)
        keep    t1
        sw      s1, 4(s1)
        li      t0, 0x1000
        add     s1, s1, t0
        bne     s1, s2, 2b""",
    "roots outside RAM": """
attack: la      s3, 3f
1:      lw      s1, (s3)
        beqz    s1, end
        la      ra, 2f
        csrw    satp, s1
        sfence.vma
        peek    ram
        peek    behind
2:      csrw    satp, zero
        addi    s3, s3, 4
        j       1b
3:      .word   0x80080600, 0x80080400, 0x80080c00, 0x80081400, 0x800ffc00, 0x803fffff, 0x80000000, 0x80010000
        .word   0x80180010, 0x80200000, 0x80000100, 0""",
    "lower tables outside RAM": _each(
        "\n        entry root, 0x302, (VALUE >> 12) << 10 | 1\n        paging 0x80010\n        peek 0xc0800000"
        "\n        poke 0xc0801000\n        csrw satp, zero", *OUTSIDE
    ),
    "a root that maps itself": """
attack: entry   root, 0x3fe, 0x20004001
        paging  0x80010
        li      s1, 0xff810000          # the root as a page, through itself: entry 0x10 of it
        entry   root, 0x010, 0x200040c7
        sfence.vma
        li      t0, 0xff810000
        li      t1, 0x203000c7          # and now a page of somebody else
        sw      t1, 0x44(t0)
        sfence.vma
        peek    0xff811000
        poke    0xff811000
        peek    0xff810000""",
    "numbers of pages beyond 32 bits": """
attack: entry   leaf, 0, 0x600440cf
        entry   leaf, 1, 0xfffffccf
        entry   leaf, 2, 0xa00040cf
        entry   root, 0x302, 0xa01000cf
        paging  0x80010
        peek    0xc0000000
        poke    0xc0000000
        peek    0xc0001000
        peek    0xc0002000
        poke    0xc0002000
        peek    0xc0800000
        paging  0x180010
        peek    ram""",
    "misaligned superpages": """
attack: entry   root, 0x301, 0x201004cf
        entry   root, 0x302, 0x201800cf
        paging  0x80010
        peek    0xc0400000
        poke    0xc0400000
        peek    0xc0800000
        visit   0xc0800000""",
}  # fmt: skip
