"""The hypervisor's tables behind the guest's RAM, in a file's memory: checked, because the engine follows them.

- overlay tables of `patch`: the parcel of RAM that each entry is about, and the chain of free entries;
- states of pages under `translate`: page numbers of copies;
- shadow roots, and the tables that they point to, of each real hart: the engine takes page numbers from roots; what
  the tables map is as far as the guest may reach;
- under traced tables, the page numbers of those that are watched.
"""

from collections.abc import Callable

import numpy as np

from trapline.isa.sv32 import PAGE, PAGE_PARCELS, PAGE_SHIFT, PAGE_WORDS, PTE_LEAF, PTE_PPN_SHIFT, PTE_V, PTE_W
from trapline.vm.core.overlays import OVERLAYS, VOID
from trapline.vm.core.records import MachineRecord
from trapline.vm.hypervisor.frames import FIRST_TABLE, ROOTS, TRACE_FRAME
from trapline.vm.hypervisor.patch import STATE_WORDS
from trapline.vm.hypervisor.technique import PATCH, TRANSLATE
from trapline.vm.hypervisor.translate import COPIES
from trapline.vm.snapshot.pages import SavedMemory
from trapline.vm.snapshot_file.records import refuse

Words = Callable[[int, int], np.ndarray]
"""The words of so many pages from a page number on."""


def check_tables(memory: SavedMemory, machines: np.ndarray, m: MachineRecord) -> None:
    """Raise SnapshotFileError for tables that lead elsewhere. machines: checked records; m: of a fresh machine."""

    def words(first: int, count: int) -> np.ndarray:
        data = b"".join(memory[number] for number in range(first, first + count))
        return np.frombuffer(data, np.uint32).astype(np.int64)

    pages = m.ram_size // PAGE
    if m.technique == PATCH:
        _check_overlays(words, machines[0], pages)
    if m.page_states:
        states = words(m.page_states // PAGE, -(-pages * STATE_WORDS // PAGE_WORDS))[: pages * STATE_WORDS]
        copies = states.reshape(-1, STATE_WORDS)[:, 1:]
        inside = (copies >= m.first_copy) & (copies < m.first_copy + COPIES) & (m.technique == TRANSLATE)
        if (copies[~inside] != 0).any():
            refuse("a page of the guest has a copy that does not exist")
    for r in machines[1:]:
        _check_shadows(words, r, m)


def _check_overlays(words: Words, record: np.ndarray, pages: int) -> None:
    used = int(record["overlays"])
    table = words(int(record["overlay_table"]) // PAGE, OVERLAYS * 8 // PAGE).reshape(OVERLAYS, 2)[:used]
    void = table[:, 0] == VOID
    places, following = table[~void, 0], table[void, 1]
    if (places >= pages * PAGE_PARCELS).any() or len(np.unique(places)) != len(places):
        refuse("a replaced parcel is outside of RAM, or replaced twice")
    chain = np.append(following, record["free_overlay"])
    if (chain > used).any() or not np.append(void, True)[chain].all():
        refuse("the chain of free entries for replaced parcels leads to one in use")


def _check_shadows(words: Words, record: np.ndarray, m: MachineRecord) -> None:
    first, base, following = int(record["first_frame"]), m.ram_base >> PAGE_SHIFT, int(record["next_frame"])
    roots = words(first, ROOTS)
    pointers = roots[roots & PTE_V != 0]
    tables = (pointers >> PTE_PPN_SHIFT) - base - first
    if (pointers & PTE_LEAF != 0).any() or ((tables < FIRST_TABLE) | (tables >= following)).any():
        refuse("a shadow root points to what is no shadow table")
    for table in np.unique(tables).tolist():
        entries = words(first + table, 1)
        present = entries[entries & PTE_V != 0]
        numbers = (present >> PTE_PPN_SHIFT) - base
        copy = (numbers >= m.first_copy) & (numbers < m.first_copy + COPIES) & (m.technique == TRANSLATE)
        inside = (numbers >= 0) & (numbers < m.ram_size // PAGE) | copy & (present & PTE_W == 0)
        if not inside.all() or (present & PTE_LEAF == 0).any():
            refuse("a shadow table leads outside of the guest's RAM")
    watched = words(first + TRACE_FRAME, 1)[: int(record["traced_tables"])]
    if (watched >= m.ram_size // PAGE).any():
        refuse("a page table that is watched is outside of RAM")
