"""How events of the log (`vm.observe.event_log`) are written: one a line, the kind, the hart and its cycle first."""

from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace

from trapline import isa
from trapline.isa.cause import FETCH_PAGE, INTERRUPT, describe
from trapline.isa.compression import digits
from trapline.isa.environment import SVADE
from trapline.isa.mode import MODE_NAMES
from trapline.isa.pmp import PMP_ENTRIES
from trapline.isa.sv32 import (
    MEGAPAGE_SHIFT,
    PAGE_SHIFT,
    PTE_A,
    PTE_D,
    PTE_LEAF,
    PTE_PPN_SHIFT,
    PTE_V,
    SATP_PPN,
    VPN_BITS,
)
from trapline.vm.core import event_log as layout
from trapline.vm.core.access_type import STORE
from trapline.vm.core.status import cause_of
from trapline.vm.observe.explain import fields
from trapline.vm.observe.walk_listing import ACCESSES, Entry, flags, judge

CACHED = 1 << 14
"""Places and instructions whose text is kept."""
ALL_MEMORY = 0x1F
"""pmpcfg of an entry that permits everything, with its address all ones: NAPOT, R, W and X."""

Place = Callable[[int], str]
Disassemble = Callable[[int, int], str]


class EventLines:
    """Makes lines of events.

    place: an address with what is known of it; disassemble: an instruction at an address; with_c: whether there are
    compressed ones.
    """

    def __init__(self, place: Place, disassemble: Disassemble, with_c: bool = False) -> None:
        self._with_c = with_c
        self._place = lru_cache(CACHED)(place)
        self._assembly = lru_cache(CACHED)(lambda word, pc: " ".join(disassemble(word, pc).split()))
        self._kinds = {
            layout.TRAP: self._trap, layout.SERVED: self._served, layout.RETIRED: self._retired,
            layout.WALK: self._walk,
        }  # fmt: skip

    def event(self, record: list[int]) -> str:
        """The line of a record of the ring (`vm.core.event_log`)."""
        kind, text = self._kinds[record[layout.OF_KIND]](record)
        return _line(kind, record[layout.OF_HART], record[layout.OF_CYCLE], text)

    def instruction(self, hart: int, cycle: int, mode: int, pc: int, word: int | None) -> str:
        """The line of an instruction that is executed. word: None where none can be fetched."""
        code, what = "--------", "(cannot be fetched)"
        if word is not None:
            code, what = digits(word, self._with_c), self._assembly(word, pc)
        text = f"{code:<8} {what}"
        return _line("exec", hart, cycle, f"{text} at {self._place(pc)} in {MODE_NAMES[mode]}")

    def _trap(self, record: list[int]) -> tuple[str, str]:
        cause = record[layout.OF_CAUSE]
        return "int", (
            f"{'interrupt' if cause & INTERRUPT else 'exception'} {self._modes(record)} cause {cause:#010x} "
            f"({describe(cause)}) epc {self._place(record[layout.OF_PC])} tval {record[layout.OF_VALUE]:#010x} "
            f"handler {self._place(record[layout.OF_PC_AFTER])}"
        )

    def _served(self, record: list[int]) -> tuple[str, str]:
        cause = record[layout.OF_CAUSE]
        return "int", (
            f"served {MODE_NAMES[record[layout.OF_MODE]]} cause {cause:#010x} ({describe(cause)}) "
            f"epc {self._place(record[layout.OF_PC])} tval {record[layout.OF_VALUE]:#010x} "
            f"a7 {record[layout.OF_NEW]:#x}"
        )

    def _retired(self, record: list[int]) -> tuple[str, str]:
        word, pc = record[layout.OF_CAUSE], record[layout.OF_PC]
        instruction = isa.decode(word)
        name = "(unknown)" if instruction is None else instruction.name
        if name in ("mret", "sret"):
            to = self._place(record[layout.OF_PC_AFTER])
            return "int", f"{name} {self._modes(record)} at {self._place(pc)} to {to}"
        mode = MODE_NAMES[record[layout.OF_MODE]]
        if name == "sfence.vma":
            return "mmu", f"fence {mode} {self._assembly(word, pc)} at {self._place(pc)}"
        csr = isa.CSR_BY_ADDRESS[word >> layout.CSR_SHIFT].name
        old, new = record[layout.OF_VALUE], record[layout.OF_NEW]
        changed = f"{csr} {old:#010x} -> {new:#010x}{fields(csr, old, new)}"
        return "csr", f"{changed} by {self._assembly(word, pc)} at {self._place(pc)} in {mode}"

    def _walk(self, record: list[int]) -> tuple[str, str]:
        access, vaddr, mode = record[layout.OF_CAUSE], record[layout.OF_VALUE], record[layout.OF_MODE]
        text = f"{ACCESSES[access]} {MODE_NAMES[mode]} va {vaddr:#010x}"
        entries = _entries(record)
        paddr = record[layout.OF_PADDR]
        if paddr < 0:
            cause = cause_of(paddr)
            verdict = judge(_hart(record), entries, vaddr, access, mode)
            expected = "page" if cause >= FETCH_PAGE else "access"
            why = verdict.text if verdict.cause == expected else "PMP forbids the access to the table."
            return "mmu", f"{text} fault ({describe(cause)}): {why}"
        leaf = entries[-1]
        assert leaf.pte is not None
        clear = PTE_A | (PTE_D if access == STORE else 0)
        updated = flags(clear & ~leaf.pte).replace("-", "")
        return "mmu", (
            f"{text} pa {paddr:#010x} level {leaf.level} pte {leaf.pte:#010x} {flags(leaf.pte)} at {leaf.address:#010x}"
            + (f" sets {updated}" if updated else "")
        )

    def _modes(self, record: list[int]) -> str:
        return f"{MODE_NAMES[record[layout.OF_MODE]]}->{MODE_NAMES[record[layout.OF_MODE_AFTER]]}"


def _line(kind: str, hart: int, cycle: int, text: str) -> str:
    return f"{kind:4} {hart} {cycle:10} {text}"


def _entries(record: list[int]) -> list[Entry]:
    """The entries of the walk that a record is about, as they were before it."""
    vaddr = record[layout.OF_VALUE]
    root = (record[layout.OF_NEW] & SATP_PPN) << PAGE_SHIFT
    upper, lower = (_pte(record[at]) for at in (layout.OF_UPPER, layout.OF_LOWER))
    entries = [Entry(1, root, vaddr >> MEGAPAGE_SHIFT, upper)]
    if upper is not None and upper & (PTE_V | PTE_LEAF) == PTE_V:
        table = (upper >> PTE_PPN_SHIFT) << PAGE_SHIFT
        entries.append(Entry(0, table, (vaddr >> PAGE_SHIFT) & VPN_BITS, lower))
    return entries


def _pte(word: int) -> int | None:
    return None if word == layout.NO_ENTRY else word


def _hart(record: list[int]) -> SimpleNamespace:
    """What a verdict on a walk looks at. PMP is not noted: it permits everything here."""
    return SimpleNamespace(
        mstatus=record[layout.OF_STATUS], extensions=0 if record[layout.OF_UPDATES] else SVADE, menvcfgh=0,
        pmp_entries=1, pmpcfg=[ALL_MEMORY] + [0] * (PMP_ENTRIES - 1), pmpaddr=[0xFFFFFFFF] + [0] * (PMP_ENTRIES - 1),
    )  # fmt: skip
