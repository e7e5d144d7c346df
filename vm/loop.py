"""The run loop around `execute`: time, timer interrupts and idling.

`run` lets hart `index` go on for `budget` steps (instructions retired or trapped) and returns why it
stopped: -10 budget spent, -20 a trap that the host asked for, -3 idle with nothing to wake it, -100 a
device access that the host must serve, -102 a write to `tohost`.
"""

from collections.abc import Callable

from vm.ints import U64

execute: Callable[..., int]
"""Generated (`vm.dispatch`), so nothing is bound here."""

FOREVER = 0x7FFFFFFFFFFFFFFF
"""No deadline. Also the greatest mtime: its top bit is always 0."""


def count_trap(h, index):
    """Count a taken trap: its cause, or 32 + code for an interrupt."""
    h.trap_counts[index & 63] = h.trap_counts[index & 63] + 1


def synchronize(h, m, cycle):
    """Bring the counters up to date before something may look at them."""
    h.cycle = cycle
    h.instret = cycle - h.unretired
    h.mtime = (m.time_base + cycle // 100) & FOREVER


def ticks_left(h, m):
    """Ticks until mtime is mtimecmp, `FOREVER` if it never is (software writes all ones to mean that)."""
    high = m.mtimecmp_high[h.mhartid]
    if high >= 0x80000000:
        return FOREVER
    return ((high << 32) | m.mtimecmp_low[h.mhartid]) - h.mtime


def update_time(h, m):
    """mtime from the cycles done, one tick per 100; the timer line follows it. Returns ticks to the deadline."""
    synchronize(h, m, h.cycle)
    if m.board != 1:
        return FOREVER
    left = ticks_left(h, m)
    if left <= 0:
        h.lines = h.lines | 0x80
        return FOREVER
    h.lines = h.lines & ~0x80
    return left


def run(harts, machine, ram8, ram16, ram32, code, page, index, budget):
    """See the module. Everything but the two numbers is memory of the machine (`vm.engine`)."""
    h = harts[index]
    m = machine[0]
    end = h.cycle + budget
    while True:
        left = update_time(h, m)
        if h.cycle >= end:
            return -10
        limit = end - h.cycle
        if left < limit:
            # The line rises with the first cycle of the deadline's tick.
            limit = min(limit, left * 100 - h.cycle % 100)
        status = execute(h, m, ram8, ram16, ram32, code, page, limit)  # noqa: F821  (generated)
        if status == -3:
            left = update_time(h, m)
            if (h.mip | h.lines) & h.mie == 0:
                if left == FOREVER or h.mie & 0x80 == 0:
                    return -3
                # Idle time is skipped, not waited for.
                m.time_base = (m.time_base + left) & FOREVER
        elif status != -10 and status != -101:
            update_time(h, m)
            return status


def drop_code(code, page, first, count):
    """Forget the decoded instructions of `count` pages of RAM from page `first` on (the host wrote there)."""
    for number in range(first, first + count):
        if page[U64(number)] & 127:
            page[U64(number)] = page[U64(number)] & 128
            for i in range(1025):
                code[U64(number * 1025 + i)] = 0
