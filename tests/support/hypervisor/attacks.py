"""Hostile guests and what each tries. `PRELUDE` begins every one; `attacks_memory.py` and `attacks_devices.py`
have more of them.

Their RAM is SIZE bytes, `behind` is the address after it, where the hypervisor keeps its frames. A trap is skipped,
so that one refusal does not end an attack. s0 sums up what was read, and is stored at `seen` at the end.
"""

SIZE = 0x40000

PRELUDE = """
.equ ram, 0x80000000
.equ behind, 0x80040000
.equ root, 0x80010000
.equ leaf, 0x80011000
.equ user, 0x40000000
.macro enter mode                       # go on in a mode; U and S mode see RAM where it is
        li      t6, 0x1800
        csrc    mstatus, t6
        li      t6, \\mode << 11
        csrs    mstatus, t6
        la      t6, 9f
        csrw    mepc, t6
        mret
9:
.endm
.macro entry table, number, pte         # store an entry of a table
        li      t5, \\table + 4 * (\\number)
        li      t6, \\pte
        sw      t6, (t5)
.endm
.macro paging ppn                       # translate from now on
        li      t6, 0x80000000 | (\\ppn)
        csrw    satp, t6
        sfence.vma
.endm
.macro peek address
        li      t0, \\address
        lw      t1, (t0)
        add     s0, s0, t1
.endm
.macro poke address
        li      t0, \\address
        li      t1, 0xbadbad
        sw      t1, (t0)
.endm
_start: la      ra, end
        la      t6, skip
        csrw    mtvec, t6
        li      t6, -1
        csrw    pmpaddr15, t6
        li      t6, 0x1f000000
        csrw    pmpcfg3, t6
        entry   root, 0x200, 0x200000cf # S mode: RAM where it is
        entry   root, 0x201, 0x201000cf
        entry   root, 0x100, 0x200000df # U mode: RAM at `user`
        entry   root, 0x300, 0x20004401 # 0xc0000000: through `leaf`
        j       attack
        .balign 4
skip:   csrr    t6, mcause
        li      t5, 12                  # nothing to fetch: the caller's next instruction
        beq     t6, t5, back
        li      t5, 1
        beq     t6, t5, back
        csrr    t6, mepc
        addi    t6, t6, 4
        csrw    mepc, t6
        mret
back:   csrw    mepc, ra
        li      t6, 0x1800
        csrs    mstatus, t6
        mret
"""
END = """
end:    la      t0, seen
        sw      s0, (t0)
stay:   j       stay
        .balign 8
seen:   .word   0
"""

M_CSRS = (
    "mstatus", "misa", "medeleg", "mideleg", "mie", "mcounteren", "menvcfg", "mcountinhibit", "mscratch", "mepc",
    "mcause", "mtval", "mip", "pmpaddr0", "pmpaddr14", "pmpcfg0", "mcycle", "mcycleh", "minstret", "minstreth",
    "mhartid", "mvendorid", "sstatus", "sie", "sip", "stvec", "scounteren", "sepc", "scause", "stval", "mtvec",
    "satp",
)  # fmt: skip


def _write_all(value: str) -> str:
    lines = [f"        li s1, {value}"]
    for name in M_CSRS:
        lines += [
            f"        csrrw t1, {name}, s1",
            "        add s0, s0, t1",
            f"        csrs {name}, s1",
            f"        csrrc t1, {name}, s1",
        ]
    return "\n".join(lines)


EVERY_CSR = """
        la      s2, 2f
        li      s1, 0
1:      slli    t0, s1, 20
        li      t1, 0x00051573          # csrrw a0, 0, a0
        or      t0, t0, t1
        sw      t0, (s2)
        fence.i
        li      a0, -1
2:      nop
        add     s0, s0, a0
        addi    s1, s1, 1
        li      t0, 4096
        bne     s1, t0, 1b
"""

ATTACKS: dict[str, str] = {
    "all ones to every CSR in M mode": "attack: " + _write_all("-1"),
    "zeros to every CSR in M mode": "attack: " + _write_all("0"),
    "addresses of frames to every CSR in M mode": "attack: " + _write_all("behind + 0x1000"),
    "all ones to every CSR in S mode": "attack: enter 1\n" + _write_all("-1"),
    "all ones to every CSR in U mode": "attack: enter 0\n" + _write_all("-1"),
    "all 4096 CSR addresses in S mode": "attack: enter 1\n" + EVERY_CSR,
    "all 4096 CSR addresses in U mode": "attack: enter 0\n" + EVERY_CSR,
    "uflags and mleak": """
attack: li      t6, -1
        csrrw   t1, 0x7c0, t6
        csrrw   t2, 0x800, t6
        csrr    t1, 0x7c0
        add     s0, s0, t1
        enter   1
        csrrw   t1, 0x7c0, zero
        csrrw   t1, 0x800, t6
        enter   0
        csrrs   t1, 0x800, t6
        add     s0, s0, t1
        csrrw   t1, 0x7c0, zero""",
    "a trap handler that patches what trapped": """
attack: la      t6, patch
        csrw    mtvec, t6
        li      s1, 200
1:      .word   0
        la      t0, 1b
        sw      zero, (t0)
        addi    s1, s1, -1
        bnez    s1, 1b
        j       end
        .balign 4
patch:  csrr    t5, mepc
        li      t6, 0x00140413          # addi s0, s0, 1
        sw      t6, (t5)
        mret""",
    "a handler that patches itself": """
attack: la      t6, self
        csrw    mtvec, t6
        li      s1, 300
1:      ecall
        addi    s1, s1, -1
        bnez    s1, 1b
        j       end
        .balign 4
self:   la      t5, 3f
        lw      t6, (t5)
        li      t4, 0x00100000          # addi s0, s0, n with n one more each time
        add     t6, t6, t4
        sw      t6, (t5)
3:      addi    s0, s0, 0
        csrr    t6, mepc
        addi    t6, t6, 4
        csrw    mepc, t6
        mret""",
    "code and its page table on one page": """
attack: la      t0, 1f
        li      t1, leaf + 0x800
        lw      t2, (t0)
        sw      t2, (t1)
        lw      t2, 4(t0)
        sw      t2, 4(t1)
        entry   leaf, 0, 0x200044cf     # the table, readable, writable and executable
        paging  0x80010
        enter   1
        li      s1, 100
2:      la      ra, 3f
        li      t0, 0xc0000800
        jr      t0
3:      li      t0, 0xc0000000
        sw      s1, 0x10(t0)
        sfence.vma
        addi    s1, s1, -1
        bnez    s1, 2b
        j       end
1:      addi    s0, s0, 1
        ret""",
    "traps for ever": """
attack: la      t6, storm
        csrw    mtvec, t6
        .balign 4
storm:  .word   0""",
    "trap vectors in the frames": """
attack: li      t6, behind
        csrw    mtvec, t6
        csrw    stvec, t6
        li      t6, -1
        csrw    medeleg, t6
        enter   1
        ecall""",
    "a storm of ecalls": "attack: enter 0\n1: ecall\n j 1b",
    "a storm of fences": """
attack: paging  0x80010
        enter   1
        li      t0, ram + 0x20000
1:      sfence.vma
        lw      t1, (t0)
        sfence.vma t0, zero
        sw      t1, (t0)
        j       1b""",
    "a storm of satp": """
attack: enter   1
        li      t1, 0x80080010
        li      t0, ram + 0x20000
1:      csrw    satp, t1
        lw      t2, (t0)
        csrw    satp, zero
        sw      t2, (t0)
        j       1b""",
    "a storm of PMP": """
attack: li      t0, ram + 0x20000
1:      csrw    pmpaddr0, s0
        lw      t2, (t0)
        addi    s0, s0, 1
        j       1b""",
    "a storm of SUM and MXR": """
attack: paging  0x80010
        enter   1
        li      t0, user + 0x20000
        li      t1, 0x80000
        li      t2, 0x40000
1:      csrs    sstatus, t2
        lw      t3, (t0)
        csrs    sstatus, t1
        sw      t3, (t0)
        csrc    sstatus, t2
        csrc    sstatus, t1
        lw      t3, (t0)
        j       1b""",
    "a storm of stores to code": """
attack: la      s1, 2f
        lw      t1, (s1)
1:      sw      t1, (s1)
2:      addi    s0, s0, 1
        fence.i
        j       1b""",
    "all frames, for S mode, U mode and with SUM": """
attack: li      s1, root + 0x1000 * 2
        li      t1, 0x200000df
        li      t0, 0
1:      slli    t2, t0, 2
        add     t2, t2, s1
        sw      t1, (t2)
        addi    t0, t0, 1
        li      t2, 1024
        bne     t0, t2, 1b
        li      t1, 0x200000cf
        li      t2, 0x800
        add     t2, t2, s1
        sw      t1, (t2)
        paging  0x80012
        li      t6, 0x40000
        csrs    mstatus, t6
        enter   1
        li      s2, 0x400000
3:      li      t0, 0x1000
2:      lw      t1, (t0)
        sw      t1, 0x7fe(t0)
        add     t0, t0, s2
        srli    t1, t0, 22
        bnez    t1, 2b
        li      t1, 0x40000
        csrc    sstatus, t1
        csrs    sstatus, t1
        j       3b""",
    "misaligned accesses between the last frames": """
attack: li      s1, root + 0x1000 * 2
        li      t1, 0x200000df
        li      t0, 0
1:      slli    t2, t0, 2
        add     t2, t2, s1
        sw      t1, (t2)
        addi    t0, t0, 1
        li      t2, 1024
        bne     t0, t2, 1b
        li      t1, 0x200000cf
        li      t2, 0x800
        add     t2, t2, s1
        sw      t1, (t2)
        entry   leaf, 0x3ff, 0x200080df
        entry   leaf, 0, 0x200084df
        li      t1, 0x20004401
        sw      t1, 0x400(s1)           # every second slot through `leaf`
        sw      t1, 0x404(s1)
        paging  0x80012
        li      t6, 0x40000
        csrs    mstatus, t6
        enter   1
        li      s2, 0x400000
        li      t0, 0x401000
2:      lw      t1, (t0)
        li      t2, 0x403ffffe
        lw      t1, (t2)
        sw      t1, (t2)
        add     t0, t0, s2
        j       2b""",
}
