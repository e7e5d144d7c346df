"""What the guest's own page tables and PMP permit.

Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.mode import M
from trapline.isa.sv32 import (
    MEGAPAGE_SHIFT,
    PAGE_SHIFT,
    PTE_D,
    PTE_LEAF,
    PTE_R,
    PTE_U,
    PTE_X,
    SATP_PPN,
    SATP_SV32,
)
from trapline.vm.core.access_type import FETCH, LOAD, STORE
from trapline.vm.core.ints import I64
from trapline.vm.core.page_walk import entry_at, find_leaf, pte_allows
from trapline.vm.core.pmp_check import pmp_allows


def permission(access):
    """The bit of a PTE that permits an access."""
    return PTE_X if access == FETCH else access * PTE_R


def guest_entry(v, m, ram32, vaddr):
    """The guest's own leaf PTE of an address that may be accessed, 0 where it is not translated."""
    if v.mode == M or v.satp & SATP_SV32 == 0:
        return I64(0)
    leaf = find_leaf(v, m, ram32, vaddr, LOAD)
    return entry_at(m, ram32, leaf)


def is_megapage(v, m, ram32, vaddr):
    """Whether the guest's leaf PTE of an address that it has one for is in its root."""
    root = (v.satp & SATP_PPN) << PAGE_SHIFT
    return entry_at(m, ram32, root + ((vaddr >> MEGAPAGE_SHIFT) << 2)) & PTE_LEAF != 0


def guest_permissions(v, pte, cfg):
    """R, W, X and U of the shadow entry for a page that the virtual hart may access; the guest's PTE, 0 if it has none.

    W only once the guest's own entry has its D bit: the store that sets it has to come through here.
    """
    mode = v.mode
    allowed = PTE_U
    if mode == M or v.satp & SATP_SV32 == 0:
        for access in range(FETCH, STORE + 1):
            if pmp_allows(cfg, access, mode):
                allowed = allowed | permission(access)
        return allowed
    for access in range(FETCH, STORE + 1):
        if pte_allows(v, pte, access, mode) and pmp_allows(cfg, access, mode) and (access != STORE or pte & PTE_D):
            allowed = allowed | permission(access)
    return allowed
