"""Random schedules of Burrow: a self-checking workload, when the timer interrupts it, and whose turn it is."""

import importlib.util
import json
import struct
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from support.paths import BURROW, TESTS
from trapline import Machine
from trapline.vm.board.board import Board
from trapline.vm.core.code_pages import CODE_ENTRIES
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.host.console import Console
from trapline.vm.loader.files import load_elf

STRESS = TESTS / "programs/burrow/programs/stress.s"
MEMORY = 4 << 20
LIMIT = 30_000_000
"""Steps after which a run is taken for one that would never end; with one hart the others have 5,000,000 at most."""
LONGEST_TURN = 400


@dataclass(frozen=True)
class Schedule:
    """One run.

    period, random_seed: the kernel's `timer_period` in ticks of 100 steps, and `random_seed`;
    seed to victims: the arguments of `stress`; first: steps in which the machine decides itself whose turn it is;
    turns: then, steps of the turns of one hart after the other, with several of them.
    """

    harts: int = 1
    period: int = 2000
    random_seed: int = 0
    seed: int = 0
    members: int = 1
    workers: int = 0
    items: int = 0
    messages: int = 0
    star: bool = False
    jitter: int = 0
    victims: int = 0
    first: int = 0
    turns: tuple[int, ...] = ()

    @property
    def arguments(self) -> str:
        """The arguments of `stress`."""
        values = (self.seed, self.members, self.workers, self.items, self.messages, self.star, self.jitter)
        return " ".join(str(int(value)) for value in (*values, self.victims))

    def save(self, path: Path, title: str, mutant: str, steps: int) -> None:
        """Write it as a file of the corpus.

        mutant: that of `support.mutants.scheduler` with which it fails; steps: how many there are without.
        """
        data = {"title": title, "mutant": mutant, "steps": steps, **asdict(self)}
        path.write_text(json.dumps(data, indent=1) + "\n")


def load(path: Path) -> tuple[Schedule, str]:
    """Read a file of the corpus: the schedule, and the name of the mutant that it was found with."""
    data = json.loads(path.read_text())
    mutant = data.pop("mutant")
    del data["title"], data["steps"]
    return Schedule(**data | {"turns": tuple(data["turns"])}), mutant


def schedules(harts: int) -> st.SearchStrategy[Schedule]:
    """Schedules for so many harts."""
    words = st.integers(0, 0xFFFFFFFF)
    turns = st.lists(st.integers(1, LONGEST_TURN), max_size=24).map(tuple) if harts > 1 else st.just(())
    return st.builds(
        Schedule, harts=st.just(harts), period=st.one_of(st.integers(10, 60), st.integers(10, 800)),
        random_seed=words, seed=words, members=st.integers(1, 4), workers=st.integers(0, 4), items=st.integers(0, 6),
        messages=st.integers(0, 8), star=st.booleans(), jitter=st.integers(0, 15), victims=st.integers(0, 4),
        first=st.integers(0, 200_000) if harts > 1 else st.just(0), turns=turns,
    )  # fmt: skip


def build(folder: Path = BURROW, variant: str = "plain") -> bytes:
    """The ELF of a Burrow whose sources are in that folder, with `stress` as its first process."""
    spec = importlib.util.spec_from_file_location("burrow_build", folder / "build.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return bytes(script.build(variant, ["stress"], programs=[STRESS]))


@cache
def burrow(variant: str = "plain") -> bytes:
    """The ELF of Burrow as it is, with `stress`."""
    return build(variant=variant)


def place(machine: Machine, schedule: Schedule) -> None:
    """Write the schedule's parameters to RAM."""
    for symbol, value in (("timer_period", schedule.period), ("random_seed", schedule.random_seed)):
        machine.write(machine.symbols[symbol], struct.pack("<I", value))
    machine.write(machine.symbols["memory_size"], struct.pack("<I", MEMORY))
    machine.write(machine.symbols["init_arguments"], schedule.arguments.encode().ljust(128, b"\0"))


def drive(machine: Machine, schedule: Schedule) -> Exit:
    """Run it to its end, or to LIMIT."""
    if schedule.turns:
        exit = machine.run(max_instructions=schedule.first)
        for steps in schedule.turns:
            if exit.reason is not ExitReason.LIMIT:
                return exit
            machine.engine.m.slice_left = steps
            exit = machine.run(max_instructions=steps)
        if exit.reason is not ExitReason.LIMIT:
            return exit
    return machine.run(max_instructions=LIMIT)


class Rerun:
    """A machine with Burrow that is put back to reset before each schedule: a new one costs more than the run."""

    def __init__(self, harts: int, elf: bytes, **options: Any) -> None:
        self.machine = Machine(harts=harts, memory=MEMORY, **options)
        self.machine.load(load_elf(elf))
        engine = self.machine.engine
        self._saved = [(array, array.copy()) for array in (engine.harts, engine.machine)]
        self._image = engine.ram[: self.machine.symbols["memory_begin"] - self.machine.ram_base].copy()
        self._used = 0

    def start(self, schedule: Schedule) -> Machine:
        """The machine at reset, with the schedule's parameters. RAM that Burrow gives out keeps what is in it."""
        machine, engine = self.machine, self.machine.engine
        for array, saved in self._saved:
            array[...] = saved
        engine.ram[: len(self._image)] = self._image
        for page in np.flatnonzero(engine.page):
            engine.code[page * CODE_ENTRIES : (page + 1) * CODE_ENTRIES] = 0
        engine.page[:] = 0
        machine.console = Console(None, b"")
        machine.board = Board(engine.h, machine.console, machine)
        machine.bus = machine.board.bus
        place(machine, schedule)
        return machine

    def failure(self, schedule: Schedule) -> str:
        """The fault in how a run ended, empty if there is none."""
        machine = self.start(schedule)
        return verdict(machine, drive(machine, schedule))


def _words(machine: Machine, first: str, count: int) -> tuple[int, ...]:
    return struct.unpack(f"<{count}I", machine.read(machine.symbols[first], 4 * count))


def _states(machine: Machine, records: str) -> list[int]:
    """The first word, or for threads the one behind the frame, of each record: 0 for those that are free."""
    begin, end = machine.symbols[records], machine.symbols[f"{records}_end"]
    size, offset = (128, 0) if records == "processes" else (192, 128)
    array = np.frombuffer(machine.read(begin, end - begin), np.uint32).reshape(-1, size // 4)
    return list(map(int, array[:, offset // 4]))


def verdict(machine: Machine, exit: Exit) -> str:
    """What is wrong after a run: with what `stress` found, or with what the kernel should have got back."""
    if exit.reason is not ExitReason.HALT:
        return f"it does not end: {exit}, {machine.console.output[-200:]!r}"
    if exit.code != 0:
        return f"status {exit.code}: {machine.console.output[-200:]!r}"
    begin = -(-machine.symbols["memory_begin"] // 4096) * 4096
    pages = (machine.ram_base + MEMORY - begin) >> 12
    found = []
    if (free := _words(machine, "free_pages", 1)[0]) != pages:
        found.append(f"{pages - free} pages are not free")
    if any(_states(machine, "threads")):
        found.append(f"threads are left: {_states(machine, 'threads')}")
    if _states(machine, "processes") != [2] + [0] * 31:
        found.append(f"processes are left besides the first: {_states(machine, 'processes')}")
    for queue in ("ready_queue", "sleep_queue", "futex_queue"):
        if any(_words(machine, queue, 2)):
            found.append(f"{queue} is not empty")
    if users := [u for u in _words(machine, "regions", 8 * 19)[::19] if u]:
        found.append(f"shared regions are left: {users}")
    if any(_words(machine, "transfers", 4 * 32)[::4]):
        found.append("transfers are under way")
    to_kernel, to_user = _words(machine, "statistics", 2)
    if to_kernel != to_user:
        found.append(f"{to_kernel} times from user to kernel, {to_user} times back")
    statistics = _words(machine, "statistics", 17)
    if statistics[10] != statistics[11] + 1 or statistics[16]:
        found.append(f"spawned {statistics[10]}, reaped {statistics[11]}, threads {statistics[16]}")
    return ", ".join(found)
