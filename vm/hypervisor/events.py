"""Events: what the dispatcher notes of each exit, in a ring of records behind all the memory that a guest can reach.

A record is WORDS words: HEADER of them about the exit, then the virtual hart's CSRs before it and after it. An event
is an exit, an interrupt that the dispatcher has injected, or a step that an interpreter routine did without an exit
and that changed the virtual mode; other interpreted steps leave no record.
The record that is being written lies at `event_count` of the virtual machine's record. When the ring is full, and where
the host has asked for it, the dispatcher comes back with EVENTS_WAIT (`vm.observe.exit_log`); with `event_log` 0
nothing is noted. Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of
`vm.hypervisor.shadow`.
"""

from trapline.isa.cause import FETCH_PAGE, STORE_PAGE
from trapline.isa.hart import A0, A6
from trapline.isa.pmp import PMP_ENTRIES
from trapline.isa.sv32 import PAGE_WORDS
from trapline.isa.table import CSRS
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.peek import word_at_pc
from trapline.vm.core.status import EVENTS_WAIT, LIMIT
from trapline.vm.core.work import EVENT, charge
from trapline.vm.hypervisor.faults import NO_FAULT
from trapline.vm.hypervisor.generated import save_csrs

LOGGED_CSRS = tuple(dict.fromkeys(c.storage for c in CSRS if c.storage not in (None, "misa", "mhartid")))
"""CSRs that a record holds by their field of the hart, beside PMP, mcycle and minstret; the rest is never written."""

CSR_WORDS = len(LOGGED_CSRS) + 2 * PMP_ENTRIES + 4
"""Words of CSRs: the above, pmpcfg and pmpaddr by entry, two words each of what is added for mcycle and minstret."""

HEADER = 24
WORDS = HEADER + 2 * CSR_WORDS
EVENTS = 4096
"""Records of the ring."""
EVENT_PAGES = -(-EVENTS * WORDS // PAGE_WORDS)

AT_CYCLE = 0
"""Word of the virtual hart's steps before the event; 64 bits. The words that follow:"""
AT_CLOCK = 2
"""cycle and idled, 64 bits"""
AT_PADDR = 4
"""physical address of a page fault, 64 bits, -1 without one"""
AT_RETIRED = 6
"""instructions retired before, 64 bits"""
AT_HART = 8
AT_MODE = 9
AT_PC = 10
AT_WORD = 11
"""the guest's own word at pc"""
AT_CAUSE = 12
"""mcause of the real hart's exception or of the interrupt, or NO_EXIT"""
AT_TVAL = 13
AT_ROUTINE = 14
AT_FAULT = 15
"""what a page fault was (`vm.hypervisor.faults`), NO_FAULT for another exit"""
AT_MODE_AFTER = 16
AT_PC_AFTER = 17
AT_STATUS = 18
"""the routine's answer"""
AT_TRAPPED = 19
"""1: the virtual hart has taken a trap"""
AT_CALL = 20
"""a6 before, which is a hypercall's number; of a translated block its words"""
AT_RESULT = 21
"""a0 after it"""
AT_FETCHED = 22
"""1: the guest's word is known"""

IS_EVENT = 1
MAYBE_EVENT = 2
"""`event_open` of the machine's record: the last record is an event, or becomes one if the host changes the mode."""

NO_EXIT = 0x7FFFFFFF
"""CAUSE of a step without an exit."""

STEP = 1
INJECT = 2
FILL = 3
ANSWER = 4
TRANSLATED = 5
RESET = 6
"""Routines: the machine's step on the virtual hart, an injected interrupt, a shadow entry, a hypercall, a block, a
reset that the guest has asked for."""


def put_wide(ram32, at, value):
    """A number of 64 bits in two words."""
    ram32[U64(at)] = U32(value & 0xFFFFFFFF)
    ram32[U64(at + 1)] = U32((value >> 32) & 0xFFFFFFFF)


def event_record(m):
    """Word index of the record that is being written."""
    return (m.event_log >> 2) + m.event_count * WORDS


def events_wait(m):
    """Whether the host is to look at the events before the next: no room for two more, or it asked for that."""
    return m.event_log != 0 and (m.event_count + 2 > EVENTS or m.event_number == m.event_halt)


def must_stop(v, m):
    """Whether the host is to look at the machine before the event that comes now.

    An interpreted step is known to be an event only when it has been done, so the host passes its cycle too.
    """
    return m.event_number == m.event_stop and v.cycle >= m.event_cycle


def begin_event(v, m, r, ram32, cause, tval):
    """Note the virtual hart as it is at an exit with this cause, before it is served.

    EVENTS_WAIT, with nothing noted, where the host wants to look first; else 0.
    """
    if m.event_log == 0:
        return 0
    if must_stop(v, m):
        return EVENTS_WAIT
    charge(m, EVENT)
    r.last_fault = NO_FAULT
    r.unretired_before = v.unretired
    at = event_record(m)
    put_wide(ram32, at + AT_CYCLE, v.cycle)
    put_wide(ram32, at + AT_CLOCK, v.cycle + v.idled)
    put_wide(ram32, at + AT_RETIRED, v.cycle - v.unretired)
    ram32[U64(at + AT_HART)] = U32(v.mhartid)
    ram32[U64(at + AT_MODE)] = U32(v.mode)
    ram32[U64(at + AT_PC)] = U32(v.pc)
    word = word_at_pc(v, m, ram32)
    ram32[U64(at + AT_WORD)] = U32(word & 0xFFFFFFFF)
    ram32[U64(at + AT_FETCHED)] = U32(word >= 0)
    ram32[U64(at + AT_CAUSE)] = U32(cause)
    ram32[U64(at + AT_TVAL)] = U32(tval)
    ram32[U64(at + AT_CALL)] = U32(v.x[A6])
    save_csrs(v, ram32, at + HEADER)
    return 0


def end_event(v, m, r, ram32, routine, status):
    """Complete the record: what `routine` has done and answered. One without an exit stays only if the mode changed."""
    if m.event_log == 0:
        return
    at = event_record(m)
    cause = I64(ram32[U64(at + AT_CAUSE)])
    m.event_open = IS_EVENT
    if cause == NO_EXIT and I64(ram32[U64(at + AT_MODE)]) == v.mode:
        # What the host does about a device may still be a trap.
        m.event_open = MAYBE_EVENT
        if status == LIMIT:
            return
    if routine == TRANSLATED:
        ram32[U64(at + AT_CALL)] = U32(r.block_words)
    is_fault = FETCH_PAGE <= cause and cause <= STORE_PAGE
    ram32[U64(at + AT_ROUTINE)] = U32(routine)
    ram32[U64(at + AT_FAULT)] = U32(r.last_fault)
    put_wide(ram32, at + AT_PADDR, r.fault_paddr if is_fault else -1)
    settle_event(v, ram32, at)
    ram32[U64(at + AT_STATUS)] = U32(status & 0xFFFFFFFF)
    ram32[U64(at + AT_TRAPPED)] = U32(routine == INJECT or v.unretired != r.unretired_before)
    if m.event_open == IS_EVENT:
        m.event_count = m.event_count + 1
        m.event_number = m.event_number + 1


def settle_event(v, ram32, at):
    """The virtual hart as it is after an event, into the record at word `at`."""
    ram32[U64(at + AT_MODE_AFTER)] = U32(v.mode)
    ram32[U64(at + AT_PC_AFTER)] = U32(v.pc)
    ram32[U64(at + AT_RESULT)] = U32(v.x[A0])
    save_csrs(v, ram32, at + HEADER + CSR_WORDS)
