"""The run loop around `execute`: whose turn it is, time, timer interrupts and idling.

`run` lets the harts go on for `budget` steps together (instructions retired or trapped) and returns why it
stopped, with the hart concerned in `m.current`: -10 budget spent, -20 a trap that the host asked for, -3 all
are idle and nothing will wake them (or whatever will, where `m.idle_exits` is set), -100 a device access that the
host must serve, -102 a write to `tohost`.
"""

from collections.abc import Callable

from trapline.vm.core.ints import U64

execute: Callable[..., int]
dispatch: Callable[..., int]
"""Generated (`vm.codegen.execute`) and of a layer above (`vm.hypervisor.dispatcher`), so nothing is bound here."""

FOREVER = 0x7FFFFFFFFFFFFFFF
"""No deadline. Also the greatest mtime: its top bit is always 0."""

SLICE = 1000
"""Steps that each of several harts gets in turn: 10 ticks, by which their clocks may differ."""


def count_trap(h, index):
    """Count a taken trap: its cause, or 32 + code for an interrupt."""
    h.trap_counts[index & 63] = h.trap_counts[index & 63] + 1


def synchronize(h, m, cycle):
    """Bring the counters up to date before something may look at them."""
    h.cycle = cycle
    h.instret = cycle - h.unretired
    h.mtime = (m.time_base + (cycle + h.idled) // 100) & FOREVER


def ticks_left(h, m):
    """Ticks until mtime is mtimecmp, `FOREVER` if it never is (software writes all ones to mean that)."""
    high = m.mtimecmp_high[h.mhartid & 7]
    if high >= 0x80000000:
        return FOREVER
    return ((high << 32) | m.mtimecmp_low[h.mhartid & 7]) - h.mtime


def update_time(h, m):
    """mtime from the steps that passed, one tick per 100; the CLINT's lines follow. Returns ticks to the deadline."""
    synchronize(h, m, h.cycle)
    if m.board != 1:
        return FOREVER
    left = ticks_left(h, m)
    lines = (h.lines & ~(m.timer_line | 8)) | (m.msip[h.mhartid & 7] << 3)
    if left <= 0:
        h.lines = lines | m.timer_line
        return FOREVER
    h.lines = lines
    return left


def skip_time(harts, m, count):
    """Idle time is skipped, not waited for: let mtime be the next deadline that can wake a hart. 0 without one."""
    least = FOREVER
    for i in range(count):
        h = harts[i]
        if h.stopped == 0 and h.mie & m.timer_line:
            left = update_time(h, m)
            if h.lines & m.timer_line:
                # Its deadline came while the others had their turns; it is to wake now, not at theirs.
                return 1
            least = min(least, left)
    if least == FOREVER:
        return 0
    m.time_base = (m.time_base + least) & FOREVER
    return 1


def next_hart(harts, m, count):
    """Choose the hart whose turn it is, `m.current`; -3 when all are idle and nothing will wake them."""
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
                return -3
        m.asleep = m.asleep + 1
        if count > 1:
            h.idled = h.idled + m.slice_left
        m.slice_left = 0


def run_hart(h, real, m, r, ram8, ram16, ram32, code, page, budget):
    """Let one hart go on for `budget` steps; -3 when it begins to wait, else the answers of `run`.

    A virtual hart goes on through the dispatcher, which has the hart `real` of the machine `r` execute for it.
    """
    end = h.cycle + budget
    while True:
        left = update_time(h, m)
        if h.cycle >= end:
            return -10
        limit = end - h.cycle
        if left < limit:
            # The line rises with the first cycle of the deadline's tick.
            limit = min(limit, left * 100 - (h.cycle + h.idled) % 100)
        if m.technique == 0:
            status = execute(h, m, ram8, ram16, ram32, code, page, limit)  # noqa: F821
        else:
            status = dispatch(h, real, m, r, ram8, ram16, ram32, code, page, limit)  # noqa: F821
        if status != -10 and status != -101:
            update_time(h, m)
            if status != -3:
                return status
            if (h.mip | h.lines) & h.mie == 0:
                h.waiting = 1
                return -3


def run(harts, machine, ram8, ram16, ram32, code, page, count, budget):
    """See the module. Everything but the two numbers is memory of the machine (`vm.engine`)."""
    m = machine[0]
    left = budget
    while True:
        if next_hart(harts, m, count) < 0:
            return -3
        if left <= 0:
            return -10
        h = harts[m.current]
        real = harts[len(harts) - count + m.current]
        r = machine[(len(machine) - 1) // count * (m.current + 1)]
        before = h.cycle
        status = run_hart(h, real, m, r, ram8, ram16, ram32, code, page, min(left, m.slice_left))
        left = left - (h.cycle - before)
        m.slice_left = m.slice_left - (h.cycle - before)
        if status != -10 and status != -3:
            return status


def drop_code(code, page, first, count):
    """Forget the decoded instructions of `count` pages of RAM from page `first` on (the host wrote there)."""
    for number in range(first, first + count):
        if page[U64(number)] & 127:
            page[U64(number)] = page[U64(number)] & 128
            for i in range(1025):
                code[U64(number * 1025 + i)] = 0
