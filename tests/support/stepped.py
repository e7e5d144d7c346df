"""The stops that a machine has to make, found by looking at each step of one that has none."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from trapline import Machine
from trapline.isa import Kind
from trapline.isa.cause import INTERRUPT
from trapline.isa.mode import M
from trapline.isa.table import decode_fetched
from trapline.vm.breakpoints import Access, Breakpoint, Catch, Stop, Watchpoint
from trapline.vm.core.access_type import LOAD, STORE
from trapline.vm.core.hart import INTERRUPT_COUNTS
from trapline.vm.core.mmu import refresh
from trapline.vm.core.page_walk import permitted_address
from trapline.vm.core.parcels import COMPRESSED
from trapline.vm.core.tlb import TLB_MASK
from trapline.vm.exit import Exit, ExitReason

DOES = {Kind.LOAD: Access.READ, Kind.LR: Access.READ, Kind.STORE: Access.WRITE, Kind.AMO: Access.ACCESS}
STOPS = (ExitReason.BREAKPOINT, ExitReason.WATCHPOINT, ExitReason.CATCH)


class Accessed(NamedTuple):
    """An access: virtual address, physical address of each byte, bytes, kind, and satp (0 in M mode)."""

    vaddr: int
    paddrs: tuple[int, ...]
    width: int
    does: Access
    satp: int


class Step(NamedTuple):
    """A step: steps before it, hart, pc, and satp (0 in M mode); paddr of the word, -1 if none can be fetched; its
    access if it has done one; traps before it (interrupts) and in it as (mcause, mode before, mode after, pc after)."""

    cycle: int
    hart: int
    pc: int
    satp: int
    paddr: int
    access: Accessed | None
    before: list[tuple[int | None, int, int, int]]
    after: list[tuple[int | None, int, int, int]]


class Steps:
    """Stands in for the trace of a machine and notes each step."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.steps: list[Step] = []
        self._counts = [list(h.trap_counts) for h in machine.engine.h]
        self._modes = [h.mode for h in machine.engine.h]

    def before(self) -> None:
        """The instruction at pc is about to be executed; an interrupt has been taken."""
        machine = self.machine
        h, number = machine.current.h, machine.engine.m.current
        interrupts = self._traps(h, number)
        refresh(h)
        satp = 0 if h.mode == M else h.satp
        word = machine.instruction_word()
        paddr = -1
        if word is not None:
            paddr = self._paddr(h, h.pc, "fetch")
        self._retired = h.cycle - h.unretired
        self._access = None if word is None else self._accessed(h, word)
        self._note = (machine.cycle, number, h.pc, satp, paddr), interrupts
        self._mode = h.mode

    def after(self) -> None:
        """It has been executed, or not, if the machine has to look first."""
        (cycle, number, pc, satp, paddr), interrupts = self._note
        h = self.machine.engine.h[number]
        if self.machine.cycle == cycle:
            self._missed = interrupts
            return
        retired = h.cycle - h.unretired == self._retired + 1
        access = self._access if retired else None
        self.steps.append(Step(cycle, number, pc, satp, paddr, access, interrupts, self._traps(h, number)))

    def _traps(self, h: Any, number: int) -> list[tuple[int | None, int, int, int]]:
        counts, before = list(h.trap_counts), self._modes[number]
        taken = [i for i in range(len(counts)) if counts[i] != self._counts[number][i]]
        self._counts[number], self._modes[number] = counts, h.mode
        causes = [i if i < INTERRUPT_COUNTS else INTERRUPT | (i - INTERRUPT_COUNTS) for i in taken]
        if not causes:
            return [(None, before, h.mode, h.pc)] if before != h.mode else []
        return [(cause, before, h.mode, h.pc) for cause in causes]

    def _paddr(self, h: Any, vaddr: int, kind: str) -> int:
        """Where the machine finds a byte: through its TLB, or else its tables."""
        m, words = self.machine.engine.m, self.machine.engine.words
        if kind == "fetch":
            from trapline.vm.core.peek import fetched_offset

            offset = fetched_offset(h, m, words)
            return offset + m.ram_base if offset >= 0 else -1
        tlb = h.load_tlb if kind == "load" else h.store_tlb
        entry = 2 * ((vaddr >> 12) & TLB_MASK)
        if tlb[entry] == (vaddr & 0xFFFFF000) | h.data_context:
            return vaddr + tlb[entry + 1] + m.ram_base
        return permitted_address(h, m, words, vaddr, 1, LOAD if kind == "load" else STORE, h.data_mode)

    def _accessed(self, h: Any, word: int) -> Accessed | None:
        found = decode_fetched(word, h.extensions & COMPRESSED != 0)
        if found is None or not found[0].width:
            return None
        instruction, word = found
        operands = instruction.pattern.extract(word)
        vaddr = (h.x[operands["rs1"]] + operands.get("imm", 0)) & 0xFFFFFFFF
        kind = "load" if instruction.kind in (Kind.LOAD, Kind.LR) else "store"
        paddrs = tuple(self._paddr(h, (vaddr + i) & 0xFFFFFFFF, kind) for i in range(instruction.width))
        does = DOES.get(instruction.kind, Access.WRITE)
        if instruction.kind is Kind.SC and h.reservation != paddrs[0] - self.machine.ram_base:
            return None
        satp = 0 if h.data_mode == M else h.satp
        return Accessed(vaddr, paddrs, instruction.width, does, satp)


def steps_of(machine: Machine, limit: int) -> list[Step]:
    """The steps of a machine until a limit in instructions, or its end."""
    recorder = Steps(machine)
    machine._loop.trace = recorder  # type: ignore[assignment]
    try:
        machine.run(max_instructions=limit)
    finally:
        machine._loop.trace = None
    return recorder.steps


def is_watched(stop: Watchpoint, access: Accessed) -> bool:
    """Whether a watchpoint is about an access."""
    if not stop.access & access.does or stop.satp not in (None, access.satp):
        return False
    vaddrs = [(access.vaddr + i) & 0xFFFFFFFF for i in range(access.width)]
    bytes = access.paddrs if stop.physical else vaddrs
    return any(stop.address <= b < stop.address + stop.length for b in bytes)


def expected(steps: Iterable[Step], stops: list[Stop]) -> Iterator[tuple[Any, ...]]:
    """What `seen` gives for each stop that is due."""
    for step in steps:
        here = [s for s in stops if s.hart in (None, step.hart)]
        for cause, before, mode, pc in step.before:
            if any(isinstance(s, Catch) and (cause in s.causes or (s.modes and before != mode)) for s in here):
                yield ExitReason.CATCH, step.hart, cause, before, pc, step.cycle
        if any(
            isinstance(s, Breakpoint)
            and step.paddr >= 0
            and s.address == (step.paddr if s.physical else step.pc)
            and s.satp in (None, step.satp)
            for s in here
        ):
            yield ExitReason.BREAKPOINT, step.hart, step.pc, step.cycle
        access = step.access
        if access is not None and any(isinstance(s, Watchpoint) and is_watched(s, access) for s in here):
            yield ExitReason.WATCHPOINT, step.hart, step.pc, access.vaddr, access.width, access.does, step.cycle + 1
        for cause, before, mode, pc in step.after:
            if any(isinstance(s, Catch) and (cause in s.causes or (s.modes and before != mode)) for s in here):
                yield ExitReason.CATCH, step.hart, cause, before, pc, step.cycle + 1


def seen(machine: Machine, exit: Exit) -> tuple[Any, ...]:
    """A stop in the form of `expected`."""
    hit = exit.hit
    assert hit is not None
    if exit.reason is ExitReason.BREAKPOINT:
        return exit.reason, hit.hart, hit.pc, machine.cycle
    if exit.reason is ExitReason.WATCHPOINT:
        return exit.reason, hit.hart, hit.pc, hit.address, hit.width, hit.access, machine.cycle
    return exit.reason, hit.hart, hit.cause, hit.mode, exit.pc, machine.cycle


def stops_of(machine: Machine, limit: int) -> tuple[list[tuple[Any, ...]], Exit]:
    """The stops of a machine until a limit, and the exit that ends the run. One at the limit itself is left out."""
    end, found = machine.cycle + limit, []
    while (exit := machine.run(max_instructions=end - machine.cycle)).reason in STOPS:
        if exit.reason is not ExitReason.BREAKPOINT or machine.cycle < end:
            found.append(seen(machine, exit))
    return found, exit
