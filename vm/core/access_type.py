"""Types of access: fetch, load and store, and the faults of each."""

from trapline.isa.cause import FETCH_ACCESS, FETCH_PAGE, LOAD_ACCESS, LOAD_PAGE, STORE_ACCESS, STORE_PAGE
from trapline.vm.core.status import fault

FETCH = 0
LOAD = 1
STORE = 2
"""Access types; LOAD and STORE are the bits PMP_R and PMP_W that permit them."""


def access_fault(access):
    """The access fault of a fetch, load or store."""
    if access == FETCH:
        return fault(FETCH_ACCESS)
    return fault(LOAD_ACCESS) if access == LOAD else fault(STORE_ACCESS)


def page_fault(access):
    """The page fault of a fetch, load or store."""
    if access == FETCH:
        return fault(FETCH_PAGE)
    return fault(LOAD_PAGE) if access == LOAD else fault(STORE_PAGE)


def access_of(cause):
    """The access whose page fault has this cause."""
    return STORE if cause == STORE_PAGE else cause - FETCH_PAGE
