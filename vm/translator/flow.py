"""Where control may go in a page's code, and so where its blocks begin. Runs compiled, and as plain Python.

Arguments that several functions have are those of `vm.translator.emit`. Parcels are counted within the page.
"""

from trapline.isa.sv32 import PAGE_PARCELS
from trapline.isa.word import HALFWORD
from trapline.vm.core.code_pages import CODE_ENTRIES
from trapline.vm.core.ints import U8, U64
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RD, PACKED_RS1, REGISTER, STRICT
from trapline.vm.core.parcels import straddles
from trapline.vm.core.stops import decode_at
from trapline.vm.translator.layout import (
    ALONE,
    BRANCH,
    CHOICES,
    DIRECT,
    FLOW,
    INDIRECT,
    NO_CHOICE,
    NO_STENCIL,
    ONWARD,
    PARCELS,
    READS,
    ROW,
)

NOWHERE = -1
"""No parcel, no place."""

LOOP = 2
"""Of a leader: a jump back leads there, from behind it in the page."""

FROM = 0
"""From this word of `scratch` on: leaders from which the walk is still to go."""
WALKED = PAGE_PARCELS
"""From here on, for each parcel: 1 once the walk has come to it."""
WALK_SCRATCH = 2 * PAGE_PARCELS
"""Words of `scratch` that the walk needs."""


def rd_of(d):
    """The number of rd."""
    return (d >> PACKED_RD) & REGISTER


def after(d, parcel, plan):
    """The parcel behind an instruction; the same one if it is not decoded, or not legal."""
    return parcel + plan[U64(ROW * (d & OP) + PARCELS)]


def stencil_of(d, plan):
    """The number of an instruction's stencil: of a CSR instruction the one for its CSR, if there is any."""
    at = plan[U64(ROW * (d & OP) + CHOICES)]
    if at == 0:
        return d & OP
    choice = d >> PACKED_IMM
    if (d >> PACKED_RS1) & REGISTER == 0:
        choice = choice | READS
    while plan[U64(at)] != NO_CHOICE and plan[U64(at)] != choice:
        at += 2
    return d & OP if plan[U64(at)] == NO_CHOICE else plan[U64(at + 1)]


def flow_of(d, parcel, plan):
    """FLOW of an instruction in a page's code. What may jump where no instruction can begin has none."""
    flow = plan[U64(ROW * stencil_of(d, plan) + FLOW)]
    if after(d, parcel, plan) > PAGE_PARCELS:
        return NO_STENCIL
    if d & STRICT and (flow == BRANCH or (flow == DIRECT and target_offset(d, parcel) & HALFWORD)):
        return NO_STENCIL
    return flow


def target_offset(d, parcel):
    """Where a branch, or a jump by an immediate, goes to: bytes from the begin of the page."""
    return HALFWORD * parcel + (d >> PACKED_IMM)


def target_of(d, parcel):
    """The parcel that a branch or a jump by an immediate goes to, NOWHERE in another page."""
    target = target_offset(d, parcel) // HALFWORD
    if target < 0 or target >= PAGE_PARCELS:
        return NOWHERE
    return target


def decoded(h, m, ram16, code, number, parcel):
    """The instruction at a parcel of a page, decoded now if it was not; 0 where it straddles."""
    at = number * CODE_ENTRIES + parcel
    if code[U64(at)] == 0 and not straddles(ram16, number * PAGE_PARCELS + parcel):
        code[U64(at)] = decode_at(h, m, ram16, code, number * PAGE_PARCELS + parcel)
    return code[U64(at)]


def mark_arrivals(code, first, leaders, plan, scratch):
    """Make leaders of what has been executed although nothing before it goes on there: it was jumped to from elsewhere.

    So a function is translated from its begin on, wherever in it the hart has been found.
    """
    for parcel in range(PAGE_PARCELS + 1):
        scratch[U64(parcel)] = 0
    for parcel in range(PAGE_PARCELS):
        d = code[U64(first + parcel)]
        flow = flow_of(d, parcel, plan)
        if (flow != DIRECT and flow != INDIRECT) or rd_of(d) != 0:
            scratch[U64(min(after(d, parcel, plan), PAGE_PARCELS))] = 1
    for parcel in range(PAGE_PARCELS):
        if code[U64(first + parcel)] != 0 and scratch[U64(parcel)] == 0:
            leaders[U64(parcel)] = U8(1)


def mark_leaders(h, m, ram16, code, number, leaders, plan, scratch):
    """Make leaders of what can be reached from the leaders of a page that there are, and decode it.

    These are targets of jumps, what follows a jump, what is ALONE and what follows it, and what follows an instruction
    that the interpreter executes; and
    where two ways meet, so that no instruction is in two blocks: the code of a page has a limit, whatever is in it.
    What follows a jump that does not come back, or an instruction that the interpreter executes, may be anything, and
    counts only if it has been executed.
    """
    count = 0
    for parcel in range(PAGE_PARCELS):
        scratch[U64(WALKED + parcel)] = 0
        if leaders[U64(parcel)]:
            scratch[U64(FROM + count)] = parcel
            count += 1
    while count > 0:
        count -= 1
        parcel = scratch[U64(FROM + count)]
        while parcel < PAGE_PARCELS:
            if scratch[U64(WALKED + parcel)]:
                leaders[U64(parcel)] = U8(1)
                break
            scratch[U64(WALKED + parcel)] = 1
            d = decoded(h, m, ram16, code, number, parcel)
            flow = flow_of(d, parcel, plan)
            behind = after(d, parcel, plan)
            if flow == BRANCH or flow == DIRECT:
                target = target_of(d, parcel)
                if target != NOWHERE and leaders[U64(target)] == 0:
                    leaders[U64(target)] = U8(1)
                    scratch[U64(FROM + count)] = target
                    count += 1
            if flow == ALONE:
                leaders[U64(parcel)] = U8(1)
            if behind == parcel or behind >= PAGE_PARCELS:
                break
            if flow != ONWARD:
                returns = flow == BRANCH or flow == ALONE or ((flow == DIRECT or flow == INDIRECT) and rd_of(d) != 0)
                if not returns and code[U64(number * CODE_ENTRIES + behind)] == 0:
                    break
                leaders[U64(behind)] = U8(1)
            parcel = behind


def mark_loops(code, first, leaders, plan):
    """Let the leaders be LOOPs to which a block jumps back."""
    for leader in range(PAGE_PARCELS):
        if leaders[U64(leader)]:
            parcel = leader
            for _ in range(block_length(code, first, leaders, leader, plan) - 1):
                parcel = after(code[U64(first + parcel)], parcel, plan)
            d = code[U64(first + parcel)]
            flow = flow_of(d, parcel, plan)
            if flow == BRANCH or flow == DIRECT:
                target = target_of(d, parcel)
                if target != NOWHERE and target <= parcel and leaders[U64(target)]:
                    leaders[U64(target)] = U8(LOOP)


def block_length(code, first, leaders, leader, plan):
    """Instructions of the block that begins here."""
    count = 0
    parcel = leader
    while parcel < PAGE_PARCELS:
        d = code[U64(first + parcel)]
        flow = flow_of(d, parcel, plan)
        if flow == NO_STENCIL:
            break
        count += 1
        parcel = after(d, parcel, plan)
        if flow != ONWARD or leaders[U64(parcel)]:
            break
    return count
