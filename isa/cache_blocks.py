"""Zicbom: cache-block management (specification, volume I, chapter 19), on a machine without caches.

All agents see memory as it is, so there is nothing to invalidate, clean or flush. What is left of the instructions is
what the specification checks before: that menvcfg and senvcfg enable them in this mode, and that the block may be
accessed. `cbo.inval` may always "perform a flush operation", which keeps what has been stored.
"""

from functools import partial

from trapline.isa.extension import extension_bit
from trapline.isa.instruction import Kind, declare
from trapline.isa.mode import M, U

block = partial(declare, Kind.BLOCK, extension="zicbom")

ZICBOM = extension_bit("zicbom")

FIOM = 1 << 0
CBIE_SHIFT = 4
CBIE = 3 << CBIE_SHIFT
CBCFE = 1 << 6
"""Fields of menvcfg and senvcfg: fences, cbo.inval, and cbo.clean with cbo.flush."""
RESERVED_CBIE = 2 << CBIE_SHIFT

BLOCK = 64
"""Bytes of a cache block: what is checked at once."""


def enabled(h, field):
    """Whether menvcfg lets a mode below M, and senvcfg also U mode, execute what `field` enables."""
    return (h.mode == M or h.menvcfg & field != 0) and (h.mode != U or h.senvcfg & field != 0)


@block("000000000000 rs1 010 00000 0001111", "(rs1)", "Unpriv 19.6.1", reads=("mode", "menvcfg.CBIE", "senvcfg.CBIE"))
def cbo_inval(h):
    """Invalidate the cache block at rs1 after writing it back: no cache has one, so only access is checked."""
    return enabled(h, CBIE)


@block("000000000001 rs1 010 00000 0001111", "(rs1)", "Unpriv 19.6.1", reads=("mode", "menvcfg.CBCFE", "senvcfg.CBCFE"))
def cbo_clean(h):
    """Write the cache block at rs1 back: no cache has one, so only access is checked."""
    return enabled(h, CBCFE)


@block("000000000010 rs1 010 00000 0001111", "(rs1)", "Unpriv 19.6.1", reads=("mode", "menvcfg.CBCFE", "senvcfg.CBCFE"))
def cbo_flush(h):
    """Write the cache block at rs1 back and invalidate it: no cache has one, so only access is checked."""
    return enabled(h, CBCFE)


def legal_envcfg(h, old, value):
    """What menvcfg and senvcfg hold after a write: CBIE has no value 2, and without Zicbom only FIOM is there."""
    if h.extensions & ZICBOM == 0:
        return value & FIOM
    if value & CBIE == RESERVED_CBIE:
        value = (value & ~CBIE) | (old & CBIE)
    return value & (FIOM | CBIE | CBCFE)
