"""Steps of random guest kernels that change memory's mapping: page tables, satp, SUM and MXR, PMP."""

from support.random_kernels.code import (
    ALIAS,
    DATA,
    FIXED,
    FRESH,
    HANDLERS,
    LEAF_0,
    LEAF_1,
    PLIC,
    PROBED,
    ROOT_A,
    ROOT_B,
    UART,
    USER,
    A,
    Choices,
    D,
    G,
    M,
    R,
    V,
    W,
    X,
    csr,
    pte,
    word,
)
from support.random_kernels.image import ARENA, RAM
from support.random_kernels.script import ASIDS, HOT, Script, enter, fence, probe, probed_pages, register, store_word


def leaf(c: Choices, s: Script) -> int:
    """A leaf entry: of any page of the arena (page tables and handlers read-only), a device or nothing."""
    kind = c.below(12)
    flags = (
        V | c.of((R | W, R, R | W | X, R | X, X)) | c.below(2) * USER | c.of((A | D, A, 0, A | D, D)) | c.below(2) * G
    )
    if kind > 7:
        readable = R if c.below(3) else 0
        return pte(s.base + DATA + 0x1000 * c.below(3), flags & (~0 if readable else ~(R | W)) | readable | X | A)
    if kind < 5:
        page = c.of((*range(8, 14), 8, 9, 4, 6, 1, 14, 0))
        if page in (0, 4, 5, 6, 7, 14):
            flags &= ~W | (0 if flags & (R | X) else W)
        return pte(s.base + 0x1000 * page, flags)
    if kind == 5:
        return pte(
            c.of((UART, s.clint, PLIC, 0, RAM + ARENA * s.hart + ARENA * 4, 0x80400000, 0x80001000 - 0x2000)), flags
        )
    if kind == 6:
        return pte(0x3FFFFF000 - 0x1000 * c.below(2), flags) if c.below(2) else pte(0x180000000 + DATA, flags)
    return c.of((0, flags & ~V, pte(s.base + DATA, V), pte(s.base + DATA, V | W), pte(s.base + DATA, V | W | X)))


def root_leaf(c: Choices, s: Script) -> int:
    """An entry of a root: a table, a superpage, a misaligned one, or one that reserved bits make invalid."""
    flags = V | c.of((R | W, R | W | X, R | X, R, X)) | c.below(2) * USER | c.of((A | D, A, 0))
    return c.of((
        pte(RAM, flags & ~W), pte(s.base + LEAF_1, V), pte(s.base + LEAF_0, V | c.of((A, D, USER, G))),
        pte(s.base + DATA, flags), pte(UART & ~0x3FFFFF, flags), pte(0x200000000, flags), pte(s.base + FIXED, V),
        pte(s.base + HANDLERS, V), pte(UART, V), pte(0x3FFFFF000, V), 0,
    ))  # fmt: skip


def change_view(c: Choices, s: Script) -> None:
    """The same address before and after SUM or MXR changes, mostly that of a page that they matter for."""
    if s.mode == M and c.below(4):
        enter(c, s)
    vaddr = ALIAS + s.base - RAM + DATA
    if c.below(4):
        page = c.below(HOT)
        flags = c.of((X | A, R | W | A | D | USER, X | A | USER, R | A | USER))
        store_word(s, s.ram(LEAF_0 + 4 * page), pte(s.base + DATA + 0x1000 * page, V | flags))
        s.put(word("sfence.vma", 0, 0))
        vaddr = PROBED[0] + 0x1000 * page + 8
    status = "sstatus" if s.mode != M else "mstatus"
    s.constant(7, c.of((1 << 18, 1 << 19, 3 << 18)))
    form = c.of(("csrrs", "csrrc"))
    probe(c, s, vaddr)
    s.put(csr(form, status, 0, 7))
    probe(c, s, vaddr)
    s.put(csr("csrrs" if form == "csrrc" else "csrrc", status, 0, 7))
    probe(c, s, vaddr)


def cross(c: Choices, s: Script) -> None:
    """The same address in one mode and then in another."""
    vaddr = c.of((c.of(PROBED[:2]) + 0x1000 * c.below(HOT), s.base + DATA, ALIAS + s.base - RAM + DATA))
    probe(c, s, vaddr)
    enter(c, s)
    probe(c, s, vaddr)


def change_pte(c: Choices, s: Script) -> None:
    """Change an entry and fence, or make one valid for the first time and do not fence."""
    kind = c.below(7)
    if kind == 0 and s.fresh < FRESH + 2:
        store_word(s, s.ram(LEAF_0 + 4 * s.fresh), leaf(c, s))
        s.fresh += 1
        return
    if kind == 1:
        store_word(s, s.ram(c.of((ROOT_A, ROOT_B)) + 4 * (PROBED[2] >> 22)), root_leaf(c, s))
    elif kind == 2:
        # A, D and other bits, cleared or set in place.
        number, page = c.below(2), c.below(HOT)
        s.constant(5, s.ram((LEAF_0, LEAF_1)[number] + 4 * page))
        s.constant(6, c.of((A | D, D, A, USER, W, X)))
        s.put(word("xori", 6, 6, -1), word("amoand.w", 11, 5, 6) if c.below(2) else word("amoor.w", 11, 5, 6))
        fence(c, s, *probed_pages(number, page))
        return
    elif kind == 3 and s.mode == M:
        # The superpages under the code itself: the kernel goes on in M mode until the fence.
        user = USER if c.below(2) else 0
        flags = V | R | X | c.of((W, 0)) | c.of((A | D, 0)) | user
        store_word(s, s.base + c.of((ROOT_A, ROOT_B)) + 4 * ((ALIAS if user else RAM) >> 22), pte(RAM, flags))
    else:
        number, page = c.below(2), c.below(HOT if kind < 6 else 16)
        vaddr = PROBED[number] + 0x1000 * page + c.of((0, 0xFF8))
        probe(c, s, vaddr)
        store_word(s, s.ram((LEAF_0, LEAF_1)[number] + 4 * page), leaf(c, s))
        fence(c, s, *probed_pages(number, page))
        probe(c, s, vaddr)
        return
    fence(c, s)


def change_own_entry(c: Choices, s: Script) -> None:
    """A store, an AMO or SC to the very entry through which it goes."""
    page = c.below(HOT)
    store_word(s, s.ram(LEAF_0 + 4 * page), pte(s.base + LEAF_0, V | R | W | c.of((0, A, A | D)) | c.below(2) * USER))
    s.put(word("sfence.vma", 0, 0))
    s.constant(5, PROBED[0] + 0x1004 * page)
    s.constant(6, leaf(c, s))
    kind = c.below(4)
    if kind == 1:
        s.put(word("lw", 11, 5, 0))
    elif kind == 2:
        s.put(word("lr.w", 11, 5))
    s.put((word("sw", 5, 6, 0), word("sw", 5, 6, 0), word("sc.w", 12, 5, 6), word("amoswap.w", 12, 5, 6))[kind])
    s.put(word("sfence.vma", 0, 0))
    # What it is now counts; it must not stay a way by which later stores reach the table without a fence.
    s.constant(5, s.ram(LEAF_0 + 4 * page))
    s.put(word("lw", 12, 5, 0), word("xor", 13, 13, 12))
    store_word(s, s.ram(LEAF_0 + 4 * page), leaf(c, s))
    s.put(word("sfence.vma", 0, 0))
    probe(c, s, PROBED[0] + 0x1000 * page)


def change_satp(c: Choices, s: Script) -> None:
    """Another root, another ASID, no translation, or a root that is nowhere."""
    kind = c.below(12)
    asid = c.below(ASIDS) << 22
    if kind < 9:
        value = 1 << 31 | asid | (s.base + c.of((ROOT_A, ROOT_B))) >> 12
    elif kind == 9:
        value = asid | c.below(1 << 22)
    else:
        value = 1 << 31 | asid | c.of((
            0x3FFFFF, s.clint >> 12, UART >> 12, (RAM + 8 * ARENA) >> 12, (s.base + HANDLERS) >> 12,
            (s.base + FIXED) >> 12, 0, 0x180000 + ((s.base + ROOT_A - RAM) >> 12),
        ))  # fmt: skip
    s.constant(6, value)
    s.put(csr("csrrw", "satp", c.below(2) * register(c), 6))
    if s.mode == M:
        s.paged = kind != 9


def pmp_byte(c: Choices) -> int:
    """Configuration of one entry."""
    return c.of((0x1F, 0x18, 0x10, 8, 0x18)) & ~7 | c.below(8) | (0x80 if c.maybe(5) else 0) if c.maybe(80) else 0


def pmp_address(c: Choices, s: Script) -> int:
    """A pmpaddr: all memory, pages, or some words of a data page or of a page table."""
    page = s.base + c.of((DATA, DATA + 0x1000, DATA + 0x2000, DATA, DATA + 0x1000, LEAF_0, LEAF_1))
    kind = c.below(12)
    if kind == 0:
        return 0xFFFFFFFF
    kind = (kind + 1) // 3
    if kind == 1:
        return (page | c.of((0x7FF, 0xFFF, 0x1FFF))) >> 2
    if kind == 2:
        return (page + 4 * c.below(32)) >> 2
    return (page + (0x1000 if kind == 3 else 0)) >> 2


def change_pmp(c: Choices, s: Script) -> None:
    """Address registers and their configurations, then accesses near; the last entry mostly opens all memory."""
    low = c.of((0, 0, 2, 5, 8, 11))
    for i in (low, low + 1):
        s.constant(6, pmp_address(c, s))
        s.put(csr("csrrw", f"pmpaddr{i}", 0, 6))
    s.constant(6, sum(pmp_byte(c) << 8 * (i % 4) for i in (low, low + 1) if i // 4 == low // 4))
    s.put(csr(c.of(("csrrw", "csrrs", "csrrc", "csrrw")), f"pmpcfg{low // 4}", 10, 6))
    if c.maybe(80):
        s.constant(6, 0x1F << 24)
        s.put(csr("csrrw", "pmpcfg3", 0, 6))
    if s.mode == M and c.maybe(75):
        enter(c, s)
    for _ in range(2):
        probe(c, s, s.ram(DATA + 0x1000 * c.below(3) + c.of((0, 4, 0x40, 0x7C, 0x80, 0x800, 0xFF8))))
    probe(c, s, PROBED[0] + 0x1000 * c.below(HOT))
