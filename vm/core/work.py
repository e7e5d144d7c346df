"""Work: what the engine does beside steps, counted so that `run` comes back in time whatever a guest makes it do.

A unit is one word or entry that is looked at or changed: some 2 ns compiled, 1 us in plain Python. `run` begins with
`work_budget` of the machine's record (`vm.engine_kinds`); once that is spent it ends as at a limit, after at least one
step or exit. Steps are counted apart: a limit in instructions is exact, and how a run is cut changes nothing.
These functions run compiled and as plain Python (see `vm.codegen.engine_text`).
"""

WALK = 64
"""A translation that misses its TLB: a walk, and PMP asked for the entries and for the page."""
NEW_STORE_PAGE = 1024
"""An entry of the store TLB: the host may have to find memory for the page, which takes microseconds, and clear it."""
DROP_CODE = 1024
"""A page of decoded instructions, or the store TLB, that is dropped."""
TURN = 64
"""A turn of the run loop: time, lines, and whose turn comes next."""
EXIT = 192
"""An exit: two world switches and the dispatcher."""
INTERPRETED = 32
"""A step by an interpreter routine, or an interrupt injected."""
EVENT = 256
"""A record of the log of events."""
FILL = 128
"""A shadow entry: the guest's walk, its PMP, its permissions."""
FRAME = 256
"""A frame filled with zeros."""
SCAN = 2048
"""A page of guest code that is looked through for holes, or put back."""
COPY = 1024
"""A copy of a page made empty."""
TRANSLATION = 4
"""A translated word."""
TRACED = 4
"""A page table watched or no longer watched."""
FORGOTTEN = 16
"""A page forgotten in all shadow roots and TLBs."""

ROOM = 4096
"""What the first step of a call of `execute` may cost, whatever has been charged before: each call gets on."""


def begin_work(m):
    """A run begins."""
    m.work = m.work_budget


def charge(m, units):
    """Count work."""
    m.work = m.work - units


def spent(m):
    """Whether the run is to come back to the host before it goes on."""
    return m.work < 0


def make_room(m):
    """A call of `execute` begins: its first step is done in any case."""
    m.work_floor = min(0, m.work - ROOM)


def must_pause(m):
    """Whether an access that misses its TLB is not to be done in this run."""
    return m.work < m.work_floor
