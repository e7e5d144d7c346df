"""One instruction in a random state, on the bare machine and on a virtual one: states by the hundred thousand.

`try_states` is compiled where the engine is.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np

from support.budget import REDUCED
from support.hypervisor.random_states import (
    AT,
    BOARD_WORDS,
    COUNTS,
    DEVICE,
    EXIT_WORDS,
    HART_WORDS,
    LEAVES,
    PAGES,
    RAM,
    ROOTS,
    SEEN,
    A,
    D,
    States,
    draw_states,
    draw_words,
    make_worlds,
    words_of,
)
from trapline import Machine, isa
from trapline.vm.core.code_pages import CODE_ENTRIES
from trapline.vm.core.hart import HART


def prepare(call, harts, machine, ram, ram32, code, page, state, board, place, word, seen_counts):  # type: ignore[no-untyped-def]
    """Put a machine, whose RAM is a world, into a state; what was decoded and cached before is no longer good.

    The state follows a fence of everything: a write of satp alone need not drop shadow tables.
    """
    generation = harts[GENERATION]
    epoch = harts[CODE_EPOCH]
    for i in range(len(state)):
        harts[i] = state[i]
    harts[GENERATION] = generation + 1
    harts[CODE_EPOCH] = epoch
    harts[STALE] = 1
    for i in range(len(seen_counts)):
        harts[seen_counts[i]] = 0
    for i in range(len(board)):
        machine[BOARD_AT[i]] = board[i]
    ram32[place] = word
    for number in range(len(page)):
        if page[number] != 0:
            page[number] = 0
            for i in range(CODE_ENTRIES):
                code[number * CODE_ENTRIES + i] = 0


def same(a, b, places):  # type: ignore[no-untyped-def]
    """Whether two records agree in these words."""
    different = 0
    for i in range(len(places)):
        different = different | (a[places[i]] ^ b[places[i]])
    return different == 0


def changed(a, b, world):  # type: ignore[no-untyped-def]
    """Whether two RAMs differ; what does not is the world again afterwards, page by page: all anew would cost more."""
    different = 0
    for i in range(len(world)):
        different = different | (a[i] ^ b[i])
    if different != 0:
        return True
    for number in range(len(world) // 512):
        here, there = a[512 * number : 512 * number + 512], world[512 * number : 512 * number + 512]
        stored = 0
        for i in range(512):
            stored = stored | (here[i] ^ there[i])
        if stored != 0:
            a[512 * number : 512 * number + 512] = there
            b[512 * number : 512 * number + 512] = there
    return False


def step(call):  # type: ignore[no-untyped-def]
    """One step of a machine; `ready` and `plainly` put the engine's in its place."""
    raise NotImplementedError


def try_states(bare, virtual, worlds, harts, boards, which, places, words, outcomes):  # type: ignore[no-untyped-def]
    """Do one step from each state on both machines; the number of the first state that ends differently, or -1."""
    a_call, a_harts, a_machine, a_ram, a_ram32, a_code, a_page = bare
    b_call, b_harts, b_machine, b_ram, b_ram32, b_code, b_page = virtual
    current = -1
    for n in range(len(words)):
        world = worlds[which[n]]
        if which[n] != current:
            current = which[n]
            for i in range(len(world)):
                a_ram[i] = world[i]
                b_ram[i] = world[i]
        state, board, place, word = harts[n], boards[n], places[n], words[n]
        prepare(a_call, a_harts, a_machine, a_ram, a_ram32, a_code, a_page, state, board, place, word, COUNT_AT)
        prepare(b_call, b_harts, b_machine, b_ram, b_ram32, b_code, b_page, state, board, place, word, COUNT_AT)
        status = step(a_call)
        if step(b_call) != status:
            return n
        outcomes[0 if status == -10 else (1 if status == DEVICE else 2)] += 1
        outcomes[3] += a_harts[UNRETIRED] != harts[n][UNRETIRED]
        if not same(a_harts, b_harts, SEEN) or not same(a_harts, b_harts, COUNT_AT):
            return n
        if not same(a_machine, b_machine, BOARD_AT) or (status == DEVICE and not same(a_machine, b_machine, EXIT_AT)):
            return n
        if changed(a_ram, b_ram, world):
            return n
    return -1


GENERATION, CODE_EPOCH, STALE, UNRETIRED = (AT[n] for n in ("generation", "code_epoch", "stale", "unretired"))
BOARD_AT, EXIT_AT, COUNT_AT = BOARD_WORDS, EXIT_WORDS, COUNTS


class Pair:
    """A bare machine and a virtual one that random states are tried on."""

    def __init__(self, technique: str, seed: int) -> None:
        options: dict[str, Any] = {"isa": "rv32ima_xleak", "memory": PAGES * 4096}
        self.machines = [Machine(technique=t, **options) for t in ("bare", technique)]
        self.kept = kept(self.machines[1]) != []
        self.restart(seed)
        self.reset = self.machines[0].engine.harts.view(np.int64)[:HART_WORDS].copy()
        self.unfenced = 0
        """States in which bare and virtual may differ, and did."""
        self.outcomes = np.zeros(4, np.int64)
        """Steps done, device accesses, idle ends; and how many of all trapped."""

    def restart(self, seed: int) -> None:
        """Draw worlds and states from this seed on."""
        self.rng = np.random.default_rng(seed)
        self.worlds = make_worlds(self.rng)

    def run(self, name: str, count: int) -> str:
        """Try so many states of an instruction; what differs in the first that ends differently, or nothing."""
        while count > 0:
            states = draw_states(self.rng, self.reset, draw_words(self.rng, name, min(count, 10_000)))
            count -= 10_000
            while (found := self._try(states)) >= 0:
                if not self._unfenced(states, found):
                    return self._difference(states, found)
                self.unfenced += 1
                states = States(*(a[found + 1 :] for a in vars(states).values()))
        return ""

    def _try(self, states: States) -> int:
        s = states
        arrays = (self.worlds, s.harts, s.boards, s.worlds, s.places, s.words)
        tried = plainly() if self.kept else ready()
        return tried(*(self._memory(m) for m in self.machines), *arrays, self.outcomes)

    def _unfenced(self, states: States, n: int) -> bool:
        """Whether state n is one of those in which an instruction changes its own translation (docs/hypervisor.md).

        It is itself the entry that its access is translated by, and setting A or D makes another instruction of it; or
        it is a misaligned store into a table in force, and no fence comes between its bytes.
        """
        one = States(*(a[n : n + 1] for a in vars(states).values()))
        self._try(one)
        world = self.worlds[one.worlds[0]].view(np.uint32)
        changes = [self._memory(machine)[4] ^ world for machine in self.machines]
        word, place, state = int(one.words[0]), int(one.places[0]), one.harts[0]
        if any(int(change[place]) ^ int(world[place]) ^ word in (A, D, A | D) for change in changes):
            return True
        instruction = isa.decode(word)
        if instruction is None or instruction.kind is not isa.Kind.STORE or not state[AT["satp"]] >> 31:
            return False
        operands = instruction.pattern.extract(word)
        if (int(state[AT["x"] + operands["rs1"]]) + operands["imm"]) % instruction.width == 0:
            return False
        tables = [int(i) // 1024 for change in changes for i in np.flatnonzero(change & ~np.uint32(A | D))]
        return any(page in (*ROOTS, *LEAVES) for page in tables)

    def _memory(self, machine: Machine) -> tuple[Any, ...]:
        e = machine.engine
        entry = None if self.kept else e.entry()
        call = np.array(entry, np.int64) if entry is not None else machine
        pages = len(e.ram) // 4096
        arrays = (
            e.harts.view(np.int64),
            e.machine.view(np.int64),
            e.ram.view(np.uint64),
            e.ram.view(np.uint32),
            e.code,
            e.page[:pages],
        )
        return (call, *arrays)

    def _difference(self, states: States, n: int) -> str:
        columns = (states.harts, states.boards, states.worlds, states.places, states.words)
        one = States(*(a[n : n + 1] for a in columns))
        self._try(one)
        a, b = (self._memory(m) for m in self.machines)
        names = {i: name for name in HART.names for i in words_of(HART, name)}
        before = one.harts[0]
        parts = [
            f"{names[i]}[{i - AT[names[i]]}] was {before[i] if i < len(before) else 0:#x}: "
            f"{a[1][i]:#x}, virtual {b[1][i]:#x}"
            for i in (*SEEN, *COUNTS)
            if a[1][i] != b[1][i]
        ]
        ram = [hex(RAM + 4 * int(i)) for i in np.flatnonzero(a[4] != b[4])]
        word = int(one.words[0])
        return f"state {n}, {word:#010x} at {before[AT['pc']]:#x} in mode {before[AT['mode']]}: {parts}, RAM {ram}"


def kept(machine: Machine) -> list[Any]:
    """What a technique keeps of the guest's code, and has to be told when the host writes to RAM."""
    engine = machine.engine
    return [part for part in (engine.originals, engine.translation) if part is not None]


def step_after_writes(machine: Machine) -> int:
    """A step of a machine whose RAM the test has written to."""
    for part in kept(machine):
        part.changed(0, PAGES)
    return machine.engine.run(1)


PLAIN = {**globals()}
"""This module before anything of it is compiled."""


@cache
def plainly() -> Callable[..., int]:
    """`try_states` in plain Python around `step_after_writes`, whatever the engine."""
    return FunctionType(try_states.__code__, PLAIN | {"step": step_after_writes})


@cache
def ready() -> Callable[..., int]:
    """`try_states`, compiled where the engine is."""
    names = globals()
    if REDUCED:
        names["step"] = lambda machine: machine.engine.run(1)
        return try_states
    from numba import njit

    entry = Machine(memory=4096).engine.entry()
    assert entry is not None
    run = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(entry[0])

    def one_step(call):  # type: ignore[no-untyped-def]
        return run(call[1], 1)

    names["step"] = njit(one_step)
    names["prepare"], names["same"], names["changed"] = njit(prepare), njit(same), njit(changed)
    return njit(try_states)
