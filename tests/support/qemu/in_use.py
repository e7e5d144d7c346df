"""Random snippets for `systems.py` in which S mode changes the entries that it executes and loads through."""

from random import Random

from support.machines import encode
from support.qemu.protection import (
    FIRST_SLOT,
    MXR,
    PAGES,
    SUM,
    A,
    D,
    G,
    R,
    V,
    W,
    X,
    leaf_entry,
    pte,
    root_entry,
    store_words,
)
from support.qemu.systems import ARENA, EXITS, RAM, TABLES, Snippet, probe

CODE = V | R | W | X | A | D
START = 0xFE4
"""Where the code begins in its page; it runs on into the next."""
T0, T1, T2, A1, A2, A3 = 5, 6, 7, 11, 12, 13


def first_words(addend: int) -> list[int]:
    """To the end of a page: load at t2, store t1 to the entry at t0, fence, store a1 at t2, and add to a2.

    The jump to the next instruction is for QEMU, which executes it from where the page was: see fence-within-block.
    """
    return [
        encode("lw", rd=A2, rs1=T2), encode("sw", rs1=T0, rs2=T1), encode("sfence.vma"), encode("jal", imm=4),
        encode("addi", rd=A2, rs1=A2, imm=addend), encode("sw", rs1=T2, rs2=A1),
        encode("addi", rd=A2, rs1=A2, imm=2 * addend),
    ]  # fmt: skip


def next_words(addend: int) -> list[int]:
    """From the beginning of the next page: load at t2 again, and add to a2."""
    return [encode("addi", rd=A2, rs1=A2, imm=addend), encode("lw", rd=A3, rs1=T2), encode("ecall")]


def some_leaf(rng: Random, executed: bool) -> int:
    """What the entry becomes: another page for S mode, or, unless it is executed, one with fewer permissions."""
    flags = rng.choice((CODE, V | R | X | A, V | X))
    if not executed:
        flags = rng.choice((flags, V | R | W, V | R | W | X, 0, V | W, CODE & ~V))
    return pte(ARENA + 0x1000 * rng.choice(PAGES), flags | rng.choice((0, G)))


def in_use(rng: Random) -> Snippet:
    """Code that runs from a page into the next, with two more pages that have other code in the same places.

    It changes the entry of its page, of the next or of the page of data, which may be one of them, and fences.
    """
    exit = rng.choice(list(EXITS))
    medeleg = rng.getrandbits(16) & 0xB3FF & ~EXITS[exit]
    lines = [f"la s10, {exit}", f"li t4, {medeleg:#x}", "csrw medeleg, t4"]
    words = {TABLES + 4 * (place >> 22): pte(place, CODE) for place in (RAM, ARENA)}
    lines += store_words(words | {root_entry(0): pte(TABLES + 0x1000, V)})
    lines += [f"li t4, {1 << 31 | TABLES >> 12:#x}", "csrw satp, t4"]
    for _ in range(8):
        words = {}
        for number, page in enumerate(PAGES):
            code = [(START + 4 * i, w) for i, w in enumerate(first_words(1 << number))]
            code += [(4 * i, w) for i, w in enumerate(next_words(0x10 << number))]
            words |= {ARENA + 0x1000 * page + offset: w for offset, w in code}
        frames = [rng.choice(PAGES) for _ in range(3)]
        for page, frame in zip(PAGES, frames, strict=False):
            words[leaf_entry(0, page)] = pte(ARENA + 0x1000 * frame, CODE & rng.choice((~0, ~0, ~D, ~A)))
        changed = rng.choice(list(PAGES)[:3])
        code, data = (FIRST_SLOT << 22 | page << 12 for page in (PAGES[0], PAGES[2]))
        lines += [*store_words(words), "sfence.vma", "fence.i"]
        lines += [f"li t0, {leaf_entry(0, changed):#x}", f"li t1, {some_leaf(rng, changed == PAGES[0]):#x}"]
        lines += [f"li t2, {data + rng.choice((0x100, 0x7FC, 0x802)):#x}"]
        lines += probe("fetch", code + START, 0x800 | rng.choice((0, SUM)) | rng.choice((0, MXR)), value=0x5A5A5A5A)
        lines += ["la s11, 1f", f"li t4, {leaf_entry(0, PAGES[0])}"]
        lines += [*(f"lw a{i}, {4 * i}(t4)" for i in range(3)), "ecall", "1:"]
    return Snippet("translation in use", "\n".join(lines))
