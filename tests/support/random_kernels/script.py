"""The script of a random guest kernel as it grows, and the common parts of its steps."""

from support.random_kernels.code import (
    ALIAS,
    CLINT,
    DATA,
    FIXED,
    FRESH,
    HANDLERS,
    LEAF_0,
    LEAF_1,
    NEXT,
    PLIC,
    PROBED,
    ROOT_A,
    SCRIPT,
    UART,
    Choices,
    Code,
    M,
    S,
    U,
    csr,
    load_address,
    load_constant,
    word,
)
from support.random_kernels.image import RAM

HOT = 3
"""The first entries of LEAF_0 and LEAF_1, which are used and changed most."""
STATUS_BITS = 0x7E00AA
"""Of mstatus: all that is writable but the previous modes."""


class Script:
    """The script of one hart as it grows, and where the generator expects it to run.

    harts: of the machine. free: whether it may leave out the fences that it owes. patched: its routines that are holes.
    clint, virtio: where it looks for the CLINT and for a slot. extended: whether it uses Sstc, Svade, Svadu and
    Sdtrig; mixed: whether there are compressed instructions.
    """

    extended = False
    mixed = False

    clint = CLINT
    virtio = 0x10001000

    def __init__(self, base: int, hart: int, holes: int, harts: int = 1, free: bool = False) -> None:
        self.base, self.hart, self.holes, self.harts, self.free = base, hart, holes, harts, free
        self.code = Code(base + SCRIPT)
        self.mode = M
        self.paged = False
        self.begun = 0
        self.fresh = FRESH
        self.patched: list[int] = []

    def put(self, *words: int) -> None:
        """Append instructions."""
        self.code.put(*words)

    def constant(self, rd: int, value: int) -> None:
        """li"""
        self.code.put(*load_constant(rd, value))

    def ram(self, offset: int) -> int:
        """Where the present mode sees a byte of the arena."""
        return self.base + offset - (RAM - ALIAS if self.mode == U and self.paged else 0)

    def ahead(self, words: int, mode: int) -> int:
        """The pc so many words on, as `mode` will see it."""
        return self.code.pc + 4 * words - (RAM - ALIAS if mode == U and self.paged else 0)

    def full(self) -> bool:
        """Whether there is hardly room for another step."""
        return len(self.code.words) > 2900

    def begin_block(self) -> None:
        """End a block: M mode continues here, whatever happened before."""
        self.put(word("ecall"))
        self.mode = M
        self.begun = len(self.code.words)
        self.put(0, 0)

    def end_block(self) -> None:
        """Fill in where the block that was begun last is left to: the next word."""
        self.code.words[self.begun : self.begun + 2] = load_address(NEXT, self.code.pc + 4)


ASIDS = 5
"""Address spaces that kernels use, by number."""


def fence(c: Choices, s: Script, *vaddrs: int) -> None:
    """An sfence.vma of everything, or several that together are about what has changed.

    That are these pages alone, if any are given, in all address spaces at once or in one after the other.
    """
    kind = c.below(4)
    pages = vaddrs if kind & 1 else ()
    for asid in range(ASIDS) if kind & 2 else (None,):
        if asid is not None:
            s.constant(6, asid | c.of((0, 0x200, 0xFFFFFE00)))
        for vaddr in pages or (None,):
            if vaddr is not None:
                s.constant(5, vaddr + c.of((0, 4, 0xFFC)))
            s.put(word("sfence.vma", 0 if vaddr is None else 5, 0 if asid is None else 6))


def probed_pages(number: int, page: int) -> tuple[int, int]:
    """Where a page of LEAF_0 or LEAF_1 may be: in its own slot of the root, and where any table may be."""
    return PROBED[number] + 0x1000 * page, PROBED[2] + 0x1000 * page


def offset_in_page(c: Choices) -> int:
    """Where in a page; sometimes misaligned, sometimes over its end."""
    offset = c.of((0, 4, 0x7FC, 0xFF8, 0xFFC, 4 * c.below(1024)))
    return offset + (1 + c.below(3) if c.maybe(15) else 0)


def data_vaddr(c: Choices, s: Script, store: bool) -> int:
    """An address for a load or store. Stores never reach a page table, or translations would be stale legitimately."""
    kind = c.below(22)
    page = offset_in_page(c)
    if kind > 15:
        return c.of(PROBED[:2]) + 0x1000 * c.below(HOT) + page
    if kind < 5:
        return s.ram(DATA + 0x1000 * c.below(6) + page % 0xFFD)
    if kind < 9:
        return c.of(PROBED) + 0x1000 * c.below(18) + page
    if kind == 9:
        return c.of((RAM, ALIAS)) + (s.base - RAM) + DATA + 0x1000 * c.below(6) + page % 0xFFD
    if kind == 10:
        # The top of RAM, and what the hypervisor has behind it.
        return c.of((0x40000000, 0xBFFE0000, 0xC0000000, 0)) + c.of((0, 0xFFC, 0x3FFFFC, 0x400000))
    if kind == 11:
        return c.of((0, 0x7FFFFFFC, 0xFFFFFFFC, 0xFFFFFFFE, 0x50000, 0x88000000, 0x80400000 - 4, 0x80400000))
    if kind == 12:
        return c.of((UART, UART, UART + 1, UART + 2, UART + 5, UART + 7, UART + 8, s.virtio, s.virtio + 0x70))
    if kind == 13:
        registers = (0, 4, 0x4000, 0x4004, 0xBFF8, 0xBFFC, 0xBFFA, 0xC000)
        return s.clint + c.of(registers) + (8 * s.hart if store else 0)
    if kind == 14:
        return PLIC + c.of((0, 4 * 10, 0x1000, 0x2000, 0x2080, 0x200000, 0x200004, 0x201004, 0x600000))
    page_of = (DATA,) if store else (HANDLERS, SCRIPT, ROOT_A, LEAF_0, LEAF_1, FIXED)
    return s.ram(c.of(page_of) + page % 0xFFD)


def register(c: Choices) -> int:
    """A register that scripts compute with: a0 to a5."""
    return 10 + c.below(6)


def store_word(s: Script, address: int, value: int) -> None:
    """Write a word."""
    s.constant(5, address)
    s.constant(6, value)
    s.put(word("sw", 5, 6, 0))


def probe(c: Choices, s: Script, vaddr: int) -> None:
    """A load, a store or both at an address."""
    s.constant(5, vaddr)
    s.put(*((word("lw", 11, 5, 0),), (word("sw", 5, 11, 0),), (word("lw", 12, 5, 0), word("sw", 5, 11, 4)))[c.below(3)])


def enter(c: Choices, s: Script) -> None:
    """Enter another mode by mret or sret."""
    by_sret = s.mode == S or (s.mode == M and c.maybe(15))
    mode = c.of((U, S)) if by_sret else c.of((S, U, S, U, M))
    status = c.below(1 << 32) & STATUS_BITS & (0xFFFFFFFF if c.maybe(20) else ~0x700000)
    status |= (0x100 if mode == S else 0) if by_sret else mode << 11 | c.below(2) << 8
    s.put(*load_address(6, status), csr("csrrw", "sstatus" if by_sret else "mstatus", 0, 6))
    s.put(*load_address(6, s.ahead(4, mode)), csr("csrrw", "sepc" if by_sret else "mepc", 0, 6))
    s.put(word("sret" if by_sret else "mret"))
    s.mode = mode
