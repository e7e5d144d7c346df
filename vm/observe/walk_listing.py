"""Explains a walk of Sv32 page tables: its entries, and why it ends as it does. It changes nothing.

The verdicts name the steps of the specification's algorithm (Priv 10.3.2). The engine walks with
`vm.core.page_walk.find_leaf`; this walk keeps every entry, of the guest's tables and of the shadow tables alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trapline.isa.environment import updates_entries
from trapline.isa.mode import MODE_NAMES, M, S, U
from trapline.isa.mstatus import MXR, SUM
from trapline.isa.sv32 import (
    MEGAPAGE_SHIFT,
    PAGE_SHIFT,
    PTE_A,
    PTE_D,
    PTE_LEAF,
    PTE_PPN0,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_SIZE,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_PPN,
    SATP_SV32,
    VPN_BITS,
)
from trapline.vm.core.access_type import FETCH, LOAD, STORE
from trapline.vm.core.page_walk import leaf_address
from trapline.vm.core.pmp_check import pmp_allows, pmp_lookup
from trapline.vm.observe import tables

FLAGS = "VRWXUGAD"
ACCESSES = ("fetch", "load", "store")


@dataclass(frozen=True)
class Entry:
    """An entry on a walk, in the table at `table`. pte: None outside RAM."""

    level: int
    table: int
    index: int
    pte: int | None

    @property
    def address(self) -> int:
        """The physical address of the entry."""
        return self.table + PTE_SIZE * self.index

    @property
    def leaf(self) -> bool:
        """Whether it maps a page instead of pointing to a table."""
        return self.pte is not None and self.pte & PTE_V != 0 and self.pte & PTE_LEAF != 0

    def __str__(self) -> str:
        if self.pte is None:
            return "no memory"
        if self.pte & PTE_V == 0:
            return f"{self.pte:#010x} invalid"
        return f"{self.pte:#010x} {flags(self.pte)} -> {(self.pte >> PTE_PPN_SHIFT) << PAGE_SHIFT:#010x}"


@dataclass(frozen=True)
class Verdict:
    """Whether an access is allowed, and why. cause: `page` or `access` fault, empty if allowed.

    paddr: the physical address, if there is one.
    """

    text: str
    section: str
    cause: str = ""
    paddr: int | None = None


def flags(pte: int) -> str:
    """The flags of a page-table entry by letter, `-` for those that are clear."""
    return "".join(letter if (pte >> i) & 1 else "-" for i, letter in enumerate(FLAGS))


def walk(ram: Sequence[int], ram_base: int, ram_size: int, satp: int, vaddr: int) -> list[Entry]:
    """The entries from the root to the end of the walk; none if satp is Bare. ram: words of memory."""
    found: list[Entry] = []
    if satp & SATP_SV32 == 0:
        return found
    table = (satp & SATP_PPN) << PAGE_SHIFT
    for level in (1, 0):
        index = (vaddr >> (MEGAPAGE_SHIFT if level else PAGE_SHIFT)) & VPN_BITS
        offset = table + PTE_SIZE * index - ram_base
        pte = ram[offset >> 2] if 0 <= offset < ram_size else None
        found.append(Entry(level, table, index, pte))
        if pte is None or pte & PTE_V == 0 or pte & PTE_LEAF:
            break
        table = (pte >> PTE_PPN_SHIFT) << PAGE_SHIFT
    return found


def judge(h: Any, entries: list[Entry], vaddr: int, access: int, mode: int) -> Verdict:
    """The algorithm's verdict on an access in `mode` by hart `h`, with its PMP and mstatus."""
    if not entries:
        why = "M mode does not translate" if mode == M else "satp.MODE is Bare"
        return _protected(h, vaddr, access, mode, f"{why}: the virtual address is the physical one.", "Priv 10.1.11")
    for entry in entries:
        if refused := _refused_on_the_way(h, entry):
            return refused
    last = entries[-1]
    assert last.pte is not None
    if not last.leaf:
        return Verdict("The entry at level 0 points to a table, but there are no further levels.", _STEP[4], "page")
    if last.level and last.pte & PTE_PPN0:
        return Verdict("The superpage is misaligned: its PPN[0] is not 0.", _STEP[6], "page")
    if missing := _missing(h, last.pte, access, mode):
        return Verdict(missing, _STEP[5], "page")
    text = f"The leaf at level {last.level} allows a {ACCESSES[access]} in {MODE_NAMES[mode]} mode."
    wanted = [name for name, bit in (("A", PTE_A), ("D", PTE_D if access == STORE else 0)) if bit & ~last.pte]
    if wanted:
        verb, them = ("is", "it") if len(wanted) == 1 else ("are", "them")
        clear = f"{' and '.join(wanted)} {verb} clear"
        if not updates_entries(h):
            return Verdict(f"{text[:-1]}, but {clear}, and this hart does not set {them}.", _STEP[7], "page")
        if not pmp_allows(pmp_lookup(h, last.address, last.address + PTE_SIZE), STORE, S):
            return Verdict("A or D must be set, and PMP forbids the store to the table.", _STEP[7], "access")
        text += f" {clear}; the walk sets {them}."
    return _protected(h, leaf_address(last.pte, last.level, vaddr), access, mode, text, _STEP[8])


_STEP = {n: f"Priv 10.3.2, step {n}" for n in range(1, 10)}


def _refused_on_the_way(h: Any, entry: Entry) -> Verdict | None:
    where = f"The entry of level {entry.level}, at {entry.address:#010x},"
    if entry.pte is None:
        return Verdict(f"{where} is outside RAM.", _STEP[2], "access")
    if not pmp_allows(pmp_lookup(h, entry.address, entry.address + PTE_SIZE), LOAD, S):
        return Verdict(f"{where} cannot be read: PMP forbids it.", _STEP[2], "access")
    if entry.pte & PTE_V == 0:
        return Verdict(f"{where} has V clear: nothing is mapped there.", _STEP[3], "page")
    if entry.pte & (PTE_R | PTE_W) == PTE_W:
        return Verdict(f"{where} has W without R, which is reserved.", _STEP[3], "page")
    if not entry.leaf and entry.level and entry.pte & (PTE_D | PTE_A | PTE_U):
        return Verdict(f"{where} points to a table and has D, A or U set, which is reserved.", _STEP[3], "page")
    return None


def _missing(h: Any, pte: int, access: int, mode: int) -> str:
    """Why a leaf forbids an access; empty if it does not."""
    if pte & PTE_U == 0 and mode == U:
        return "The leaf has U clear, so U mode may not access the page."
    if pte & PTE_U and mode == S and access == FETCH:
        return "The leaf has U set, and S mode never executes user pages."
    if pte & PTE_U and mode == S and h.mstatus & SUM == 0:
        return "The leaf has U set, and mstatus.SUM is clear, so S mode may not access the page."
    needed = {FETCH: PTE_X, LOAD: PTE_X | PTE_R if h.mstatus & MXR else PTE_R, STORE: PTE_W}[access]
    if pte & needed == 0:
        return f"The leaf has {' and '.join('RWX'[i] for i in range(3) if needed & (PTE_R << i))} clear, " + (
            f"so a {ACCESSES[access]} is not allowed."
        )
    return ""


def _protected(h: Any, paddr: int, access: int, mode: int, text: str, section: str) -> Verdict:
    if not pmp_allows(pmp_lookup(h, paddr, paddr + 1), access, mode):
        return Verdict(f"{text} But PMP forbids the access to {paddr:#010x}.", "Priv 3.7.1", "access", paddr)
    return Verdict(text, section, "", paddr)


def beside(columns: list[tuple[str, str, list[Entry]]]) -> list[str]:
    """Walks side by side: (heading, root, entries) of each."""
    rows = [["root", *(root for _, root, _ in columns)]]
    for level in (1, 0):
        cells = [next((f"[{e.index}] {e}" for e in found if e.level == level), "-") for _, _, found in columns]
        rows.append([f"level {level}", *cells])
    return tables.lines(["", *(heading for heading, _, _ in columns)], rows)
