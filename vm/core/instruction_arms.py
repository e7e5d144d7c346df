"""The arms of `execute`: what the run loop does for a decoded instruction, one function per kind.

`vm.codegen.splice` inlines the arm of its kind into `execute` for each instruction. A parameter named like a variable
of `execute` is that variable (`h`, `m`, `x`, `ip`, `load_tlb` ...). The others:

    rs1, rs2    values of the source registers, as the meaning sees them; rd is a register number, as there
    imm, csr    the sign-extended immediate; the address of the CSR
    source      the rs1 field: a register number, or the constant of csrrwi, csrrsi and csrrci
    pc, word    address and encoding of the instruction
    length      its bytes, of which the short form of an instruction has two
    cycle       steps done before the instruction
    width       bytes accessed
    meaning     the instruction's meaning with its operands applied; what the arm has found out is passed by name

Falling off the end continues with the next instruction; a returned Near, Far, Leave or Trap continues elsewhere. Only
tests call these functions as they stand.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from trapline.isa.cause import BREAKPOINT, ILLEGAL, STORE_MISALIGNED
from trapline.isa.instruction import Kind
from trapline.isa.sv32 import PAGE_BASE, PAGE_PARCELS, PAGE_SHIFT
from trapline.isa.trap import NEXT
from trapline.isa.word import BYTE, HALFWORD, MASK, WORD
from trapline.vm.core.access import amo_offset, atomic_offset, block_answer, load_slow, ram_load, ram_store, store_slow
from trapline.vm.core.access_type import LOAD, STORE
from trapline.vm.core.counters import synchronize
from trapline.vm.core.csr_access import csr_access
from trapline.vm.core.event_log import LOG_CSR, LOG_MMU, log_old, log_retimed
from trapline.vm.core.generated import csr_held, csr_is_inert, csr_write
from trapline.vm.core.ints import I64, U8, U16, U32, U64
from trapline.vm.core.packed import PACKED_IMM, STRICT, STRICT_SHIFT
from trapline.vm.core.status import fault
from trapline.vm.core.tlb import TLB_MASK


class Near(NamedTuple):
    """Continue with the instruction at this index of `code`, in the same page."""

    ip: int


class Far(NamedTuple):
    """Continue at this address, in another page, or trap because it is misaligned."""

    target: int


class Leave(NamedTuple):
    """Leave the inner loop with this status."""

    status: int


class Trap(NamedTuple):
    """Leave the inner loop with an exception, or with another answer of a system instruction."""

    status: int
    tval: int


def value(x, rd, meaning):
    """An instruction that computes rd. With x0 for rd it has been decoded as one without effect."""
    x[rd] = meaning()


def branch(d, ip, first, vbase, meaning):
    """A conditional jump."""
    if meaning():
        near = ip + (d >> (PACKED_IMM + 1))
        if ((near - first) & -PAGE_PARCELS) | (d & STRICT) == 0:
            return Near(near)
        return Far((vbase + 2 * ip + (d >> PACKED_IMM)) & MASK)


def jump(x, d, ip, first, vbase, length, rd, meaning):
    """An unconditional jump, which leaves rd as it was when its target is misaligned."""
    target = meaning()
    if target & (d >> STRICT_SHIFT) & 2:
        return Far(target)
    x[rd] = (vbase + 2 * ip + length) & MASK
    x[0] = 0
    near = (target - vbase) >> 1
    if (near - first) & -PAGE_PARCELS:
        return Far(target)
    return Near(near)


def load(h, m, ram8, ram16, ram32, code, page, x, d, load_tlb, data_context, cycle, rs1, rd, imm, width, meaning):
    """A load: from RAM on a TLB hit, else by `load_slow`."""
    address = (rs1 + imm) & MASK
    entry = 2 * ((address >> PAGE_SHIFT) & TLB_MASK)
    if load_tlb[entry] == (address & (PAGE_BASE | (width - 1))) | data_context:
        offset = address + load_tlb[entry + 1]
        if width == BYTE:
            data = I64(ram8[U64(offset)])
        elif width == HALFWORD:
            data = I64(ram16[U64(offset >> 1)])
        else:
            data = I64(ram32[U64(offset >> 2)])
    else:
        synchronize(h, m, cycle)
        data = load_slow(h, m, ram8, ram32, code, page, address, width)
        if data < 0:
            m.exit_decoded = d
            return Leave(data)
    x[rd] = meaning(data=data)
    x[0] = 0


def store(h, m, ram8, ram16, ram32, code, page, d, store_tlb, data_context, cycle, rs1, imm, width, meaning):
    """A store: to RAM on a TLB hit, which no page with decoded instructions has, else by `store_slow`."""
    address = (rs1 + imm) & MASK
    entry = 2 * ((address >> PAGE_SHIFT) & TLB_MASK)
    data = meaning()
    if store_tlb[entry] == (address & (PAGE_BASE | (width - 1))) | data_context:
        offset = address + store_tlb[entry + 1]
        if width == BYTE:
            ram8[U64(offset)] = U8(data)
        elif width == HALFWORD:
            ram16[U64(offset >> 1)] = U16(data)
        else:
            ram32[U64(offset >> 2)] = U32(data)
    else:
        synchronize(h, m, cycle)
        done = store_slow(h, m, ram8, ram32, code, page, address, width, data)
        if done < 0:
            m.exit_decoded = d
            return Leave(done)


def amo(h, m, ram8, ram32, code, page, x, store_tlb, data_context, cycle, rs1, rd, meaning):
    """Load a word, compute, store: one step, so nothing comes in between."""
    address = rs1
    entry = 2 * ((address >> PAGE_SHIFT) & TLB_MASK)
    if store_tlb[entry] == (address & (PAGE_BASE | (WORD - 1))) | data_context:
        offset = address + store_tlb[entry + 1]
    else:
        if m.stops & LOG_MMU:
            h.cycle = cycle
        offset = amo_offset(h, m, ram32, code, page, address)
        if offset < 0:
            return Leave(offset)
    old = ram_load(m, ram8, offset, WORD)
    done = ram_store(m, ram8, ram32, code, page, offset, WORD, meaning(old=old))
    x[rd] = old
    x[0] = 0
    if done < 0:
        return Leave(done)


def load_reserved(h, m, ram8, ram32, code, page, x, load_tlb, data_context, cycle, rs1, rd, meaning):
    """Load a word and reserve it, by its offset in RAM."""
    address = rs1
    entry = 2 * ((address >> PAGE_SHIFT) & TLB_MASK)
    if load_tlb[entry] == (address & (PAGE_BASE | (WORD - 1))) | data_context:
        offset = address + load_tlb[entry + 1]
    else:
        if m.stops & LOG_MMU:
            h.cycle = cycle
        offset = atomic_offset(h, m, ram32, code, page, address, LOAD)
        if offset < 0:
            return Leave(offset)
    data = ram_load(m, ram8, offset, WORD)
    h.reservation = offset
    x[rd] = meaning(data=data)
    x[0] = 0


def store_conditional(h, m, ram8, ram32, code, page, x, store_tlb, data_context, cycle, rs1, rd, meaning):
    """Store a word if it is reserved. Its address must be aligned whether it succeeds or not (Unpriv 13.2)."""
    address = rs1
    if address & (WORD - 1):
        m.fault_address = address
        return Leave(fault(STORE_MISALIGNED))
    done = 0
    failed = 1
    if h.reservation >= 0:
        entry = 2 * ((address >> PAGE_SHIFT) & TLB_MASK)
        if store_tlb[entry] == (address & (PAGE_BASE | (WORD - 1))) | data_context:
            offset = address + store_tlb[entry + 1]
        else:
            if m.stops & LOG_MMU:
                h.cycle = cycle
            offset = atomic_offset(h, m, ram32, code, page, address, STORE)
            if offset < 0:
                return Leave(offset)
        if offset == h.reservation:
            done = ram_store(m, ram8, ram32, code, page, offset, WORD, meaning())
            failed = 0
    h.reservation = -1
    x[rd] = failed
    x[0] = 0
    if done < 0:
        return Leave(done)


def cache_block(h, m, ram32, code, page, cycle, word, rs1, meaning):
    """A cache-block operation: its meaning says whether it is legal here, and there is no cache to do more on."""
    if not meaning():
        return Trap(ILLEGAL, word)
    if m.stops & LOG_MMU:
        h.cycle = cycle
    answer = block_answer(h, m, ram32, code, page, rs1)
    if answer < 0:
        return Leave(answer)


def csr_swap(h, m, code, x, cycle, pc, word, rd, csr, meaning):
    """csrrw and csrrwi, which always write.

    A write leaves the inner loop, so the next instruction sees its effects; one to an inert CSR has none.
    """
    inert = csr_is_inert(csr)
    if inert == 0 or m.stops:
        synchronize(h, m, cycle)
    old = csr_access(h, csr, 1)
    if old < 0:
        return Trap(ILLEGAL, word)
    if m.stops & LOG_CSR:
        log_old(code, old)
    status = csr_write(h, csr, meaning(old=old) & MASK)
    if m.stops & LOG_CSR:
        log_retimed(h, m, code, status, pc, word)
    x[rd] = old
    x[0] = 0
    if inert == 0 or m.stops:
        h.pc = pc
        if status != NEXT:
            return Leave(status)
        # Said outright, so that what follows is decided here.
        return Leave(NEXT)


def csr_change(h, m, code, x, cycle, pc, word, rd, csr, source, meaning):
    """The other CSR instructions.

    "For both CSRRS and CSRRC, if rs1=x0, then the instruction will not write to the CSR at all" (Unpriv 6.1)
    """
    inert = csr_is_inert(csr)
    if inert == 0 or m.stops:
        synchronize(h, m, cycle)
    writes = source
    old = csr_access(h, csr, writes)
    if old < 0:
        return Trap(ILLEGAL, word)
    status = NEXT
    if writes:
        if m.stops & LOG_CSR:
            log_old(code, old)
        held = csr_held(h, csr, old)
        status = csr_write(h, csr, meaning(old=held) & MASK)
        if m.stops & LOG_CSR:
            log_retimed(h, m, code, status, pc, word)
    x[rd] = old
    x[0] = 0
    if writes and (inert == 0 or m.stops):
        h.pc = pc
        if status != NEXT:
            return Leave(status)
        return Leave(NEXT)


def system(h, m, cycle, pc, word, meaning):
    """An instruction whose meaning acts on the hart record and answers a cause, or NEXT, JUMPED or WAIT."""
    synchronize(h, m, cycle)
    h.pc = pc
    status = meaning()
    tval = 0
    if status == ILLEGAL:
        tval = word
    elif status == BREAKPOINT:
        tval = h.pc
    return Trap(status, tval)


ARMS: dict[Kind, Callable[..., Any]] = {
    Kind.VALUE: value,
    Kind.BRANCH: branch,
    Kind.JUMP: jump,
    Kind.LOAD: load,
    Kind.STORE: store,
    Kind.AMO: amo,
    Kind.LR: load_reserved,
    Kind.SC: store_conditional,
    Kind.BLOCK: cache_block,
    Kind.CSR: csr_change,
    Kind.SYSTEM: system,
}
"""The arm of each kind; that of csrrw and csrrwi is `csr_swap`."""
