"""The run loop around `execute`: whose turn it is, time, timer interrupts and idling.

`run` lets the harts go on for `budget` steps together (instructions retired or trapped) and returns why it
stopped, with the hart concerned in `m.current`: an answer of `vm.core.status`. IDLE says that nothing will wake a
hart, or, where `m.idle_exits` is set, that something will if the host lets time pass.
"""

from trapline.isa.cause import MSI, MSIP, STIP
from trapline.isa.environment import STCE
from trapline.isa.trap import WAIT
from trapline.isa.word import u32
from trapline.vm.core.bare import BARE
from trapline.vm.core.code_pages import CODE_ENTRIES, DECODED, WATCHED
from trapline.vm.core.counters import FOREVER, STEPS_PER_TICK, as_field, synchronize
from trapline.vm.core.execute import execute
from trapline.vm.core.generated import dispatch
from trapline.vm.core.hart import FULL_BOARD, HART_BITS, IN_WFI, SLICE
from trapline.vm.core.ints import U64
from trapline.vm.core.status import IDLE, LIMIT, RESLICE
from trapline.vm.core.work import TURN, begin_work, charge, spent

HALF = 0x7FFFFFFF
"""The upper word of `FOREVER`."""


def ticks_left(h, high, low):
    """Ticks until mtime is this deadline, at most `FOREVER` (software writes all ones for never); 0 once it has been.

    Both are unsigned, which the fields of a record are not: "a machine timer interrupt becomes pending whenever mtime
    contains a value greater than or equal to mtimecmp, treating the values as unsigned integers" (Priv 3.2.1), and of
    stimecmp Sstc says the same.
    """
    high = high - u32(h.mtime >> 32)
    low = low - u32(h.mtime)
    if high < 0 or (high == 0 and low <= 0):
        return 0
    if high > HALF:
        return FOREVER
    return min(FOREVER, (high << 32) + low)


def ticks_to_wrap(h):
    """Ticks after which mtime is all ones, or 0 again when it is already; at most `FOREVER`."""
    return FOREVER if h.mtime >= 0 else max(1, ~h.mtime)


def update_machine_timer(h, m):
    """Let the CLINT's lines be as mtime says; answer ticks until the timer's changes."""
    if m.board != FULL_BOARD:
        return FOREVER
    left = ticks_left(h, m.mtimecmp_high[h.mhartid & HART_BITS], m.mtimecmp_low[h.mhartid & HART_BITS])
    lines = (h.lines & ~(h.timer_line | MSIP)) | (m.msip[h.mhartid & HART_BITS] << MSI)
    if left == 0:
        h.lines = lines | h.timer_line
        return ticks_to_wrap(h)
    h.lines = lines
    return left


def update_supervisor_timer(h):
    """Likewise for stimecmp. While STCE is set, STIP is that timer's whatever else would raise it."""
    if h.menvcfgh & STCE == 0:
        return FOREVER
    left = ticks_left(h, h.stimecmph, h.stimecmp)
    if left == 0:
        h.lines = h.lines | STIP
        return ticks_to_wrap(h)
    h.lines = h.lines & ~STIP
    return left


def update_time(h, m):
    """Bring mtime and the timers' lines up to date with the steps that passed; answer ticks until one changes."""
    synchronize(h, m, h.cycle)
    return min(update_machine_timer(h, m), update_supervisor_timer(h))


def ticks_to_wake(h, m):
    """Ticks until the line of a timer that mie enables changes, all brought up to date; `FOREVER` without one."""
    synchronize(h, m, h.cycle)
    machine = update_machine_timer(h, m)
    supervisor = update_supervisor_timer(h)
    if h.mie & h.timer_line == 0:
        machine = FOREVER
    return machine if h.mie & STIP == 0 else min(machine, supervisor)


def skip_time(harts, m, count):
    """Idle time is skipped, not waited for: let mtime be the next deadline that can wake a hart. 0 without one."""
    least = FOREVER
    for i in range(count):
        h = harts[i]
        if h.stopped == 0 and h.mie & (h.timer_line | STIP):
            least = min(least, ticks_to_wake(h, m))
            if h.lines & h.mie & (h.timer_line | STIP):
                # Its deadline came while the others had their turns; it is to wake now, not at theirs.
                return 1
    if least == FOREVER:
        return 0
    m.time_base = as_field(m.time_base + least)
    return 1


def next_hart(harts, m, count):
    """Choose the hart whose turn it is, `m.current`; IDLE when all are idle and nothing will wake them."""
    while True:
        if m.slice_left <= 0:
            m.current = m.current + 1
            if m.current >= count:
                m.current = 0
            m.slice_left = FOREVER if count == 1 else SLICE
            if count > 1:
                # Another hart may have stored to the reserved word.
                harts[m.current].reservation = -1
        h = harts[m.current]
        if h.waiting:
            update_time(h, m)
            if (h.mip | h.lines) & h.mie:
                h.waiting = 0
        if h.waiting == 0 and h.stopped == 0:
            m.asleep = 0
            return 0
        if m.asleep > count:
            m.asleep = 0
            if m.idle_exits or skip_time(harts, m, count) == 0:
                return IDLE
        m.asleep = m.asleep + 1
        if count > 1:
            h.idled = h.idled + m.slice_left
        m.slice_left = 0


def run_hart(h, real, m, r, ram8, ram16, ram32, code, page, budget):
    """Let one hart go on for `budget` steps; WAIT when it begins to wait, else the answers of `run`.

    A virtual hart goes on through the dispatcher, which has the hart `real` of the machine `r` execute for it.
    """
    end = h.cycle + budget
    while True:
        left = update_time(h, m)
        if h.cycle >= end or spent(m):
            return LIMIT
        limit = end - h.cycle
        if left < limit:
            # The line rises with the first cycle of the deadline's tick.
            limit = min(limit, left * STEPS_PER_TICK - (h.cycle + h.idled) % STEPS_PER_TICK)
        if m.technique == BARE:
            status = execute(h, m, ram8, ram16, ram32, code, page, limit)
        else:
            status = dispatch(h, real, m, r, ram8, ram16, ram32, code, page, limit)
        charge(m, TURN)
        if status != LIMIT and status != RESLICE:
            update_time(h, m)
            if status != WAIT:
                return status
            if (h.mip | h.lines) & h.mie == 0:
                h.waiting = IN_WFI
                return WAIT


def run(harts, machine, ram8, ram16, ram32, code, page, count, budget):
    """See the module. Everything but the two numbers is memory of the machine (`vm.engine`)."""
    m = machine[0]
    left = budget
    begin_work(m)
    while True:
        if next_hart(harts, m, count) < 0:
            return IDLE
        if left <= 0 or spent(m):
            return LIMIT
        h = harts[m.current]
        real = harts[len(harts) - count + m.current]
        r = machine[(len(machine) - 1) // count * (m.current + 1)]
        before = h.cycle
        status = run_hart(h, real, m, r, ram8, ram16, ram32, code, page, min(left, m.slice_left))
        left = left - (h.cycle - before)
        m.slice_left = m.slice_left - (h.cycle - before)
        if status != LIMIT and status != WAIT:
            return status


def drop_code(code, page, first, count):
    """Forget the decoded instructions of `count` pages of RAM from page `first` on (the host wrote there)."""
    for number in range(first, first + count):
        page[U64(number)] = page[U64(number)] & (DECODED | WATCHED)
        if page[U64(number)] & DECODED:
            page[U64(number)] = page[U64(number)] & WATCHED
            for i in range(CODE_ENTRIES):
                code[U64(number * CODE_ENTRIES + i)] = 0
