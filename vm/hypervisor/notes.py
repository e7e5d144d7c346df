"""What shadow roots hold: the pages that have an entry, noted so that they are found again.

To drop a root's entries is to clear those noted. The pages stay noted, as *due*: when the root is needed again, all of
them are filled with the first of them (`vm.hypervisor.fill`). A page that was filled and not used, which shows in the
A bit of its entry, is forgotten after some drops: not at once, because a guest may drop all twice in a row, by a write
of satp and a fence.
Notes are a frame for each space, and one for the roots without translation; a root's words in it are those of its way.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
`root` is the number of a root, `vpn` that of a virtual page.
"""

from trapline.isa.sv32 import MEGAPAGE_SHIFT, PAGE_SHIFT, PAGE_WORDS, PTE_A, PTE_PPN_SHIFT, PTE_V, VPN_BITS
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.work import FRAME, charge
from trapline.vm.hypervisor.frames import FIRST_NOTES, NOTES, ROOTS, WAYS

AT_SATP = 0
"""Word of the space's satp, 0 before it is used. Those that follow are of each way:"""
AT_COUNT = 4
"""pages noted"""
AT_DUE = 8
"""1: none of them has an entry, and all are due"""
AT_MORE = 12
"""1: there are entries that are not noted, because there was no room"""
AT_MEGAPAGES = 32
"""a bit for each slot of the root whose table has an entry of a megapage of the guest's"""
MEGAPAGE_WORDS = PAGE_WORDS // 32
AT_PAGES = 128
"""the pages"""
NOTED = 128
"""Pages that a root has noted at most."""

VPN_SHIFT = MEGAPAGE_SHIFT - PAGE_SHIFT
VPN_MASK = (1 << 2 * VPN_SHIFT) - 1
"""Of a note, its page; above it is its *age*: how often it was dropped since it was used."""
AGE_SHIFT = 2 * VPN_SHIFT
OLDEST = 3
"""The age from which on a page is forgotten when it is dropped unused."""


def notes_of(r, root):
    """Word index of the notes that are about a root."""
    return (r.first_frame + FIRST_NOTES + root // WAYS) * PAGE_WORDS


def table_at(m, r, ram32, root, vpn):
    """Word index of the lower table of a root for a page, -1 if it has none."""
    entry = I64(ram32[U64((r.first_frame + root) * PAGE_WORDS + (vpn >> VPN_SHIFT))])
    if entry & PTE_V == 0:
        return -1
    return ((entry >> PTE_PPN_SHIFT) - (m.ram_base >> PAGE_SHIFT)) * PAGE_WORDS


def clear_frame(ram32, frame):
    """Fill a frame, given by its page number in RAM, with invalid entries."""
    for i in range(PAGE_WORDS):
        ram32[U64(frame * PAGE_WORDS + i)] = U32(0)


def clear_notes(r, ram32):
    """Begin: nothing is noted, and no space has been used."""
    for i in range(NOTES):
        clear_frame(ram32, r.first_frame + FIRST_NOTES + i)
    r.space = 0
    r.next_space = 0


def noted_pages(ram32, notes, way):
    """How many pages are noted for a way."""
    return min(I64(ram32[U64(notes + AT_COUNT + way)]), NOTED)


def note_at(ram32, notes, way, i):
    """Note `i` of those: a page and its age."""
    return I64(ram32[U64(notes + AT_PAGES + NOTED * way + i)])


def note_page(r, ram32, root, note):
    """Note that a page, of some age, gets an entry in a root where it had none."""
    notes, way = notes_of(r, root), root % WAYS
    count = noted_pages(ram32, notes, way)
    ram32[U64(notes + AT_DUE + way)] = U32(0)
    if count == NOTED:
        ram32[U64(notes + AT_MORE + way)] = U32(1)
        return
    ram32[U64(notes + AT_PAGES + NOTED * way + count)] = U32(note)
    ram32[U64(notes + AT_COUNT + way)] = U32(count + 1)


def note_megapage(r, ram32, root, vpn):
    """Note that the entry of a page is that of a megapage."""
    at = notes_of(r, root) + AT_MEGAPAGES + MEGAPAGE_WORDS * (root % WAYS) + (vpn >> VPN_SHIFT) // 32
    ram32[U64(at)] = U32(I64(ram32[U64(at)]) | 1 << (vpn >> VPN_SHIFT) % 32)


def are_due(r, ram32, root):
    """Whether the pages noted for a root are due."""
    return I64(ram32[U64(notes_of(r, root) + AT_DUE + root % WAYS)]) != 0


def take_due(r, ram32, root):
    """How many pages are due in a root; from now on nothing is noted for it. See `due_note`."""
    notes, way = notes_of(r, root), root % WAYS
    count = noted_pages(ram32, notes, way)
    ram32[U64(notes + AT_COUNT + way)] = U32(0)
    ram32[U64(notes + AT_DUE + way)] = U32(0)
    return count


def due_note(r, ram32, root, i):
    """Note `i` of those taken. No more than `i` may have been made since."""
    return note_at(ram32, notes_of(r, root), root % WAYS, i)


def unnote(ram32, notes, way, vpn, same):
    """Note no longer the pages that are this one in the bits `same`."""
    count = noted_pages(ram32, notes, way)
    kept = 0
    for i in range(count):
        other = note_at(ram32, notes, way, i)
        if (other ^ vpn) & same:
            ram32[U64(notes + AT_PAGES + NOTED * way + kept)] = U32(other)
            kept = kept + 1
    ram32[U64(notes + AT_COUNT + way)] = U32(kept)


def clear_tables(m, r, ram32, root):
    """Clear all lower tables of a root, one by one; they stay its own."""
    for slot in range(PAGE_WORDS):
        table = table_at(m, r, ram32, root, slot << VPN_SHIFT)
        if table >= 0:
            charge(m, FRAME)
            clear_frame(ram32, table // PAGE_WORDS)


def remembers(m):
    """Whether pages that are dropped are due: where an entry depends on nothing but what the guest's tables say.

    Not where techniques keep account of which pages are code, nor where stores to tables are traced.
    """
    return m.traced == 0 and m.page_states == 0


def forget_root(m, r, ram32, root, remember):
    """Clear all entries below a root. remember: whether their pages are due."""
    notes, way = notes_of(r, root), root % WAYS
    count = noted_pages(ram32, notes, way)
    if remember and I64(ram32[U64(notes + AT_DUE + way)]):
        return
    if count == 0 and I64(ram32[U64(notes + AT_MORE + way)]) == 0:
        return
    charge(m, count)
    kept = 0
    for i in range(count):
        note = note_at(ram32, notes, way, i)
        vpn, age = note & VPN_MASK, note >> AGE_SHIFT
        table = table_at(m, r, ram32, root, vpn)
        if table >= 0:
            at = table + (vpn & VPN_BITS)
            age = 0 if I64(ram32[U64(at)]) & PTE_A else age + 1
            ram32[U64(at)] = U32(0)
            if remember and age <= OLDEST:
                ram32[U64(notes + AT_PAGES + NOTED * way + kept)] = U32(vpn | age << AGE_SHIFT)
                kept = kept + 1
    if I64(ram32[U64(notes + AT_MORE + way)]):
        clear_tables(m, r, ram32, root)
        ram32[U64(notes + AT_MORE + way)] = U32(0)
    for i in range(MEGAPAGE_WORDS):
        ram32[U64(notes + AT_MEGAPAGES + MEGAPAGE_WORDS * way + i)] = U32(0)
    ram32[U64(notes + AT_COUNT + way)] = U32(kept)
    ram32[U64(notes + AT_DUE + way)] = U32(1 if kept else 0)


def forget_roots(m, r, ram32):
    """Clear all entries below all roots."""
    charge(m, ROOTS)
    remember = remembers(m)
    for root in range(ROOTS):
        forget_root(m, r, ram32, root, remember)


def forget_leaf(m, r, ram32, root, vpn):
    """Clear what a root has of the guest's leaf entry for a page; whether that was a megapage.

    "the fence orders only reads and writes made to leaf page table entries corresponding to the virtual address in rs1"
    (Priv 10.2.1): of a megapage, all that its entry has been used for.
    """
    table = table_at(m, r, ram32, root, vpn)
    if table < 0:
        return False
    notes, way, slot = notes_of(r, root), root % WAYS, vpn >> VPN_SHIFT
    at = notes + AT_MEGAPAGES + MEGAPAGE_WORDS * way + slot // 32
    if I64(ram32[U64(at)]) & 1 << slot % 32:
        charge(m, FRAME)
        clear_frame(ram32, table // PAGE_WORDS)
        unnote(ram32, notes, way, vpn, VPN_MASK & ~VPN_BITS)
        ram32[U64(at)] = U32(I64(ram32[U64(at)]) & ~(1 << slot % 32))
        return True
    if I64(ram32[U64(table + (vpn & VPN_BITS))]):
        ram32[U64(table + (vpn & VPN_BITS))] = U32(0)
        unnote(ram32, notes, way, vpn, VPN_MASK)
    return False
