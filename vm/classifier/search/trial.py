"""One trial: draw a random state, let the engine execute one instruction in twelve variants of it, compare.

These functions run compiled and as plain Python (`batch`); arrays are int64 unless said otherwise.
Variant 4 * m + v of a state is in mode m (0 U, 1 S, 2 M). It differs from variant 4 * m in nothing (v = 0), in
relocation (1), in trap and interrupt configuration (2) or in time (3). Variants 0, 4 and 8 differ in mode.
`step(call)` is one step of the engine.
"""

from typing import Any, NamedTuple

from trapline.isa.mode import MODE_BITS, M, S
from trapline.isa.mstatus import MPP_SHIFT, MPRV
from trapline.isa.sv32 import PAGE_SHIFT, PTE_U
from trapline.isa.trap import pending_interrupt
from trapline.vm.classifier.definitions.memory import (
    CODE_PTE,
    FRAMES,
    FRAMES_B,
    PAGE,
    PAGES,
    PMPADDR0,
    PMPCFG0,
    ROOT,
    WINDOW,
    WINDOW_WORDS,
)
from trapline.vm.classifier.definitions.questions import MEMORY_TRAP_MASK
from trapline.vm.classifier.search.random_states import draw_state, start_random
from trapline.vm.classifier.search.states import (
    CODE_EPOCH,
    DROPPED,
    EXIT_CAUSE,
    GENERATION,
    HART_WORDS,
    MEMORY,
    MODE,
    MSTATUS,
    PMPADDR,
    PMPCFG,
    RESERVATION,
    SATP,
    SETUP_OTHER_RELOCATION,
    SETUP_OTHER_TIME,
    SETUP_RELOCATION,
    SETUP_RESERVED,
    SETUP_TIME,
    STALE,
    TIME_BASE,
    WAITS,
)
from trapline.vm.core.code_pages import CODE_ENTRIES
from trapline.vm.core.ints import I64, U32, U64
from trapline.vm.core.status import FOR_THE_HOST, IDLE, LIMIT


def step(call):
    """One step of the engine. `batch` puts a call of the run loop in its place."""
    raise NotImplementedError


class Target(NamedTuple):
    """The engine's memory: words of hart 0 and of the machine, RAM (uint32), decoded code; `step`'s argument."""

    hart: Any
    machine: Any
    ram32: Any
    code: Any
    call: Any


class Tables(NamedTuple):
    """What states are drawn from: `states.row_table`, `Space.reset`, `Space.draws`, `memory.relocation_table`."""

    row: Any
    reset: Any
    draws: Any
    relocations: Any


class Parts(NamedTuple):
    """The parts of a state: masks of the visible and the control state, indices of the words of the others."""

    visible: Any
    control: Any
    configuration: Any
    time: Any


class Work(NamedTuple):
    """Scratch arrays of one trial.

    base: the state drawn; other: a second one, from which variants take what differs; setup: SETUP_*;
    content: the windows; random: the generator's last word; outcomes, before, after: by variant.
    """

    base: Any
    other: Any
    setup: Any
    content: Any
    random: Any
    outcomes: Any
    before: Any
    after: Any


EXECUTED = 0
TRAPPED = 1
SET_ASIDE = 2
"""Outcomes. Memory traps are set aside, and so are states in which an interrupt would be taken first."""

OTHER_RELOCATION, OTHER_CONFIGURATION, OTHER_TIME = 1, 2, 3
"""What a variant differs in from the first of its mode."""
DIFFERENCE = 3
MODE_SHIFT = 2
"""The fields of a variant's number: in what it differs, and its mode (0 U, 1 S, 2 M)."""
IN_U, IN_S, IN_M = 0 << MODE_SHIFT, 1 << MODE_SHIFT, 2 << MODE_SHIFT
"""The first variant in each mode."""
VARIANTS = 3 << MODE_SHIFT
FINDING_SHIFT = 4
"""A finding is the number of a state, shifted by this, and that of its variant."""
TRAPS_AT, CONTROL_AT, MODE_AT, LOCATION_AT = 3, 6, 9, 12
"""Index in `definitions.questions.QUESTIONS` of the first question of a kind; EXECUTES is at 0, three to a kind."""
QUESTIONS = 21
"""`answers` holds as many counts, then as many findings,"""
PAIRS = 42
FAILED = 43
ANSWERS = 44
"""then the pairs compared, and an unexpected status of the engine."""


def put_content(ram32, code, content):
    """Write the windows in both sets of frames and drop the code decoded there."""
    for page in range(PAGES):
        for frames in (0, FRAMES_B):
            first = (frames + page * PAGE + WINDOW) >> 2
            for i in range(WINDOW_WORDS):
                ram32[U64(first + i)] = U32(content[page * WINDOW_WORDS + i])
    for number in (0, PAGES):
        for i in range(2 * WINDOW_WORDS):
            code[U64(number * CODE_ENTRIES + (WINDOW >> 1) + i)] = 0


def data_frames(state, frames):
    """Offset of the frames that loads and stores of this state reach.

    "When MPRV=1, load and store memory addresses are translated and protected ... as though the current privilege
    mode were set to MPP." (3.1.6.3)
    """
    mode = state[MODE]
    if mode == M and state[MSTATUS] & MPRV:
        mode = (state[MSTATUS] >> MPP_SHIFT) & MODE_BITS
    return 0 if mode == M else frames


def make_variant(tables, parts, work, k):
    """Fill before[k] with variant k of the state in `work`."""
    before = work.before[k]
    for i in range(len(before)):
        before[i] = work.base[i]
    if k & DIFFERENCE == OTHER_CONFIGURATION:
        for i in range(len(parts.configuration)):
            before[parts.configuration[i]] = work.other[parts.configuration[i]]
    if k & DIFFERENCE == OTHER_TIME:
        for i in range(len(parts.time)):
            before[parts.time[i]] = work.other[parts.time[i]]
    before[MODE] = k >> MODE_SHIFT if k < IN_M else M
    if k < IN_M:
        # MPRV is 0 below M mode: xRET clears it.
        before[MSTATUS] = before[MSTATUS] & ~MPRV
    chosen = tables.relocations[relocation_of(work.setup, k)]
    before[SATP] = chosen[ROOT]
    before[PMPCFG] = chosen[PMPCFG0]
    before[PMPADDR] = chosen[PMPADDR0]
    before[RESERVATION] = work.setup[SETUP_RESERVED]


def relocation_of(setup, k):
    """The number of the relocation of variant k."""
    return setup[SETUP_OTHER_RELOCATION] if k & DIFFERENCE == OTHER_RELOCATION else setup[SETUP_RELOCATION]


def time_of(setup, k):
    """The base of mtime of variant k."""
    return setup[SETUP_OTHER_TIME] if k & DIFFERENCE == OTHER_TIME else setup[SETUP_TIME]


def run_variant(h, target, before, after, content, frames, code_pte, mtime):
    """Do one step from `before` and fill `after`; the engine's status, or SET_ASIDE. h: the record of `target.hart`.

    In both states `reservation` is an offset from the first vaddr.
    """
    hart, ram32 = target.hart, target.ram32
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
    target.machine[TIME_BASE] = mtime
    if code_pte >= 0:
        pte = I64(ram32[U64(code_pte)]) & ~PTE_U
        if before[MODE] != S:
            pte = pte | PTE_U
        ram32[U64(code_pte)] = U32(pte)
    if pending_interrupt(h) >= 0:
        return SET_ASIDE
    status = step(target.call)
    for i in range(HART_WORDS):
        after[i] = hart[i]
    after[WAITS] = 1 if status == IDLE else 0
    # Setting the state drops all translations once.
    after[DROPPED] = 1 if hart[GENERATION] + hart[STALE] > generation + 1 else 0
    if after[RESERVATION] >= 0:
        after[RESERVATION] = after[RESERVATION] - data
    after[MEMORY] = restore_content(ram32, target.code, content, data)
    return status


def restore_content(ram32, code, content, frames):
    """Undo what the instruction wrote to the windows; a hash of what it wrote, 0 for nothing."""
    seen = 0
    for page in range(PAGES):
        first = (frames + page * PAGE + WINDOW) >> 2
        for i in range(WINDOW_WORDS):
            value = I64(ram32[U64(first + i)])
            if value != content[page * WINDOW_WORDS + i]:
                seen = (seen * 0x2F0B4C47 + (value << 6) + page * WINDOW_WORDS + i + 1) & 0xFFFFFFFFFFFF
                ram32[U64(first + i)] = U32(content[page * WINDOW_WORDS + i])
                if page == 0:
                    code[U64((frames >> PAGE_SHIFT) * CODE_ENTRIES + (WINDOW >> 1) + 2 * i)] = 0
                    code[U64((frames >> PAGE_SHIFT) * CODE_ENTRIES + (WINDOW >> 1) + 2 * i + 1)] = 0
    return seen


def outcome_of(status, cause, answers):
    """EXECUTED, TRAPPED or SET_ASIDE, from the status of a step and the cause of its exception."""
    if status == LIMIT or status == IDLE:
        return EXECUTED
    if status == FOR_THE_HOST:
        return SET_ASIDE if (MEMORY_TRAP_MASK >> cause) & 1 else TRAPPED
    if status != SET_ASIDE:
        answers[FAILED] = status
    return SET_ASIDE


def changes(before, after, mask):
    """Whether any word differs in the bits of its mask."""
    different = 0
    for i in range(len(mask)):
        different = different | ((before[i] ^ after[i]) & mask[i])
    return different != 0


def mode_changes(before, after):
    """The mode that the instruction enters, -1 if it stays in its own."""
    return after[MODE] if after[MODE] != before[MODE] else -1


def note(answers, question, yes, finding):
    """Count a state or pair for a question and keep the first finding."""
    answers[question] = answers[question] + 1
    if yes and answers[QUESTIONS + question] < 0:
        answers[QUESTIONS + question] = finding


def note_states(parts, work, answers, number):
    """What single states say: EXECUTES, TRAPS and CONTROL, three questions each."""
    for k in range(VARIANTS):
        if work.outcomes[k] != SET_ASIDE:
            mode = k >> MODE_SHIFT
            executed = work.outcomes[k] == EXECUTED
            finding = (number << FINDING_SHIFT) + k
            note(answers, mode, executed, finding)
            note(answers, TRAPS_AT + mode, not executed, finding)
            changed = False
            if executed and answers[QUESTIONS + CONTROL_AT + mode] < 0:
                before, after = work.before[k], work.after[k]
                changed = mode_changes(before, after) >= 0 or changes(before, after, parts.control)
            note(answers, CONTROL_AT + mode, changed, finding)


def note_pair(parts, work, answers, question, a, b, number):
    """What a pair of variants says; its control state counts where they differ in mode."""
    outcomes, before, after = work.outcomes, work.before, work.after
    if outcomes[a] == SET_ASIDE or outcomes[b] == SET_ASIDE:
        return
    answers[PAIRS] = answers[PAIRS] + 1
    different = False
    if outcomes[a] == EXECUTED and outcomes[b] == EXECUTED and answers[QUESTIONS + question] < 0:
        different = changes(after[a], after[b], parts.visible)
        if question < LOCATION_AT and not different:
            different = mode_changes(before[a], after[a]) != mode_changes(before[b], after[b])
            different = different or changes(after[a], after[b], parts.control)
    note(answers, question, different, (number << FINDING_SHIFT) + b)


def note_pairs(parts, work, answers, number):
    """What pairs say: MODE, LOCATION, CONFIGURATION and TIME, three questions each."""
    note_pair(parts, work, answers, MODE_AT, IN_U, IN_S, number)
    if work.before[IN_M][MSTATUS] & MPRV == 0:
        note_pair(parts, work, answers, MODE_AT + 1, IN_U, IN_M, number)
        note_pair(parts, work, answers, MODE_AT + 2, IN_S, IN_M, number)
    for mode in range(3):
        first = mode << MODE_SHIFT
        for v in range(OTHER_RELOCATION, OTHER_TIME + 1):
            note_pair(parts, work, answers, MODE_AT + 3 * v + mode, first, first + v, number)


def try_state(h, target, tables, parts, work, answers, seed, number):
    """Try one state in all variants."""
    start_random(work.random, seed, number)
    draw_state(tables, work)
    put_content(target.ram32, target.code, work.content)
    for k in range(VARIANTS):
        make_variant(tables, parts, work, k)
        chosen = tables.relocations[relocation_of(work.setup, k)]
        status = run_variant(
            h, target, work.before[k], work.after[k], work.content, chosen[FRAMES], chosen[CODE_PTE],
            time_of(work.setup, k),
        )  # fmt: skip
        work.outcomes[k] = outcome_of(status, target.machine[EXIT_CAUSE], answers)
    note_states(parts, work, answers, number)
    note_pairs(parts, work, answers, number)


def try_states(h, target, tables, parts, work, answers, seed, first, last, wanted):
    """Try states from number `first` on, up to `last` or until `wanted` pairs were compared; the next number."""
    number = first
    while number < last and answers[PAIRS] < wanted:
        try_state(h, target, tables, parts, work, answers, seed, number)
        number += 1
    return number
