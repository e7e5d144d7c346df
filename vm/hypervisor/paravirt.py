"""Hypercalls: what a guest that knows of the hypervisor asks for instead of being trapped (`docs/hypercalls.md`).

An `ecall` from virtual S mode with EXTENSION in a7; a6 says which call, a0 to a2 are its arguments. The answer is an
error of the SBI in a0, and a value in a1. Compiled and plain Python run the same text (`vm.codegen.engine_text`).
"""

from trapline.isa.cause import ECALL_U, MTIP, STIP
from trapline.isa.hart import A0, A1, A2, A6, A7
from trapline.isa.mode import S
from trapline.isa.mstatus import SIE, TVM
from trapline.isa.privileged import sret
from trapline.isa.supervisor_csrs import write_satp
from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT
from trapline.isa.trap import JUMPED, WAIT
from trapline.isa.word import ALIGNED
from trapline.vm.core.access import atomic_offset, store_slow
from trapline.vm.core.access_type import LOAD, STORE
from trapline.vm.core.hart import HART_BITS, TLB_ENTRIES
from trapline.vm.core.ints import I64, U64
from trapline.vm.core.mmu import refresh
from trapline.vm.core.status import FOR_THE_HOST, HYPERCALL, LIMIT, RESLICE
from trapline.vm.hypervisor.events import ANSWER
from trapline.vm.hypervisor.tracing import forget_page

EXTENSION = 0x09545250
"""In the SBI's space for vendors; the low three bytes are TRP."""

REVISION = 1
"""What VERSION answers."""

VERSION = 0
SET_PAGE_TABLE = 1
SET_ENTRY = 2
SET_INTERRUPTS = 3
RETURN_TO_USER = 4
CONSOLE_WRITE = 5
SET_TIMER = 6
YIELD = 7

CALL_NAMES = (
    "VERSION", "SET_PAGE_TABLE", "SET_ENTRY", "SET_INTERRUPTS", "RETURN_TO_USER", "CONSOLE_WRITE", "SET_TIMER", "YIELD",
)  # fmt: skip
CALLS = 8
"""Where those with another number are counted."""

SUCCESS = 0
NOT_SUPPORTED = 0xFFFFFFFE
DENIED = 0xFFFFFFFC
INVALID_ADDRESS = 0xFFFFFFFB

EVERYTHING = 0xFFFFFFFF
"""Instead of a page, for SET_ENTRY."""


def is_hypercall(v, cause):
    """Whether a trap with this cause out of the guest is one."""
    return cause == ECALL_U and v.mode == S and v.x[A7] == EXTENSION


def answer(v, error, value):
    """Go on behind the ecall, which has retired."""
    v.x[A0] = error
    v.x[A1] = value
    v.pc = (v.pc + 4) & 0xFFFFFFFF
    v.cycle = v.cycle + 1


def on_exit(v, h, m, r, ram8, ram32, code, page):
    """Serve a hypercall; the answers are those of `execute`."""
    if not is_hypercall(v, r.exit_cause):
        return FOR_THE_HOST
    r.hypercalls = r.hypercalls + 1
    r.routine = ANSWER
    return hypercall(v, h, m, r, ram8, ram32, code, page)


def hypercall(v, h, m, r, ram8, ram32, code, page):
    """Serve a hypercall; the answers are those of `execute`."""
    call = v.x[A6]
    r.calls[min(call, CALLS)] = r.calls[min(call, CALLS)] + 1
    status = LIMIT
    error = SUCCESS
    value = 0
    if call == VERSION:
        value = REVISION
    elif call == SET_PAGE_TABLE:
        error = set_page_table(v, v.x[A0])
    elif call == SET_ENTRY:
        error = set_entry(v, h, m, r, ram8, ram32, code, page)
    elif call == SET_INTERRUPTS:
        value = 1 if v.mstatus & SIE else 0
        v.mstatus = (v.mstatus & ~SIE) | (SIE if v.x[A0] & 1 else 0)
    elif call == RETURN_TO_USER:
        error = return_to_user(v, h, m, ram8, ram32, code, page)
        if error == SUCCESS:
            return status
    elif call == CONSOLE_WRITE:
        return HYPERCALL
    elif call == SET_TIMER:
        set_timer(v, m, v.x[A0], v.x[A1])
        status = RESLICE
    elif call == YIELD:
        status = WAIT
    else:
        error = NOT_SUPPORTED
    answer(v, error, value)
    return status


def set_page_table(v, satp):
    """A write to satp and sfence.vma in one, refused where S mode may do neither."""
    if v.mstatus & TVM:
        return DENIED
    write_satp(v, satp)
    return SUCCESS


def set_entry(v, h, m, r, ram8, ram32, code, page):
    """Store a page-table entry (address in a0, value in a1) and flush one page (a2), or EVERYTHING."""
    refresh(v)
    if atomic_offset(v, m, ram32, code, page, v.x[A0], STORE) < 0:
        # A device is no place for an entry.
        return INVALID_ADDRESS
    if store_slow(v, m, ram8, ram32, code, page, v.x[A0], 4, v.x[A1]) < 0:
        return INVALID_ADDRESS
    vaddr = v.x[A2]
    if vaddr == EVERYTHING:
        v.stale = 1
        return SUCCESS
    forget_page(v, h, m, r, ram32, vaddr)
    return SUCCESS


def load_word(v, m, ram8, ram32, code, page, vaddr):
    """An aligned word as a load of the virtual hart gets it; of one page, only the first takes a walk."""
    entry = 2 * ((vaddr >> PAGE_SHIFT) & (TLB_ENTRIES - 1))
    if v.load_tlb[entry] == (vaddr & PAGE_BASE) | v.data_context:
        return I64(ram32[U64((vaddr + v.load_tlb[entry + 1]) >> 2)])
    offset = atomic_offset(v, m, ram32, code, page, vaddr, LOAD)
    return offset if offset < 0 else I64(ram32[U64(offset >> 2)])


def return_to_user(v, h, m, ram8, ram32, code, page):
    """Take pc and x1 to x31 from the 32 words at a0, let sscratch be their address, and do what sret does.

    The registers of the real hart hold them until all are known to be readable.
    """
    refresh(v)
    frame = v.x[A0]
    if frame & 3:
        return INVALID_ADDRESS
    pc = 0
    for i in range(32):
        word = load_word(v, m, ram8, ram32, code, page, (frame + 4 * i) & 0xFFFFFFFF)
        if word < 0:
            return INVALID_ADDRESS
        if i == 0:
            pc = word
        else:
            h.x[i] = word
    sepc = v.sepc
    v.sepc = pc & ALIGNED
    if sret(v) != JUMPED:
        v.sepc = sepc
        return DENIED
    for i in range(1, 32):
        v.x[i] = h.x[i]
    v.sscratch = frame
    v.cycle = v.cycle + 1
    return SUCCESS


def set_timer(v, m, low, high):
    """Let the timer interrupt come at this mtime, as the supervisor's: the machine's is not heard of again."""
    m.timer_line = STIP
    v.lines = v.lines & ~(MTIP | STIP)
    m.mtimecmp_low[v.mhartid & HART_BITS] = low
    m.mtimecmp_high[v.mhartid & HART_BITS] = high
