"""The memory in which instructions are tried: one virtual layout, two sets of frames, and relocations between them.

    vaddr        what                              PTE           in bare mode
    base         code                              RWX, U as the mode needs it
    base+0x1000  data                              RW, U
    base+0x2000  data, absent in some relocations  RW, U
    base+0x3000  execute-only data                 X, U
    base+0x4000  data of S mode                    RW

Each page has a window of eight words that an access can reach; nothing else is ever written. Frames A and B have the
same contents. PTEs have A and D set: setting them belongs to the access, not to the instruction.
"""

from dataclasses import dataclass

import numpy as np

from trapline.isa.pmp import A_SHIFT, NAPOT, PMP_GRAIN_SHIFT, PMP_L, PMP_R, PMP_W, PMP_X
from trapline.isa.sv32 import (
    MEGAPAGE_SHIFT,
    PAGE,
    PAGE_SHIFT,
    PTE_A,
    PTE_D,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_SV32,
)
from trapline.vm.core.access import RAM_BASE

PAGES = 5
"""Pages of the virtual layout."""
WINDOW = 0x800
"""Where a page's window starts, in bytes: the middle, so that no immediate leaves the page from there."""
WINDOW_WORDS = 8
CONTENT = PAGES * WINDOW_WORDS
"""Words in all windows."""

FRAMES_B = PAGES * PAGE
"""Offset of the second set of frames in RAM; the first is at 0."""

_ROOTS = 2 * PAGES
_VARIANTS = ((0, False), (FRAMES_B, False), (0, True), (FRAMES_B, True))
"""(frames, whether the third page is absent) of each root table with its leaf table."""
_LEAVES = _ROOTS + len(_VARIANTS)
RAM_SIZE = (_LEAVES + len(_VARIANTS)) * PAGE
TABLES = _ROOTS * PAGE
"""Offset of the page tables in RAM."""

_DATA = PTE_R | PTE_W
_PERMISSIONS = (_DATA | PTE_X, _DATA | PTE_U, _DATA | PTE_U, PTE_X | PTE_U, _DATA)
_LACKED = 2

_NAPOT = NAPOT << A_SHIFT
OPEN = (_NAPOT | PMP_X | PMP_W | PMP_R, 0xFFFFFFFF)
"""PMP entry 1, in every state: all of memory with all permissions, NAPOT."""
_FRAME = ((RAM_BASE + _LACKED * PAGE) | (PAGE // 2 - 1)) >> PMP_GRAIN_SHIFT
_DENIED, _LOCKED = (_NAPOT, _FRAME), (PMP_L | _NAPOT, _FRAME)
"""PMP entry 0 where it denies a frame: to S and U mode; locked, to M mode too."""


@dataclass(frozen=True)
class Relocation:
    """A relocation.

    satp, pmp: register values; pmp is entry 0 as (pmpcfg, pmpaddr). frames: offset in RAM of the frames in use.
    code_pte: index of the code page's PTE among the words of RAM, -1 without one.
    lacks: whether the third page is out of reach.
    """

    name: str
    summary: str
    satp: int = 0
    pmp: tuple[int, int] = (0, 0)
    frames: int = 0
    code_pte: int = -1
    lacks: bool = False


def _translated(number: int, name: str, summary: str) -> Relocation:
    frames, lacks = _VARIANTS[number]
    satp = SATP_SV32 | (RAM_BASE // PAGE + _ROOTS + number)
    return Relocation(name, summary, satp, (0, 0), frames, (_LEAVES + number) * PAGE // 4, lacks)


RELOCATIONS: tuple[Relocation, ...] = (
    Relocation("bare", "no translation"),
    _translated(0, "sv32-a", "Sv32 that maps every page to itself"),
    _translated(1, "sv32-b", "Sv32 that maps the same pages to other frames"),
    _translated(2, "sv32-a-absent", "Sv32 that maps every page to itself but lacks one"),
    _translated(3, "sv32-b-absent", "Sv32 that maps the pages to other frames and lacks one"),
    Relocation("bare-denied", "no translation, one page denied by PMP", 0, _DENIED, lacks=True),
    Relocation("bare-locked", "no translation, one page denied by PMP to M mode too", 0, _LOCKED, lacks=True),
)
BY_NAME = {relocation.name: number for number, relocation in enumerate(RELOCATIONS)}


ROOT, PMPCFG0, PMPADDR0, FRAMES, CODE_PTE = range(5)
"""Columns of `relocation_table`; ROOT is what satp holds."""


def relocation_table() -> np.ndarray:
    """RELOCATIONS for compiled code: int64[n, 5]."""
    return np.array([(r.satp, *r.pmp, r.frames, r.code_pte) for r in RELOCATIONS], np.int64)


def image() -> np.ndarray:
    """RAM that holds the page tables and zeros: uint32[RAM_SIZE // 4]."""
    ram = np.zeros(RAM_SIZE // 4, np.uint32)
    for number, (frames, lacks) in enumerate(_VARIANTS):
        root, leaf = (_ROOTS + number) * PAGE // 4, (_LEAVES + number) * PAGE
        ram[root + (RAM_BASE >> MEGAPAGE_SHIFT)] = (RAM_BASE + leaf) >> PAGE_SHIFT << PTE_PPN_SHIFT | PTE_V
        for page, permissions in enumerate(_PERMISSIONS):
            if not (lacks and page == _LACKED):
                frame = RAM_BASE + frames + page * PAGE
                ram[leaf // 4 + page] = frame >> PAGE_SHIFT << PTE_PPN_SHIFT | permissions | PTE_V | PTE_A | PTE_D
    return ram
