"""Steps of random guest kernels that change the translation which is in use, or what is executed through it."""

from collections.abc import Callable

from support.random_kernels import script
from support.random_kernels.code import (
    ALIAS,
    DATA,
    FIXED,
    LEAF_0,
    LEAF_1,
    LEAF_CODE,
    NEW_CODE,
    PROBED,
    ROOT_A,
    ROOT_B,
    ROUTINES,
    USER,
    A,
    Choices,
    D,
    G,
    M,
    R,
    U,
    V,
    W,
    X,
    arena,
    csr,
    load_address,
    pte,
    word,
)
from support.random_kernels.image import RAM, REFUSED
from support.random_kernels.memory import leaf
from support.random_kernels.script import HOT, Script, data_vaddr, enter, probe, probed_pages, register, store_word

MPRV, SUM_SHIFT, MPP_SHIFT = 1 << 17, 18, 11
RETURN = word("jalr", 0, 1, 0)
OPCODE = 0x7F
MISTAKES = (0, V, V | W, V | R | W | X | A | D | USER, R | W | X | A | D, V | R | A, V | X | A, V | R | W | X)
"""Flags that an entry of the code's own table may get for a while."""


def fence(c: Choices, s: Script, *vaddrs: int) -> None:
    """`script.fence`, which a free kernel may forget."""
    if not (s.free and c.below(3)):
        script.fence(c, s, *vaddrs)


def below_m(c: Choices, s: Script) -> None:
    """Leave M mode, mostly."""
    if s.mode == M and c.below(6):
        enter(c, s)


def call_at(s: Script, vaddr: int) -> None:
    """Call a routine at an address as the present mode sees it."""
    s.constant(5, vaddr)
    s.put(word("jalr", 1, 5, 0))


def toggle(c: Choices, s: Script) -> None:
    """MPRV, SUM, MXR and MPP change at random between accesses to a page, or to any."""
    status = "mstatus" if s.mode == M else "sstatus"
    pages = (PROBED[0], PROBED[1], PROBED[0] + 0x1000, s.base + DATA, ALIAS + s.base - RAM + DATA)
    vaddr = c.of(pages) + c.of((0, 4, 0x7FE, 0xFFE))
    for _ in range(2 + c.below(4)):
        bits = c.below(4) << SUM_SHIFT
        if s.mode == M:
            bits |= c.below(2) * MPRV | c.of((0, 1, 3)) << MPP_SHIFT
        s.constant(7, bits)
        s.put(csr(c.of(("csrrs", "csrrc")), status, 0, 7))
        probe(c, s, vaddr if c.below(4) else data_vaddr(c, s, True))
    if s.mode == M and c.below(8):
        s.constant(7, MPRV)
        s.put(csr("csrrc", "mstatus", 0, 7))


def alias(c: Choices, s: Script) -> None:
    """A page at two addresses: stored to through one, executed and loaded through the other."""
    below_m(c, s)
    frame, first, second = s.base + DATA + 0x1000 * c.below(3), c.below(HOT), c.below(HOT)
    user = USER if s.mode == U else 0
    store_word(s, s.ram(LEAF_0 + 4 * first), pte(frame, V | R | W | A | D | user))
    store_word(s, s.ram(LEAF_1 + 4 * second), pte(frame, V | X | user | c.of((R | A, A, R | W | A | D, R))))
    s.put(word("sfence.vma", 0, 0))
    offset = c.of((0x40, 0x7F8, 0xFF0))
    at, seen = PROBED[0] + 0x1000 * first + offset, PROBED[1] + 0x1000 * second + offset
    for _ in range(1 + c.below(3)):
        store_word(s, at, c.of(NEW_CODE))
        store_word(s, at + 4, RETURN)
        if c.below(2):
            s.put(word("fence.i"))
        call_at(s, seen)
        if c.below(2):
            s.put(word("lw", register(c), 5, 0), word("sw", 5, 12, c.of((0, 8))))


def across(c: Choices, s: Script) -> None:
    """Code that runs from one page into the next, which lies elsewhere, lacks a permission or is changed."""
    below_m(c, s)
    page, frames = c.below(HOT - 1), (DATA + 0x1000 * c.below(3), DATA + 0x1000 * c.below(6))
    user = USER if s.mode == U else 0
    store_word(s, s.ram(frames[0] + 0xFF8), word("addi", 12, 12, 3))
    store_word(s, s.ram(frames[0] + 0xFFC), c.of(NEW_CODE))
    store_word(s, s.ram(frames[1]), word("addi", 13, 13, 5))
    store_word(s, s.ram(frames[1] + 4), RETURN)
    flags = V | R | X | A | user
    both = *probed_pages(0, page), *probed_pages(0, page + 1)
    store_word(s, s.ram(LEAF_0 + 4 * page), pte(s.base + frames[0], flags | c.of((0, W | D))))
    store_word(s, s.ram(LEAF_0 + 4 * page + 4), pte(s.base + frames[1], c.of((flags, flags, V | R | X | user, V | R))))
    fence(c, s, *both)
    target = PROBED[0] + 0x1000 * page + c.of((0xFF8, 0xFFC, 0xFFC))
    call_at(s, target)
    # Not to a page of the script, which would go on there, through an entry that it may change.
    changed = pte(s.base + DATA + 0x1000 * c.below(3), c.of((flags, flags, flags & ~A, flags ^ USER, V | R, 0)))
    store_word(s, s.ram(LEAF_0 + 4 * page + 4), leaf(c, s) if s.free and c.below(2) else changed)
    fence(c, s, *both)
    call_at(s, target)


def superpage(c: Choices, s: Script) -> None:
    """4 MiB through one entry of the root, aligned or not; then loads, stores and calls there."""
    first = c.of((0, 0, 0, 1, 0x200, 0x3FF))
    flags = V | c.of((R | X, R, X)) | c.of((0, A)) | c.below(2) * USER
    if s.free and c.below(2):
        flags |= R | W
    store_word(s, s.ram(c.of((ROOT_A, ROOT_B)) + 4 * (PROBED[2] >> 22)), pte(RAM + 0x1000 * first, flags))
    fence(c, s)
    below_m(c, s)
    for _ in range(1 + c.below(2)):
        place = s.base - RAM - 0x1000 * c.of((0, 0, first))
        probe(c, s, (PROBED[2] + place + DATA + c.of((0, 0x1000, 0x1FFE))) & 0xFFFFFFFF)
    call_at(s, PROBED[2] + s.base - RAM + c.of(ROUTINES))


def lost_code(c: Choices, s: Script) -> None:
    """The superpage that a lower mode's code lies in becomes misaligned, or goes; M mode puts it right again."""
    s.end_block()
    s.begin_block()
    user = c.below(2) * USER
    slots = [s.base + root + 4 * ((ALIAS if user else RAM) >> 22) for root in (ROOT_A, ROOT_B)]
    s.constant(6, 0x1003)
    s.put(csr("csrrc", "medeleg", 0, 6))
    right = pte(RAM, V | R | W | X | A | D | user)
    wrong = c.of((right + (1 << 10), right + (0x200 << 10), right & ~X, right & ~A, right & ~R, right ^ USER, V))
    for slot in slots:
        store_word(s, slot, wrong)
    s.put(word("sfence.vma", 0, 0))
    enter(c, s)
    probe(c, s, s.ram(DATA))
    s.end_block()
    s.begin_block()
    for slot in slots:
        store_word(s, slot, right)
    s.put(word("sfence.vma", 0, 0))


def in_use(c: Choices, s: Script) -> None:
    """The table of the code's own pages: made and left in M mode, changed by S mode while it executes through it.

    The page that executes keeps its place and X until the fence; a routine's page may lose all. A free kernel may do
    that to any page.
    """
    if s.mode == M:
        slot = s.base + c.of((ROOT_A, ROOT_B)) + 4 * (RAM >> 22)
        code = V | R | W | X | A | D | G
        store_word(s, slot, c.of((pte(s.base + LEAF_CODE, V), pte(s.base + LEAF_CODE, V | G), pte(RAM, code))))
        s.put(word("sfence.vma", 0, 0))
        enter(c, s)
    first = (s.base - RAM) >> 12
    own, routine = ((s.code.pc & 0x3FFFFF) >> 12, first + (FIXED >> 12))
    entry = LEAF_CODE + 4 * own
    store_word(s, s.ram(entry), pte(RAM + 0x1000 * own, V | R | X | A | c.of((D, W | D, W | D | G, G | 0x300))))
    fence(c, s)
    entry = LEAF_CODE + 4 * routine
    call_at(s, s.ram(FIXED + 0x40))
    page = c.of((routine, routine, own if s.free else routine, first + (DATA >> 12)))
    store_word(s, s.ram(entry), pte(RAM + 0x1000 * page, c.of((V | R | X | A | D, *MISTAKES))))
    fence(c, s)
    call_at(s, s.ram(FIXED + 0x40))
    if s.free and c.below(2):
        victim = c.of((own, first + (DATA >> 12), first + (LEAF_CODE >> 12), own + 1))
        store_word(s, s.ram(LEAF_CODE + 4 * victim), pte(RAM + 0x1000 * c.of((victim, own)), c.of(MISTAKES)))
        probe(c, s, s.ram(DATA))
    store_word(s, s.ram(entry), pte(RAM + 0x1000 * routine, V | R | W | X | A | D))
    fence(c, s)


def other_code(c: Choices, s: Script) -> None:
    """A routine of another hart is changed and called."""
    base = arena(c.below(s.harts)) + c.of((ROUTINES[0], ROUTINES[2]))
    vaddr = base - (RAM - ALIAS if s.mode == U and s.paged else 0)
    if c.below(3):
        store_word(s, vaddr, c.of(NEW_CODE))
    call_at(s, vaddr)


def other_root(c: Choices, s: Script) -> None:
    """In a free kernel, the page tables of another hart, or an entry of theirs."""
    if not s.free:
        other_code(c, s)
        return
    other = arena(c.below(s.harts))
    if c.below(2):
        s.constant(6, 1 << 31 | (other + c.of((ROOT_A, ROOT_B))) >> 12)
        s.put(csr("csrrw", "satp", 0, 6))
    else:
        vaddr = other + c.of((LEAF_0, LEAF_1)) + 4 * c.below(HOT)
        store_word(s, vaddr - (RAM - ALIAS if s.mode == U and s.paged else 0), leaf(c, s))
        probe(c, s, PROBED[0] + 0x1000 * c.below(HOT))


def may_have_holes(s: Script) -> bool:
    """Whether code that is made now may have holes."""
    return s.holes != 0 and (s.holes != REFUSED or s.mode == U)


def hole_word(c: Choices, s: Script) -> int:
    """A hole for a routine."""
    return word(c.of(("popf", "rdmode") if s.holes == 1 else ("popf", "rdmode", "pushf", "sidt", "sgdt")), register(c))


def patched(c: Choices, s: Script) -> None:
    """A hole as a routine, called now and later, from whatever mode, over its start, its middle and its end."""
    if not may_have_holes(s):
        alias(c, s)
        return
    if not s.patched or c.below(2):
        s.put(word("jal", 0, 12), hole_word(c, s), RETURN)
        s.patched.append(s.code.pc - 8)
    place = c.of(s.patched)
    seen = place - (RAM - ALIAS if s.mode == U and s.paged else 0)
    if c.below(3) == 0:
        # Over it, or over it and its neighbour.
        value = c.of((hole_word(c, s), word("addi", 12, 12, 1)))
        if c.below(2):
            store_word(s, seen, value)
        else:
            s.constant(6, RETURN << 16 & 0xFFFF0000 | value >> 16)
            s.put(*load_address(5, seen + 2), word("sw", 5, 6, 0))
    call_at(s, seen + c.of((0, 0, 0, 4, 2)))


def code_that_maps(c: Choices, s: Script, table: int) -> int:
    """A word that can be executed and is a leaf entry for the present mode: of data, or of the table that it lies in.

    A walk that sets A or D in it makes another instruction of it: mostly an illegal one; a jump of `amoxor.w`; `jalr`
    that links of `ret`.
    """
    name = c.of(("lui", "auipc", "slti") if s.mode == U else ("sw", "amoxor.w", "lui"))
    frame, rd = s.base + c.of((DATA, DATA + 0x1000, table)), c.of((0, 2, 4, 6)) << 7
    return c.of((pte(frame, word(name) & OPCODE | rd), RETURN, csr("csrrs", "mscratch", register(c), 0)))


def code_word(c: Choices, s: Script, table: int) -> int:
    """A word for code on the page of a table: one that maps something, one that code changes to, or a hole."""
    if may_have_holes(s) and c.below(3) == 0:
        return hole_word(c, s)
    # Not 0, which ends the block.
    return code_that_maps(c, s, table) if c.below(3) else c.of([w for w in NEW_CODE if w])


def walk_on_code(c: Choices, s: Script) -> None:
    """Walks set A and D in a table whose page is also code, while stores change two words of that code at once.

    In kernels with holes nothing loads that code: patching shows what it has replaced to code that reads itself.
    Nothing leads to the table any more when the code is called, which may end the block.
    """
    below_m(c, s)
    number, own, user = c.below(2), c.below(HOT), USER if s.mode == U else 0
    table, window = (LEAF_0, LEAF_1)[number], PROBED[number]
    place = c.of((0x200, 0x7F8, 0xF00, 0xF80))
    for i in range(2):
        store_word(s, s.ram(table + place + 4 * i), code_word(c, s, table))
    store_word(s, s.ram(table + place + 8), RETURN)
    fence(c, s)
    call_at(s, s.ram(table + place))
    for _ in range(1 + c.below(3)):
        kind = c.below(3)
        if kind < 2:
            store_word(s, s.ram(table + 4 * own), pte(s.base + table, V | R | W | user | c.of((A, 0, A | D))))
            fence(c, s)
            s.constant(5, window + 0x1000 * own + place + c.of((2, 2, 1, 3, 0, 4, 6)))
            s.constant(6, code_word(c, s, table) >> 16 | code_word(c, s, table) << 16)
            if s.holes == 0 and c.below(3) == 0:
                s.put(c.of((word("lw", 11, 5, 0), word("amoswap.w", 11, 5, 6), word("lr.w", 11, 5))))
            s.put(word(c.of(("sw", "sw", "sh")), 5, 6, 0))
            store_word(s, s.ram(table + 4 * own), leaf(c, s))
            fence(c, s)
        if kind > 0:
            loads = c.below(2)
            offset = 0x100 if loads and s.holes else c.of((0x100, 0x102, place - 2, place + 2, place + 6))
            s.constant(5, window + 0x1000 * ((place >> 2) + c.below(2)) + offset)
            s.put(word("lw", 11, 5, 0) if loads else word("sw", 5, 6, 0))
            fence(c, s)
        call_at(s, s.ram(table + place))


IN_USE: tuple[Callable[[Choices, Script], None], ...] = (
    toggle, toggle, toggle, alias, alias, across, across, superpage, lost_code, in_use, in_use, in_use, other_root,
    patched, patched, walk_on_code, walk_on_code,
)  # fmt: skip
