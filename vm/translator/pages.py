"""Which pages are translated and when, and how `execute` enters what was made of them: part of the compiled engine.

Once in INTERVAL steps `execute` says where it is. A page that is found often enough is translated: each of its
instructions that jumps lead to from there begins a block (`vm.translator.emit`), and the entry of `code` for it becomes
one of MACHINE_CODE. The translation is as good as the decoded form: what drops this drops that, too.
Nothing that is translated changes what the hart does, only how fast, so it does not matter when that happens.
"""

from trapline.isa.sv32 import PAGE_BASE, PAGE_PARCELS, PAGE_SHIFT
from trapline.vm.core.code_pages import CODE_ENTRIES, DECODED, HAS_TRANSLATED, MACHINE_CODE, drop_translated
from trapline.vm.core.counters import FOREVER
from trapline.vm.core.hart import HART_BITS
from trapline.vm.core.ints import U64
from trapline.vm.core.packed import OP, PACKED_IMM
from trapline.vm.core.parcels import LAST_PARCEL
from trapline.vm.core.stops import TABLE_WORDS, TRANSLATOR
from trapline.vm.core.tlb import PLACE_MODE_SHIFT, TLB_MASK
from trapline.vm.translator.context import (
    ARENA_AT,
    ARENA_BASE,
    ARENA_FIRST,
    ARENA_SIZE,
    ARENA_USED,
    BLOB_AT,
    BLOB_SIZE,
    CHAIN_AT,
    DOOR_AT,
    EMITTED,
    ENTERED,
    FLUSHES,
    GAIN_AT,
    GAINS,
    HART_AT,
    HEAT_AT,
    INTERVAL,
    KEPT_AT,
    LEADERS,
    LEADERS_AT,
    MAPS_AT,
    MAPS_SIZE,
    MAPS_USED,
    OUT_AT,
    PAGES,
    PAGES_AT,
    PLAN_AT,
    PLAN_SIZE,
    SAMPLE_AT,
    SCRATCH_AT,
    STEPS,
    STOPPED,
    WORD_BYTES,
    WORDS,
)  # fmt: skip
from trapline.vm.translator.emit import SCRATCH, emit_page
from trapline.vm.translator.flow import mark_arrivals, mark_leaders
from trapline.vm.translator.generated import address_of_registers, bytes_at, call_door, words_at

WARM = 2
"""Samples of a page, or more, before it is translated for the first time; each time doubles them, up to HOTTEST."""
HOTTEST = 12
NO_TABLE = 0
COUNT_BITS = 24
COUNT_MASK = (1 << COUNT_BITS) - 1
TIMES_SHIFT = COUNT_BITS
TIMES_MASK = 15
TABLE_SHIFT = 32
"""`heat` of a page: samples since it was last translated, how often it was, and 1 + the number of its table of
entries."""

WORTH = 8
"""Steps that entering machine code takes about as long as: an entry that does fewer on average is given up."""
LOSS = -2000
"""What an entry has lost by then."""
GAINED = 1 << 30
"""The most that is kept of what it has gained."""


def translator(code):
    """The address of the translator's context, 0 where there is none."""
    return code[U64(len(code) - TABLE_WORDS + TRANSLATOR)]


def steps_to_sample(h, code):
    """Steps after which `execute` is to call `sample`."""
    at = translator(code)
    if at == 0:
        return FOREVER
    words = words_at(at, WORDS)
    return max(0, min(words[U64(SAMPLE_AT + (h.mhartid & HART_BITS))] - h.cycle, words[INTERVAL]))


def sample(h, m, ram16, code, page, cycle):
    """Note that the hart is at `h.pc`, and translate the page there if it is time; answers steps to the next sample.

    cycle: what `h.cycle` is there. A page that is not in the fetch TLB is not looked for.
    """
    at = translator(code)
    if at == 0:
        return FOREVER
    words = words_at(at, WORDS)
    words[U64(SAMPLE_AT + (h.mhartid & HART_BITS))] = cycle + words[INTERVAL]
    pc = h.pc
    entry = 2 * (((pc >> PAGE_SHIFT) ^ (h.fetch_context >> PLACE_MODE_SHIFT)) & TLB_MASK)
    if h.fetch_tlb[entry] == (pc & PAGE_BASE) | h.fetch_context:
        offset = pc + h.fetch_tlb[entry + 1]
        number = offset >> PAGE_SHIFT
        if 0 <= offset and number < words[PAGES] and page[U64(number)] & DECODED != 0 and pc & 1 == 0:
            note(h, m, ram16, code, words, number, (offset >> 1) & LAST_PARCEL)
    return words[INTERVAL]


def note(h, m, ram16, code, words, number, parcel):
    """Count a sample at a parcel of a page, which may begin a block that is not there yet."""
    if code[U64(number * CODE_ENTRIES + parcel)] & OP == MACHINE_CODE:
        return
    heat = words_at(words[HEAT_AT], words[PAGES])
    count = (heat[U64(number)] & COUNT_MASK) + 1
    times = (heat[U64(number)] >> TIMES_SHIFT) & TIMES_MASK
    if count < WARM << times:
        heat[U64(number)] = heat[U64(number)] + 1
        return
    table = heat[U64(number)] >> TABLE_SHIFT
    if table == NO_TABLE and words[MAPS_USED] >= words[MAPS_SIZE]:
        drop_all(code, words)
    if table == NO_TABLE:
        table = words[MAPS_USED] + 1
        words[MAPS_USED] = table
        words_at(words[PAGES_AT], words[MAPS_SIZE])[U64(table - 1)] = number
    heat[U64(number)] = (table << TABLE_SHIFT) | (min(times + 1, HOTTEST) << TIMES_SHIFT)
    translate_page(h, m, ram16, code, words, number, parcel, table - 1)


def drop_all(code, words):
    """Drop all translations: there is no room for more."""
    heat = words_at(words[HEAT_AT], words[PAGES])
    pages = words_at(words[PAGES_AT], words[MAPS_SIZE])
    for i in range(words[MAPS_USED]):
        drop_translated(code, pages[U64(i)])
        heat[U64(pages[U64(i)])] = 0
    words[MAPS_USED] = 0
    words[ARENA_USED] = words[ARENA_FIRST]
    words[FLUSHES] = words[FLUSHES] + 1


def translate_page(h, m, ram16, code, words, number, parcel, table):
    """Translate what of a page can be reached from a parcel, and from where it was ever entered."""
    first = number * CODE_ENTRIES
    leaders = bytes_at(words[LEADERS_AT], LEADERS)
    for i in range(LEADERS):
        leaders[U64(i)] = 0
    for i in range(PAGE_PARCELS):
        if code[U64(first + i)] & OP == MACHINE_CODE:
            leaders[U64(i)] = 1
    leaders[U64(parcel)] = 1
    drop_translated(code, number)
    plan = words_at(words[PLAN_AT], words[PLAN_SIZE])
    scratch = words_at(words[SCRATCH_AT], SCRATCH)
    mark_leaders(h, m, ram16, code, number, leaders, plan, scratch)
    mark_arrivals(code, first, leaders, plan, scratch)
    mark_leaders(h, m, ram16, code, number, leaders, plan, scratch)
    kept = words_at(words[KEPT_AT] + WORD_BYTES * PAGE_PARCELS * table, PAGE_PARCELS)
    for i in range(PAGE_PARCELS):
        kept[U64(i)] = code[U64(first + i)]
    entries_at = words[MAPS_AT] + WORD_BYTES * PAGE_PARCELS * table
    entries = words_at(entries_at, PAGE_PARCELS)
    used = emit_page(
        code, first, leaders, m.tohost >= 0, entries, entries_at, bytes_at(words[ARENA_AT], words[ARENA_SIZE]),
        words[ARENA_BASE], words[ARENA_USED], words[ARENA_SIZE], words[OUT_AT], words[CHAIN_AT],
        bytes_at(words[BLOB_AT], words[BLOB_SIZE]), plan, scratch,
    )  # fmt: skip
    if used == 0:
        if words[ARENA_SIZE] - words[ARENA_USED] < words[ARENA_SIZE] >> 2:
            drop_all(code, words)
        return
    words[ARENA_USED] = words[ARENA_USED] + used
    words[EMITTED] = words[EMITTED] + 1
    gains = words_at(words[GAIN_AT], GAINS)
    for i in range(PAGE_PARCELS):
        if entries[U64(i)] != 0 and gains[U64((first + i) & (GAINS - 1))] > LOSS:
            code[U64(first + i)] = MACHINE_CODE | ((entries[U64(i)] - words[ARENA_BASE]) << PACKED_IMM)
    code[U64(first + PAGE_PARCELS)] = HAS_TRANSLATED | (table << PACKED_IMM)


def enter_translated(h, code, ip, d, left):
    """Execute at most `left` steps of the machine code that entry `ip` of `code`, `d`, is about; answers what is left.

    `h.pc` is the instruction, and then the next one. An entry that is not worth it is given up.
    """
    words = words_at(translator(code), WORDS)
    words[HART_AT] = address_of_registers(h)
    pc = h.pc
    after = call_door(words[DOOR_AT], translator(code), left, pc, pc & PAGE_BASE, words[ARENA_BASE] + (d >> PACKED_IMM))
    words[ENTERED] = words[ENTERED] + 1
    words[STEPS] = words[STEPS] + left - after
    if after == left:
        words[STOPPED] = words[STOPPED] + 1
    gains = words_at(words[GAIN_AT], GAINS)
    gain = gains[U64(ip & (GAINS - 1))] + left - after - WORTH
    gains[U64(ip & (GAINS - 1))] = min(gain, GAINED)
    if gain < LOSS:
        code[U64(ip)] = 0
    return after
