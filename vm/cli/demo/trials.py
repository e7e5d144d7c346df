"""What `trapline demo` does: Burrow is assembled, booted bare and under the hypervisor, with and without a hole."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trapline.vm.cli import burrow
from trapline.vm.cli.blueprint import Blueprint, close
from trapline.vm.cli.options import MachineOptions
from trapline.vm.cli.progress import announce_compilation
from trapline.vm.exit import ExitReason
from trapline.vm.experiments.compare import Run, compare, console_difference
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.hypervisor.host.event_ring import Batch
from trapline.vm.loader.image import Image
from trapline.vm.machine import Machine, Options

TYPED = "hello\npingpong 100\nthreads 4\nwild\npriv\ncount 3\nexit\n"
"""What is typed at the shell."""
HOLE = "xpopf"
"""The extension that the machine with the hole has, which is also the symbol of the kernel that uses it."""
MENDED = "trap, mleak"
"""Trap-and-emulate on real harts whose hole has been mended."""
CURES = ("trap", MENDED, "patch", "translate", "hybrid", "interpret", "assist")
ALL_HOLES = 0xFF
ILLEGAL = 2
"""The cause of a trap by an instruction that user mode may not execute."""

Progress = Callable[[str], None]
"""Called with what is going on."""


@dataclass(frozen=True)
class Assembled:
    """The kernels. sizes: `burrow.measure` of the plain one; seconds: for all three."""

    plain: Blueprint
    holed: Blueprint
    paravirtual: Blueprint
    sizes: dict[str, int]
    seconds: float


@dataclass(frozen=True)
class Trial:
    """One kernel bare and under techniques.

    digests: of the machines at their ends, by technique. privileged: words of the instructions that trapped as
    illegal under trap-and-emulate, and how often, if asked for.
    """

    bare: Run
    runs: list[Run]
    digests: dict[str, str]
    image: Image
    privileged: Counter[int]

    def under(self, technique: str) -> Run:
        """The run under this technique."""
        return next(run for run in self.runs if run.technique == technique)


def assemble(isa: str, engine: str | None) -> Assembled:
    """Build the kernel three times: plain, with popf, paravirtual."""
    started = time.perf_counter()
    kernels = {
        "plain": burrow.build(),
        HOLE: burrow.build(defines={HOLE.upper(): 1}),
        "paravirt": burrow.build("paravirt"),
    }
    seconds = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        plans = []
        for name, elf in kernels.items():
            path = Path(folder, f"burrow-{name}")
            path.write_bytes(elf)
            machine = MachineOptions(f"{isa}_{HOLE}" if name == HOLE else isa, burrow.MEMORY, engine=engine)
            plans.append(Blueprint([str(path)], machine))
    plain, holed, paravirtual = plans
    return Assembled(plain, holed, paravirtual, burrow.measure(kernels["plain"]), seconds)


def warm_up(blueprint: Blueprint) -> float:
    """Load the engine before anything is measured; the seconds that compiling it took, or 0."""
    seconds = 0.0

    @contextmanager
    def timed(what: str) -> Iterator[None]:
        nonlocal seconds
        started = time.perf_counter()
        with announce_compilation(what):
            yield
        seconds = time.perf_counter() - started

    close(blueprint.build(technique="trap", announce=timed))
    return seconds


def run_trial(
    blueprint: Blueprint, techniques: tuple[str, ...], progress: Progress, look_at_traps: bool = False
) -> Trial:
    """The kernel bare and under each technique, the shell's input typed. Raises KeyboardInterrupt."""
    from trapline.vm.hypervisor import events

    machines: dict[str, Machine] = {}
    privileged: Counter[int] = Counter()

    def listen(batch: Batch) -> None:
        words = batch.column(events.AT_WORD)[batch.column(events.AT_CAUSE) == ILLEGAL]
        privileged.update(words.tolist())

    def build(technique: str) -> Machine:
        progress(technique if technique not in machines else f"{technique}: looking for the first difference")
        look = look_at_traps and technique == "trap" and technique not in machines
        options = Options(technique=technique, stdin=TYPED.encode(), events=look)
        if technique == MENDED:
            options |= Options(technique="trap", real_mleak=ALL_HOLES)
        machine = blueprint.build(**options)
        if machine.engine.ring is not None and look:
            machine.engine.ring.sinks.append(listen)
        machines.setdefault(technique, machine)
        return machine

    runs = []
    for run in compare(build, techniques):
        if run.exit.reason is ExitReason.INTERRUPTED:
            raise KeyboardInterrupt
        runs.append(run)
    digests = {name: machine.digest() for name, machine in machines.items()}
    return Trial(runs[0], runs[1:], digests, blueprint.image, privileged)


def run_paravirtual(blueprint: Blueprint, bare: Run) -> Run:
    """The paravirtual kernel, which needs its hypervisor; its console must be that of the plain one, bare."""
    machine = blueprint.build(technique="paravirt", stdin=TYPED.encode())
    started = time.perf_counter()
    exit = machine.run(max_instructions=2 * bare.counts.steps)
    seconds = time.perf_counter() - started
    close(machine)
    if exit.reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    counts, output = Counts.of(machine), machine.console.output
    return Run("paravirt", exit, seconds, counts, output, machine.trap_counts, console_difference(bare.output, output))


def what_trapped(counts: Counts) -> dict[str, int]:
    """Traps out of the guest by what they were for."""
    return {
        "privileged instructions": counts.exits.get(ILLEGAL, 0),
        "system calls": counts.exits.get(8, 0),
        "shadow pages": counts.hidden_faults,
        "devices": counts.mmio_faults,
        "faults of programs": counts.true_faults,
    }


def most_trapped(trial: Trial) -> list[tuple[str, int]]:
    """(instruction, how often), the most frequent first."""
    from trapline.asm.disassembler.instruction import disassemble

    return [(disassemble(word, 0), number) for word, number in trial.privileged.most_common()]


def around(image: Image, pc: int, before: int = 1, after: int = 1) -> list[tuple[int, str]]:
    """(address, instruction) of those around pc, as they are in the kernel's file."""
    from trapline.asm.disassembler.instruction import disassemble

    segment = image.segment_at(pc)
    assert segment is not None
    found = []
    for address in range(pc - 4 * before, pc + 4 * after + 4, 4):
        offset = address - segment.vaddr
        word = int.from_bytes(segment.data[offset : offset + 4], "little")
        found.append((address, disassemble(word, address)))
    return found


def matches_text(plain: Trial, holed: Trial, paravirtual: Run) -> bool:
    """Whether the results match the text of `trapline demo`."""
    ends = [plain.bare, holed.bare, paravirtual]
    return (
        all(run.exit.reason is ExitReason.HALT and run.exit.code == 0 for run in ends)
        and plain.bare.output == holed.bare.output
        and [run.equivalent for run in plain.runs] == [True]
        and [run.technique for run in holed.runs if not run.equivalent] == ["trap"]
        and paravirtual.equivalent
    )
