"""The vocabulary of random guest kernels: words, choices made from bytes, the arena's layout, trap handlers."""

import struct
from collections.abc import Sequence
from functools import cache
from typing import TypeVar

from support.random_kernels.image import ARENA, RAM
from trapline import isa

T = TypeVar("T")
U, S, M = 0, 1, 3
CLINT, UART, PLIC = 0x2000000, 0x10000000, 0xC000000
HANDLERS, SCRIPT, ROOT_A, ROOT_B, LEAF_0, LEAF_1, DATA, FIXED, LEAF_CODE = (
    0x1000 * p for p in (0, 1, 4, 5, 6, 7, 8, 14, 15)
)
"""Pages of an arena: trap handlers; the script (three); page tables; data (six); one that nothing stores to; a table of
RAM where it is."""
S_HANDLER = 0x200
ROUTINES = (DATA + 0x4800, LEAF_0 + 0xF80, DATA + 0x2FF8, FIXED + 0x40)
"""Short routines on pages that are also data or a page table."""
ALIAS = 0x40000000
"""Where U mode sees RAM when addresses are translated, instead of at RAM."""
PROBED = 0x40400000, 0x40800000, 0x40C00000
"""4 MiB each: through LEAF_0, through LEAF_1, through an entry of the root that changes."""
MAX_HARTS = 4
FRESH = 16
"""First entry of LEAF_0 that is invalid until a kernel maps it, once."""
V, R, W, X, USER, G, A, D = (1 << i for i in range(8))
SCRATCH_M, SCRATCH_S, NEXT = (31, 30), 29, 27
"""Registers of the handlers, and where the M-mode one goes on when a block is over."""


class Choices:
    """Choices encoded in a byte string; zero bytes choose the first option."""

    def __init__(self, data: bytes) -> None:
        self._left = int.from_bytes(data, "little")

    def below(self, count: int) -> int:
        """A number in [0, count)."""
        self._left, chosen = divmod(self._left, count)
        return chosen

    def of(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.below(len(options))]

    def maybe(self, percent: int) -> bool:
        """True in about so many of a hundred cases."""
        return self.below(100) >= 100 - percent

    def word(self) -> int:
        """A value: one of a few, one bit, all but one, or any."""
        kind = self.below(4)
        if kind == 0:
            return self.of((0, 1, 0xFFFFFFFF, 0x80000000, 0x7FF, 0xAA, 0x1888, 0x222))
        bit = 1 << self.below(32)
        return (bit, bit ^ 0xFFFFFFFF, self.below(1 << 32))[kind - 1]


@cache
def word(name: str, *operands: int) -> int:
    """An instruction, its operands in the order of the syntax's registers and then the immediate or CSR."""
    i = isa.BY_NAME[name]
    order = [o for o in ("rd", "rs1", "rs2", "uimm", "csr", "imm", "shamt") if o in i.operands]
    return i.encode(**(dict.fromkeys(i.operands, 0) | dict(zip(order, operands, strict=False))))


def load_constant(rd: int, value: int) -> list[int]:
    """li rd, value."""
    value &= 0xFFFFFFFF
    low = (value & 0xFFF ^ 0x800) - 0x800
    high = (value - low) & 0xFFFFF000
    if high == 0:
        return [word("addi", rd, 0, low)]
    return [word("lui", rd, high), *([word("addi", rd, rd, low)] if low else [])]


def load_address(rd: int, value: int) -> list[int]:
    """li rd, value in two words whatever the value."""
    return [*load_constant(rd, value), NOP][:2]


def csr(name: str, address: str, rd: int, source: int) -> int:
    """A CSR instruction; `source` is rs1 or the constant."""
    return word(name, rd, source, isa.CSR_BY_NAME[address].address)


def pte(paddr: int, flags: int) -> int:
    """A page table entry for an address of at most 34 bits."""
    return (paddr >> 12 << 10 | flags) & 0xFFFFFFFF


NOP = word("addi", 0, 0, 0)
NEW_CODE = (
    word("addi", 12, 12, 7), word("xori", 13, 13, -1), 0, word("ebreak"), csr("csrrs", "mscratch", 12, 0),
    word("fence.i"),
)  # fmt: skip
"""What code that changes becomes."""


class Half(int):
    """A parcel among words: half as long."""


class Code:
    """Words that grow, with branches to labels that are filled in at the end. Parcels (`Half`) may lie among them."""

    def __init__(self, base: int) -> None:
        self.base = base
        self.words: list[int] = []
        self._halves = 0
        self.labels: dict[str, int] = {}
        self._open: list[tuple[int, int, str, tuple[str, int, int]]] = []

    @property
    def pc(self) -> int:
        """Address of the next word."""
        return self.base + 4 * len(self.words) - 2 * self._halves

    def put(self, *words: int) -> None:
        """Append."""
        self.words += words
        self._halves += sum(isinstance(word, Half) for word in words)

    def at(self, label: str) -> None:
        """Name the next word."""
        self.labels[label] = self.pc

    def branch(self, name: str, rs1: int, rs2: int, label: str) -> None:
        """A branch, or `jal` with rs1 as rd, to a label."""
        self._open.append((len(self.words), self.pc, label, (name, rs1, rs2)))
        self.words.append(0)

    def closed(self) -> list[int]:
        """The words, branches filled in; what lies among parcels is cut anew."""
        for index, pc, label, (name, rs1, rs2) in self._open:
            distance = self.labels[label] - pc
            self.words[index] = word(name, rs1, distance) if name == "jal" else word(name, rs1, rs2, distance)
        if self._halves == 0:
            return self.words
        data = b"".join(w.to_bytes(2 if isinstance(w, Half) else 4, "little") for w in self.words)
        data += bytes(-len(data) % 4)
        return list(struct.unpack(f"<{len(data) // 4}I", data))


def vectors(code: Code, entry: str, interrupt: str) -> None:
    """A vector table: exceptions at its base, sixteen interrupts."""
    code.branch("jal", 0, 0, entry)
    for _ in range(15):
        code.branch("jal", 0, 0, interrupt)


def skip(code: Code, t: int, epc: str, tval: str, cause: str, mixed: bool) -> None:
    """epc grows by 4; where there are compressed instructions by the length of one that is illegal."""
    if mixed:
        code.put(csr("csrrs", cause, t, 0), word("addi", t, t, -2))
        code.branch("bne", t, 0, "long")
        code.put(csr("csrrs", tval, t, 0), word("xori", t, t, -1), word("andi", t, t, 3))
        code.branch("beq", t, 0, "long")
        code.put(csr("csrrs", epc, t, 0), word("addi", t, t, 2))
        code.branch("jal", 0, 0, "skipped")
        code.at("long")
    code.put(csr("csrrs", epc, t, 0), word("addi", t, t, 4))
    if mixed:
        code.at("skipped")
    code.put(csr("csrrw", epc, 0, t))


def m_handler(base: int, hart: int, mixed: bool = False) -> list[int]:
    """Skips the instruction that trapped; continues at the next block after ecall and when the pc cannot be fetched."""
    t, s = SCRATCH_M
    code = Code(base + HANDLERS)
    vectors(code, "entry", "interrupt")
    code.at("entry")
    code.put(csr("csrrs", "mcause", t, 0))
    code.branch("blt", t, 0, "interrupt")
    # Bits 0, 1, 12: no code; 8, 9, 11: ecall.
    code.put(*load_constant(s, 0x1B03), word("srl", s, s, t), word("andi", s, s, 1))
    code.branch("bne", s, 0, "rescue")
    code.put(word("addi", s, t, -2))
    code.branch("bne", s, 0, "skip")
    code.put(csr("csrrs", "mtval", s, 0))
    code.branch("beq", s, 0, "rescue")
    code.put(word("sfence.vma", 0, 0))
    code.at("skip")
    skip(code, t, "mepc", "mtval", "mcause", mixed)
    code.put(word("mret"))
    code.at("rescue")
    code.put(csr("csrrw", "mepc", 0, NEXT), *load_constant(t, 0x1800), csr("csrrs", "mstatus", 0, t), word("mret"))
    code.at("interrupt")
    code.put(csr("csrrs", "mcause", t, 0), word("addi", t, t, -7))
    code.put(word("slli", t, t, 1))
    code.branch("bne", t, 0, "other")
    code.put(*load_constant(t, CLINT + 0x4004 + 8 * hart), word("addi", s, 0, -1), word("sw", t, s, 0), word("mret"))
    code.at("other")
    code.put(*load_constant(t, CLINT + 4 * hart), word("sw", t, 0, 0))
    code.put(*load_constant(t, 0x222), csr("csrrc", "mip", 0, t))
    code.put(*load_constant(t, 0xA00), csr("csrrc", "mie", 0, t), word("mret"))
    return code.closed()


def s_handler(base: int, mixed: bool = False) -> list[int]:
    """Skips the instruction that trapped, or leaves to M mode where that makes no sense."""
    t = SCRATCH_S
    code = Code(base + S_HANDLER)
    vectors(code, "entry", "interrupt")
    code.at("entry")
    code.put(csr("csrrs", "scause", t, 0))
    code.branch("blt", t, 0, "interrupt")
    code.put(word("addi", t, t, -2))
    code.branch("beq", t, 0, "illegal")
    code.put(csr("csrrs", "scause", t, 0), word("addi", t, t, -12))
    code.branch("beq", t, 0, "leave")
    code.put(word("addi", t, t, 4), word("sltiu", t, t, 2))
    code.branch("bne", t, 0, "leave")
    code.put(csr("csrrs", "scause", t, 0), word("sltiu", t, t, 2))
    code.branch("bne", t, 0, "leave")
    code.branch("jal", 0, 0, "skip")
    code.at("illegal")
    code.put(csr("csrrs", "stval", t, 0))
    code.branch("beq", t, 0, "leave")
    code.put(word("sfence.vma", 0, 0))
    code.at("skip")
    skip(code, t, "sepc", "stval", "scause", mixed)
    code.put(word("sret"))
    code.at("leave")
    code.put(word("ecall"))
    code.at("interrupt")
    code.put(
        csr("csrrci", "sip", 0, 2), *load_constant(t, 0x222), csr("csrrc", "sie", 0, t), word("sret"), word("ecall")
    )
    return code.closed()


def fixed_words(base: int, hart: int, mixed: bool = False) -> dict[int, list[int]]:
    """Handlers, routines and the entries of both roots through which code is reached."""
    routine = [word("addi", 11, 11, 1), word("jalr", 0, 1, 0)]
    places = {base + r: routine for r in ROUTINES}
    code, user = V | R | W | X | A | D | G, V | R | W | X | USER | A | D
    for root in (ROOT_A, ROOT_B):
        entries = {RAM: pte(RAM, code), ALIAS: pte(RAM, user), UART: pte(UART, user), 0x2000000: pte(CLINT, code)}
        entries |= {PROBED[0]: pte(base + LEAF_0, V), PROBED[1]: pte(base + LEAF_1, V)}
        places |= {base + root + 4 * (vaddr >> 22): [entry] for vaddr, entry in entries.items()}
    places[base + LEAF_CODE] = [pte(RAM + page, code) for page in range(0, MAX_HARTS * ARENA, 0x1000)]
    return places | {base + HANDLERS: m_handler(base, hart, mixed), base + S_HANDLER: s_handler(base, mixed)}


def arena(hart: int) -> int:
    """Physical address of a hart's arena."""
    return RAM + hart * ARENA
