"""Spaces: for several values of the guest's satp, shadow tables are kept, so that it may switch between them.

"When SFENCE.VMA is executed with rs2 != x0, only address translations of that address space are affected": a guest that
gives its spaces ASIDs says itself what is out of date, so a write of satp that changes the ASID drops nothing. One
with the same ASID drops all, as any write does on the bare machine: a guest that does not use ASIDs need not know of
more than one space. What is kept for a satp has been made of the tables at that very satp, never of another's.
Traced tables are those in force alone, so there every write drops all.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.sv32 import PAGE_WORDS, SATP_ASID, SATP_SV32
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.hypervisor.frames import FIRST_NOTES, FIRST_TRANSLATING, SPACES, WAYS
from trapline.vm.hypervisor.notes import AT_SATP, forget_root


def satp_index(r, space):
    """Word index of the satp that a space is for."""
    return (r.first_frame + FIRST_NOTES + 1 + space) * PAGE_WORDS + AT_SATP


def first_root(space):
    """The first of a space's roots."""
    return FIRST_TRANSLATING + WAYS * space


def is_switch(v, m, r):
    """Whether all that has happened to translation since shadow tables last followed it is a write of satp, that
    changes the ASID.

    Each write and each fence takes a generation of its own.
    """
    if v.generation != r.shadow_generation + 1 or m.traced:
        return False
    return v.satp & r.shadow_satp & SATP_SV32 != 0 and (v.satp ^ r.shadow_satp) & SATP_ASID != 0


def choose_space(v, m, r, ram32):
    """Let the space in force be that of the virtual hart's satp; whether another had to be given up for it."""
    if I64(ram32[U64(satp_index(r, r.space))]) == v.satp:
        return False
    for space in range(SPACES):
        if I64(ram32[U64(satp_index(r, space))]) == v.satp:
            r.space = space
            return False
    r.space = r.next_space & (SPACES - 1)
    r.next_space = r.next_space + 1
    for way in range(WAYS):
        forget_root(m, r, ram32, first_root(r.space) + way, False)
    ram32[U64(satp_index(r, r.space))] = U32(v.satp)
    return True
