"""The software TLBs: what a tag holds, and where its entry is.

A tag is the address of the virtual page, and above it the context: what else the translation depends on. These are,
from CONTEXT_SHIFT on, two bits of the mode, SUM and MXR, then how often all translations were dropped. So a change of
mode leaves the entries of the other modes good, and to drop all costs one addition.
The entry beside a tag is what turns a vaddr into a RAM offset.
"""

from trapline.isa.mode import MODE_BITS
from trapline.vm.core.hart import TLB_ENTRIES

TLB_MASK = TLB_ENTRIES - 1
"""The bits of a page's number that choose its entry."""

CONTEXT_SHIFT = 32
SUM_MXR_SHIFT = 16
"""What brings SUM and MXR from mstatus into a context."""
GENERATION_SHIFT = 36
GENERATIONS = 1 << 26
"""Times that all translations can be dropped before tags come again. A power of two; `h.generation` itself goes on."""

PLACE_MODE_SHIFT = 22
"""The mode is part of the place in the fetch TLB, as its two highest bits: context >> PLACE_MODE_SHIFT.

So a page that two modes execute in turn, such as that of a short trap handler, has an entry for each.
"""

assert MODE_BITS << CONTEXT_SHIFT >> PLACE_MODE_SHIFT == TLB_ENTRIES - TLB_ENTRIES // 4


def tag_generation(h):
    """What a tag holds of the number of times that all translations were dropped."""
    return h.generation & (GENERATIONS - 1)


def fetch_context(h):
    """The upper half of the tags of what a hart fetches now."""
    return (tag_generation(h) << GENERATION_SHIFT) | (h.mode << CONTEXT_SHIFT)
