"""Sv32: pages, page-table entries and satp (volume II, 10.1.11 and 10.3)."""

ADDRESSES = 1 << 32
"""Virtual addresses, and the physical ones that are within reach without translation; a PTE gives 34 bits."""

PAGE_SHIFT = 12
PAGE = 1 << PAGE_SHIFT
PAGE_OFFSET = PAGE - 1
"""The bits of an address within its page."""
PAGE_BASE = 0xFFFFFFFF - PAGE_OFFSET
"""The bits of a word that are the address of a page."""
PAGE_WORDS = PAGE // 4
"""Words of a page. A page table is a page of one-word entries."""
PAGE_INDEX_SHIFT = PAGE_SHIFT - 2
"""From the index of a word to that of its page."""
PAGE_PARCELS = PAGE // 2
"""Halfwords of a page."""
PARCEL_INDEX_SHIFT = PAGE_SHIFT - 1
"""From the index of a halfword to that of its page."""

MEGAPAGE_SHIFT = 22
MEGAPAGE = 1 << MEGAPAGE_SHIFT
MEGAPAGE_OFFSET = MEGAPAGE - 1

VPN_BITS = PAGE_WORDS - 1
"""The bits of an index into a page table."""

PTE_SIZE = 4
PTE_V = 1 << 0
PTE_R = 1 << 1
PTE_W = 1 << 2
PTE_X = 1 << 3
PTE_U = 1 << 4
PTE_A = 1 << 6
PTE_D = 1 << 7
PTE_LEAF = PTE_R | PTE_W | PTE_X
"""An entry with any of these is a leaf; without, it points to the next table."""

PTE_PPN_SHIFT = 10
PTE_PPN0 = 0x3FF << PTE_PPN_SHIFT
"""The low part of the page number: zero in the leaf of a megapage."""
PTE_PPN1_SHIFT = 20

SATP_SV32 = 1 << 31
"""Field MODE: set for Sv32, clear for no translation."""
SATP_ASID = 0x1FF << 22
"""Field ASID, all of it implemented."""
SATP_PPN = (1 << 22) - 1
"""Page number of the root page table."""
