"""The log of events for people who write kernels: traps, returns, CSR writes and page-table walks of a hart.

They are noted in a ring of records in `code`, before the table of stops (`vm.core.stops`), which all harts share; the
host empties it (`vm.observe.event_log`). What is noted are bits of `stops` of the machine's record. The hart is the one
that the guest sees: the records of the real machines under a hypervisor have none of these bits, except under `assist`
while the guest's S mode has the real one.

Each call from other rooms is alone under an `if m.stops & LOG_...`, and all of these statements are left out of the
engine for machines without stops (`vm.codegen.engine_text`). So nothing that the engine does otherwise may move for
the log's sake: what is noted of a trap is read from the hart after it, and a walk is noted around its call.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

from trapline.isa.cause import CAUSE_CODE
from trapline.isa.environment import updates_entries
from trapline.isa.mode import MODE_BITS, M
from trapline.isa.mstatus import MPP_SHIFT, SPP_SHIFT
from trapline.isa.sv32 import (
    MEGAPAGE_SHIFT,
    PAGE_SHIFT,
    PTE_LEAF,
    PTE_PPN_SHIFT,
    PTE_SIZE,
    PTE_V,
    SATP_PPN,
    SATP_SV32,
    VPN_BITS,
)
from trapline.isa.trap import NO_INTERRUPT, pending_interrupt
from trapline.vm.core.generated import csr_read
from trapline.vm.core.hart import INTERRUPT_COUNTS
from trapline.vm.core.ints import I64, U64
from trapline.vm.core.overlays import own_word
from trapline.vm.core.status import RESLICE
from trapline.vm.core.stops import TABLE_WORDS

LOG_INT = 8
LOG_CSR = 16
LOG_MMU = 32
"""Bits of `stops` of the machine's record: traps and returns, writes of CSRs, walks and fences."""
LOG_ALL = LOG_INT | LOG_CSR | LOG_MMU

TRAP = 1
RETIRED = 2
WALK = 3
SERVED = 4
"""Kinds of records: a trap or an interrupt taken; a system instruction that has retired; a walk of page tables; an
exception that the host has served in the guest's place, such as a call to the built-in SBI."""

CSR_SHIFT = 20
"""Where the word of a CSR instruction has the register's address."""

LOG_WORDS = 16
LOG_EVENTS = 4096
"""Records of the ring."""
LOG_ROOM = LOG_EVENTS // 2
"""Records after which a run ends: what goes on until it does has as many."""

OF_KIND = 0
"""Word of a record: its kind. The words that follow:"""
OF_HART = 1
OF_CYCLE = 2
"""steps before the event"""
OF_PC = 3
"""pc: of a trap, what epc gets"""
OF_MODE = 4
OF_MODE_AFTER = 5
OF_PC_AFTER = 6
OF_CAUSE = 7
"""mcause of a trap; the word of an instruction that has retired; the kind of access of a walk"""
OF_VALUE = 8
"""tval of a trap; what the CSR of an instruction was; the virtual address of a walk"""
OF_NEW = 9
"""what the CSR is; a7 of what is served; satp of a walk"""
OF_PADDR = 10
"""what a walk has answered: a physical address, or a fault"""
OF_UPPER = 11
OF_LOWER = 12
"""the entries of level 1 and 0 before a walk, NO_ENTRY where it cannot have come"""
OF_STATUS = 13
"""mstatus of a walk"""
OF_UPDATES = 14
"""whether the walk sets A and D"""

NO_ENTRY = -1

LOG_COUNT = 0
"""Word behind the ring: records in it. The words that follow:"""
LOG_OLD = 1
"""what the CSR of the last instruction that could write one was"""
LOG_BASE = 2
"""while a real hart runs: steps of the virtual one before those"""
LOG_PENDING = 3
"""the interrupt that a virtual hart is about to take, and how many of that it has taken"""
LOG_TAKEN = 4
STATE_WORDS = 8

RING_WORDS = LOG_EVENTS * LOG_WORDS + STATE_WORDS
"""What all of it takes in `code`, between the decoded instructions and the table of stops."""
STATE_AT = STATE_WORDS + TABLE_WORDS
"""Where those words are from the end of `code`."""


def log_record(h, code, kind, pc, mode):
    """Write what all records have; the index of the record's first word. It counts when `log_count` has counted it."""
    state = len(code) - STATE_AT
    at = len(code) - TABLE_WORDS - RING_WORDS + min(code[U64(state + LOG_COUNT)], LOG_EVENTS - 1) * LOG_WORDS
    code[U64(at + OF_KIND)] = kind
    code[U64(at + OF_HART)] = h.mhartid
    code[U64(at + OF_CYCLE)] = h.cycle + code[U64(state + LOG_BASE)]
    code[U64(at + OF_PC)] = pc
    code[U64(at + OF_MODE)] = mode
    code[U64(at + OF_MODE_AFTER)] = h.mode
    code[U64(at + OF_PC_AFTER)] = h.pc
    return at


def log_count(m, code):
    """The record is whole. When the ring is half full, the run ends as soon as it can."""
    state = len(code) - STATE_AT
    code[U64(state + LOG_COUNT)] = code[U64(state + LOG_COUNT)] + 1
    if log_is_full(code):
        m.work = min(m.work, -1)


def uncount(code):
    """What has been noted last has not happened."""
    state = len(code) - STATE_AT
    code[U64(state + LOG_COUNT)] = code[U64(state + LOG_COUNT)] - 1


def log_is_full(code):
    """Whether the host is to empty the ring before the run goes on."""
    return code[U64(len(code) - STATE_AT + LOG_COUNT)] >= LOG_ROOM


def log_trap(h, m, code, cause, mode):
    """Note a trap that has been taken from this mode, before its step is counted."""
    at = log_record(h, code, TRAP, h.mepc if h.mode == M else h.sepc, mode)
    code[U64(at + OF_CAUSE)] = cause
    code[U64(at + OF_VALUE)] = h.mtval if h.mode == M else h.stval
    log_count(m, code)


def log_served(h, m, code, cause, tval, number):
    """Note an exception at pc that the host is about to serve. number: a7, which says what is asked for."""
    at = log_record(h, code, SERVED, h.pc, h.mode)
    code[U64(at + OF_CAUSE)] = cause
    code[U64(at + OF_VALUE)] = tval
    code[U64(at + OF_NEW)] = number
    log_count(m, code)


def log_old(code, old):
    """A CSR instruction is about to write: keep what the CSR reads as."""
    code[U64(len(code) - STATE_AT + LOG_OLD)] = old


def log_retired(h, m, code, pc, mode, word):
    """Note a system instruction that has retired in this mode, before its step is counted. word: its encoding."""
    at = log_record(h, code, RETIRED, pc, mode)
    code[U64(at + OF_CAUSE)] = word
    code[U64(at + OF_VALUE)] = code[U64(len(code) - STATE_AT + LOG_OLD)]
    code[U64(at + OF_NEW)] = csr_read(h, word >> CSR_SHIFT)
    log_count(m, code)


def expect_interrupt(v, code):
    """A virtual hart may take an interrupt: keep which, and how many of that it has taken."""
    state = len(code) - STATE_AT
    cause = pending_interrupt(v)
    code[U64(state + LOG_PENDING)] = cause
    if cause != NO_INTERRUPT:
        code[U64(state + LOG_TAKEN)] = v.trap_counts[INTERRUPT_COUNTS + (cause & CAUSE_CODE)]


def log_interrupt(v, m, code):
    """Note the interrupt that `expect_interrupt` has seen, if it has been taken."""
    state = len(code) - STATE_AT
    cause = code[U64(state + LOG_PENDING)]
    if cause != NO_INTERRUPT and code[U64(state + LOG_TAKEN)] != v.trap_counts[INTERRUPT_COUNTS + (cause & CAUSE_CODE)]:
        log_trap(v, m, code, cause, mode_before(v))


def mode_before(h):
    """The mode that a trap has been taken from that has just been taken: MPP or SPP."""
    if h.mode == M:
        return (h.mstatus >> MPP_SHIFT) & MODE_BITS
    return (h.mstatus >> SPP_SHIFT) & 1


def table_entry(m, ram32, address):
    """The page-table entry at a physical address, NO_ENTRY outside of RAM."""
    offset = address - m.ram_base
    if offset < 0 or offset >= m.ram_size:
        return NO_ENTRY
    return own_word(m, ram32, offset >> 2)


def begin_walk(h, m, ram32, code, vaddr, access, mode):
    """Write the record of a walk that may follow: the entries are as they are before it."""
    at = log_record(h, code, WALK, h.pc, mode)
    upper = table_entry(m, ram32, ((h.satp & SATP_PPN) << PAGE_SHIFT) + PTE_SIZE * (vaddr >> MEGAPAGE_SHIFT))
    lower = I64(NO_ENTRY)
    if upper >= 0 and upper & (PTE_V | PTE_LEAF) == PTE_V:
        table = (upper >> PTE_PPN_SHIFT) << PAGE_SHIFT
        lower = table_entry(m, ram32, table + PTE_SIZE * ((vaddr >> PAGE_SHIFT) & VPN_BITS))
    code[U64(at + OF_CAUSE)] = access
    code[U64(at + OF_VALUE)] = vaddr
    code[U64(at + OF_NEW)] = h.satp
    code[U64(at + OF_UPPER)] = upper
    code[U64(at + OF_LOWER)] = lower
    code[U64(at + OF_STATUS)] = h.mstatus
    code[U64(at + OF_UPDATES)] = 1 if updates_entries(h) else 0


def end_walk(h, m, code, mode, paddr):
    """Note the walk that has answered this, if there was anything to translate."""
    if mode == M or h.satp & SATP_SV32 == 0:
        return
    at = log_record(h, code, WALK, h.pc, mode)
    code[U64(at + OF_PADDR)] = paddr
    log_count(m, code)


def begin_direct(v, m, r, code):
    """A real hart is about to be virtual S or U mode: it notes what that does by itself, but no walks of its tables."""
    r.stops = r.stops | (m.stops & (LOG_INT | LOG_CSR))
    code[U64(len(code) - STATE_AT + LOG_BASE)] = v.cycle


def end_direct(r, code):
    """It has run."""
    r.stops = r.stops & ~LOG_ALL
    code[U64(len(code) - STATE_AT + LOG_BASE)] = 0


def log_retimed(h, m, code, status, pc, word):
    """Note a CSR instruction that has answered RESLICE, after which `execute` leaves. pc, word: where and what."""
    if status == RESLICE:
        at = log_record(h, code, RETIRED, pc, h.mode)
        code[U64(at + OF_CAUSE)] = word
        code[U64(at + OF_VALUE)] = code[U64(len(code) - STATE_AT + LOG_OLD)]
        code[U64(at + OF_NEW)] = csr_read(h, word >> CSR_SHIFT)
        log_count(m, code)
