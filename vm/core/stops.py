"""Stops: the places where a debugger has the engine leave, at no cost until they are reached.

What the host wants lies in a table behind the decoded instructions, at the end of `code`, which all harts share
(`vm.stops.table` writes it); `stops` of the machine's record says whether there is any.

An instruction with a breakpoint is decoded as an illegal one, so whoever comes to it leaves the inner loop of
`execute`, which asks here. A breakpoint on a virtual address may be on several parcels of RAM, those that some hart has
fetched as that address, so `fetch_offset` notes each of them when it fills the TLB; these parcels are called places.
Another address may lead to the same one, and then the instruction is executed from a decoded form that is dropped at
once.
The TLB entries of watched pages are marked so that the loads and stores of `execute` miss them. The slow path compares
the access with what is watched, and goes on with the marked entry as if it had been found.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

from trapline.isa.cause import CAUSE_CODE, ILLEGAL, INTERRUPT
from trapline.isa.mode import MODE_BITS, M
from trapline.isa.sv32 import PAGE_BASE, PAGE_OFFSET, PARCEL_INDEX_SHIFT
from trapline.isa.trap import JUMPED
from trapline.vm.core.generated import decode_word
from trapline.vm.core.ints import U64
from trapline.vm.core.packed import UNKNOWN
from trapline.vm.core.parcels import LAST_PARCEL, STRADDLING, word_in_page
from trapline.vm.core.status import AT_BREAKPOINT, CAUGHT, NEW_CONTEXT, SAME_CONTEXT
from trapline.vm.core.tlb import CONTEXT_SHIFT

BREAKPOINTS = 1
WATCHPOINTS = 2
CATCHES = 4
"""`stops` of the machine's record: what there is. More bits are those of `vm.core.event_log`."""

READ = 1
WRITE = 2
"""What a watchpoint is about, and what an access does; an AMO does both, and so, for the engine, does an SC."""

MARKED = 1 << 11
"""The bit of a TLB's tag that lets each aligned access miss it: the page is watched. An offset there is no context."""
ARMED = 1 << 10
"""The same, of a page with an address that a trigger of the guest's is about (`isa.sdtrig`); that is not the host's."""
NEAR_TOHOST = 1 << 9
"""The same in the store TLB, of the page with `tohost`: only a store to that doubleword is anything but plain."""
MARKS = MARKED | ARMED | NEAR_TOHOST
"""What a tag may hold beside page and context."""

RECORDS = 256
"""Breakpoints, and watchpoints, that there may be."""
PLACES = 8192
"""Slots for places, a power of two; at most half of them are used."""

ANY = -1
"""`OF_SATP` or `OF_HART` of a record that does not care."""

RECORD_WORDS = 6
OF_FIRST = 0
"""Word of a record: its first address. The words that follow:"""
OF_LAST = 1
"""its last address"""
OF_SATP = 2
"""the satp in force"""
OF_HART = 3
"""the hart, by its number"""
OF_PHYSICAL = 4
"""1: addresses are physical"""
OF_ACCESS = 5
"""READ, WRITE or both, of a watchpoint"""

TOKEN = 0
"""Word of the table: which one it is, for the host. The words that follow:"""
BREAKPOINT_COUNT = 1
WATCHPOINT_COUNT = 2
PLACE_COUNT = 3
"""places noted; once there are more than half of PLACES, each parcel that shares its offset with a breakpoint is one"""
FIRST_COPY = 4
"""page number of the first page of translated code, beyond all pages without such"""
PASSED = 5
"""1 + the index in `code` of the place that is executed next, all alone; and then the same of the one that is or was"""
TRANSLATOR = 7
"""address of what the translator works with (`vm.translator.context`), 0 where there is none; not for stops"""
BREAKPOINTS_AT = 8
WATCHPOINTS_AT = BREAKPOINTS_AT + RECORDS * RECORD_WORDS
PLACES_AT = WATCHPOINTS_AT + RECORDS * RECORD_WORDS
COPIED_AT = PLACES_AT + PLACES
"""for each page of translated code, the page it was made of"""
COPIES = 1024
"""Pages of translated code that there may be."""
TABLE_WORDS = COPIED_AT + COPIES + STRADDLING

GOLDEN = 0x9E3779B1
"""2^32 divided by the golden ratio: its multiples scatter (Knuth, volume 3, 6.4)."""
SCATTER_SHIFT = 16


def place_slot(code, parcel):
    """Index in `code` of the slot that holds a place, or of the empty one where it belongs."""
    slot = ((parcel * GOLDEN) >> SCATTER_SHIFT) & (PLACES - 1)
    at = len(code) - TABLE_WORDS + PLACES_AT
    while code[U64(at + slot)] != 0 and code[U64(at + slot)] != parcel + 1:
        slot = (slot + 1) & (PLACES - 1)
    return at + slot


def note_place(code, parcel):
    """Let a parcel of RAM, given by its index, be a place; its decoded form is forgotten unless it is being passed."""
    index = parcel + (parcel >> PARCEL_INDEX_SHIFT)
    if code[U64(len(code) - TABLE_WORDS + PASSED + 1)] != index + 1:
        code[U64(index)] = 0
    count = len(code) - TABLE_WORDS + PLACE_COUNT
    slot = place_slot(code, parcel)
    if code[U64(slot)] == 0 and code[U64(count)] <= PLACES // 2:
        code[U64(slot)] = parcel + 1
        code[U64(count)] = code[U64(count)] + 1


def note_fetch(code, vaddr, offset):
    """A page is fetched from at this RAM offset: note the places of the breakpoints on its virtual addresses."""
    table = len(code) - TABLE_WORDS
    for i in range(code[U64(table + BREAKPOINT_COUNT)]):
        at = table + BREAKPOINTS_AT + RECORD_WORDS * i
        address = code[U64(at + OF_FIRST)]
        if code[U64(at + OF_PHYSICAL)] == 0 and (address ^ vaddr) & PAGE_BASE == 0:
            note_place(code, (offset >> 1) - ((vaddr & PAGE_OFFSET) >> 1) + ((address & PAGE_OFFSET) >> 1))


def note_copy(m, code, copy, number):
    """The page with the number `copy` holds translated code of the page `number`: note the places in it, too.

    Those of virtual addresses are noted when it is fetched from.
    """
    table = len(code) - TABLE_WORDS
    code[U64(table + COPIED_AT + copy - m.first_copy)] = number
    if m.stops & BREAKPOINTS:
        for i in range(code[U64(table + BREAKPOINT_COUNT)]):
            at = table + BREAKPOINTS_AT + RECORD_WORDS * i
            parcel = (code[U64(at + OF_FIRST)] - m.ram_base) >> 1
            if code[U64(at + OF_PHYSICAL)] and parcel >> PARCEL_INDEX_SHIFT == number:
                note_place(code, (copy << PARCEL_INDEX_SHIFT) + (parcel & LAST_PARCEL))


def is_place(m, code, parcel):
    """Whether a parcel of RAM may have a breakpoint."""
    if m.stops & BREAKPOINTS == 0:
        return False
    table = len(code) - TABLE_WORDS
    if code[U64(table + PLACE_COUNT)] <= PLACES // 2:
        return code[U64(place_slot(code, parcel))] != 0
    for i in range(code[U64(table + BREAKPOINT_COUNT)]):
        address = code[U64(table + BREAKPOINTS_AT + RECORD_WORDS * i)]
        if (parcel ^ (address >> 1)) & LAST_PARCEL == 0:
            return True
    return False


def guest_parcel(code, parcel):
    """The parcel of the guest's own RAM that one of a translated copy stands for; itself where there is no copy."""
    table = len(code) - TABLE_WORDS
    copy = (parcel >> PARCEL_INDEX_SHIFT) - code[U64(table + FIRST_COPY)]
    if copy < 0 or copy >= COPIES:
        return parcel
    return (code[U64(table + COPIED_AT + copy)] << PARCEL_INDEX_SHIFT) + (parcel & LAST_PARCEL)


def address_space(h, m, mode):
    """The satp that addresses are translated by in `mode`, 0 in M mode; of a real hart, that of the virtual one."""
    if m.first_frame:
        return m.virtual_satp
    return 0 if mode == M else h.satp


def follow_virtual_satp(v, r):
    """Before a real hart runs: the address space that its virtual hart is in."""
    r.virtual_satp = 0 if v.mode == M else v.satp


def report_stop(m, r):
    """After a real hart has run: what made it leave is said of the virtual machine."""
    m.watch_vaddr = r.watch_vaddr
    m.watch_paddr = r.watch_paddr
    m.watch_width = r.watch_width
    m.watch_access = r.watch_access
    m.caught_cause = r.caught_cause
    m.caught_mode = r.caught_mode


def applies(h, m, code, at, mode):
    """Whether a record is about this hart and its address space."""
    hart = code[U64(at + OF_HART)]
    satp = code[U64(at + OF_SATP)]
    return (hart == ANY or hart == h.mhartid) and (satp == ANY or satp == address_space(h, m, mode))


def is_passing(code):
    """In front of each instruction that `execute` looks for anew: whether it is a place that is passed, all alone.

    The decoded form of the one before is forgotten.
    """
    at = len(code) - TABLE_WORDS + PASSED
    if code[U64(at + 1)]:
        code[U64(code[U64(at + 1)] - 1)] = 0
    code[U64(at + 1)] = code[U64(at)]
    code[U64(at)] = 0
    return code[U64(at + 1)] != 0


def look_ahead(h, m, code, status, fetch_context):
    """What `execute` does about stops before it looks for an instruction, having left the last ones with `status`.

    CAUGHT: leave. SAME_CONTEXT: the next instruction is executed all alone. NEW_CONTEXT: nothing.
    """
    if status >= JUMPED and is_caught(h, m, status, context_mode(fetch_context)):
        return CAUGHT
    return SAME_CONTEXT if is_passing(code) else NEW_CONTEXT


def look_at_place(h, m, ram16, code, parcel):
    """What `execute` does about the instruction at `h.pc`, at this parcel of RAM, which seems to be illegal.

    AT_BREAKPOINT: leave. SAME_CONTEXT: it is decoded, and is to be executed all alone. ILLEGAL: it is.
    """
    index = parcel + (parcel >> PARCEL_INDEX_SHIFT)
    passed = len(code) - TABLE_WORDS + PASSED
    if code[U64(passed + 1)] == index + 1 or not is_place(m, code, parcel):
        return ILLEGAL
    if has_breakpoint(h, m, code, h.pc, parcel):
        return AT_BREAKPOINT
    # Of one that straddles it does not count: its own is made when it is fetched.
    code[U64(index)] = decode_word(word_in_page(ram16, parcel), h.extensions)
    code[U64(passed)] = index + 1
    return SAME_CONTEXT


def decode_at(h, m, ram16, code, parcel):
    """The decoded form of the instruction at a parcel of RAM, which does not straddle; of a place, an illegal one."""
    if m.stops and is_place(m, code, parcel):
        return UNKNOWN
    return decode_word(word_in_page(ram16, parcel), h.extensions)


def decode_straddling(h, m, code, parcel, word):
    """The decoded form of a word that straddles, by its first parcel; of a place that is not passed, an illegal one."""
    passed = code[U64(len(code) - TABLE_WORDS + PASSED + 1)]
    if m.stops and is_place(m, code, parcel) and passed != parcel + (parcel >> PARCEL_INDEX_SHIFT) + 1:
        return UNKNOWN
    return decode_word(word, h.extensions)


def has_breakpoint(h, m, code, vaddr, parcel):
    """Whether the instruction at `vaddr`, which is this place in RAM, has a breakpoint that is not to be passed."""
    if m.pass_stops & BREAKPOINTS:
        return False
    table = len(code) - TABLE_WORDS
    paddr = 2 * guest_parcel(code, parcel) + m.ram_base
    for i in range(code[U64(table + BREAKPOINT_COUNT)]):
        at = table + BREAKPOINTS_AT + RECORD_WORDS * i
        address = paddr if code[U64(at + OF_PHYSICAL)] else vaddr
        if code[U64(at + OF_FIRST)] == address and applies(h, m, code, at, h.mode):
            return True
    return False


def page_mark(m, code, vaddr, paddr):
    """MARKED for the TLB entry of a page that is watched, else 0."""
    if m.stops & WATCHPOINTS == 0:
        return 0
    table = len(code) - TABLE_WORDS
    for i in range(code[U64(table + WATCHPOINT_COUNT)]):
        at = table + WATCHPOINTS_AT + RECORD_WORDS * i
        base = paddr & ~PAGE_OFFSET if code[U64(at + OF_PHYSICAL)] else vaddr & PAGE_BASE
        if code[U64(at + OF_FIRST)] <= base + PAGE_OFFSET and base <= code[U64(at + OF_LAST)]:
            return MARKED
    return 0


def is_watched(h, m, code, vaddr, paddr, width, access):
    """Whether an access is watched and not to be passed; if so, leaves what it is in the machine's record."""
    if m.stops & WATCHPOINTS == 0 or m.pass_stops & WATCHPOINTS:
        return False
    table = len(code) - TABLE_WORDS
    for i in range(code[U64(table + WATCHPOINT_COUNT)]):
        at = table + WATCHPOINTS_AT + RECORD_WORDS * i
        first = paddr if code[U64(at + OF_PHYSICAL)] else vaddr
        overlaps = code[U64(at + OF_FIRST)] <= first + width - 1 and first <= code[U64(at + OF_LAST)]
        if overlaps and code[U64(at + OF_ACCESS)] & access and applies(h, m, code, at, h.data_mode):
            m.watch_vaddr = vaddr
            m.watch_paddr = paddr
            m.watch_width = width
            m.watch_access = access
            return True
    return False


def context_mode(fetch_context):
    """The mode in the upper half of a tag of the fetch TLB."""
    return (fetch_context >> CONTEXT_SHIFT) & MODE_BITS


def is_caught(h, m, cause, before):
    """Whether the host wants to look after a trap with this mcause (negative: a return), which has been taken.

    before: the mode that it came from.
    """
    if m.stops & CATCHES == 0:
        return False
    causes = m.catch_interrupts if cause & INTERRUPT else m.catch_exceptions
    if (m.catch_modes == 0 or before == h.mode) and (cause < 0 or (causes >> (cause & CAUSE_CODE)) & 1 == 0):
        return False
    m.caught_cause = cause
    m.caught_mode = before
    return True


def is_exit_caught(v, m, r):
    """Whether the host wants to look at a trap out of the guest before it is served."""
    if m.stops & CATCHES == 0 or (m.catch_exits >> r.exit_cause) & 1 == 0:
        return False
    if m.pass_stops & CATCHES:
        # Once: the instruction may trap out for another cause after this.
        m.pass_stops = m.pass_stops & ~CATCHES
        return False
    m.caught_cause = r.exit_cause
    m.caught_mode = v.mode
    return True
