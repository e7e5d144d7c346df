"""Trying an instruction: make a random state, let the engine do one step in twelve variants of it, compare.

These functions run compiled and as plain Python (`vm.classifier.search.batch`); arrays are int64 unless said otherwise.
Variant 4 * m + v of a state is in mode m (0 U, 1 S, 2 M) and differs from variant 4 * m in nothing (v = 0), in
relocation (1), in trap and interrupt configuration (2) or in time (3). Variants 0, 4 and 8 differ in mode.
`step(call)` is one step of the engine.
"""

from collections.abc import Callable

from trapline.isa.trap import pending_interrupt
from trapline.vm.classifier.definitions.memory import (
    CONTENT,
    FRAMES_B,
    PAGE,
    PAGES,
    RAM_BASE,
    RAM_SIZE,
    WINDOW,
    WINDOW_WORDS,
)
from trapline.vm.classifier.search.states import (
    CASE_OTHER_RELOCATION,
    CASE_OTHER_TIME,
    CASE_RELOCATION,
    CASE_RESERVED,
    CASE_TIME,
    CASE_WORD,
    CODE_EPOCH,
    DROPPED,
    EXIT_CAUSE,
    GENERATION,
    HART_WORDS,
    LINES,
    MEMORY,
    MIE,
    MIP,
    MODE,
    MPRV,
    MSTATUS,
    PC,
    PMPADDR,
    PMPCFG,
    RESERVATION,
    ROW_CSRS,
    ROW_FREE,
    ROW_MATCH,
    ROW_NARROW,
    ROW_RS1,
    ROW_SLICES,
    ROW_TABLES,
    SATP,
    STALE,
    TIME_BASE,
    WAITS,
    X,
)
from trapline.vm.core.ints import I64, U32, U64

step: Callable[..., int]
"""Provided where this is made ready, so nothing is bound here."""

EXECUTED = 0
TRAPPED = 1
SET_ASIDE = 2
"""Outcomes: the last for memory traps, and for states in which an interrupt would come first."""

MEMORY_TRAPS = 0b1011_0000_1111_0011
"""Causes 0, 1, 4 to 7, 12, 13, 15: misaligned addresses, access faults and page faults."""
VARIANTS = 12
QUESTIONS = 21
"""In the order of `definitions.questions.QUESTIONS`; `answers` holds as many counts, then as many findings."""
PAIRS = 42
FAILED = 43
ANSWERS = 44
"""Behind them: pairs compared, and a status of the engine that none of this expects."""


def next_random(random):
    """The next word of a pseudo-random sequence (xorshift); random[0] is the last one and never 0."""
    x = random[0]
    x = x ^ ((x << 13) & 0xFFFFFFFF)
    x = x ^ (x >> 17)
    x = x ^ ((x << 5) & 0xFFFFFFFF)
    random[0] = x
    return x


def start_random(random, seed, number):
    """Begin the sequence of state `number`."""
    x = (seed * 0x9E3779B1 + number * 0x85EBCA77 + 0x165667B1) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    random[0] = x if x != 0 else 1


def draw_value(random):
    """A register value away from RAM: any, or a small, negative or one-bit one."""
    r = next_random(random)
    v = next_random(random)
    if r & 7 == 0:
        v = v & 31
    elif r & 7 == 1:
        v = (0 - (v & 31)) & 0xFFFFFFFF
    elif r & 7 == 2:
        v = 1 << (v & 31)
    if ((v - RAM_BASE + 2 * PAGE) & 0xFFFFFFFF) < RAM_SIZE + 4 * PAGE:
        v = v ^ 0x40000000
    return v


def draw_word(row, random):
    """An instruction word of the row; half of them use few registers, so that operands are often the same."""
    word = row[ROW_MATCH] | (next_random(random) & row[ROW_FREE])
    if next_random(random) & 1:
        word = word & ~row[ROW_NARROW]
    count = row[ROW_CSRS]
    if count > 0:
        chosen = next_random(random) % count
        word = word | (row[ROW_TABLES + 3 * row[ROW_SLICES] + chosen] << 20)
    return word


def immediate(row, word):
    """The immediate of the word, with no sign: added to an address it is right in the low bits."""
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
    """Fill `state` with random values of everything that `draws` lists, and the rest as after reset."""
    for i in range(len(state)):
        state[i] = reset[i]
    for i in range(len(draws)):
        r = next_random(random)
        value = ((next_random(random) << 31) ^ r) & draws[i][1]
        state[draws[i][0]] = draws[i][2] | value | ((value >> 1) & draws[i][3])
    if next_random(random) & 3:
        # An interrupt that is pending and enabled would be taken in U mode, and mostly in the others too.
        state[LINES] = state[LINES] & ~state[MIE]
        state[MIP] = (state[MIP] & ~state[MIE]) | reset[MIP]
        state[MIE] = (state[MIE] & ~state[MIP]) | reset[MIE]


def draw_state(row, reset, draws, relocations, random, base, other, case, content):
    """Draw a state: `base`, with what variants replace in `other`, `case`, and the words of the windows."""
    draw_configuration(reset, draws, random, base)
    draw_configuration(reset, draws, random, other)
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
    case[CASE_WORD] = word
    count = len(relocations)
    case[CASE_RELOCATION] = next_random(random) % count
    case[CASE_OTHER_RELOCATION] = (case[CASE_RELOCATION] + 1 + next_random(random) % (count - 1)) % count
    case[CASE_TIME] = (next_random(random) << 20) ^ next_random(random)
    case[CASE_OTHER_TIME] = (next_random(random) << 20) ^ next_random(random)
    case[CASE_RESERVED] = -1
    if r & 0x10000:
        case[CASE_RESERVED] = target & ~3
        if r & 0x20000:
            case[CASE_RESERVED] = page * PAGE + WINDOW + ((r >> 20) & 28)
    for i in range(CONTENT):
        content[i] = draw_value(random)
    content[slot] = word


def put_content(ram32, code, content):
    """Write the windows, in both sets of frames, and forget what was decoded there."""
    for page in range(PAGES):
        for frames in (0, FRAMES_B):
            first = (frames + page * PAGE + WINDOW) >> 2
            for i in range(WINDOW_WORDS):
                ram32[U64(first + i)] = U32(content[page * WINDOW_WORDS + i])
    for number in (0, PAGES):
        for i in range(WINDOW_WORDS):
            code[U64(number * 1025 + (WINDOW >> 2) + i)] = 0


def data_frames(state, frames):
    """Offset of the frames in which data of the state is.

    "When MPRV=1, load and store memory addresses are translated and protected ... as though the current privilege
    mode were set to MPP." (3.1.6.3)
    """
    mode = state[MODE]
    if mode == 3 and state[MSTATUS] & MPRV:
        mode = (state[MSTATUS] >> 11) & 3
    return 0 if mode == 3 else frames


def make_variant(base, other, case, configuration, time, relocations, k, before):
    """Fill `before`, [STATE_WORDS], with variant k."""
    for i in range(len(before)):
        before[i] = base[i]
    if k & 3 == 2:
        for i in range(len(configuration)):
            before[configuration[i]] = other[configuration[i]]
    if k & 3 == 3:
        for i in range(len(time)):
            before[time[i]] = other[time[i]]
    before[MODE] = k >> 2 if k < 8 else 3
    if k < 8:
        # MPRV is 0 below M mode: xRET clears it.
        before[MSTATUS] = before[MSTATUS] & ~MPRV
    chosen = relocation_of(case, k)
    before[SATP] = relocations[chosen][0]
    before[PMPCFG] = relocations[chosen][1]
    before[PMPADDR] = relocations[chosen][2]
    before[RESERVATION] = case[CASE_RESERVED]


def relocation_of(case, k):
    """The number of the relocation of variant k."""
    return case[CASE_OTHER_RELOCATION] if k & 3 == 1 else case[CASE_RELOCATION]


def run_variant(h, hart, machine, ram32, code, call, before, after, content, frames, code_pte, mtime):
    """Do one step from `before` and fill `after`; the outcome. h: the record whose words are `hart`.

    In both states `reservation` is an offset from the first vaddr.
    """
    data = data_frames(before, frames)
    generation = hart[GENERATION]
    epoch = hart[CODE_EPOCH]
    for i in range(HART_WORDS):
        hart[i] = before[i]
    if before[RESERVATION] >= 0:
        hart[RESERVATION] = before[RESERVATION] + data
    hart[GENERATION] = generation
    hart[CODE_EPOCH] = epoch
    hart[STALE] = 1
    machine[TIME_BASE] = mtime
    if code_pte >= 0:
        pte = I64(ram32[U64(code_pte)]) & ~16
        if before[MODE] != 1:
            pte = pte | 16
        ram32[U64(code_pte)] = U32(pte)
    if pending_interrupt(h) >= 0:
        return SET_ASIDE
    status = step(call)  # noqa: F821  (bound where this is made ready)
    for i in range(HART_WORDS):
        after[i] = hart[i]
    after[WAITS] = 1 if status == -3 else 0
    # The state itself begins with dropping all translations.
    after[DROPPED] = 1 if hart[GENERATION] + hart[STALE] > generation + 1 else 0
    if after[RESERVATION] >= 0:
        after[RESERVATION] = after[RESERVATION] - data
    after[MEMORY] = restore_content(ram32, code, content, data)
    return status


def restore_content(ram32, code, content, frames):
    """Put back what the instruction has written to the windows, and return a number that stands for it, 0 for none."""
    seen = 0
    for page in range(PAGES):
        first = (frames + page * PAGE + WINDOW) >> 2
        for i in range(WINDOW_WORDS):
            value = I64(ram32[U64(first + i)])
            if value != content[page * WINDOW_WORDS + i]:
                seen = (seen * 0x2F0B4C47 + (value << 6) + page * WINDOW_WORDS + i + 1) & 0xFFFFFFFFFFFF
                ram32[U64(first + i)] = U32(content[page * WINDOW_WORDS + i])
                if page == 0:
                    code[U64((frames >> 12) * 1025 + (WINDOW >> 2) + i)] = 0
    return seen


def outcome_of(status, cause, answers):
    """What came out of a step: see EXECUTED."""
    if status == -10 or status == -3:
        return EXECUTED
    if status == -20:
        return SET_ASIDE if (MEMORY_TRAPS >> cause) & 1 else TRAPPED
    if status != SET_ASIDE:
        answers[FAILED] = status
    return SET_ASIDE


def changes(before, after, mask):
    """Whether any of the words differs in the bits of its mask."""
    different = 0
    for i in range(len(mask)):
        different = different | ((before[i] ^ after[i]) & mask[i])
    return different != 0


def mode_changes(before, after):
    """The mode that an instruction goes to, -1 if it stays."""
    return after[MODE] if after[MODE] != before[MODE] else -1


def note(answers, question, yes, finding):
    """Count a state or pair for a question, and keep the first finding."""
    answers[question] = answers[question] + 1
    if yes and answers[QUESTIONS + question] < 0:
        answers[QUESTIONS + question] = finding


def note_states(outcomes, before, after, control, answers, number):
    """What single states say: EXECUTES, TRAPS and CONTROL, three questions each."""
    for k in range(VARIANTS):
        if outcomes[k] != SET_ASIDE:
            mode = k >> 2
            executed = outcomes[k] == EXECUTED
            finding = number * 16 + k
            note(answers, mode, executed, finding)
            note(answers, 3 + mode, not executed, finding)
            changed = False
            if executed and answers[QUESTIONS + 6 + mode] < 0:
                changed = mode_changes(before[k], after[k]) >= 0 or changes(before[k], after[k], control)
            note(answers, 6 + mode, changed, finding)


def note_pair(outcomes, before, after, visible, control, answers, question, a, b, number):
    """What a pair of variants says: the control state counts where they differ in mode."""
    if outcomes[a] == SET_ASIDE or outcomes[b] == SET_ASIDE:
        return
    answers[PAIRS] = answers[PAIRS] + 1
    different = False
    if outcomes[a] == EXECUTED and outcomes[b] == EXECUTED and answers[QUESTIONS + question] < 0:
        different = changes(after[a], after[b], visible)
        if question < 12 and not different:
            different = mode_changes(before[a], after[a]) != mode_changes(before[b], after[b])
            different = different or changes(after[a], after[b], control)
    note(answers, question, different, number * 16 + b)


def note_pairs(outcomes, before, after, visible, control, answers, number):
    """What pairs say: MODE, LOCATION, CONFIGURATION and TIME, three questions each."""
    note_pair(outcomes, before, after, visible, control, answers, 9, 0, 4, number)
    if before[8][MSTATUS] & MPRV == 0:
        note_pair(outcomes, before, after, visible, control, answers, 10, 0, 8, number)
        note_pair(outcomes, before, after, visible, control, answers, 11, 4, 8, number)
    for mode in range(3):
        for v in range(1, 4):
            question = 9 + 3 * v + mode
            note_pair(outcomes, before, after, visible, control, answers, question, 4 * mode, 4 * mode + v, number)


def try_state(h, hart, machine, ram32, code, call, row, reset, draws, relocations, parts, desk, answers, seed, number):
    """Try one state in all variants. parts and desk: see `vm.classifier.search.batch`."""
    base, other, case, content, random, outcomes, before, after = desk
    visible, control, configuration, time = parts
    start_random(random, seed, number)
    draw_state(row, reset, draws, relocations, random, base, other, case, content)
    put_content(ram32, code, content)
    for k in range(VARIANTS):
        make_variant(base, other, case, configuration, time, relocations, k, before[k])
        chosen = relocation_of(case, k)
        mtime = case[CASE_OTHER_TIME] if k & 3 == 3 else case[CASE_TIME]
        status = run_variant(
            h, hart, machine, ram32, code, call, before[k], after[k], content,
            relocations[chosen][3], relocations[chosen][4], mtime,
        )  # fmt: skip
        outcomes[k] = outcome_of(status, machine[EXIT_CAUSE], answers)
    note_states(outcomes, before, after, control, answers, number)
    note_pairs(outcomes, before, after, visible, control, answers, number)


def try_states(
    h, hart, machine, ram32, code, call, row, reset, draws, relocations, parts, desk, answers, seed, first, last, wanted
):
    """Try states from number `first` on, until `last` or until `wanted` pairs were compared; the next number."""
    number = first
    while number < last and answers[PAIRS] < wanted:
        try_state(
            h, hart, machine, ram32, code, call, row, reset, draws, relocations, parts, desk, answers, seed, number
        )
        number += 1
    return number
