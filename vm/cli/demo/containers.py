"""What `trapline demo containers` measures: N containers on one kernel, N virtual machines with a kernel each.

All figures are counts of instructions, exits and bytes, so they are the same on every computer. Cycles are
instructions, and under the hypervisor those of the model of `trapline bench nano`.
"""

import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trapline.vm.bench.cost_model import Model, Work
from trapline.vm.breakpoints import Breakpoint
from trapline.vm.cli import bundled, burrow, warren
from trapline.vm.cli.blueprint import Blueprint, close
from trapline.vm.cli.options import MachineOptions
from trapline.vm.exit import ExitReason
from trapline.vm.experiments.guests import Guest, run_guests
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.loader.files import load_elf
from trapline.vm.machine import Machine

EXIT_COST = 1000
"""Cycles of an exit and the way back, in the model: the middle one of `trapline bench nano`."""
LONGEST = 80_000_000
"""Instructions of a run at most."""
A_WHILE = 1_000_000
"""Instructions between two looks at a console."""
LONGEST_TEXT = 200
"""Bytes of a console that a message quotes."""
COMPUTING, MESSAGES = ("primes 100", "primes 8000"), ("pingpong 10", "pingpong 110")
"""Work of one instance: the smaller one is subtracted from the larger one, which leaves no start and no end."""
LEAK: dict[str, object] = {"LEAK": 1}
SECRET, NOT_FOUND = b"the password is xyzzy", b"nothing found"
"""What `peek` prints with the planted mistake, and otherwise."""
PAGE, SUPERPAGE = 4096, 4 << 20
"""Bytes. Burrow maps RAM in superpages, so it needs at least one."""
MOST_PROCESSES = 32
NAME_BYTES, ARGUMENT_BYTES = 24, 128
PROCESS_CONTAINER, THREAD_PROCESS, CONTAINER_USED, CONTAINER_LIMITS = 92, 132, 44, 64
PROCESS_RECORD, THREAD_RECORD, CONTAINER_RECORD, CALL_TABLE = 128, 192, 96, 128
STAT_CALL = 4
"""Offsets and sizes of `burrow.inc`, in bytes, and a number of a counter of `calls.inc`."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Column:
    """One way to keep instances apart.

    everything: cycles to start all instances, send 20 messages in each, and end them; start: cycles until the first
    instruction of the program of one; computing, messages: cycles of that work; exits: traps to a hypervisor during the
    messages; calls: system calls during them; memory: bytes that one instance has for itself; given: bytes that it is
    given; kernels: of all instances; kernel_bytes: kernels and file systems in memory; fit: instances that fit into the
    machine's RAM; leaks: whether a planted mistake of the kernel shows it the secret of its neighbour.
    """

    name: str
    everything: float
    start: float
    computing: float
    messages: float
    exits: int
    calls: int
    memory: int
    given: int
    kernels: int
    kernel_bytes: int
    fit: int
    leaks: bool


@dataclass(frozen=True)
class Comparison:
    """What was measured.

    instances: how many of each kind; computing, messages: cycles of that work in a process of its own; boot:
    instructions of the kernel until its first program runs; by_memory: containers that the host has pages for.
    """

    instances: int
    computing: float
    messages: float
    boot: int
    by_memory: int
    columns: tuple[Column, ...]


class Laboratory:
    """The kernels, and machines with them. Raises AsmError; all methods raise KeyboardInterrupt and RuntimeError."""

    def __init__(self, instances: int, engine: str | None) -> None:
        """instances: of each kind. engine: of all machines."""
        self.instances, self.engine = instances, engine
        self.plain = burrow.build(sources=sources())
        self.leaky = burrow.build(sources=sources(), defines=LEAK)

    def machine(self, elf: bytes, init: str, typed: str = "", technique: str = "bare") -> Machine:
        """A machine whose first process is this one."""
        made = Machine(memory=burrow.MEMORY, stdin=typed.encode(), engine=self.engine, technique=technique)
        made.load(load_elf(elf))
        name, _, arguments = init.partition(" ")
        made.write(made.symbols["init_name"], name.encode().ljust(NAME_BYTES, b"\0"))
        made.write(made.symbols["init_arguments"], arguments.encode().ljust(ARGUMENT_BYTES, b"\0"))
        return made

    def ended(self, init: str, typed: str = "", technique: str = "bare") -> Machine:
        """Such a machine with the plain kernel, at its end."""
        return run(self.machine(self.plain, init, typed, technique))

    def process(self, program: str) -> int:
        """Cycles of a run with this program in a process."""
        return self.ended(f"fleet process 1 {program}").cycle


def sources() -> tuple[Path, ...]:
    """The programs of this demo."""
    return tuple(sorted((bundled.bundled_programs() / "demos/containers").glob("*.s")))


def entry(program: str) -> int:
    """Where a program of Burrow begins."""
    (address,) = struct.unpack_from("<I", burrow.builder().program(burrow.folder() / f"user/{program}.s"))
    return int(address)


def run(made: Machine) -> Machine:
    """The machine at its end, with status 0."""
    exit = made.run(max_instructions=LONGEST)
    if exit.reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    if exit.reason is not ExitReason.HALT or exit.code:
        raise RuntimeError(f"a run ended with {exit}: {made.console.output[-LONGEST_TEXT:]!r}")
    return made


def until(made: Machine, address: int, condition: Callable[[Machine], bool] | None = None) -> Machine:
    """The machine before the instruction at an address, the first time that the condition is met there."""
    stop = made.stops.add(Breakpoint(address, condition=condition))
    exit = made.run(max_instructions=LONGEST)
    made.stops.remove(stop)
    if exit.reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    if exit.hit is None:
        raise RuntimeError(f"{address:#x} was not reached: {exit}")
    return made


def cycles(made: Machine) -> float:
    """What it has taken so far: instructions on a bare machine, else by the model."""
    counts = Counts.of(made)
    return Model().cycles(Work.of(counts), EXIT_COST) if counts.exits else float(made.cycle)


def calls(made: Machine) -> int:
    """System calls that the kernel has counted."""
    return word(made, made.symbols["statistics"] + 4 * STAT_CALL)


def word(made: Machine, address: int) -> int:
    """A word of RAM."""
    (value,) = struct.unpack("<I", made.read(address, 4))
    return int(value)


def kernel_bytes(made: Machine) -> int:
    """Of the kernel with its file system."""
    return made.symbols["memory_begin"] - made.ram_base


def used_pages(made: Machine, container: int) -> int:
    """Pages that the processes of a container have."""
    return word(made, container + CONTAINER_USED)


def hosted(laboratory: Laboratory) -> Column:
    """Virtual machines with a kernel each, under trap-and-emulate."""

    def work(init: str) -> Machine:
        return laboratory.ended(init, technique="trap")

    booted = until(laboratory.machine(laboratory.plain, "spin", technique="trap"), entry("spin"))
    one, two = (work(init) for init in COMPUTING)
    first, last = (work(init) for init in MESSAGES)
    exits = Counts.of(last).world_switches - Counts.of(first).world_switches
    kernel = kernel_bytes(booted)
    own = kernel + PAGE * used_pages(booted, booted.symbols["host"])
    return Column(
        "trap", laboratory.instances * cycles(first), cycles(booted), cycles(two) - cycles(one),
        cycles(last) - cycles(first), exits, calls(last) - calls(first), own, SUPERPAGE, laboratory.instances,
        laboratory.instances * kernel, burrow.MEMORY // SUPERPAGE, _neighbours_leak(laboratory),
    )  # fmt: skip


def _neighbours_leak(laboratory: Laboratory) -> bool:
    """Whether a virtual machine sees the secret of another one that runs beside it."""
    alone = run(laboratory.machine(laboratory.leaky, "peek"))
    looking, secretive = (laboratory.machine(laboratory.leaky, name, technique="trap") for name in ("peek", "secret"))
    guests = [Guest("peek", looking), Guest("secret", secretive, max_instructions=alone.cycle)]
    run_guests(guests)
    if any(guest.end is not None and guest.end.reason is ExitReason.INTERRUPTED for guest in guests):
        raise KeyboardInterrupt
    return SECRET in looking.console.output


def native(laboratory: Laboratory) -> Column:
    """Virtual machines with a kernel each, in Warren, which is a program of the machine."""
    booted, _ = _in_warren(laboratory, ["spin"])
    until(booted, entry("spin"))
    (one, _), (two, _) = (_ended_in_warren(laboratory, [init]) for init in COMPUTING)
    (first, before), (last, after) = (_ended_in_warren(laboratory, [init]) for init in MESSAGES)
    everything, _ = _ended_in_warren(laboratory, [MESSAGES[0]] * laboratory.instances)
    image = load_elf(_supervisor("spin"))
    kernel = image.symbols["memory_begin"] - min(segment.vaddr for segment in image.segments)
    alone = booted_alone(laboratory)
    own = kernel + PAGE * used_pages(alone, alone.symbols["host"])
    return Column(
        "Warren", everything.cycle, booted.cycle, two.cycle - one.cycle, last.cycle - first.cycle,
        after["exits"] - before["exits"], after["exception"] - before["exception"], own, SUPERPAGE,
        laboratory.instances, laboratory.instances * kernel, burrow.MEMORY // SUPERPAGE,
        _leaks_in_warren(laboratory),
    )  # fmt: skip


def booted_alone(laboratory: Laboratory) -> Machine:
    """A bare machine when its first program begins."""
    return until(laboratory.machine(laboratory.plain, "spin"), entry("spin"))


def _in_warren(
    laboratory: Laboratory, inits: list[str], defines: dict[str, object] | None = None
) -> tuple[Machine, warren.Stack]:
    """A machine with Warren, and with a Burrow in it for each first process."""
    kernels = {init: _supervisor(init, defines) for init in dict.fromkeys(inits)}
    guests = [warren.guest(kernels[init], f"guest{i}", SUPERPAGE * 2) for i, init in enumerate(inits)]
    made = warren.stack(guests)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "warren.elf")
        path.write_bytes(made.elf)
        blueprint = Blueprint([str(path)], MachineOptions(memory=made.memory, engine=laboratory.engine))
        return blueprint.build(stdin=b""), made


def _supervisor(init: str, defines: dict[str, object] | None = None) -> bytes:
    """Burrow for S mode with this first process; the firmware's part of RAM is none of its own."""
    return burrow.build("supervisor", init.split(), {"MEMORY_SIZE": SUPERPAGE, **(defines or {})}, sources())


def _ended_in_warren(laboratory: Laboratory, inits: list[str]) -> tuple[Machine, dict[str, int]]:
    """Such a machine at its end, and what Warren has counted."""
    made, stack = _in_warren(laboratory, inits)
    run(made)
    close(made)
    return made, warren.counters(made, stack)[0]


def _leaks_in_warren(laboratory: Laboratory) -> bool:
    """Whether one guest of Warren sees the secret of the other."""
    made, _ = _in_warren(laboratory, ["peek 1024", "secret"], LEAK)
    for _ in range(LONGEST // A_WHILE):
        exit = made.run(max_instructions=A_WHILE)
        if exit.reason is ExitReason.INTERRUPTED:
            raise KeyboardInterrupt
        if SECRET in made.console.output or NOT_FOUND in made.console.output:
            break
    else:
        raise RuntimeError(f"nothing is found: {made.console.output[-LONGEST_TEXT:]!r}")
    close(made)
    return SECRET in made.console.output


def contained(laboratory: Laboratory) -> Column:
    """Containers on one kernel."""

    def work(program: str) -> Machine:
        return laboratory.ended(f"fleet container 1 {program}")

    made = laboratory.machine(laboratory.plain, "fleet container 1 spin")
    began = until(made, made.symbols["call_container_create"]).cycle
    until(made, entry("spin"), lambda made: container_of(made) != made.symbols["host"])
    container, kernel = container_of(made), kernel_bytes(made)
    records = PROCESS_RECORD + THREAD_RECORD + CONTAINER_RECORD + CALL_TABLE
    own = PAGE * used_pages(made, container) + records
    one, two = (work(program) for program in COMPUTING)
    first, last = (work(program) for program in MESSAGES)
    everything = laboratory.ended(f"fleet container {laboratory.instances} {MESSAGES[0]}")
    typed = "container start box secret\ncontainer run box peek\nexit\n"
    looking = run(laboratory.machine(laboratory.leaky, "shell", typed))
    return Column(
        "container", everything.cycle, made.cycle - began, two.cycle - one.cycle, last.cycle - first.cycle, 0,
        calls(last) - calls(first), own, PAGE * word(made, container + CONTAINER_LIMITS), 1, kernel,
        as_many_as_fit(laboratory), SECRET in looking.console.output,
    )  # fmt: skip


def container_of(made: Machine) -> int:
    """The record of the container whose process is running."""
    process = word(made, made.csr["sscratch"] + THREAD_PROCESS)
    return word(made, process + PROCESS_CONTAINER)


def as_many_as_fit(laboratory: Laboratory) -> int:
    """Containers that one kernel has room for, found by trying."""
    for instances in range(1, MOST_PROCESSES + 1):
        made = laboratory.machine(laboratory.plain, f"fleet container {instances} hello")
        exit = made.run(max_instructions=LONGEST)
        if exit.reason is ExitReason.INTERRUPTED:
            raise KeyboardInterrupt
        if exit.reason is not ExitReason.HALT or exit.code:
            return instances - 1
    return MOST_PROCESSES


def compare(instances: int, engine: str | None, progress: Progress) -> Comparison:
    """Measure everything. Raises AsmError, KeyboardInterrupt, RuntimeError."""
    progress("processes")
    laboratory = Laboratory(instances, engine)
    computing, messages = ([laboratory.process(program) for program in programs] for programs in (COMPUTING, MESSAGES))
    booted = booted_alone(laboratory)
    columns = []
    for name, measure in (("virtual machines", hosted), ("Warren", native), ("containers", contained)):
        progress(name)
        columns.append(measure(laboratory))
    by_memory = word(booted, booted.symbols["free_pages"]) // (columns[-1].memory // PAGE)
    return Comparison(
        instances, computing[1] - computing[0], messages[1] - messages[0], booted.cycle, by_memory, tuple(columns)
    )
