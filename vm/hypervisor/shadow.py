"""The allocator: owns the frames behind the guest's RAM, and the shadow page tables that are built in them.

Entries are dropped by notes of what there is (`vm.hypervisor.notes`); their tables are not freed one by one: when the
frames (`vm.hypervisor.frames`) run out, all are taken back. What is dropped is filled again (`vm.hypervisor.fill`).
Compiled and plain Python run the same text (`vm.codegen.engine_text`).
`v` is a virtual hart, `h` the real one that runs for it, `m` and `r` the records of the virtual and the real machine.
"""

from trapline.isa.mode import M, S, U
from trapline.isa.mstatus import MXR, SUM
from trapline.isa.sv32 import MEGAPAGE_SHIFT, PAGE_SHIFT, PAGE_WORDS, PTE_PPN_SHIFT, PTE_V, SATP_SV32
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.tlb import GENERATIONS
from trapline.vm.core.work import FRAME, charge
from trapline.vm.hypervisor.frames import (
    FIRST_TABLE,
    FIRST_TRANSLATING,
    FRAMES,
    ROOT_BARE_S,
    ROOT_BARE_U,
    ROOT_M,
    ROOT_S,
    ROOT_SUM,
    ROOT_U,
    ROOTS,
    WAYS,
)
from trapline.vm.hypervisor.hooks import has_real_supervisor
from trapline.vm.hypervisor.notes import clear_frame, clear_notes, forget_roots
from trapline.vm.hypervisor.spaces import choose_space, is_switch
from trapline.vm.hypervisor.tracing import trace_tables

ROOT_BITS = 5
"""Low bits of the generation of a real hart: the root that its translations come from."""

EPOCHS = GENERATIONS >> ROOT_BITS
"""Times that shadow tables can be dropped before the tags of real TLBs come again; `r.shadow_epoch` itself goes on."""


def choose_root(v, m, r):
    """Which root serves the virtual hart as it is now, in the space of its satp."""
    root = way_to_access(v, m)
    return root + WAYS * r.space if root >= FIRST_TRANSLATING else root


def way_to_access(v, m):
    """The root that serves the virtual hart as it is now, were its space the first."""
    if v.mode == M:
        return ROOT_M
    if v.satp & SATP_SV32 == 0:
        return ROOT_BARE_S if v.mode == S else ROOT_BARE_U
    if v.mode == U or has_real_supervisor(m):
        return ROOT_U
    return ROOT_SUM if v.mstatus & SUM else ROOT_S


def shadowed_mxr(v, m):
    """The mstatus.MXR that shadow entries depend on."""
    return 0 if has_real_supervisor(m) else v.mstatus & MXR


def begin_epoch(h, r):
    """Forget all that the real hart has cached of shadow tables."""
    r.shadow_epoch = r.shadow_epoch + 1
    if r.shadow_epoch & (EPOCHS - 1) == 0:
        for i in range(len(h.load_tlb)):
            h.fetch_tlb[i] = -1
            h.load_tlb[i] = -1
            h.store_tlb[i] = -1


def take_tables_back(m, r, ram32):
    """Let no root have lower tables, and hand out their frames again."""
    charge(m, ROOTS * FRAME)
    for i in range(ROOTS):
        clear_frame(ram32, r.first_frame + i)
    r.next_frame = FIRST_TABLE


def drop_shadows(v, h, m, r, ram32, page):
    """Forget all shadow entries and what the real hart has cached of them."""
    if r.shadow_generation < 0:
        clear_notes(r, ram32)
        take_tables_back(m, r, ram32)
    forget_roots(m, r, ram32)
    begin_epoch(h, r)
    r.shadow_generation = v.generation
    r.shadow_mxr = shadowed_mxr(v, m)
    r.shadow_demand = m.shadow_demand
    r.shadow_drops = r.shadow_drops + 1
    r.drop_cycle = v.cycle
    if m.traced:
        trace_tables(v, m, r, ram32, page)


def follow_virtual(v, h, m, r, ram32, page):
    """Drop the shadow tables if what they were made of is no longer in force, and let the real hart use the right root.

    The guest's sfence.vma and its writes to satp and to PMP registers have dropped the virtual hart's own
    cached translations, which shows in its generation. What leaves shadow tables good is a fence of one page or of one
    address space (`vm.hypervisor.fences`) and a write of satp that changes the ASID.
    """
    if is_switch(v, m, r):
        r.shadow_generation = v.generation
    if v.generation != r.shadow_generation or shadowed_mxr(v, m) != r.shadow_mxr or m.shadow_demand != r.shadow_demand:
        drop_shadows(v, h, m, r, ram32, page)
    if way_to_access(v, m) >= FIRST_TRANSLATING and choose_space(v, m, r, ram32):
        begin_epoch(h, r)
    r.shadow_satp = v.satp
    root = choose_root(v, m, r)
    h.satp = SATP_SV32 | ((m.ram_base >> PAGE_SHIFT) + r.first_frame + root)
    h.generation = (r.shadow_epoch << ROOT_BITS) + root


def lower_table(v, h, m, r, ram32, page, vaddr):
    """Page number in RAM of the lower shadow table for `vaddr` in the root in force, made if need be."""
    slot = (r.first_frame + choose_root(v, m, r)) * PAGE_WORDS + (vaddr >> MEGAPAGE_SHIFT)
    entry = I64(ram32[U64(slot)])
    if entry & PTE_V:
        return (entry >> PTE_PPN_SHIFT) - (m.ram_base >> PAGE_SHIFT)
    if r.next_frame >= FRAMES:
        drop_shadows(v, h, m, r, ram32, page)
        take_tables_back(m, r, ram32)
        follow_virtual(v, h, m, r, ram32, page)
    frame = r.first_frame + r.next_frame
    r.next_frame = r.next_frame + 1
    charge(m, FRAME)
    clear_frame(ram32, frame)
    ram32[U64(slot)] = U32((((m.ram_base >> PAGE_SHIFT) + frame) << PTE_PPN_SHIFT) | PTE_V)
    return frame
