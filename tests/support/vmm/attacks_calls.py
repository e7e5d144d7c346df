"""Hostile guests of Warren that attack by calls, interrupts and storms, or that only take time; see `attacks.py`."""

from support.vmm.attacks import OUTSIDE

TIME, IPI, RFENCE, HSM, SRST, DBCN = (
    hex(int.from_bytes(name.encode(), "big")) for name in ("TIME", "sPI", "RFNC", "HSM", "SRST", "DBCN")
)


def _each(template: str) -> str:
    return "attack:" + "".join(template.replace("VALUE", value) for value in OUTSIDE)


CALL_ATTACKS: dict[str, str] = {
    "prints memory outside its RAM": _each(
        f"\n        li a0, 64\n        li a1, VALUE\n        li a2, 0\n        sbi {DBCN}, 0"
        f"\n        li a0, 0xffffffff\n        li a1, ram\n        li a2, 0\n        sbi {DBCN}, 0"
        f"\n        li a0, 8\n        li a1, behind - 4\n        li a2, 0\n        sbi {DBCN}, 0"
        f"\n        li a0, 8\n        li a1, VALUE\n        li a2, 1\n        sbi {DBCN}, 0"
    ),
    "reads input to memory outside its RAM": _each(
        f"\n        li a0, 64\n        li a1, VALUE\n        li a2, 0\n        sbi {DBCN}, 1"
        f"\n        li a0, 0x7fffffff\n        li a1, 0x80500000\n        li a2, 0\n        sbi {DBCN}, 1"
    ),
    "prints 4 MiB at once, for ever": f"""
attack: li      a0, 0x400000
        li      a1, ram
        li      a2, 0
        sbi     {DBCN}, 0
        j       attack""",
    "masks of harts outside its RAM": _each(
        "\n        li a0, VALUE\n        sbi 4, 0\n        li a0, VALUE + 2\n        sbi 5, 0"
        "\n        li a0, VALUE\n        sbi 6, 0\n        li a0, VALUE\n        sbi 7, 0"
    ),
    "a mask of harts through its page table": f"""
attack: entry   leaf, 0, 0x203000c3
        entry   leaf, 1, 0x201000c9
        paging  0x80010
        li      a0, 0xc0000000
        sbi     4, 0
        li      a0, 0xc0001000
        sbi     4, 0
        li      a0, -1
        li      a1, 0
        sbi     {IPI}, 0
        li      a0, 0xffffffff
        li      a1, 5
        sbi     {RFENCE}, 1""",
    "starts harts": f"""
attack: li      s1, 0
1:      mv      a0, s1
        li      a1, window
        li      a2, 0
        sbi     {HSM}, 0
        mv      a0, s1
        li      a1, behind
        li      a2, 0
        sbi     {HSM}, 0
        mv      a0, s1
        sbi     {HSM}, 2
        addi    s1, s1, 1
        li      t0, 20
        bne     s1, t0, 1b""",
    "resumes outside its RAM": _each(
        f"\n        li a0, 0x80000000\n        li a1, VALUE\n        li a2, 0\n        csrsi sip, 2"
        f"\n        csrsi sie, 2\n        sbi {HSM}, 3"
    ),
    "stops its hart": f"attack: sbi {HSM}, 1",
    "sleeps with nothing that could wake it": "attack: csrw sie, zero\n1: wfi\n j 1b",
    "suspends with nothing that could wake it": f"attack: csrw sie, zero\n li a0, 0\n sbi {HSM}, 3\n j attack",
    "every extension and function": """
attack: li      s1, 0
1:      la      t0, 3f
2:      lw      s2, (t0)
        beqz    s2, 4f
        mv      a7, s2
        li      t1, 0x53525354          # but for a switch-off
        bne     a7, t1, 5f
        beqz    s1, 6f
5:      li      t1, 3                   # and HSM's stop and suspension
        li      t2, 0x48534d
        bne     a7, t2, 7f
        andi    t3, s1, 1
        bnez    t3, 6f
7:      mv      a6, s1
        li      a0, window
        li      a1, window
        li      a2, behind
        li      a3, -1
        mv      s3, t0
        ecall
        mv      t0, s3
        keep    a0
6:      addi    t0, t0, 4
        j       2b
4:      addi    s1, s1, 1
        li      t0, 10
        bne     s1, t0, 1b
        j       end
3:      .word   0x10, 0x54494d45, 0x735049, 0x52464e43, 0x48534d, 0x53525354, 0x4442434e, 0x504d55, 0x09000000
        .word   0xffffffff, 0x80000000, 9, 11, 0""",
    "boots again and again": f"attack: li a0, 1\n li a1, 0\n sbi {SRST}, 0\n j attack",
    "boots again by the finisher": "attack: li t0, 0x100000\n li t1, 0x7777\n sw t1, (t0)\n j attack",
    "a trap handler nowhere": "attack: li t6, behind\n csrw stvec, t6\n .word 0",
    "a trap handler in the window": "attack: li t6, window\n csrw stvec, t6\n ecall\n .word 0",
    "a trap handler that traps": "attack: la t6, 1f\n csrw stvec, t6\n .balign 4\n1: .word 0",
    "a trap handler without execution": """
attack: entry   leaf, 0, 0x201000c7
        paging  0x80010
        li      t6, 0xc0000000
        csrw    stvec, t6
        .word   0""",
    "a page table that goes away": """
attack: paging  0x80010
        sfence.vma
        entry   root, 0x201, 0
        sfence.vma
        nop""",
    "loops with interrupts off": "attack: csrci sstatus, 2\n csrw sie, zero\n1: j 1b",
    "loops in user mode": "attack: paging 0x80010\n enter_user\n1: j 1b",
    "floods the console": "attack: li t0, 0x10000000\n li t1, 'x'\n1: sb t1, (t0)\n j 1b",
    "floods the console through the SBI": "attack: li a0, 'y'\n li a7, 1\n1: ecall\n j 1b",
    "fences for ever": "attack: paging 0x80010\n1: sfence.vma\n sfence.vma t0\n sfence.vma t0, t1\n j 1b",
    "a new address space each time": """
attack: li      s1, 0
1:      li      t6, 0x80080010
        slli    t0, s1, 22
        add     t6, t6, t0
        slli    t6, t6, 1
        srli    t6, t6, 1
        li      t0, 0x80000000
        or      t6, t6, t0
        csrw    satp, t6
        addi    s1, s1, 1
        li      t0, 0xc0000000
        lw      t1, (t0)
        j       1b""",
    "a timer that is always due": f"""
attack: la      t6, 2f
        csrw    stvec, t6
        li      t6, 0x20
        csrw    sie, t6
        csrsi   sstatus, 2
        li      a0, 0
        li      a1, 0
        li      a6, 0
        li      a7, {TIME}
        ecall
1:      j       1b
        .balign 4
2:      li      a0, 0
        li      a1, 0
        ecall
        sret""",
    "interrupts itself for ever": f"""
attack: la      t6, 2f
        csrw    stvec, t6
        csrsi   sie, 2
        csrsi   sstatus, 2
1:      li      a0, 1
        li      a1, 0
        li      a6, 0
        li      a7, {IPI}
        ecall
        j       1b
        .balign 4
2:      csrci   sip, 2
        csrsi   sip, 2
        sret""",
    "illegal instructions for ever": "attack: .word 0\n csrw mtvec, t0\n j attack",
    "environment calls for ever": "attack: li a7, 0x10\n1: ecall\n j 1b",
    "a reservation over an exit": """
attack: li      s1, 100
        li      t0, kept + 0xffff8
1:      lr.w    t1, (t0)
        csrr    t2, sscratch
        sc.w    t3, s1, (t0)
        keep    t3
        lr.w    t1, (t0)
        sc.w    t3, s1, 4(t0)
        addi    s1, s1, -1
        bnez    s1, 1b""".replace("sc.w    t3, s1, 4(t0)", "li      t4, behind\n        sc.w    t3, s1, (t4)"),
    "returns to nowhere": """
attack: li      s1, window
        la      ra, 1f
        csrw    sepc, s1
        sret
1:      li      s1, behind + 1
        la      ra, 2f
        csrw    sepc, s1
        li      t6, 0x100
        csrc    sstatus, t6
        sret
2:""",
    "counters as clocks": """
attack: li      s1, 2000
1:      rdcycle t1
        keep    t1
        rdtime  t1
        keep    t1
        rdinstret t1
        keep    t1
        rdcycleh t1
        keep    t1
        addi    s1, s1, -1
        bnez    s1, 1b""",
}
