"""What `trapline demo virtualization` measures: one program in four organizations, and each interface that it crosses.

Nothing is timed, so the figures are the same on every computer. Cycles are instructions, and where the VMM is the
host's, those of the model of `trapline bench nano`.
"""

import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from trapline.isa.cause import ECALL_S
from trapline.vm.bench.cost_model import Model, Work
from trapline.vm.breakpoints import Breakpoint
from trapline.vm.cli import bundled, burrow, warren
from trapline.vm.cli.blueprint import Blueprint, close
from trapline.vm.cli.demo.containers import EXIT_COST, container_of
from trapline.vm.cli.demo.crossings import Condition, Crossings, Exits, follow
from trapline.vm.cli.options import MachineOptions
from trapline.vm.machine import Machine

PROGRAM = "perfect"
PROCESS, NATIVE, HOSTED, CONTAINER = "process VM", "native VMM", "hosted VMM", "container"
GUEST_MEMORY = 8 << 20
"""Bytes of RAM of each machine with Burrow, which begins half way: below is the place of a firmware."""
IN_CONTAINER = f"container run box {PROGRAM}"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Organization:
    """The program in one of the four. None is for what is not there, or is the host's and cannot be counted here.

    library_calls, system_calls: of the program; privileged, devices, sbi: what the kernel beneath it did, trapped or
    not: instructions that only a kernel may execute, loads and stores to devices, calls of the firmware; exits: to
    the VMM; program, kernel, vmm: instructions, those of the program with its library; cycles: of all.
    """

    name: str
    library_calls: int
    system_calls: int
    privileged: int | None
    devices: int | None
    sbi: int | None
    exits: Exits
    program: int
    kernel: int | None
    vmm: int | None
    cycles: float
    printed: str

    @property
    def overhead(self) -> float:
        """Cycles for each instruction of the program."""
        return self.cycles / self.program


@dataclass(frozen=True)
class Comparison:
    """All four.

    plain: instructions of the kernel for the program in a process that is in no container; firmware:
    calls that Warren makes of the machine's.
    """

    organizations: tuple[Organization, ...]
    plain: int
    firmware: int

    def named(self, name: str) -> Organization:
        """One of them."""
        return next(one for one in self.organizations if one.name == name)


def source(name: str = PROGRAM) -> Path:
    """A source of this demo."""
    return bundled.bundled_programs() / f"demos/virtualization/{name}.s"


@cache
def kernel(init: str) -> bytes:
    """Burrow over an SBI, with the program in its file system, and this first process."""
    return burrow.build("supervisor", init.split(), {"MEMORY_SIZE": GUEST_MEMORY // 2}, (source(),))


def machine(elf: bytes, size: int, engine: str | None, technique: str = "bare") -> Machine:
    """A machine with a kernel and so many bytes of RAM."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "kernel.elf")
        path.write_bytes(elf)
        blueprint = Blueprint([str(path)], MachineOptions(memory=size, engine=engine))
    return blueprint.build(stdin=b"", technique=technique)


def followed(made: Machine, wanted: Condition | None = None) -> Crossings:
    """The program's run on a machine with Burrow."""
    from trapline.asm import assemble

    user = burrow.folder() / "user"
    program = assemble([source(), user / "lib.s"], text_base=burrow.builder().IMAGE, include_dirs=[user])
    try:
        return follow(made, dict(program.symbols), wanted)
    finally:
        close(made)


def process_vm(engine: str | None) -> Organization:
    """The program over the host's system calls."""
    from trapline.asm import assemble
    from trapline.vm.exit import Exit, ExitReason
    from trapline.vm.process.process import Process

    program = assemble([source(), source("linux")], include_dirs=[burrow.folder() / "user"])
    printed = BytesIO()
    process = Process.from_elf(program.elf, engine=engine, stdout=printed)
    process.machine.stops.add(Breakpoint(program.symbols["exit"]))
    end = process.resume()
    if isinstance(end, Exit) and end.reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    if not isinstance(end, Exit) or end.hit is None:
        raise RuntimeError(f"the program did not end: {end}")
    (library_calls,) = struct.unpack("<I", process.space.read(program.symbols["library_calls"], 4))
    calls, done = sum(process.system_calls.values()), process.machine.cycle
    cycles = Model().cycles(Work(done, exits_by_cause={}), EXIT_COST) + calls * EXIT_COST
    return Organization(
        PROCESS, library_calls, calls, None, None, None, Exits(calls=calls), done, None, None, cycles,
        printed.getvalue().decode(),
    )  # fmt: skip


def native_vmm(engine: str | None) -> tuple[Organization, int]:
    """The program in Burrow in Warren; and the calls of the firmware that Warren made."""
    stack = warren.stack([warren.guest(kernel(PROGRAM), "burrow", GUEST_MEMORY)])
    run = followed(machine(stack.elf, stack.memory, engine))
    exits, guest = run.exits(), run.instructions(lambda piece: piece.of_guest)
    made = Organization(
        NATIVE, run.library_calls, run.system_calls, exits.privileged, exits.devices, exits.sbi, exits, run.program,
        guest, run.above, run.program + guest + run.above, run.printed.decode(),
    )  # fmt: skip
    return made, run.traps.get(ECALL_S, 0)


def hosted_vmm(engine: str | None) -> Organization:
    """The program in Burrow under the hypervisor that is a program of the host, by trap-and-emulate."""
    run = followed(machine(kernel(PROGRAM), GUEST_MEMORY, engine, "trap"))
    exits = run.hosted_exits()
    cycles = Model().cycles(Work.of(run.after) - Work.of(run.before), EXIT_COST)
    return Organization(
        HOSTED, run.library_calls, run.system_calls, exits.privileged, exits.devices, exits.sbi, exits, run.program,
        run.above, None, cycles, run.printed.decode(),
    )  # fmt: skip


def container(engine: str | None) -> Organization:
    """The program in a container of Burrow on the bare machine.

    What nothing traps nobody counts: so the same machine runs once more under trap-and-emulate.
    """

    def in_container(made: Machine) -> bool:
        return container_of(made) != made.symbols["host"]

    run = followed(machine(kernel(IN_CONTAINER), GUEST_MEMORY, engine), in_container)
    counted = followed(machine(kernel(IN_CONTAINER), GUEST_MEMORY, engine, "trap"), in_container).hosted_exits()
    return Organization(
        CONTAINER, run.library_calls, run.system_calls, counted.privileged, counted.devices, counted.sbi, Exits(),
        run.program, run.above, None, run.program + run.above, run.printed.decode(),
    )  # fmt: skip


def compare(engine: str | None, progress: Progress) -> Comparison:
    """Measure everything. Raises AsmError, KeyboardInterrupt, RuntimeError."""
    progress(PROCESS)
    process = process_vm(engine)
    progress(NATIVE)
    native, firmware = native_vmm(engine)
    progress(HOSTED)
    hosted = hosted_vmm(engine)
    progress(CONTAINER)
    plain = followed(machine(kernel(PROGRAM), GUEST_MEMORY, engine)).above
    return Comparison((process, native, hosted, container(engine)), plain, firmware)
