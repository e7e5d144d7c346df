"""Hypercalls: what a guest that knows of the hypervisor asks for instead of being trapped (`docs/hypercalls.md`).

An `ecall` from virtual S mode with EXTENSION in a7; a6 says which call, a0 to a2 are its arguments. The answer is an
error of the SBI in a0, and a value in a1; arguments are checked before anything is done, so an error changes nothing.
Compiled and plain Python run the same text (`vm.codegen.engine_text`).
"""

from trapline.isa.cause import ECALL_U, MTIP, STIP
from trapline.isa.environment import STCE
from trapline.isa.hart import A0, A1, A2, A6, A7
from trapline.isa.machine_csrs import legal_epc
from trapline.isa.mode import S
from trapline.isa.mstatus import SIE, TSR, TVM, TW
from trapline.isa.privileged import sret
from trapline.isa.sdtrig import ON_EXECUTE, fires
from trapline.isa.supervisor_csrs import write_satp
from trapline.isa.sv32 import PAGE_BASE, PAGE_SHIFT
from trapline.isa.trap import WAIT
from trapline.isa.word import MASK, WORD
from trapline.vm.core.access import load_aligned, store_aligned
from trapline.vm.core.access_type import LOAD, STORE
from trapline.vm.core.hart import HART_BITS, TLB_ENTRIES
from trapline.vm.core.ints import I64, U64
from trapline.vm.core.mmu import refresh
from trapline.vm.core.page_walk import permitted_address
from trapline.vm.core.peek import word_at_pc
from trapline.vm.core.status import FOR_THE_HOST, HYPERCALL, LIMIT, RESLICE, TOHOST
from trapline.vm.core.stops import MARKS
from trapline.vm.core.work import FILL, charge
from trapline.vm.hypervisor.events import ANSWER
from trapline.vm.hypervisor.tracing import forget_page

ECALL = 0x73
"""The instruction."""
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
REGISTERS = 32
"""Words of a frame for RETURN_TO_USER: pc in the place of x0."""


def is_hypercall(v, cause):
    """Whether a trap with this cause out of the guest is one."""
    return cause == ECALL_U and v.mode == S and v.x[A7] == EXTENSION


def is_at_hypercall(v, m, ram32):
    """Whether the virtual hart is about to make one, and no trigger of its own comes first."""
    if v.mode != S or v.x[A7] != EXTENSION or word_at_pc(v, m, ram32) != ECALL:
        return False
    return not fires(v, v.pc, ON_EXECUTE)


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
        error = set_page_table(v, r, v.x[A0])
    elif call == SET_ENTRY:
        if is_word_of_ram(v, m, ram32, v.x[A0], STORE):
            status = set_entry(v, h, m, r, ram8, ram32, code, page)
        else:
            error = INVALID_ADDRESS
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
        if v.mstatus & TW:
            error = DENIED
        else:
            status = WAIT
    else:
        error = NOT_SUPPORTED
    answer(v, error, value)
    return status


def set_page_table(v, r, satp):
    """A write to satp and sfence.vma in one, refused where S mode may do neither."""
    if v.mstatus & TVM:
        return DENIED
    write_satp(v, satp)
    # More than a switch to another space.
    r.shadow_generation = v.generation - 1
    return SUCCESS


def is_word_of_ram(v, m, ram32, vaddr, access):
    """Whether this is the address of an aligned word in RAM that S mode may load or store. Changes nothing."""
    if vaddr & (WORD - 1):
        return False
    offset = permitted_address(v, m, ram32, vaddr, WORD, access, v.mode) - m.ram_base
    return 0 <= offset and offset < m.ram_size


def set_entry(v, h, m, r, ram8, ram32, code, page):
    """Store a page-table entry (address in a0, value in a1) and flush one page (a2), or EVERYTHING.

    The address is one that may be stored to. The answer is LIMIT, or TOHOST where that is stored to.
    """
    refresh(v)
    done = store_aligned(v, m, ram8, ram32, code, page, v.x[A0], WORD, v.x[A1])
    vaddr = v.x[A2]
    if vaddr == EVERYTHING:
        v.stale = 1
    else:
        forget_page(v, h, m, r, ram32, vaddr)
    return TOHOST if done == TOHOST else LIMIT


def load_word(v, m, ram8, ram32, code, page, vaddr):
    """An aligned word that S mode may load; of one page, only the first takes a walk."""
    entry = 2 * ((vaddr >> PAGE_SHIFT) & (TLB_ENTRIES - 1))
    if v.load_tlb[entry] & ~MARKS == (vaddr & PAGE_BASE) | v.data_context:
        return I64(ram32[U64((vaddr + v.load_tlb[entry + 1]) >> 2)])
    return load_aligned(v, m, ram8, ram32, code, page, vaddr, WORD)


def is_frame(v, m, ram32, frame):
    """Whether all words of a frame for RETURN_TO_USER may be loaded. Changes nothing."""
    for i in range(REGISTERS):
        vaddr = (frame + WORD * i) & MASK
        entry = 2 * ((vaddr >> PAGE_SHIFT) & (TLB_ENTRIES - 1))
        known = v.load_tlb[entry] & ~MARKS == (vaddr & (PAGE_BASE | (WORD - 1))) | v.data_context
        if not known and not is_word_of_ram(v, m, ram32, vaddr, LOAD):
            return False
    return True


def return_to_user(v, h, m, ram8, ram32, code, page):
    """Take pc and x1 to x31 from the 32 words at a0, let sscratch be their address, and do what sret does."""
    charge(m, FILL)
    refresh(v)
    frame = v.x[A0]
    if not is_frame(v, m, ram32, frame):
        return INVALID_ADDRESS
    if v.mstatus & TSR:
        return DENIED
    v.sepc = legal_epc(v, load_word(v, m, ram8, ram32, code, page, frame))
    for i in range(1, REGISTERS):
        v.x[i] = load_word(v, m, ram8, ram32, code, page, (frame + WORD * i) & MASK)
    v.sscratch = frame
    sret(v)
    v.cycle = v.cycle + 1
    return SUCCESS


def set_timer(v, m, low, high):
    """Let the timer interrupt of this hart come at this mtime, as the supervisor's: no longer as the machine's.

    Where the supervisor has a timer of its own, the deadline is that one's.
    """
    if v.menvcfgh & STCE:
        v.stimecmp = low
        v.stimecmph = high
        return
    v.timer_line = STIP
    v.lines = v.lines & ~(MTIP | STIP)
    m.mtimecmp_low[v.mhartid & HART_BITS] = low
    m.mtimecmp_high[v.mhartid & HART_BITS] = high
