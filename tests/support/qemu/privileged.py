"""Random privileged snippets for `systems.py`: CSR accesses, traps and returns from them."""

from random import Random

from support.qemu.differences import WRITABLE
from support.qemu.protection import pmp_byte
from support.qemu.systems import ARENA, EXITS, Snippet
from trapline import isa

NO_CODE = ARENA + 0x8000
"""RAM that nothing is stored to."""
RESULTS = ("a0", "a1", "a2", "a3")
COUNTING = {f"{m}{name}{h}" for m in ("m", "") for name in ("cycle", "instret", "time") for h in ("", "h")}
"""CSRs whose values depend on time: they are accessed, and the value is dropped."""

NAMES = [c.name for c in isa.CSRS]
WEIGHED = [n for n in NAMES if "hpm" not in n and not n.startswith("pmp")]


def word(rng: Random) -> int:
    """A 32-bit value: any, few bits, all but a few, or an address."""
    kind = rng.randrange(5)
    if kind == 0:
        return rng.getrandbits(32)
    if kind == 1:
        return 1 << rng.randrange(32)
    if kind == 2:
        return rng.getrandbits(32) & rng.getrandbits(32) & rng.getrandbits(32)
    if kind == 3:
        return rng.getrandbits(32) | rng.getrandbits(32) | rng.getrandbits(32)
    return ARENA + rng.getrandbits(20)


def csr_value(rng: Random, csr: isa.Csr) -> int:
    """A value to write or to set or clear bits with, within what QEMU treats as the specification does."""
    if csr.name.startswith("pmpcfg"):
        return sum(pmp_byte(rng, rng.randrange(4), lock=0) << 8 * i for i in range(4))
    value = word(rng) & WRITABLE.get(csr.name, 0xFFFFFFFF)
    if csr.name == "mstatus":
        value = value & ~0x1800 | rng.choice((0, 0x1800))
    return value or int(csr.read_only)


def csr_access(rng: Random, name: str, result: str) -> list[str]:
    """One of the six instructions on a CSR; the value read goes to `result`."""
    csr = isa.CSR_BY_NAME[name]
    kind = rng.choice(("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci", "csrr"))
    if name.startswith("pmpcfg"):
        kind = rng.choice(("csrrw", "csrr"))
    if name in COUNTING:
        result = "zero" if kind in ("csrrw", "csrrwi") else "tp"
    if kind == "csrr":
        return [f"csrr {result}, {name}"]
    if kind.endswith("i"):
        limit = WRITABLE.get(name, 0xFFFFFFFF)
        return [f"{kind} {result}, {name}, {rng.randrange(32) & limit}"]
    return [f"li t4, {csr_value(rng, csr):#x}", f"{kind} {result}, {name}, t4"]


def machine_csrs(rng: Random) -> Snippet:
    """CSR accesses in M mode; the vectors are put back at once, and mstatus.MPRV has no access to act on."""
    lines: list[str] = []
    for _ in range(12):
        name = rng.choice(WEIGHED if rng.random() < 0.8 else NAMES)
        lines += ["la s11, 1f", *csr_access(rng, name, rng.choice(RESULTS))]
        if name in ("mtvec", "stvec"):
            lines.append(f"csrrw {rng.choice(RESULTS)}, {name}, {'s9' if name == 'mtvec' else 's8'}")
        if name not in COUNTING:
            lines.append(f"csrr {rng.choice(RESULTS)}, {name}")
        lines += ["ecall", "1:"] if rng.random() < 0.3 else ["1:"]
    return Snippet("CSRs in M mode", "\n".join([*lines, "la s11, 1f", "ecall", "1:"]))


def restore(rng: Random, name: str) -> list[str]:
    """Put a trap vector back, in either of its modes, before anything can trap."""
    register = "s9" if name == "mtvec" else "s8"
    return [f"addi t5, {register}, {rng.randrange(2)}", f"csrrw {rng.choice(RESULTS)}, {name}, t5"]


def operation(rng: Random, deleg: int) -> list[str]:
    """Something that any mode may try. deleg: exceptions that must stay with M mode."""
    kind = rng.randrange(12)
    if kind < 4:
        name = rng.choice([n for n in WEIGHED if n != "satp"])
        lines = csr_access(rng, name, rng.choice(RESULTS))
        if name in ("mtvec", "stvec"):
            lines += restore(rng, name)
        if name == "medeleg":
            lines += [f"li t4, {deleg}", "csrc medeleg, t4"]
        return lines
    if kind in (4, 5):
        # A second return at once: refused, or it leads on to U mode, where the third is refused.
        status, epc, xret = (("mstatus", "mepc", "mret"), ("sstatus", "sepc", "sret"))[kind - 4]
        again = [xret] if rng.random() < 0.2 else []
        value = csr_value(rng, isa.CSR_BY_NAME[status])
        return [f"li t4, {value:#x}", f"csrw {status}, t4", "la t4, 2f", f"csrw {epc}, t4", xret, "2:", *again]
    if kind == 6:
        return [rng.choice(("ecall", "ebreak", "sfence.vma", "sfence.vma a0, a1", "fence.i", "fence"))]
    if kind == 7:
        w = rng.choice((0, 0xFFFFFFFF, 0x10500073 | 1 << 20, rng.getrandbits(32) | 3))
        return [f".word {w:#x}"] if isa.decode(w) is None else ["csrw cycle, zero"]
    if kind == 8:
        target = rng.choice((0x50000, 0x50002, 0x90000000, NO_CODE, NO_CODE + 2, NO_CODE + 1, 0xFFFFFFFC))
        jump = [f"li t4, {target:#x}", f"jalr {rng.choice(RESULTS)}, t4"]
        return rng.choice((jump, [".word 0x0060056f"], [".word 0x00000363"], [".word 0x00001363"]))
    address = rng.choice((ARENA, ARENA + 0xFFC, ARENA + rng.randrange(0x1000), 0x50000, 0x90000000, 0xFFFFFFF0))
    if kind == 9:
        name = rng.choice(("lb", "lbu", "lh", "lhu", "lw", "sb", "sh", "sw"))
        return [f"li t4, {address:#x}", f"{name} {rng.choice(RESULTS)}, (t4)"]
    if kind == 10:
        name = rng.choice(("amoadd.w", "amoswap.w", "amomaxu.w"))
        return [f"li t4, {ARENA + 4 * rng.randrange(0x400):#x}", f"{name} {rng.choice(RESULTS)}, a1, (t4)"]
    return [f"li t4, {address:#x}", "lr.w a0, (t4)", "sc.w a1, a2, (t4)"]


def walk(rng: Random) -> Snippet:
    """A walk through the modes: traps, returns from them, and what each mode may do."""
    exit = rng.choice(list(EXITS))
    kept = EXITS[exit]
    lines = [f"la s10, {exit}"]
    for name in ("medeleg", "mideleg", "mcounteren", "scounteren", "stvec", "mtvec"):
        if name.endswith("tvec"):
            lines += restore(rng, name)
        elif rng.random() < 0.7:
            lines += [f"li t4, {csr_value(rng, isa.CSR_BY_NAME[name]) & ~kept:#x}", f"csrw {name}, t4"]
    for _ in range(14):
        lines += ["la s11, 1f", *operation(rng, kept), "1:"]
        if rng.random() < 0.2:
            lines += ["la s11, 1f", "jr s10", "1:"]
    return Snippet("a walk through the modes", "\n".join([*lines, "la s11, 1f", "jr s10", "1:"]))


def enter(rng: Random, mstatus: int) -> list[str]:
    """Go to the mode MPP of `mstatus`, at the next instruction."""
    return [f"li t4, {mstatus:#x}", "csrw mstatus, t4", "la t4, 2f", "csrw mepc, t4", "mret", "2:"]


def mode_status(rng: Random, bits: int) -> int:
    """An mstatus with a random MPP and some of `bits`."""
    return rng.choice((0, 0x800, 0x1800)) | rng.getrandbits(32) & bits


def interrupts(rng: Random) -> Snippet:
    """Interrupts pending in several modes, enabled and delegated or not, taken on entry or when unmasked later."""
    exit = rng.choice(list(EXITS))
    lines = [f"la s10, {exit}"]
    for _ in range(4):
        lines += ["la s11, 1f", *restore(rng, "mtvec"), *restore(rng, "stvec")]
        # At most one interrupt for each of M and S mode: QEMU has another order of priorities.
        mideleg = rng.choice((0, 0x222, 0x222 & rng.getrandbits(10)))
        for_m, for_s = ([1 << i for i in (1, 3, 5, 7, 9, 11) if (mideleg >> i) & 1 == s] or [0] for s in (0, 1))
        mie, sie = rng.choice(for_m) if rng.random() < 0.7 else 0, rng.choice(for_s)
        values = {"medeleg": rng.getrandbits(16) & 0xB3FF & ~EXITS[exit], "mideleg": mideleg, "mie": mie | sie,
                  "mip": rng.choice((0x222, 0x222 & rng.getrandbits(10)))}  # fmt: skip
        for name, value in values.items():
            lines += [f"li t4, {value:#x}", f"csrw {name}, t4"]
        if rng.random() < 0.3:
            lines += ["li t4, 0x2000000", "li t5, 1", "sw t5, (t4)"]
        if rng.random() < 0.3:
            lines += ["li t4, 0x2004000", "sw zero, (t4)", "sw zero, 4(t4)"]
        lines += ["csrr a0, mip", *enter(rng, mode_status(rng, 0xA2))]
        unmask = (
            ["csrsi sstatus, 2"],
            ["csrsi mstatus, 8"],
            [f"li t4, {sie}", "csrw sie, t4"],
            ["csrci sip, 2"],
            ["csrsi sip, 2"],
            ["la t4, 2f", "csrw sepc, t4", "csrsi sstatus, 0x10", "sret", "2:"],
        )
        for _ in range(3):
            lines += rng.choice(unmask)
        lines += ["csrr a1, sip", "csrr a2, sie", "jr s10", "1:", "la s11, 1f", "csrr a3, mip", "jr s10", "1:"]
        lines += ["li t4, 0x2000000", "sw zero, (t4)", "li t4, 0x2004000", "li t5, -1", "sw t5, 4(t4)"]
    return Snippet("interrupts", "\n".join(lines))


def refusals(rng: Random) -> Snippet:
    """What TVM, TW, TSR and the counter enables refuse in each mode; wfi has an interrupt pending that wakes it."""
    lines = ["la s10, exit_ecall", "li t4, 2", "csrw mideleg, t4", "csrw mie, t4", "csrw mip, t4"]
    for _ in range(8):
        for name in ("mcounteren", "scounteren"):
            lines += [f"csrwi {name}, {rng.randrange(8)}"]
        tried = rng.choice((
            ["csrr a0, satp"], ["li t4, 0x3fffff", "csrw satp, t4", "csrr a0, satp"], ["csrs satp, zero"],
            ["sfence.vma"], ["sfence.vma a0, zero"], ["wfi"], ["la t4, 3f", "csrw sepc, t4", "sret", "3:"],
            [f"csrr zero, {rng.choice(('cycle', 'time', 'instret', 'cycleh', 'timeh', 'instreth', 'hpmcounter3'))}"],
            [f"csrr zero, {rng.choice(('mcycle', 'mhartid', 'sscratch', 'stval', 'mstatus', 'pmpcfg0'))}"],
            ["csrw cycle, zero"], ["csrwi sscratch, 3", "csrr a1, sscratch"], ["mret"], ["fence.i"],
        ))  # fmt: skip
        if tried == ["mret"]:
            lines += ["la s11, 1f", *enter(rng, rng.choice((0, 0x800))), "mret", "jr s10", "1:"]
        else:
            lines += ["la s11, 1f", *enter(rng, mode_status(rng, 0x7C01A0)), *tried, "jr s10", "1:"]
    return Snippet("refusals", "\n".join(lines))


def existing_csrs(mode: int) -> Snippet:
    """Read all 4096 addresses in a mode: a0 to a3 gather a bit for each of 128 that is not refused."""
    return Snippet(
        f"CSRs that mode {mode} may read",
        f"""
    csrwi   mcounteren, 7
    csrwi   scounteren, 7
    li      s1, 0
1:  slli    t4, s1, 20
    li      t5, 0x2073
    or      t4, t4, t5
    la      t5, 2f
    sw      t4, (t5)
    fence.i
    la      s11, 3f
    li      t4, {mode << 11}
    csrw    mstatus, t4
    csrw    mepc, t5
    mret
2:  .word   0
    ecall
3:  addi    gp, gp, -64
    lw      t4, 4(gp)
    addi    t4, t4, -2
    snez    t4, t4
    slli    s2, s2, 1
    or      s2, s2, t4
    addi    s1, s1, 1
    andi    t4, s1, 31
    bnez    t4, 4f
    mv      a0, a1
    mv      a1, a2
    mv      a2, a3
    mv      a3, s2
    andi    t4, s1, 127
    bnez    t4, 4f
    la      s11, 4f
    ecall
4:  li      t4, 4096
    bltu    s1, t4, 1b
    """,
    )
