"""A page's machine code, copied from stencils. It runs compiled, as part of the engine, and as plain Python.

A page's code is made of *blocks*. A block begins at a leader and ends before the next one, behind a jump, before what
has no stencil, and at the end of the page. It is entered only if all of it may be executed; what it cannot do, it
leaves to the interpreter at exactly that instruction. So control leaves translated code only between two instructions,
and then the registers, h.pc and the number of instructions that remain are right.

Arguments that several functions have:

    code            int64, the machine's decoded instructions (`vm.core.packed`)
    first           the index of the page's first one: the number of the page in RAM, times CODE_ENTRIES
    leaders         uint8[PAGE_PARCELS + 1]: 1 where a block begins
    entries         int64[PAGE_PARCELS]: addresses of the blocks' code by their leaders, 0 where there is none
    arena, base     uint8, executable memory, and its address
    blob, plan      the stencils (`vm.translator.layout`)
    scratch         int64[SCRATCH], what lasts from one of these functions to the next

Parcels are counted within the page.
"""

from trapline.isa.sv32 import PAGE, PAGE_PARCELS
from trapline.isa.word import HALFWORD
from trapline.vm.core.ints import U8, U64
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RD, PACKED_RS1, PACKED_RS2, REGISTER, STRICT
from trapline.vm.translator.layout import (
    BRANCH,
    BUDGET,
    DIRECT,
    EXIT,
    FIRST_HOLE,
    FLOW,
    GO,
    HOLE_ADDEND_SHIFT,
    HOLE_BYTE,
    HOLE_KIND_SHIFT,
    HOLE_OFFSET,
    HOLE_WIDTH_SHIFT,
    HOLES,
    IMM,
    INDIRECT,
    JUMP_WIDTH,
    LEAVE,
    LENGTH,
    LINK,
    MAP,
    NEXT,
    NEXT_PC,
    NO_STENCIL,
    ONWARD,
    PARCELS,
    PC,
    PC_FIELD,
    PLACE_OFFSET,
    PLACE_SHIFT,
    RD,
    REGISTER_BYTES,
    ROW,
    RS1,
    RS2,
    START,
    TAKEN,
)

TARGET_BLOCK = 1 << 32
"""Set in the target of a jump that goes to a block, if there is one; below is the PLACE where it leaves if not."""

AT = 0
"""Word of `scratch`: where in the arena the next stencil goes."""
END = 1
"""Where the arena must not be written."""
BASE = 2
OUT_AT = 3
ENTRIES_AT = 4
"""Addresses of the arena, of OUT, and of `entries`."""
FIX_COUNT = 5
FIXES = 6
"""From here on the jumps whose targets are not known yet, FIX words each: where in the arena, and the target."""
FIX = 2
LEAVES = FIXES + FIX * 4 * PAGE_PARCELS
"""From here on, for each parcel and the end of the page, where in the arena its LEAVE is, NOWHERE if it has none."""
SCRATCH = LEAVES + PAGE_PARCELS + 1

NOWHERE = -1
"""No parcel, no place."""


def rd_of(d):
    """The number of rd."""
    return (d >> PACKED_RD) & REGISTER


def after(d, parcel, plan):
    """The parcel behind an instruction; the same one if it is not decoded, or not legal."""
    return parcel + plan[U64(ROW * (d & OP) + PARCELS)]


def flow_of(d, parcel, plan):
    """FLOW of an instruction in a page's code.

    What may jump where no instruction can begin has none, nor has a jump by an immediate to another page.
    """
    flow = plan[U64(ROW * (d & OP) + FLOW)]
    if after(d, parcel, plan) > PAGE_PARCELS:
        return NO_STENCIL
    if flow == BRANCH and d & STRICT:
        return NO_STENCIL
    if flow == DIRECT:
        target = HALFWORD * parcel + (d >> PACKED_IMM)
        if target < 0 or target >= PAGE or (target & HALFWORD and d & STRICT):
            return NO_STENCIL
    return flow


def target_of(d, parcel):
    """The parcel that a branch or a jump by an immediate goes to, NOWHERE in another page."""
    target = parcel + (d >> (PACKED_IMM + 1))
    if target < 0 or target >= PAGE_PARCELS:
        return NOWHERE
    return target


def mark_leaders(code, first, leaders, plan, scratch):
    """Make leaders of what can be reached from the leaders there are.

    These are targets of jumps, what follows a jump, and what follows an instruction that the interpreter executes; and
    where two ways meet, so that no instruction is in two blocks: the code of a page has a limit, whatever is in it.
    """
    count = 0
    for parcel in range(PAGE_PARCELS):
        scratch[U64(LEAVES + parcel)] = 0
        if leaders[U64(parcel)]:
            scratch[U64(FIXES + count)] = parcel
            count += 1
    while count > 0:
        count -= 1
        parcel = scratch[U64(FIXES + count)]
        while parcel < PAGE_PARCELS:
            if scratch[U64(LEAVES + parcel)]:
                leaders[U64(parcel)] = U8(1)
                break
            scratch[U64(LEAVES + parcel)] = 1
            d = code[U64(first + parcel)]
            flow = flow_of(d, parcel, plan)
            behind = after(d, parcel, plan)
            if flow == BRANCH or flow == DIRECT:
                target = target_of(d, parcel)
                if target != NOWHERE and leaders[U64(target)] == 0:
                    leaders[U64(target)] = U8(1)
                    scratch[U64(FIXES + count)] = target
                    count += 1
            if behind == parcel or behind > PAGE_PARCELS:
                break
            if flow != ONWARD:
                leaders[U64(behind)] = U8(1)
            parcel = behind


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


def leaving_place(parcel, undone):
    """PLACE of an instruction, when so many of its block are not done."""
    return (undone << PLACE_SHIFT) | (HALFWORD * parcel)


def write(arena, at, value, width):
    """Put the low `width` bytes of a number into the arena."""
    for i in range(width):
        arena[U64(at + i)] = U8((value >> (8 * i)) & HOLE_BYTE)


def register_offset(number):
    """Where the hart's record has a register."""
    return REGISTER_BYTES * (number & REGISTER)


def value_of(kind, d, parcel, extra, plan, entries_at):
    """What goes into a hole that is no jump; BLOCK and PLACE are `extra`."""
    if kind == RD:
        return register_offset(rd_of(d)) if rd_of(d) else PC_FIELD
    if kind == RS1:
        return register_offset(d >> PACKED_RS1)
    if kind == RS2:
        return register_offset(d >> PACKED_RS2)
    if kind == IMM:
        return d >> PACKED_IMM
    if kind == PC:
        return HALFWORD * parcel
    if kind == NEXT_PC:
        return HALFWORD * after(d, parcel, plan)
    if kind == MAP:
        return entries_at
    return extra


def put(arena, blob, plan, scratch, number, d, parcel, extra, taken, miss):
    """Copy a stencil for the instruction `d` at `parcel`, and fill its holes.

    taken, miss: where its jumps go, a PLACE that may have TARGET_BLOCK. Once the arena is full nothing is written, and
    AT is NOWHERE.
    """
    row = ROW * number
    at = scratch[AT]
    end = at + plan[U64(row + LENGTH)]
    if at == NOWHERE or end > scratch[END]:
        scratch[AT] = NOWHERE
        return
    source = plan[U64(row + START)] - at
    for i in range(at, end):
        arena[U64(i)] = blob[U64(source + i)]
    holes = plan[U64(row + FIRST_HOLE)]
    for i in range(holes, holes + plan[U64(row + HOLES)]):
        hole = plan[U64(i)]
        where = at + (hole & HOLE_OFFSET)
        kind = (hole >> HOLE_KIND_SHIFT) & HOLE_BYTE
        width = (hole >> HOLE_WIDTH_SHIFT) & HOLE_BYTE
        if kind < NEXT:
            value = value_of(kind, d, parcel, extra, plan, scratch[ENTRIES_AT]) + (hole >> HOLE_ADDEND_SHIFT)
            write(arena, where, value, width)
        elif kind == NEXT:
            write(arena, where, end - (where + width), width)
        elif kind == EXIT:
            write(arena, where, scratch[OUT_AT] - (scratch[BASE] + where + width), width)
        else:
            fix = FIXES + FIX * scratch[FIX_COUNT]
            scratch[U64(fix)] = where
            scratch[U64(fix + 1)] = taken if kind == TAKEN else miss
            scratch[FIX_COUNT] = scratch[FIX_COUNT] + 1
    scratch[AT] = end


def emit_block(code, first, leader, count, arena, blob, plan, scratch):
    """The code of a block of so many instructions; answers the parcel where it goes on, NOWHERE if it has jumped."""
    d = code[U64(first + leader)]
    put(arena, blob, plan, scratch, BUDGET, d, leader, count, 0, leaving_place(leader, count))
    parcel = leader
    for undone in range(count, 0, -1):
        d = code[U64(first + parcel)]
        flow = plan[U64(ROW * (d & OP) + FLOW)]
        here = leaving_place(parcel, undone)
        if flow == DIRECT:
            if rd_of(d):
                put(arena, blob, plan, scratch, LINK, d, parcel, 0, 0, 0)
            return target_of(d, parcel)
        taken = here
        if flow == BRANCH and target_of(d, parcel) != NOWHERE:
            taken = TARGET_BLOCK | leaving_place(target_of(d, parcel), 0)
        put(arena, blob, plan, scratch, d & OP, d, parcel, 0, taken, here)
        parcel = after(d, parcel, plan)
        if flow == INDIRECT:
            return NOWHERE
    return parcel


def leave_at(place, arena, blob, plan, scratch):
    """Where in the arena the LEAVE with this PLACE is; NOWHERE if the arena is full.

    An instruction is in one block, so it has one PLACE.
    """
    known = LEAVES + (place & PLACE_OFFSET) // HALFWORD
    if scratch[U64(known)] == NOWHERE:
        scratch[U64(known)] = scratch[AT]
        put(arena, blob, plan, scratch, LEAVE, 0, 0, place, 0, 0)
    return scratch[U64(known)]


def connect(entries, arena, blob, plan, scratch):
    """Let the jumps go where they are to go."""
    for i in range(scratch[FIX_COUNT]):
        where = scratch[U64(FIXES + FIX * i)]
        target = scratch[U64(FIXES + FIX * i + 1)]
        parcel = (target & PLACE_OFFSET) // HALFWORD
        if target & TARGET_BLOCK and parcel < PAGE_PARCELS and entries[U64(parcel)]:
            to = entries[U64(parcel)] - scratch[BASE]
        else:
            to = leave_at(target & ~TARGET_BLOCK, arena, blob, plan, scratch)
        write(arena, where, to - (where + JUMP_WIDTH), JUMP_WIDTH)


def emit_page(code, first, leaders, entries, entries_at, arena, base, at, end, out, blob, plan, scratch):
    """Write the code of a page into `arena`, from `at` and before `end`, and its addresses into `entries`.

    leaders: receives those that follow from the ones that are there. entries_at: the address of `entries`, in which
    computed jumps look their targets up as long as the code is there. out: the address of OUT (`emit_glue`).
    Answers how many bytes it has: 0 if nothing is translated or it does not fit, and then all entries are 0.
    """
    mark_leaders(code, first, leaders, plan, scratch)
    for i in range(LEAVES, SCRATCH):
        scratch[U64(i)] = NOWHERE
    scratch[AT] = at
    scratch[END] = end
    scratch[BASE] = base
    scratch[OUT_AT] = out
    scratch[ENTRIES_AT] = entries_at
    scratch[FIX_COUNT] = 0
    onward = NOWHERE
    for leader in range(PAGE_PARCELS):
        entries[U64(leader)] = 0
        count = 0
        if leaders[U64(leader)]:
            count = block_length(code, first, leaders, leader, plan)
        if count:
            if onward != NOWHERE and onward != leader:
                put(arena, blob, plan, scratch, GO, 0, 0, 0, TARGET_BLOCK | leaving_place(onward, 0), 0)
            entries[U64(leader)] = base + scratch[AT]
            onward = emit_block(code, first, leader, count, arena, blob, plan, scratch)
    if onward != NOWHERE:
        put(arena, blob, plan, scratch, GO, 0, 0, 0, TARGET_BLOCK | leaving_place(onward, 0), 0)
    if scratch[AT] != NOWHERE:
        connect(entries, arena, blob, plan, scratch)
    if scratch[AT] == NOWHERE:
        for leader in range(PAGE_PARCELS):
            entries[U64(leader)] = 0
        return 0
    return scratch[AT] - at


def emit_glue(number, arena, at, blob, plan):
    """Write OUT or DOOR into the arena, which have no holes; answers how many bytes it has."""
    length = plan[U64(ROW * number + LENGTH)]
    for i in range(length):
        arena[U64(at + i)] = blob[U64(plan[U64(ROW * number + START)] + i)]
    return length
