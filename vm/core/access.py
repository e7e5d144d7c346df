"""Loads and stores that miss their TLB: translation, misalignment, code pages.

These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
Negative answers: a fault (`vm.core.status`), `DEVICE` when the host must serve the access, `RESLICE` when the
store was done but the run loop must look at time and interrupts again, `TOHOST` when it hit `tohost`, `PAUSE` when
nothing was done because the run has done enough, `AT_WATCHPOINT` when nothing was done because the host wants to look.
"""

from trapline.isa.cache_blocks import BLOCK
from trapline.isa.cause import BREAKPOINT, LOAD_MISALIGNED, LOAD_PAGE, STORE_ACCESS, STORE_MISALIGNED, STORE_PAGE
from trapline.isa.sdtrig import ON_LOAD, ON_STORE, fires
from trapline.isa.sv32 import PAGE, PAGE_BASE, PAGE_OFFSET, PAGE_SHIFT
from trapline.isa.word import BYTE, HALFWORD, MASK, WORD
from trapline.vm.core.access_type import LOAD, STORE, access_fault
from trapline.vm.core.code_pages import WATCHED, forget_code, is_tohost, note_store
from trapline.vm.core.devices import device_load, device_store
from trapline.vm.core.ints import I64, U8, U64
from trapline.vm.core.mmu import data_address
from trapline.vm.core.overlays import remove_overlays
from trapline.vm.core.pmp_check import PARTIAL, pmp_lookup
from trapline.vm.core.status import AT_WATCHPOINT, PAUSE, TOHOST, fault
from trapline.vm.core.stops import MARKS, NEAR_TOHOST, READ, WRITE, is_watched
from trapline.vm.core.tlb import TLB_MASK
from trapline.vm.core.work import must_pause

RAM_BASE = 0x80000000
"""Where RAM begins on QEMU's `virt` board."""


def ram_load(m, ram8, offset, width):
    """The little-endian value of `width` bytes at a RAM offset that the caller has compared."""
    value = I64(ram8[U64(offset)])
    if width > BYTE:
        value = value | (I64(ram8[U64(offset + 1)]) << 8)
    if width > HALFWORD:
        value = value | (I64(ram8[U64(offset + 2)]) << 16) | (I64(ram8[U64(offset + 3)]) << 24)
    return value


def plain_store(ram8, offset, width, value):
    """Write `width` bytes at a RAM offset of a page of data; 0."""
    ram8[U64(offset)] = U8(value & 0xFF)
    if width > BYTE:
        ram8[U64(offset + 1)] = U8((value >> 8) & 0xFF)
    if width > HALFWORD:
        ram8[U64(offset + 2)] = U8((value >> 16) & 0xFF)
        ram8[U64(offset + 3)] = U8((value >> 24) & 0xFF)
    return 0


def ram_store(m, ram8, ram32, code, page, offset, width, value):
    """Write `width` bytes at a RAM offset that the caller has compared; 0, or TOHOST."""
    if m.overlays and page[U64(offset >> PAGE_SHIFT)]:
        # What is stored to is the guest's own word.
        remove_overlays(m, ram32, code, page, offset)
    ram8[U64(offset)] = U8(value & 0xFF)
    if width > BYTE:
        ram8[U64(offset + 1)] = U8((value >> 8) & 0xFF)
    if width > HALFWORD:
        ram8[U64(offset + 2)] = U8((value >> 16) & 0xFF)
        ram8[U64(offset + 3)] = U8((value >> 24) & 0xFF)
    if page[U64(offset >> PAGE_SHIFT)]:
        forget_code(code, page, offset)
        if page[U64(offset >> PAGE_SHIFT)] & WATCHED and m.notes_stores:
            note_store(m, offset)
        if m.tohost >= 0 and (offset + m.ram_base) & ~7 == m.tohost:
            return TOHOST
    return 0


def load_aligned(h, m, ram8, ram32, code, page, vaddr, width):
    """The value loaded, or a negative answer."""
    paddr = data_address(h, m, ram32, code, page, vaddr, width, LOAD)
    return paddr if paddr < 0 else load_at(h, m, ram8, vaddr, paddr, width)


def load_at(h, m, ram8, vaddr, paddr, width):
    """The value loaded from a physical address, or a negative answer."""
    offset = paddr - m.ram_base
    if 0 <= offset and offset < m.ram_size:
        return ram_load(m, ram8, offset, width)
    m.fault_address = vaddr
    return device_load(h, m, paddr, width)


def is_within_page(vaddr, width):
    """Whether an access does not go on in the next page."""
    return vaddr & PAGE_OFFSET <= PAGE - width


def ram_offset(h, m, ram32, code, page, vaddr, width, access):
    """The RAM offset of an atomic access, or of a byte of a misaligned one, or a fault; they cannot reach a device."""
    entry = 2 * ((vaddr >> PAGE_SHIFT) & TLB_MASK)
    if access == LOAD and h.load_tlb[entry] & ~MARKS == (vaddr & PAGE_BASE) | h.data_context:
        return vaddr + h.load_tlb[entry + 1]
    if access == STORE and h.store_tlb[entry] & ~MARKS == (vaddr & PAGE_BASE) | h.data_context:
        return vaddr + h.store_tlb[entry + 1]
    paddr = data_address(h, m, ram32, code, page, vaddr, width, access)
    if paddr < 0:
        return paddr
    offset = paddr - m.ram_base
    if offset < 0 or offset >= m.ram_size:
        m.fault_address = vaddr
        return access_fault(access)
    return offset


def is_byte_watched(h, m, code, vaddr, i, offset, width, access):
    """Whether byte `i`, at this RAM offset, of a misaligned access of `width` bytes is watched."""
    if m.stops and is_watched(h, m, code, (vaddr + i) & MASK, offset + m.ram_base, BYTE, access):
        m.watch_vaddr = vaddr
        m.watch_width = width
        if is_within_page(vaddr, width):
            m.watch_paddr = m.watch_paddr - i
        return True
    return False


def breakpoint_at(m, vaddr):
    """A trigger fires before anything is known of the access: misaligned or not, translated or not."""
    m.fault_address = vaddr
    return fault(BREAKPOINT)


def load_slow(h, m, ram8, ram32, code, page, vaddr, width):
    """A load that missed its TLB.

    A misaligned one is checked bytewise, so that each byte has its own fault, unless a TLB has an answer for its page.
    """
    if h.triggers & ON_LOAD and fires(h, vaddr, ON_LOAD):
        return breakpoint_at(m, vaddr)
    if must_pause(m):
        return PAUSE
    entry = 2 * ((vaddr >> PAGE_SHIFT) & TLB_MASK)
    if h.load_tlb[entry] & ~MARKS == (vaddr & PAGE_BASE) | h.data_context and is_within_page(vaddr, width):
        offset = vaddr + h.load_tlb[entry + 1]
        if m.stops and is_watched(h, m, code, vaddr, offset + m.ram_base, width, READ):
            return AT_WATCHPOINT
        return ram_load(m, ram8, offset, width)
    if vaddr & (width - 1) == 0:
        paddr = data_address(h, m, ram32, code, page, vaddr, width, LOAD)
        if paddr < 0:
            return paddr
        if m.stops and is_watched(h, m, code, vaddr, paddr, width, READ):
            return AT_WATCHPOINT
        return load_at(h, m, ram8, vaddr, paddr, width)
    watched = False
    value = 0
    for i in range(width):
        offset = ram_offset(h, m, ram32, code, page, (vaddr + i) & MASK, BYTE, LOAD)
        if offset < 0:
            return offset
        watched = watched or is_byte_watched(h, m, code, vaddr, i, offset, width, READ)
        value = value | (ram_load(m, ram8, offset, BYTE) << (8 * i))
    return AT_WATCHPOINT if watched else value


def store_aligned(h, m, ram8, ram32, code, page, vaddr, width, value):
    """0 or a negative answer."""
    paddr = data_address(h, m, ram32, code, page, vaddr, width, STORE)
    return paddr if paddr < 0 else store_at(h, m, ram8, ram32, code, page, vaddr, paddr, width, value)


def store_at(h, m, ram8, ram32, code, page, vaddr, paddr, width, value):
    """Store to a physical address; 0 or a negative answer."""
    offset = paddr - m.ram_base
    if 0 <= offset and offset < m.ram_size:
        return ram_store(m, ram8, ram32, code, page, offset, width, value)
    m.fault_address = vaddr
    return device_store(h, m, paddr, width, value)


def store_bytes(m, ram8, ram32, code, page, offset, width, value):
    """Write bytes at a RAM offset within a page, one by one: they may lie in two words of code. 0, or TOHOST."""
    answer = 0
    for i in range(width):
        done = ram_store(m, ram8, ram32, code, page, offset + i, BYTE, (value >> (8 * i)) & 0xFF)
        if done < 0:
            answer = done
    return answer


def store_slow(h, m, ram8, ram32, code, page, vaddr, width, value):
    """A store that missed its TLB. A misaligned one is checked whole, then done."""
    entry = 2 * ((vaddr >> PAGE_SHIFT) & TLB_MASK)
    if h.store_tlb[entry] == (vaddr & (PAGE_BASE | (width - 1))) | h.data_context | NEAR_TOHOST:
        offset = vaddr + h.store_tlb[entry + 1]
        if not is_tohost(m, offset):
            return plain_store(ram8, offset, width, value)
    if h.triggers & ON_STORE and fires(h, vaddr, ON_STORE):
        return breakpoint_at(m, vaddr)
    if must_pause(m):
        return PAUSE
    if h.store_tlb[entry] & ~MARKS == (vaddr & PAGE_BASE) | h.data_context and is_within_page(vaddr, width):
        offset = vaddr + h.store_tlb[entry + 1]
        if m.stops and is_watched(h, m, code, vaddr, offset + m.ram_base, width, WRITE):
            return AT_WATCHPOINT
        # A page with such an entry has no code, and the hypervisor does not watch it.
        if h.store_tlb[entry] & NEAR_TOHOST:
            return store_bytes(m, ram8, ram32, code, page, offset, width, value)
        return plain_store(ram8, offset, width, value)
    if vaddr & (width - 1) == 0:
        paddr = data_address(h, m, ram32, code, page, vaddr, width, STORE)
        if paddr < 0:
            return paddr
        if m.stops and is_watched(h, m, code, vaddr, paddr, width, WRITE):
            return AT_WATCHPOINT
        return store_at(h, m, ram8, ram32, code, page, vaddr, paddr, width, value)
    offset = ram_offset(h, m, ram32, code, page, vaddr, BYTE, STORE)
    if offset < 0:
        return offset
    start = (offset + m.ram_base) & ~PAGE_OFFSET
    if is_within_page(vaddr, width) and pmp_lookup(h, start, start + PAGE) != PARTIAL:
        if m.stops and is_watched(h, m, code, vaddr, offset + m.ram_base, width, WRITE):
            return AT_WATCHPOINT
        return store_bytes(m, ram8, ram32, code, page, offset, width, value)
    watched = is_byte_watched(h, m, code, vaddr, 0, offset, width, WRITE)
    for i in range(1, width):
        other = ram_offset(h, m, ram32, code, page, (vaddr + i) & MASK, BYTE, STORE)
        if other < 0:
            return other
        watched = watched or is_byte_watched(h, m, code, vaddr, i, other, width, WRITE)
    if watched:
        return AT_WATCHPOINT
    answer = 0
    for i in range(width):
        offset = ram_offset(h, m, ram32, code, page, (vaddr + i) & MASK, BYTE, STORE)
        done = store_bytes(m, ram8, ram32, code, page, offset, BYTE, (value >> (8 * i)) & 0xFF)
        if done < 0:
            answer = done
    return answer


def atomic_offset(h, m, ram32, code, page, vaddr, access):
    """The RAM offset of an LR (access LOAD), SC or AMO (STORE), or a fault; atomics reach RAM only."""
    does = ON_LOAD if access == LOAD else ON_STORE
    if h.triggers & does and fires(h, vaddr, does):
        return breakpoint_at(m, vaddr)
    if vaddr & 3:
        m.fault_address = vaddr
        return fault(LOAD_MISALIGNED) if access == LOAD else fault(STORE_MISALIGNED)
    if must_pause(m):
        return PAUSE
    offset = ram_offset(h, m, ram32, code, page, vaddr, WORD, access)
    if offset >= 0 and m.stops:
        does = READ if access == LOAD else READ | WRITE
        if is_watched(h, m, code, vaddr, offset + m.ram_base, WORD, does):
            return AT_WATCHPOINT
    return offset


def amo_offset(h, m, ram32, code, page, vaddr):
    """`atomic_offset` of an AMO: "a load for the read portion", and a store."""
    if h.triggers & ON_LOAD and fires(h, vaddr, ON_LOAD):
        return breakpoint_at(m, vaddr)
    return atomic_offset(h, m, ram32, code, page, vaddr, STORE)


def block_answer(h, m, ram32, code, page, vaddr):
    """0 if an operation on the cache block at `vaddr` is permitted, or a negative answer; only RAM has blocks.

    "permitted to access the specified cache block whenever a load instruction or store instruction is permitted" (CMO):
    whoever may store may load, so this is a load that finds nothing out, and sets A but not D. "If access to the cache
    block is not permitted, a cache-block management instruction raises a store page-fault ... or store access-fault."
    To triggers it is a store at this address.
    """
    if h.triggers & ON_STORE and fires(h, vaddr, ON_STORE):
        return breakpoint_at(m, vaddr)
    if must_pause(m):
        return PAUSE
    offset = ram_offset(h, m, ram32, code, page, vaddr & -BLOCK, BLOCK, LOAD)
    if offset >= 0:
        return 0
    m.fault_address = vaddr
    return fault(STORE_PAGE) if offset == fault(LOAD_PAGE) else fault(STORE_ACCESS)
