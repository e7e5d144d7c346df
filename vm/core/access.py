"""Loads and stores that miss their TLB: translation, misalignment, code pages, devices.

These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
Negative answers: a fault (`vm.core.status`), `DEVICE` when the host must serve the access, `RESLICE` when the
store was done but the run loop must look at time and interrupts again, `TOHOST` when it hit `tohost`.
"""

from trapline.isa.cause import LOAD_ACCESS, LOAD_MISALIGNED, STORE_ACCESS, STORE_MISALIGNED
from trapline.isa.sv32 import ADDRESSES, PAGE_SHIFT
from trapline.isa.word import BYTE, HALFWORD, WORD
from trapline.vm.core.access_type import LOAD, STORE, access_fault
from trapline.vm.core.code_pages import WATCHED, forget_code
from trapline.vm.core.counters import as_field
from trapline.vm.core.hart import FULL_BOARD, HART_BITS, NO_DEVICES
from trapline.vm.core.ints import I64, U8, U64
from trapline.vm.core.mmu import data_address
from trapline.vm.core.overlays import remove_overlay
from trapline.vm.core.status import DEVICE, RESLICE, TOHOST, fault

RAM_BASE = 0x80000000
"""Where RAM begins on QEMU's `virt` board."""
CLINT = 0x2000000
CLINT_SIZE = 0xC000
MTIMECMP = 0x4000
MTIME = 0xBFF8
"""Offsets of its registers; msip is at 0."""
HIGH_WORD = 4
"""The bit of an offset that chooses the high word of a register of 64 bits."""


def ram_load(m, ram8, offset, width):
    """The little-endian value of `width` bytes at a RAM offset that the caller has compared."""
    value = I64(ram8[U64(offset)])
    if width > BYTE:
        value = value | (I64(ram8[U64(offset + 1)]) << 8)
    if width > HALFWORD:
        value = value | (I64(ram8[U64(offset + 2)]) << 16) | (I64(ram8[U64(offset + 3)]) << 24)
    return value


def ram_store(m, ram8, ram32, code, page, offset, width, value):
    """Write `width` bytes at a RAM offset that the caller has compared; 0, or TOHOST."""
    if m.overlays and page[U64(offset >> PAGE_SHIFT)]:
        # What is stored to is the guest's own word.
        remove_overlay(m, ram32, code, page, offset >> 2)
    ram8[U64(offset)] = U8(value & 0xFF)
    if width > BYTE:
        ram8[U64(offset + 1)] = U8((value >> 8) & 0xFF)
    if width > HALFWORD:
        ram8[U64(offset + 2)] = U8((value >> 16) & 0xFF)
        ram8[U64(offset + 3)] = U8((value >> 24) & 0xFF)
    if page[U64(offset >> PAGE_SHIFT)]:
        forget_code(code, page, offset)
        if page[U64(offset >> PAGE_SHIFT)] & WATCHED and m.notes_stores:
            m.stored_low = min(m.stored_low, offset)
            m.stored_high = max(m.stored_high, offset + width - 1)
        if m.tohost >= 0 and (offset + m.ram_base) & ~7 == m.tohost:
            return TOHOST
    return 0


def clint_load(h, m, register):
    """One 32-bit CLINT register: msip, mtimecmp and mtime (SiFive CLINT layout); 0 for what is not there."""
    if register < 4 * m.harts:
        return m.msip[register >> 2]
    if MTIMECMP <= register and register < MTIMECMP + 8 * m.harts:
        if register & HIGH_WORD:
            return m.mtimecmp_high[(register >> 3) & HART_BITS]
        return m.mtimecmp_low[(register >> 3) & HART_BITS]
    if register == MTIME:
        return h.mtime & 0xFFFFFFFF
    if register == MTIME + 4:
        return (h.mtime >> 32) & 0xFFFFFFFF
    return 0


def clint_store(h, m, register, value):
    """Write one 32-bit CLINT register. Lines follow when the hart that they belong to has its turn."""
    if register < 4 * m.harts:
        m.msip[register >> 2] = value & 1
    elif MTIMECMP <= register and register < MTIMECMP + 8 * m.harts:
        if register & HIGH_WORD:
            m.mtimecmp_high[(register >> 3) & HART_BITS] = value
        else:
            m.mtimecmp_low[(register >> 3) & HART_BITS] = value
    elif register == MTIME:
        m.time_base = as_field(m.time_base + value - (h.mtime & 0xFFFFFFFF))
    elif register == MTIME + 4:
        high = value - ((h.mtime >> 32) & 0xFFFFFFFF)
        m.time_base = as_field(m.time_base + (high << 32))
    return RESLICE


def load_aligned(h, m, ram8, ram32, code, page, vaddr, width):
    """The value loaded, or a negative answer."""
    paddr = data_address(h, m, ram32, code, page, vaddr, width, LOAD)
    if paddr < 0:
        return paddr
    offset = paddr - m.ram_base
    if 0 <= offset and offset < m.ram_size:
        return ram_load(m, ram8, offset, width)
    m.fault_address = vaddr
    if m.board == NO_DEVICES or paddr >= ADDRESSES:
        return fault(LOAD_ACCESS)
    if m.board == FULL_BOARD and CLINT <= paddr and paddr < CLINT + CLINT_SIZE:
        if width != WORD:
            return fault(LOAD_ACCESS)
        return clint_load(h, m, paddr - CLINT)
    m.exit_address = paddr
    m.exit_width = width
    m.exit_store = 0
    return DEVICE


def load_slow(h, m, ram8, ram32, code, page, vaddr, width):
    """A load that missed its TLB. A misaligned one is done bytewise; it cannot reach a device."""
    if vaddr & (width - 1) == 0:
        return load_aligned(h, m, ram8, ram32, code, page, vaddr, width)
    value = 0
    for i in range(width):
        byte = load_aligned(h, m, ram8, ram32, code, page, (vaddr + i) & 0xFFFFFFFF, 1)
        if byte == DEVICE:
            return fault(LOAD_ACCESS)
        if byte < 0:
            return byte
        value = value | (byte << (8 * i))
    return value


def store_aligned(h, m, ram8, ram32, code, page, vaddr, width, value):
    """0 or a negative answer."""
    paddr = data_address(h, m, ram32, code, page, vaddr, width, STORE)
    if paddr < 0:
        return paddr
    offset = paddr - m.ram_base
    if 0 <= offset and offset < m.ram_size:
        return ram_store(m, ram8, ram32, code, page, offset, width, value)
    m.fault_address = vaddr
    if m.board == NO_DEVICES or paddr >= ADDRESSES:
        return fault(STORE_ACCESS)
    if m.board == FULL_BOARD and CLINT <= paddr and paddr < CLINT + CLINT_SIZE:
        if width != WORD:
            return fault(STORE_ACCESS)
        return clint_store(h, m, paddr - CLINT, value)
    m.exit_address = paddr
    m.exit_width = width
    m.exit_value = value
    m.exit_store = 1
    return DEVICE


def store_slow(h, m, ram8, ram32, code, page, vaddr, width, value):
    """A store that missed its TLB. A misaligned one is checked whole, then done bytewise."""
    if vaddr & (width - 1) == 0:
        return store_aligned(h, m, ram8, ram32, code, page, vaddr, width, value)
    for i in range(width):
        address = (vaddr + i) & 0xFFFFFFFF
        paddr = data_address(h, m, ram32, code, page, address, 1, STORE)
        if paddr < 0:
            return paddr
        offset = paddr - m.ram_base
        if offset < 0 or offset >= m.ram_size:
            m.fault_address = address
            return fault(STORE_ACCESS)
    answer = 0
    for i in range(width):
        done = store_aligned(h, m, ram8, ram32, code, page, (vaddr + i) & 0xFFFFFFFF, 1, (value >> (8 * i)) & 0xFF)
        if done < 0:
            answer = done
    return answer


def atomic_offset(h, m, ram32, code, page, vaddr, access):
    """The RAM offset of an LR (access LOAD), SC or AMO (STORE), or a fault; atomics reach RAM only."""
    if vaddr & 3:
        m.fault_address = vaddr
        return fault(LOAD_MISALIGNED) if access == LOAD else fault(STORE_MISALIGNED)
    paddr = data_address(h, m, ram32, code, page, vaddr, WORD, access)
    if paddr < 0:
        return paddr
    offset = paddr - m.ram_base
    if offset < 0 or offset >= m.ram_size:
        m.fault_address = vaddr
        return access_fault(access)
    return offset
