"""A page's machine code, copied from stencils. It runs compiled, as part of the engine, and as plain Python.

A page's code is made of *blocks*. A block begins at a leader and ends before the next one, behind a jump, before what
has no stencil, and at the end of the page. It is entered only if all of it may be executed; what it cannot do, it
leaves to the interpreter at exactly that instruction. So control leaves translated code only between two instructions,
and then the registers, h.pc and the number of instructions that remain are right.

Arguments that several functions have:

    code            int64, the machine's decoded instructions (`vm.core.packed`)
    first           the index of the page's first one: the number of the page in RAM, times CODE_ENTRIES
    leaders         uint8[PAGE_PARCELS + 1]: not 0 where a block begins
    entries         int64[PAGE_PARCELS]: addresses of the blocks' code by their leaders, 0 where there is none
    arena, base     uint8, executable memory, and its address
    blob, plan      the stencils (`vm.translator.layout`)
    scratch         int64[SCRATCH], what lasts from one of these functions to the next

Parcels are counted within the page.
"""

from trapline.isa.sv32 import PAGE, PAGE_PARCELS
from trapline.isa.word import HALFWORD, MASK
from trapline.vm.core.ints import U8, U64
from trapline.vm.core.packed import OP, PACKED_IMM, PACKED_RS1, PACKED_RS2, REGISTER, STRICT_SHIFT
from trapline.vm.translator.flow import (
    LOOP,
    NOWHERE,
    WALK_SCRATCH,
    after,
    block_length,
    mark_loops,
    rd_of,
    stencil_of,
    target_of,
    target_offset,
)
from trapline.vm.translator.layout import (
    AGAIN,
    BRANCH,
    BUDGET,
    DIRECT,
    EXIT,
    FAR,
    FIRST_HOLE,
    FLOW,
    FORBIDDEN,
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
    ONTO,
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
    UIMM,
)

TO_BLOCK = 1 << 32
"""Set in the target of a jump that goes to a block, if there is one; below is the PLACE where it leaves if not."""
TO_PAGE = 2 << 32
"""Set in that of one that goes to another page; below is where, from the begin of this one, modulo 2^32."""
TO_ARENA = 3 << 32
"""Set in that of one that goes on in the middle of a block; below is where in the arena."""
TARGET = (1 << 32) - 1
"""The bits below."""

AT = 0
"""Word of `scratch`: where in the arena the next stencil goes."""
END = 1
"""Where the arena must not be written."""
BASE = 2
OUT_AT = 3
CHAIN_AT = 4
ENTRIES_AT = 5
"""Addresses of the arena, of OUT, of CHAIN, and of `entries`."""
FIX_COUNT = 6
FIXES = 7
"""From here on the jumps whose targets are not known yet, FIX words each: where in the arena, and the target."""
FIX = 2
MOST_FIXES = 6
"""Such jumps for each parcel: of its block's budget, two of an instruction, as many where it is tried again, and one
where the block goes on."""
AGAIN_COUNT = FIXES + FIX * MOST_FIXES * PAGE_PARCELS
AGAINS = AGAIN_COUNT + 1
"""From here on the stores that are tried again: which of the jumps goes there, where the next instruction is, and the
PLACE of this one."""
TRIED = 3
LEAVES = AGAINS + TRIED * PAGE_PARCELS
"""From here on, for each parcel, where in the arena its LEAVE is, NOWHERE if it has none."""
SCRATCH = max(LEAVES + PAGE_PARCELS, WALK_SCRATCH)


LINE = 64
"""Bytes of a line of the processor's caches of instructions."""
BEFORE_LINE = 8
"""Where a block begins that ends a loop: so far before the end of a line, which BUDGET crosses. A loop of a sieve takes
up to a sixth longer elsewhere; others do not care."""
FILLED = 12
"""Bytes that are filled with instructions without effect; more are jumped over."""
NOTHING = 0x90
"""The x86 instruction without effect."""


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
    if kind == UIMM:
        return (d >> PACKED_RS1) & REGISTER
    if kind == IMM:
        return d >> PACKED_IMM
    if kind == PC:
        return HALFWORD * parcel
    if kind == NEXT_PC:
        return HALFWORD * after(d, parcel, plan)
    if kind == MAP:
        return entries_at
    if kind == FORBIDDEN:
        return (d >> STRICT_SHIFT) & HALFWORD
    return extra


def put(arena, blob, plan, scratch, number, d, parcel, extra, taken, miss):
    """Copy a stencil for the instruction `d` at `parcel`, and fill its holes.

    taken, miss: where its jumps go, a PLACE or one of TO_BLOCK, TO_PAGE and TO_ARENA. Once the arena is full nothing
    is written, and AT is NOWHERE.
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
        elif kind == ONTO:
            write(arena, where, scratch[CHAIN_AT] - (scratch[BASE] + where + width), width)
        else:
            fix = FIXES + FIX * scratch[FIX_COUNT]
            scratch[U64(fix)] = where
            scratch[U64(fix + 1)] = taken if kind == TAKEN else miss
            scratch[FIX_COUNT] = scratch[FIX_COUNT] + 1
    scratch[AT] = end


def go_on(onward, arena, blob, plan, scratch):
    """Where the block before does not fall through: to this parcel, if any, which may be the next page's first."""
    if onward == PAGE_PARCELS:
        put(arena, blob, plan, scratch, FAR, 0, 0, PAGE, 0, 0)
    elif onward != NOWHERE:
        put(arena, blob, plan, scratch, GO, 0, 0, 0, TO_BLOCK | leaving_place(onward, 0), 0)


def padding_before(leaders, leader, scratch):
    """Bytes that are to come before a block, for the sake of its place."""
    if leaders[U64(leader)] != LOOP or scratch[AT] == NOWHERE:
        return 0
    return (LINE - BEFORE_LINE - scratch[AT]) & (LINE - 1)


def fill(arena, scratch, padding):
    """So many bytes of instructions without effect."""
    if scratch[AT] == NOWHERE or scratch[AT] + padding > scratch[END]:
        scratch[AT] = NOWHERE
        return
    for i in range(padding):
        arena[U64(scratch[AT] + i)] = U8(NOTHING)
    scratch[AT] = scratch[AT] + padding


def taken_by(d, parcel):
    """Where a branch goes that is taken."""
    target = target_of(d, parcel)
    if target == NOWHERE:
        return TO_PAGE | (target_offset(d, parcel) & MASK)
    return TO_BLOCK | leaving_place(target, 0)


def note_again(scratch, place):
    """The store that has just been put there is tried again where its last jump goes now."""
    at = AGAINS + TRIED * scratch[AGAIN_COUNT]
    scratch[U64(at)] = scratch[FIX_COUNT] - 1
    scratch[U64(at + 1)] = scratch[AT]
    scratch[U64(at + 2)] = place
    scratch[AGAIN_COUNT] = scratch[AGAIN_COUNT] + 1


def emit_block(code, first, leader, count, near_tohost, arena, blob, plan, scratch):
    """The code of a block of so many instructions; answers the parcel where it goes on, NOWHERE if it has jumped."""
    d = code[U64(first + leader)]
    put(arena, blob, plan, scratch, BUDGET, d, leader, count, 0, leaving_place(leader, count))
    parcel = leader
    for undone in range(count, 0, -1):
        d = code[U64(first + parcel)]
        number = stencil_of(d, plan)
        flow = plan[U64(ROW * number + FLOW)]
        here = leaving_place(parcel, undone)
        if flow == DIRECT:
            if rd_of(d):
                put(arena, blob, plan, scratch, LINK, d, parcel, 0, 0, 0)
            if target_of(d, parcel) != NOWHERE:
                return target_of(d, parcel)
            put(arena, blob, plan, scratch, FAR, d, parcel, target_offset(d, parcel) & MASK, 0, 0)
            return NOWHERE
        taken = taken_by(d, parcel) if flow == BRANCH else here
        put(arena, blob, plan, scratch, number, d, parcel, 0, taken, here)
        if near_tohost and plan[U64(ROW * number + AGAIN)] and scratch[AT] != NOWHERE:
            note_again(scratch, here)
        parcel = after(d, parcel, plan)
        if flow == INDIRECT:
            return NOWHERE
    return parcel


def try_again(code, first, arena, blob, plan, scratch):
    """Behind all blocks, the stores that are tried again."""
    for i in range(scratch[AGAIN_COUNT]):
        at = AGAINS + TRIED * i
        place = scratch[U64(at + 2)]
        d = code[U64(first + (place & PLACE_OFFSET) // HALFWORD)]
        scratch[U64(FIXES + FIX * scratch[U64(at)] + 1)] = TO_ARENA | scratch[AT]
        put(arena, blob, plan, scratch, plan[U64(ROW * (d & OP) + AGAIN)], d, 0, 0, 0, place)
        put(arena, blob, plan, scratch, GO, 0, 0, 0, TO_ARENA | scratch[U64(at + 1)], 0)


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
        kind = scratch[U64(FIXES + FIX * i + 1)] & ~TARGET
        target = scratch[U64(FIXES + FIX * i + 1)] & TARGET
        if kind == TO_ARENA:
            to = target
        elif kind == TO_PAGE:
            to = scratch[AT]
            put(arena, blob, plan, scratch, FAR, 0, 0, target, 0, 0)
        elif kind == TO_BLOCK and entries[U64((target & PLACE_OFFSET) // HALFWORD)]:
            to = entries[U64((target & PLACE_OFFSET) // HALFWORD)] - scratch[BASE]
        else:
            to = leave_at(target, arena, blob, plan, scratch)
        write(arena, where, to - (where + JUMP_WIDTH), JUMP_WIDTH)


def emit_page(
    code, first, leaders, near_tohost, entries, entries_at, arena, base, at, end, out, chain, blob, plan, scratch
):
    """Write the code of a page into `arena`, from `at` and before `end`, and its addresses into `entries`.

    leaders: all there are (`vm.translator.flow`). near_tohost: whether stores that miss the TLB are tried again, for a
    page of the guest's has `tohost`. entries_at: the address of `entries`, in which computed jumps look their targets
    up as long as the code is there. out, chain: the addresses of OUT and CHAIN (`emit_glue`).
    Answers how many bytes it has: 0 if nothing is translated or it does not fit, and then all entries are 0.
    """
    for i in range(LEAVES, LEAVES + PAGE_PARCELS):
        scratch[U64(i)] = NOWHERE
    scratch[AT] = at
    scratch[END] = end
    scratch[BASE] = base
    scratch[OUT_AT] = out
    scratch[CHAIN_AT] = chain
    scratch[ENTRIES_AT] = entries_at
    scratch[FIX_COUNT] = 0
    scratch[AGAIN_COUNT] = 0
    mark_loops(code, first, leaders, plan)
    onward = NOWHERE
    for leader in range(PAGE_PARCELS):
        entries[U64(leader)] = 0
        count = 0
        if leaders[U64(leader)]:
            count = block_length(code, first, leaders, leader, plan)
        if count:
            if onward != leader or padding_before(leaders, leader, scratch) > FILLED:
                go_on(onward, arena, blob, plan, scratch)
            fill(arena, scratch, padding_before(leaders, leader, scratch))
            entries[U64(leader)] = base + scratch[AT]
            onward = emit_block(code, first, leader, count, near_tohost, arena, blob, plan, scratch)
    go_on(onward, arena, blob, plan, scratch)
    if scratch[AT] != NOWHERE:
        try_again(code, first, arena, blob, plan, scratch)
    if scratch[AT] != NOWHERE:
        connect(entries, arena, blob, plan, scratch)
    if scratch[AT] == NOWHERE:
        for leader in range(PAGE_PARCELS):
            entries[U64(leader)] = 0
        return 0
    return scratch[AT] - at


def emit_glue(number, arena, at, blob, plan):
    """Write OUT, CHAIN or DOOR into the arena, which have no holes; answers how many bytes it has."""
    length = plan[U64(ROW * number + LENGTH)]
    for i in range(length):
        arena[U64(at + i)] = blob[U64(plan[U64(ROW * number + START)] + i)]
    return length
