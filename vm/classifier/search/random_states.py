"""Draws the random states of trials: registers, configuration, memory, and the rest of the setup.

These functions run compiled and as plain Python (`batch`); arrays are int64. They draw from a pseudo-random sequence,
so that state `number` of a row is the same in every run.
"""

from trapline.vm.classifier.definitions.memory import CONTENT, PAGE, PAGES, RAM_BASE, RAM_SIZE, WINDOW
from trapline.vm.classifier.search.states import (
    LINES,
    MIE,
    MIP,
    PC,
    ROW_CSRS,
    ROW_FREE,
    ROW_MATCH,
    ROW_NARROW,
    ROW_RS1,
    ROW_SLICES,
    ROW_TABLES,
    SETUP_OTHER_RELOCATION,
    SETUP_OTHER_TIME,
    SETUP_RELOCATION,
    SETUP_RESERVED,
    SETUP_TIME,
    SETUP_WORD,
    X,
)


def next_random(random):
    """The next word of a pseudo-random sequence (xorshift32); random[0] holds the last one and is never 0."""
    x = random[0]
    x = x ^ ((x << 13) & 0xFFFFFFFF)
    x = x ^ (x >> 17)
    x = x ^ ((x << 5) & 0xFFFFFFFF)
    random[0] = x
    return x


def start_random(random, seed, number):
    """Seed the sequence of state `number`."""
    x = (seed * 0x9E3779B1 + number * 0x85EBCA77 + 0x165667B1) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    random[0] = x if x != 0 else 1


CHOICE = 7
"""The bits of a random word that choose the kind of a value, of which these are special."""
SMALL, NEGATIVE, ONE_BIT = range(3)


def draw_value(random):
    """A register value that does not point near RAM: any, small, small and negative, or a single bit."""
    r = next_random(random)
    v = next_random(random)
    if r & CHOICE == SMALL:
        v = v & 31
    elif r & CHOICE == NEGATIVE:
        v = (0 - (v & 31)) & 0xFFFFFFFF
    elif r & CHOICE == ONE_BIT:
        v = 1 << (v & 31)
    if ((v - RAM_BASE + 2 * PAGE) & 0xFFFFFFFF) < RAM_SIZE + 4 * PAGE:
        v = v ^ 0x40000000
    return v


def draw_word(row, random):
    """An instruction word of the row; half of them use few registers, so that operands often coincide."""
    word = row[ROW_MATCH] | (next_random(random) & row[ROW_FREE])
    if next_random(random) & 1:
        word = word & ~row[ROW_NARROW]
    count = row[ROW_CSRS]
    if count > 0:
        chosen = next_random(random) % count
        word = word | (row[ROW_TABLES + 3 * row[ROW_SLICES] + chosen] << 20)
    return word


def immediate(row, word):
    """The immediate of the word, sign-extended."""
    value = 0
    top = 0
    for i in range(row[ROW_SLICES]):
        low = row[ROW_TABLES + 3 * i]
        width = row[ROW_TABLES + 3 * i + 1]
        start = row[ROW_TABLES + 3 * i + 2]
        value = value | (((word >> low) & ((1 << width) - 1)) << start)
        if start + width > top:
            top = start + width
    if top > 0 and (value >> (top - 1)) & 1:
        value = value - (1 << top)
    return value


def draw_configuration(reset, draws, random, state):
    """Fill `state`: random values for what `draws` lists, reset values for the rest."""
    for i in range(len(state)):
        state[i] = reset[i]
    for i in range(len(draws)):
        r = next_random(random)
        value = ((next_random(random) << 31) ^ r) & draws[i][1]
        state[draws[i][0]] = draws[i][2] | value | ((value >> 1) & draws[i][3])
    if next_random(random) & 3:
        # A pending and enabled interrupt would be taken in U mode, and mostly in the other modes too.
        state[LINES] = state[LINES] & ~state[MIE]
        state[MIP] = (state[MIP] & ~state[MIE]) | reset[MIP]
        state[MIE] = (state[MIE] & ~state[MIP]) | reset[MIE]


def draw_state(tables, work):
    """Draw a state into `work`: base, other, setup and content."""
    row, random, base, setup = tables.row, work.random, work.base, work.setup
    draw_configuration(tables.reset, tables.draws, random, base)
    draw_configuration(tables.reset, tables.draws, random, work.other)
    word = draw_word(row, random)
    for i in range(1, 32):
        base[X + i] = draw_value(random)
    slot = next_random(random) & 7
    page = next_random(random) % PAGES
    r = next_random(random)
    target = page * PAGE + WINDOW + (r % 29 if r & 0x300 == 0 else r & 28)
    if row[ROW_RS1] and r & 0x3000 != 0:
        rs1 = (word >> 15) & 31
        if rs1 != 0:
            base[X + rs1] = (RAM_BASE + target - immediate(row, word)) & 0xFFFFFFFF
    base[PC] = RAM_BASE + WINDOW + 4 * slot
    setup[SETUP_WORD] = word
    count = len(tables.relocations)
    setup[SETUP_RELOCATION] = next_random(random) % count
    setup[SETUP_OTHER_RELOCATION] = (setup[SETUP_RELOCATION] + 1 + next_random(random) % (count - 1)) % count
    setup[SETUP_TIME] = (next_random(random) << 20) ^ next_random(random)
    setup[SETUP_OTHER_TIME] = (next_random(random) << 20) ^ next_random(random)
    setup[SETUP_RESERVED] = -1
    if r & 0x10000:
        setup[SETUP_RESERVED] = target & ~3
        if r & 0x20000:
            setup[SETUP_RESERVED] = page * PAGE + WINDOW + ((r >> 20) & 28)
    for i in range(CONTENT):
        work.content[i] = draw_value(random)
    work.content[slot] = word
