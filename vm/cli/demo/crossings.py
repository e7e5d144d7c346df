"""A program's run, cut where the privilege mode changes: what each layer of software did, and why it began.

Counted is from the program's first instruction to its call of `exit`.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from trapline.isa.cause import ECALL_U, FETCH_PAGE, ILLEGAL, INTERRUPT, LOAD_PAGE, STORE_PAGE
from trapline.isa.mode import U
from trapline.vm.breakpoints import Breakpoint, Catch
from trapline.vm.cli.demo.containers import LONGEST, until
from trapline.vm.debug import memory
from trapline.vm.exit import ExitReason
from trapline.vm.hypervisor.host.counts import Counts
from trapline.vm.machine import Machine

KERNEL = 0x80000000
"""Programs of Burrow lie below, its kernel above."""
PAGE_FAULTS = (FETCH_PAGE, LOAD_PAGE, STORE_PAGE)
Condition = Callable[[Machine], bool]


@dataclass(frozen=True)
class Exits:
    """Traps that leave the virtual machine for the VMM, by what they are for.

    calls: system calls of the program; privileged: instructions of the kernel; devices: its loads and stores to them;
    sbi: its calls of the firmware; shadow: page table entries that the VMM had yet to make; interrupts.
    """

    calls: int = 0
    privileged: int = 0
    devices: int = 0
    sbi: int = 0
    shadow: int = 0
    interrupts: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.calls + self.privileged + self.devices + self.sbi + self.shadow + self.interrupts


@dataclass(frozen=True)
class Piece:
    """What a hart does between two changes of its mode.

    mode, pc: where it begins; steps: instructions, retired or trapped; cause: of the trap that ends it, None for a
    return; again: whether the instruction that trapped is done again afterwards.
    """

    mode: int
    pc: int
    steps: int
    cause: int | None
    again: bool = False

    @property
    def instructions(self) -> int:
        """Those that are not done again."""
        return self.steps - self.again

    @property
    def of_program(self) -> bool:
        """Whether the program or its library does it."""
        return self.mode == U and self.pc < KERNEL

    @property
    def of_guest(self) -> bool:
        """Whether a kernel does it that runs in U mode."""
        return self.mode == U and self.pc >= KERNEL


@dataclass(frozen=True)
class Crossings:
    """A run of the program.

    traps: of the machine, by cause; before, after: what its hypervisor has counted; printed: by the program.
    """

    pieces: tuple[Piece, ...]
    traps: dict[int, int]
    before: Counts
    after: Counts
    library_calls: int
    printed: bytes

    def instructions(self, wanted: Callable[[Piece], bool]) -> int:
        """Of such pieces."""
        return sum(piece.instructions for piece in self.pieces if wanted(piece))

    @property
    def program(self) -> int:
        """Instructions of the program with its library."""
        return self.instructions(lambda piece: piece.of_program)

    @property
    def above(self) -> int:
        """Instructions in S and M mode."""
        return self.instructions(lambda piece: piece.mode != U)

    @property
    def system_calls(self) -> int:
        """Of the program."""
        return sum(piece.of_program and piece.cause == ECALL_U for piece in self.pieces)

    def exits(self) -> Exits:
        """Traps to a VMM that is a program of this machine, with program and kernel in U mode above it."""
        ends = [piece for piece in self.pieces if piece.mode == U and piece.cause is not None]
        faults = [piece for piece in ends if piece.cause in PAGE_FAULTS]
        return Exits(
            calls=self.system_calls,
            privileged=sum(piece.cause == ILLEGAL for piece in ends),
            devices=sum(not piece.again for piece in faults),
            sbi=sum(piece.of_guest and piece.cause == ECALL_U for piece in ends),
            shadow=sum(piece.again for piece in faults),
            interrupts=sum(bool(piece.cause & INTERRUPT) for piece in ends if piece.cause is not None),
        )

    def hosted_exits(self) -> Exits:
        """Traps to the VMM of the host, as it has counted them; it lets no interrupt through."""
        before, after = self.before, self.after
        environment_calls = after.exits.get(ECALL_U, 0) - before.exits.get(ECALL_U, 0)
        return Exits(
            calls=self.system_calls,
            privileged=after.exits.get(ILLEGAL, 0) - before.exits.get(ILLEGAL, 0),
            devices=after.mmio_faults - before.mmio_faults,
            sbi=environment_calls - self.system_calls,
            shadow=after.hidden_faults - before.hidden_faults,
        )


def follow(made: Machine, symbols: dict[str, int], wanted: Condition | None = None) -> Crossings:
    """Let a machine run until the program begins, and from there to its end.

    symbols: of the program; wanted: whether it is that one. Raises KeyboardInterrupt, RuntimeError.
    """
    until(made, symbols["_start"], wanted)
    traps, before, printed = dict(made.trap_counts), Counts.of(made), len(made.console.output)
    end = made.stops.add(Breakpoint(symbols["exit"]))
    change = made.stops.add(Catch(modes=True))
    rows: list[tuple[int, int, int, int | None]] = []
    returns: list[int] = []  # by piece: where the trap that ends it happened
    ended = False
    while not ended:
        mode, pc, began = made.mode, made.pc, made.cycle
        exit = made.run(max_instructions=LONGEST)
        if exit.reason is ExitReason.INTERRUPTED:
            raise KeyboardInterrupt
        if exit.hit is None:
            raise RuntimeError(f"the program did not end: {exit}")
        rows.append((mode, pc, made.cycle - began, exit.hit.cause))
        returns.append(made.csr["sepc"])
        ended = end in exit.hit.stops
    made.stops.remove(end)
    made.stops.remove(change)
    grown = {cause: number - traps.get(cause, 0) for cause, number in made.trap_counts.items()}
    (library_calls,) = struct.unpack("<I", memory.read(made, made.harts[0], symbols["library_calls"], 4))
    return Crossings(
        tuple(_pieces(rows, returns)), grown, before, Counts.of(made), library_calls, made.console.output[printed:]
    )


def _pieces(rows: list[tuple[int, int, int, int | None]], returns: list[int]) -> list[Piece]:
    """The pieces. What the VMM does after a page fault is the next one; the one after may begin where the fault was."""
    made = []
    for i, (mode, pc, steps, cause) in enumerate(rows):
        again = mode == U and cause in PAGE_FAULTS and rows[i + 2][1] == returns[i]
        made.append(Piece(mode, pc, steps, cause, again))
    return made
