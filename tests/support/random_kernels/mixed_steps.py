"""Steps of random guest kernels with compressed instructions: odd halfwords, words in words, ends of pages."""

from collections.abc import Callable

from support.random_kernels.code import (
    ALIAS,
    DATA,
    LEAF_0,
    LEAF_1,
    PROBED,
    ROUTINES,
    USER,
    A,
    Choices,
    D,
    Half,
    M,
    R,
    U,
    V,
    W,
    X,
    csr,
    load_address,
    pte,
    word,
)
from support.random_kernels.image import RAM
from support.random_kernels.in_use import below_m, call_at, code_word, fence, hole_word, may_have_holes
from support.random_kernels.memory import leaf
from support.random_kernels.script import HOT, Script, data_vaddr, register, store_word
from trapline.isa.table import COMPRESSED_BY_NAME

LOW = 0xFFFF
OWN_MARKS = (0x2000, 0x6000, 0x2004, 0xA000)
"""Parcels that a hypervisor may use for its own ends: illegal, but for the guest they may be half a word."""


def short(name: str, *operands: int) -> Half:
    """A compressed instruction, its operands in the order of its syntax."""
    i = COMPRESSED_BY_NAME[name]
    names = [o for o in ("rd", "rd'", "rs1", "rs1'", "rs2", "rs2'", "imm", "uimm") if o in i.pattern.operands]
    values = dict(zip(names, operands, strict=True))
    return Half(i.pattern.insert({n: v - (8 if n.endswith("'") else 0) for n, v in values.items()}))


RETURN = short("c.jr", 1)
NOP = short("c.nop", 0)


def any_short(c: Choices) -> Half:
    """One that computes."""
    a, b, small = register(c), register(c), c.below(64) - 32
    return (
        short("c.addi", a, small), short("c.li", a, small), short("c.mv", a, b), short("c.add", a, b),
        short("c.sub", a, b), short("c.xor", a, b), short("c.and", a, b), short("c.andi", a, small), NOP,
        short("c.slli", a, c.below(32)), short("c.srai", a, c.below(32)), short("c.lui", a, (1 + c.below(31)) << 12),
        short("c.ebreak"), Half(0), Half(c.of(OWN_MARKS)), Half(c.below(1 << 16)),
    )[c.below(16)]  # fmt: skip


def halves(value: int) -> tuple[Half, Half]:
    """A word as two parcels."""
    return Half(value & LOW), Half(value >> 16)


def long_word(c: Choices, s: Script) -> int:
    """32 bits for code: a hole where there may be some, or what else code becomes."""
    return hole_word(c, s) if may_have_holes(s) and c.below(2) else word("addi", register(c), register(c), c.below(64))


def shorts(c: Choices, s: Script) -> None:
    """Compressed instructions that compute, an odd number of them or an even one."""
    for _ in range(1 + c.below(4)):
        s.put(any_short(c))


def short_access(c: Choices, s: Script) -> None:
    """Loads and stores by a register of the eight, and by sp."""
    kind = c.below(4)
    base = 2 if kind > 1 else 15
    s.constant(base, data_vaddr(c, s, kind % 2 == 1))
    place = 4 * c.below(4)
    s.put((
        short("c.lw", register(c), 15, place), short("c.sw", 15, register(c), place),
        short("c.lwsp", register(c), place), short("c.swsp", register(c), place),
    )[kind])  # fmt: skip


def jumps(c: Choices, s: Script) -> None:
    """Jumps and branches over a few parcels, into the midst of words, short and long."""
    over = 1 + c.below(6)
    kind = c.below(6)
    if kind == 0:
        s.put(short("c.j", 2 + 2 * over))
    elif kind == 1:
        s.put(short("c.jal", 2 + 2 * over))
    elif kind == 2:
        s.put(short(c.of(("c.beqz", "c.bnez")), register(c), 2 + 2 * over))
    elif kind == 3:
        s.put(word("jal", c.below(2), 4 + 2 * over))
    elif kind == 4:
        s.put(word(c.of(("beq", "bne", "bltu")), register(c), register(c), 4 + 2 * over))
    else:
        s.put(*load_address(5, s.ahead(2, s.mode) + 2 + 2 * over), short("c.jr", 5))
    left = over
    while left > 0:
        if c.below(2):
            s.put(any_short(c))
            left -= 1
        else:
            s.put(nested(c, s))
            left -= 2


def nested(c: Choices, s: Script) -> int:
    """A word whose upper half begins an instruction as well: a compressed one, or the first half of a hole."""
    inner = long_word(c, s) & LOW if c.below(2) else int(any_short(c))
    outer = c.of(("lui", "auipc"))
    return inner << 16 | (word(outer, register(c), 0x1000) & 0x0FFF) | c.below(16) << 12


def streams(c: Choices, s: Script) -> None:
    """Words one in another: each upper half begins the next one, up to a hole; entered anywhere, now and later."""
    parcels: list[Half] = []
    for _ in range(c.below(4)):
        parcels.append(Half(word(c.of(("lui", "auipc", "addi", "andi")), register(c)) & LOW))
    parcels += halves(long_word(c, s))
    body = [*parcels, *([any_short(c)] if c.below(2) else []), RETURN, RETURN]
    s.put(short("c.j", 2 + 2 * len(body)), *body)
    s.patched.append(s.code.pc - 2 * len(body))
    call_at(s, s.ahead(0, s.mode) - 2 * len(body) + 2 * c.below(len(body)))


def change_halves(c: Choices, s: Script) -> None:
    """Halfwords, words and misaligned words over a routine that has been executed; then it is again."""
    if not s.patched:
        streams(c, s)
    place = c.of(s.patched)
    seen = place - (RAM - ALIAS if s.mode == U and s.paged else 0)
    for _ in range(1 + c.below(3)):
        call_at(s, seen + 2 * c.below(5))
        value = long_word(c, s)
        value = c.of(
            (
                value & LOW,
                value >> 16,
                value,
                int(any_short(c)),
                RETURN << 16 | NOP,
                value >> 16 | value << 16 & 0xFFFFFFFF,
            )
        )
        s.constant(6, value)
        s.put(*load_address(5, seen + 2 * c.below(5) + (c.below(2) if c.maybe(20) else 0)))
        s.put(word(c.of(("sh", "sh", "sw", "sb")), 5, 6, 0))
        if c.below(3) == 0:
            s.put(word("fence.i"))
        call_at(s, seen + 2 * c.below(5))


def change_next(c: Choices, s: Script) -> None:
    """A store to a parcel right ahead, or to the store itself."""
    s.constant(6, c.of((NOP, NOP << 16 | NOP, long_word(c, s), long_word(c, s) & LOW, int(any_short(c)))))
    where = c.below(6)
    s.put(*load_address(5, s.ahead(2, s.mode) + 2 * where), word(c.of(("sh", "sh", "sw")), 5, 6, 0))
    s.put(NOP, *([word("fence.i")] if c.below(3) == 0 else []))
    s.put(*(c.of((NOP, any_short(c), nested(c, s))) for _ in range(3)))


def straddle(c: Choices, s: Script) -> None:
    """An instruction across two pages that lie anywhere, of which the second may lack a permission or its entry."""
    below_m(c, s)
    number, page = c.below(2), c.below(HOT - 1)
    table, window = (LEAF_0, LEAF_1)[number], PROBED[number]
    frames = (DATA + 0x1000 * c.below(6), DATA + 0x1000 * c.below(6))
    user = USER if s.mode == U else 0
    value = c.of((
        long_word(c, s), long_word(c, s), long_word(c, s),
        word("addi", 12, 12, 7), word("jalr", 0, 1, 0), word("lw", 11, 5, 0), word("sw", 5, 12, 0),
        csr("csrrs", "mscratch", 11, 0), word("ecall"), 0xFFFFFFFF, word("sw", 5, 12, -2), word("auipc", 13, 0),
    ))  # fmt: skip
    before = c.of((NOP, Half(word("lui", 11, 0) & LOW), RETURN))
    store_word(s, s.ram(frames[1]), value >> 16 | RETURN << 16)
    store_word(s, s.ram(frames[0] + 0xFFC), before | (value & LOW) << 16)
    flags = V | R | X | A | user
    second = c.of((flags, flags | W | D, flags & ~A, flags & ~X, flags ^ USER, 0, V | R | user))
    store_word(s, s.ram(table + 4 * page), pte(s.base + frames[0], flags | c.of((0, W | D))))
    store_word(s, s.ram(table + 4 * page + 4), pte(s.base + frames[1], second))
    fence(c, s)
    at = window + 0x1000 * page + 0xFFE
    for _ in range(1 + c.below(3)):
        call_at(s, at - c.of((0, 0, 2)))
        kind = c.below(5)
        if kind == 0:
            store_word(s, s.ram(table + 4 * page + 4), c.of((pte(s.base + frames[0], flags), leaf(c, s))))
            fence(c, s)
        elif kind == 1:
            store_word(s, s.ram(frames[1]), c.of((NOP, value, long_word(c, s))) | RETURN << 16)
        elif kind == 2:
            s.constant(6, long_word(c, s) & LOW)
            s.constant(5, s.ram(frames[0] + 0xFFE))
            s.put(word("sh", 5, 6, 0))
        elif kind == 3:
            call_at(s, at + 2)


def boundary(c: Choices, s: Script) -> None:
    """A PMP entry that ends in the middle of an instruction, in a page or at its end; then lower modes execute it."""
    s.end_block()
    s.begin_block()
    at = s.base + c.of((ROUTINES[0], ROUTINES[2] + 4, DATA + 0xFFC, DATA + 0x1FFC))
    value = long_word(c, s)
    store_word(s, at, NOP | (value & LOW) << 16)
    store_word(s, at + 4, value >> 16 | RETURN << 16)
    s.constant(6, (at + 4) >> 2)
    s.put(csr("csrrw", "pmpaddr0", 0, 6))
    s.constant(6, (at + c.of((8, 8, 0x1000))) >> 2)
    s.put(csr("csrrw", "pmpaddr1", 0, 6))
    s.constant(6, c.of((0x1F, 0x1B, 0x0F)) | c.of((8, 0xB, 0xC, 0xF)) << 8)
    s.put(csr("csrrw", "pmpcfg0", 0, 6))
    s.constant(6, 0x1F << 24)
    s.put(csr("csrrw", "pmpcfg3", 0, 6))
    below_m(c, s)
    seen = at - (RAM - ALIAS if s.mode == U and s.paged else 0)
    for _ in range(1 + c.below(2)):
        call_at(s, seen + c.of((2, 2, 0, 4)))


def walk_on_halves(c: Choices, s: Script) -> None:
    """Walks set A and D in a table whose page is code, entered at odd halfwords, also where the code straddles."""
    below_m(c, s)
    number, user = c.below(2), USER if s.mode == U else 0
    table, window = (LEAF_0, LEAF_1)[number], PROBED[number]
    place = c.of((0x200, 0x7F8, 0xF00, 0xFF8))
    for i in range(2):
        store_word(s, s.ram(table + place + 4 * i), code_word(c, s, table))
    if place != 0xFF8:
        store_word(s, s.ram(table + place + 8), RETURN << 16 | RETURN)
    fence(c, s)
    call_at(s, s.ram(table + place + 2 * c.below(4)))
    for _ in range(1 + c.below(2)):
        s.constant(5, window + 0x1000 * ((place >> 2) + c.below(2)) + 0x100)
        s.put(word("sw", 5, 6, 0) if s.mode == M or c.below(2) else word("lbu", 11, 5, 0))
        fence(c, s)
        call_at(s, s.ram(table + place + 2 * c.below(4)))
    # Stores through it would reach the table without the fences that a kernel owes.
    writable = W if s.free else 0
    flags = V | R | X | writable | user | c.of((A, 0, A | D))
    store_word(s, s.ram(table + 4 * c.below(HOT)), pte(s.base + table, flags))
    fence(c, s)


MIXED_STEPS: tuple[Callable[[Choices, Script], None], ...] = (
    shorts, shorts, short_access, jumps, jumps, streams, streams, change_halves, change_halves, change_halves,
    change_next, straddle, straddle, straddle, boundary, walk_on_halves,
)  # fmt: skip
