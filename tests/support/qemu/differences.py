"""Where QEMU 7.2 differs from us, each case with a program that shows it.

`privileged.py` and `protection.py` leave exactly these out of the comparison: by what they generate, by
WRITABLE and by `mask`. docs/decisions/0001-differences-from-qemu-7.2.md explains each under its name.
"""

from dataclasses import dataclass

from support.qemu.systems import ARENA, RAM, TABLES, probe
from trapline import isa

HPM = tuple(c.name for c in isa.CSRS if c.name.startswith("mhpm"))

WRITABLE: dict[str, int] = {
    "mstatus": 0xFFFFF9FF, "sstatus": 0xFFFFF9FF, "mstatush": 0, "medeleg": 0xB3FF, "mideleg": 0x222,
    "mie": 0xAAA, "sie": 0xAAA, "mip": 0xAAA, "sip": 0xAAA, "mepc": 0xFFFFFFFC, "sepc": 0xFFFFFFFC,
    "mcountinhibit": 5, "mcounteren": 7, "scounteren": 7, "menvcfg": 1, "menvcfgh": 0, "senvcfg": 1,
    **dict.fromkeys(HPM, 0),
}  # fmt: skip
"""Bits that random programs may write, for the CSRs where QEMU keeps others that we do not have."""


def trap_value(cause: int, value: int, instruction: int) -> tuple[int, int]:
    """mcause and mtval, or scause and stval, without what QEMU does differently: ebreak-value, jump-target,
    short-illegal-instruction and atomic-causes."""
    opcode = instruction & 0x7F
    if opcode == 0x2F and instruction >> 27 != 2 and cause in (5, 13):
        return cause + 2, value
    if cause == 3:
        return cause, 0
    if cause == 0 and opcode in (0x6F, 0x63):
        return cause, 0
    if cause == 2 and value & 3 != 3:
        return cause, value & 0xFFFF
    return cause, value


def mask(record: dict[str, int]) -> dict[str, int]:
    """The record without what QEMU does differently: see `trap_value`, and mprv-after-return."""
    mcause, mtval = trap_value(record["mcause"], record["mtval"], record["m_instruction"])
    scause, stval = trap_value(record["t0"], record["t2"], record["s_instruction"])
    mstatus = record["mstatus"]
    if mstatus & 0x1800 != 0x1800:
        mstatus &= ~0x20000
    return record | {"mcause": mcause, "mtval": mtval, "t0": scause, "t2": stval, "mstatus": mstatus}


LOG = "la s11, 1f; ecall; 1:"
SUPERPAGE = RAM >> 12 << 10 | 0xCF
"""A leaf for 4 MiB: D, A, X, W, R, V."""
READ_ONLY = ARENA >> 12 << 10 | 3
"""A leaf for 4 MiB: R, V."""

USER_PAGE = ARENA >> 12 << 10 | 0xDF
"""A leaf for 4 MiB: D, A, U, X, W, R, V."""


@dataclass(frozen=True)
class Difference:
    """One case: a snippet, and what its last record must hold; a name stands for the value of that field."""

    name: str
    source: str
    expected: dict[str, int | str]

    def holds(self, record: dict[str, int]) -> bool:
        """Whether the record is as expected."""
        return all(record[f] == (record[v] if isinstance(v, str) else v) for f, v in self.expected.items())


def csr(name: str, register: str, value: int, expected: int) -> Difference:
    """Write `value`, read `expected`."""
    source = f"li t4, {value:#x}; csrw {register}, t4; csrr a0, {register}; csrw {register}, zero; {LOG}"
    return Difference(name, source, {"a0": expected})


def returned(name: str, ret: str, status: int, epc: str, expected: int) -> Difference:
    """Return with this mstatus, then ecall."""
    enter = f"li t4, {status:#x}; csrw mstatus, t4; la t4, 2f; csrw {epc}, t4; {ret}"
    return Difference(name, f"la s11, 1f; {enter}; 2: ecall; 1:", {"mstatus": expected})


def access(name: str, setup: str, kind: str, address: int, after: str = "", **expected: int) -> Difference:
    """An access from S mode."""
    return Difference(name, "\n".join([setup, *probe(kind, address, 0x800), after]), expected)


def table(entry: int) -> str:
    """Sv32 with the program at its own addresses, and `entry` for address 0x40000000."""
    words = {TABLES + 0x800: SUPERPAGE, TABLES + 0x400: entry}
    lines = [f"li t4, {address:#x}; li t5, {word:#x}; sw t5, (t4)" for address, word in words.items()]
    return "\n".join([*lines, f"li t4, {1 << 31 | TABLES >> 12:#x}; csrw satp, t4; sfence.vma"])


def region(entry: int, address: int, cfg: int) -> str:
    """PMP entry 1 or 2."""
    return f"li t4, {address:#x}; csrw pmpaddr{entry}, t4; li t4, {cfg << 8 * entry}; csrs pmpcfg0, t4;"


REMAPPED_CODE = "\n".join([
    table((TABLES + 0x1000) >> 12 << 10 | 1),
    *(f"li t4, {address:#x}; li t5, {word:#x}; sw t5, (t4)" for address, word in {
        TABLES + 0x1000: READ_ONLY | 0x4C, TABLES + 0x1004: (TABLES + 0x1000) >> 12 << 10 | 0xC7,
        ARENA: 0x0062A023, ARENA + 4: 0x12000073, ARENA + 8: 0x00160613, ARENA + 12: 0x00000073,
        ARENA + 0x1008: 0x00260613, ARENA + 0x100C: 0x00000073,
    }.items()),
    f"li t0, 0x40001000; li t1, {(ARENA + 0x1000) >> 12 << 10 | 0xCF:#x}; fence.i",
])  # fmt: skip
"""At 0x40000000: sw t1, (t0), which changes the entry of the page; sfence.vma; addi a2, a2, 1; ecall. In the page that
it becomes 2 is added."""

DIFFERENCES = (
    Difference("ebreak-value", "la s11, 1f; ebreak; 1:", {"mcause": 3, "mtval": "mepc"}),
    Difference("jump-target", "la s11, 1f; la a0, 2f + 6; 2: .word 0x00600a6f; 1:", {"mcause": 0, "mtval": "a0"}),
    Difference("jump-target", "la s11, 1f; la a0, 2f + 6; 2: .word 0x00000363; 1:", {"mcause": 0, "mtval": "a0"}),
    Difference("short-illegal-instruction", "la s11, 1f; .word 0x12340000; 1:", {"mcause": 2, "mtval": 0x12340000}),
    Difference("zero-to-read-only", "la s11, 1f; li a0, 0; csrrs a1, mhartid, a0; ecall; 1:", {"mcause": 2}),
    csr("status-bits", "mstatus", 0x600, 0),
    csr("mode-2", "mstatus", 0x1000, 0),
    csr("unaligned-epc", "mepc", -1, 0xFFFFFFFC),
    csr("unaligned-epc", "sepc", -1, 0xFFFFFFFC),
    csr("hypervisor-bits", "medeleg", -1, 0xB3FF),
    csr("hypervisor-bits", "mideleg", -1, 0x222),
    csr("hypervisor-bits", "mie", -1, 0xAAA),
    csr("hypervisor-bits", "mstatush", -1, 0),
    csr("environment-bits", "menvcfg", -1, 1),
    csr("environment-bits", "menvcfgh", -1, 0),
    csr("environment-bits", "senvcfg", -1, 1),
    csr("event-counters", "mhpmcounter3", -1, 0),
    csr("event-counters", "mcounteren", -1, 7),
    csr("event-counters", "scounteren", -1, 7),
    csr("event-counters", "mcountinhibit", -1, 5),
    csr("reserved-pmpcfg", "pmpcfg1", 0x02, 0),
    csr("reserved-pmpcfg", "pmpcfg1", 0x7F00, 0x1F00),
    returned("mprv-after-return", "mret", 0x20800, "mepc", 0x800),
    returned("mprv-after-return", "sret", 0x20100, "sepc", 0x820),
    Difference("interrupt-priority", "la s11, 1f; li t4, 0x222; csrw mip, t4; csrw mie, t4; csrsi mstatus, 8; 1:",
               {"mcause": 0x80000009}),
    access("atomic-causes", "", "amoadd", ARENA + 2, mcause=6),
    access("atomic-causes", "", "amoadd", 0x90000000, mcause=7),
    access("atomic-causes", table(0), "amoadd", 0x40000000, mcause=15),
    access("atomic-accessed", table(READ_ONLY), "amoadd", 0x40000000,
           f"li t4, {TABLES + 0x400}; lw a0, (t4); {LOG}", a0=READ_ONLY),
    access("accessed-under-pmp", region(1, (TABLES | 0x7FF) >> 2, 0x19) + table(READ_ONLY), "lw", 0x40000000, mcause=5),
    access("table-outside-ram", table(0x50000 >> 12 << 10 | 1), "lw", 0x40000000, mcause=5),
    Difference("user-page-executed", "\n".join([table(USER_PAGE), *probe("lw", 0x40000000, 0x40800),
                                                *probe("fetch", 0x40000000, 0x40800)]), {"mcause": 12}),
    access("fence-within-block", REMAPPED_CODE, "fetch", 0x40000000, mcause=9, a2=2),
    access("misaligned-outside-ram", "", "lw", 0x90000001, mcause=5, mtval=0x90000001),
    access("fetch-outside-ram", "", "fetch", 0x40000000, mcause=1),
    access("misaligned-across-regions", region(1, ARENA >> 2, 0x11) + region(2, (ARENA >> 2) + 1, 0x11),
           "lw", ARENA + 2, mcause=9),
)  # fmt: skip
