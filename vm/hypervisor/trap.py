"""Trap: everything runs directly in real U mode. The other techniques do the same where they have no hook of their own.

Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.mode import M, U
from trapline.isa.mstatus import MPRV
from trapline.isa.sv32 import PAGE_SHIFT, PTE_A, PTE_D, PTE_PPN_SHIFT, PTE_V
from trapline.vm.core.execute import execute


def runs_directly(v, m):
    """All but M mode under MPRV: its loads and fetches go through different translations, which no root offers."""
    return not (v.mode == M and v.mstatus & MPRV)


def enter(v, h, m, r):
    """The holes that the real hart traps on, and those that the guest's own mleak names."""
    h.mleak = m.real_mleak | (v.mleak if v.mode == U else 0)


def interpret(v, m, ram8, ram16, ram32, code, page, faulted, left):
    """One step: the next one may run directly again."""
    return execute(v, m, ram8, ram16, ram32, code, page, 1)


def entry_for(v, m, ram32, code, page, number, access, paddr, allowed):
    """The page itself."""
    return ((paddr >> PAGE_SHIFT) << PTE_PPN_SHIFT) | PTE_D | PTE_A | PTE_V | allowed
