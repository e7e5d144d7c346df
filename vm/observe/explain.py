"""One exit told in sentences: what the guest executed, why that trapped, what the dispatcher did, what changed.

A run is deterministic, so the exit is found in one run, and looked at in a second one, which stops just before it is
served and just after.
"""

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from trapline import isa
from trapline.isa.cause import FETCH_PAGE, STORE_PAGE, describe
from trapline.isa.hart import ABI_NAMES
from trapline.isa.mode import MODE_BITS, MODE_NAMES, M
from trapline.isa.mstatus import MPP_SHIFT, MPRV
from trapline.isa.sv32 import PAGE_SHIFT, SATP_PPN, SATP_SV32
from trapline.vm.core.access import CLINT, CLINT_SIZE
from trapline.vm.core.mmu import FETCH, STORE
from trapline.vm.core.status import FOR_THE_HOST
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.hypervisor import events as layout
from trapline.vm.hypervisor.frames import ROOT_U
from trapline.vm.hypervisor.host.event_ring import Batch, Event
from trapline.vm.hypervisor.patcher import is_code
from trapline.vm.hypervisor.technique import ASSIST
from trapline.vm.hypervisor.tracing import is_table
from trapline.vm.observe.describe import Telling, call_name
from trapline.vm.observe.page_walk import ACCESSES, Entry, Verdict, beside, judge, walk
from trapline.vm.observe.rules import Rule, why_it_trapped

ROOTS = ("M, bare", "S, bare", "U, bare", "U", "S, SUM=0", "S, SUM=1")
"""What the roots of `vm.hypervisor.shadow` are for."""

WIDTH = 100
"""Columns of running text."""

Build = Callable[[], Any]
"""A fresh machine that notes events, always from the same image and input."""


class NoSuchExit(Exception):
    """The run ended before. count: exits that there were; exit: how it ended."""

    def __init__(self, count: int, exit: Exit) -> None:
        super().__init__(count)
        self.count, self.exit = count, exit


@dataclass
class Fault:
    """A page fault of the real hart, as it was before and after it was served.

    mode: of the guest's access. guest: its own walk; shadow: the real hart's, before and after; root: the real satp.
    reason: why no shadow entry may grant the access, where that is so.
    """

    vaddr: int
    access: int
    mode: int
    satp: int
    root: int
    root_name: str
    guest: list[Entry]
    shadow: list[Entry]
    verdict: Verdict
    refusal: Verdict
    reason: str
    filled: list[Entry] = field(default_factory=list)


@dataclass
class Scene:
    """An exit and its surroundings. registers: (name, old, new) of those that changed; rule: why the real hart trapped,
    None where it did not; device: what is behind the address of a fault; taken: mcause or scause of the trap that the
    virtual hart has taken."""

    event: Event
    registers: list[tuple[str, int, int]]
    rule: Rule | None
    fault: Fault | None
    device: str
    taken: int


def find(build: Build, number: int, max_instructions: int | None = None, timeout: float | None = None) -> Event:
    """Event `number` of a run within these limits. Raises NoSuchExit, KeyboardInterrupt."""
    machine = build()
    found: list[Batch] = []
    machine.engine.ring.sinks.append(lambda batch: found.append(batch[-1:]))
    machine.engine.m.event_halt = number
    exit = machine.run(max_instructions, timeout)
    machine.board.close()
    if exit.reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    if machine.engine.ring.number < number:
        raise NoSuchExit(machine.engine.ring.number, exit)
    (event,) = found[-1].events()
    return event


def look(build: Build, event: Event, technique: str) -> Scene:
    """Run again, to the moment before that event and to the one after it."""
    machine = build()
    engine = machine.engine
    m = engine.m
    m.event_stop, m.event_cycle = event.number - 1, event.instructions
    if machine.run().reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    v, h = engine.h[event.hart], engine.real_hart(event.hart)
    before = list(v.x)
    rule = None
    fault = None
    device = ""
    if event.cause is not None and not event.interrupt:
        rule = why_it_trapped(event, h, technique)
        if event.cause >= FETCH_PAGE:
            fault = _fault(engine, event)
            if event.paddr is not None:
                device = device_at(machine, event.paddr)
    m.event_stop, m.event_halt = -1, event.number
    if machine.run().reason is ExitReason.INTERRUPTED:
        raise KeyboardInterrupt
    if fault is not None:
        fault.filled = walk(engine.words, m.ram_base, engine.real[event.hart].ram_size, fault.root, fault.vaddr)
    changed = [(n, old, new) for n, old, new in zip(ABI_NAMES, before, v.x, strict=True) if old != new]
    machine.board.close()
    taken = v.mcause if event.mode_after == M else v.scause
    return Scene(event, changed, rule, fault, device, taken)


def _fault(engine: Any, event: Event) -> Fault:
    v, h, m, r = engine.h[event.hart], engine.real_hart(event.hart), engine.m, engine.real[event.hart]
    assert event.cause is not None
    access = STORE if event.cause == STORE_PAGE else event.cause - FETCH_PAGE
    mode = v.mode
    if access != FETCH and mode == M and v.mstatus & MPRV:
        mode = (v.mstatus >> MPP_SHIFT) & MODE_BITS
    satp = v.satp if mode < M else 0
    guest = walk(engine.words, m.ram_base, m.ram_size, satp, event.tval)
    shadow = walk(engine.words, m.ram_base, r.ram_size, h.satp, event.tval)
    root = (h.satp & SATP_PPN) - (m.ram_base >> PAGE_SHIFT) - r.first_frame
    name = "U and S" if engine.m.technique == ASSIST and root == ROOT_U else ROOTS[root]
    verdict = judge(v, guest, event.tval, access, mode)
    refusal = judge(h, shadow, event.tval, access, h.mode)
    reason = "" if event.routine == layout.FILL else _why_none_may_grant(engine, v, verdict, access)
    return Fault(event.tval, access, mode, satp, h.satp, name, guest, shadow, verdict, refusal, reason)


def _why_none_may_grant(engine: Any, v: Any, verdict: Verdict, access: int) -> str:
    """Why an access that the guest's tables allow can be none of the real hart's, although there is RAM."""
    m = engine.m
    offset = -1 if verdict.paddr is None or verdict.cause else verdict.paddr - m.ram_base
    if not 0 <= offset < m.ram_size:
        return ""
    if is_code(m, engine.words, offset >> PAGE_SHIFT):
        if access == STORE:
            return "the page is code, and stores to code are looked at one by one"
        return "what is executed at that address is the translated copy, and the access is to the guest's own page"
    if m.traced and access == STORE and is_table(v, m, engine.words, offset >> PAGE_SHIFT):
        return "a page table in force lies there, and stores to it are followed at once"
    return "PMP decides within the page, or allows what an entry cannot say"


def device_at(machine: Any, paddr: int) -> str:
    """The name of the device at a physical address, empty if there is none."""
    if CLINT <= paddr < CLINT + CLINT_SIZE and machine.board is not None:
        return "CLINT"
    for base, size, device in machine.bus.ranges:
        if base <= paddr < base + size:
            kind = type(device).__name__
            return {"Uart": "UART", "Plic": "PLIC", "Finisher": "test finisher", "Slot": "virtio slot"}.get(kind, kind)
    return ""


class Explanation:
    """The sentences about a scene."""

    def __init__(self, scene: Scene, telling: Telling) -> None:
        self.scene, self.event, self._tell = scene, scene.event, telling

    def lines(self) -> list[str]:
        """All of it."""
        parts = [self._headline(), self._guest(), self._trapped(), self._done(), self._changed(), self._tables()]
        return [line for part in parts for line in ([*part, ""] if part else [])][:-1]

    def _place(self, vaddr: int) -> str:
        symbol = self._tell.symbol(vaddr)
        return f"{vaddr:#010x}" + (f" <{symbol}>" if symbol else "")

    def _headline(self) -> list[str]:
        e = self.event
        what = "a step without an exit" if e.cause is None else self._tell.cause(e)
        return [f"Exit {e.number} under {self._tell.technique}: {what}"]

    def _guest(self) -> list[str]:
        e = self.event
        return [
            f"After {e.instructions:,} instructions of virtual hart {e.hart}, in virtual {MODE_NAMES[e.mode]} mode, "
            "the guest is about to execute",
            f"  {self._place(e.pc)}  {'' if e.word is None else f'{e.word:08x}  '}{self._tell.instruction(e)}",
        ]

    def _trapped(self) -> list[str]:
        e = self.event
        if e.interrupt:
            return [
                "The real hart has not trapped: it sees no interrupts.",
                *_wrapped([
                    "Between two of the guest's instructions the dispatcher finds that in the virtual hart the "
                    f"{self._tell.cause(e)} is pending and enabled, not masked in virtual {MODE_NAMES[e.mode]} mode, "
                    "and first in the order of priorities. (Priv 3.1.9)"
                ]),
            ]  # fmt: skip
        if e.cause is None:
            return [
                f"The real hart has not trapped: `{self._tell.technique}` does not let it execute this.",
                "  So there is no exit; the step is noted because it changes the virtual mode.",
            ]
        return [f"Why the real hart traps: {self._tell.cause(e)}.", *_wrapped([str(self.scene.rule)])]

    def _done(self) -> list[str]:
        e, name = self.event, self._tell.routine(self.event)
        return [f"What the dispatcher does: {name}.", *_wrapped(self._action(e))]

    def _action(self, e: Event) -> list[str]:
        if e.interrupt:
            return [
                "It lets the virtual hart take the interrupt: `take_trap`, as the hardware would (Priv 3.1.6, 3.1.9)."
            ]
        if e.routine == layout.ANSWER:
            return [
                f"The ecall from virtual S mode has the hypercalls' extension in a7, and in a6 {call_name(e.call)}.",
                "The hypervisor does it and goes on behind the ecall; the guest's own trap handler never hears of it.",
            ]
        if e.routine == layout.TRANSLATED:
            return [
                "Nothing had come to this address before: its word in the copy of the page is still the empty one.",
                f"It translates {e.call} word{'s' if e.call != 1 else ''} from here to the end of the block, and the "
                "real hart tries again.",
            ]
        lines = self._fault_action(e) if self.scene.fault is not None else []
        if e.routine == layout.FILL:
            return lines
        mode = MODE_NAMES[e.mode]
        step = f"The interpreter routine is the machine's own step on the virtual hart, in virtual {mode} mode"
        if self._tell.replaced(e) and self._tell.technique == "patch":
            lines.append("The guest's own word is put back for the time of one step.")
        if e.trapped and e.status != FOR_THE_HOST:
            lines.append(f"{step}: it raises an exception there, {describe(self.scene.taken)}.")
            lines.append(f"The guest's own handler goes on, at {self._place(e.pc_after)}, in virtual "
                         f"{MODE_NAMES[e.mode_after]} mode.")  # fmt: skip
        elif e.status == FOR_THE_HOST:
            lines.append(
                f"{step}: it answers that the exception is for the host, where the built-in SBI serves the call."
            )
        else:
            lines.append(f"{step}: there the instruction is allowed, and does what it does on a bare hart.")
        return lines

    def _fault_action(self, e: Event) -> list[str]:
        fault = self.scene.fault
        assert fault is not None
        lines = [f"The guest's own tables and PMP are asked about the {ACCESSES[fault.access]} of {fault.vaddr:#010x}."]
        lines += [f"{fault.verdict.text} ({fault.verdict.section})"]
        if e.fault == "hidden" and e.routine == layout.FILL:
            lines.append("So the fault is hidden: a bare machine would not have had it.")
            lines.append("A shadow entry is made, and the instruction is tried again.")
        elif e.fault == "hidden":
            lines.append("So the fault is hidden: a bare machine would not have had it.")
            lines.append(f"But no shadow entry may grant the access: {fault.reason}. So the instruction is emulated.")
        elif e.fault == "true":
            lines.append("So the fault is true: the bare machine has it, too.")
        elif e.fault == "MMIO":
            lines.append(f"At {e.paddr:#010x} there is the {self.scene.device}: MMIO, and the virtual board answers.")
        else:
            lines.append(f"At {e.paddr:#010x} there is neither RAM nor a device: outside.")
        return lines

    def _changed(self) -> list[str]:
        e = self.event
        rows = []
        if e.pc_after != e.pc:
            rows.append(f"pc: {self._place(e.pc)} -> {self._place(e.pc_after)}")
        if e.mode_after != e.mode:
            rows.append(f"mode: {MODE_NAMES[e.mode]} -> {MODE_NAMES[e.mode_after]}")
        rows += [f"{name}: {old:#010x} -> {new:#010x}" for name, old, new in self.scene.registers]
        rows += [f"{name}: {old:#010x} -> {new:#010x}{fields(name, old, new)}" for name, old, new in e.changes]
        if not rows:
            return ["Nothing changes in the virtual hart."]
        return ["What changes in the virtual hart:", *("  " + row for row in rows)]

    def _tables(self) -> list[str]:
        fault = self.scene.fault
        if fault is None:
            return []
        lines = [
            f"The guest's walk for {fault.vaddr:#010x}, {ACCESSES[fault.access]} in {MODE_NAMES[fault.mode]} mode:"
        ]
        lines += [f"  level {e.level}: entry {e.index} of the table at {e.table:#010x}: {e}" for e in fault.guest]
        lines.append(f"  {fault.verdict.text}")
        lines += ["The real hart's walk of the shadow tables:"]
        lines += [f"  level {e.level}: entry {e.index} of the table at {e.table:#010x}: {e}" for e in fault.shadow]
        lines.append(f"  {fault.refusal.text} ({fault.refusal.section})")
        root = f"{(fault.root & SATP_PPN) << PAGE_SHIFT:#010x} ({fault.root_name})"
        guest = f"{(fault.satp & SATP_PPN) << PAGE_SHIFT:#010x}" if fault.satp & SATP_SV32 else "no translation"
        lines += ["Side by side:"]
        lines += ["  " + line for line in beside([
            ("guest", guest, fault.guest), ("shadow before", root, fault.shadow), ("shadow after", root, fault.filled),
        ])]  # fmt: skip
        return lines


def _wrapped(sentences: list[str]) -> list[str]:
    """Each of them on lines of its own, indented; `Priv 3.1.6` stays in one piece."""
    found = []
    for sentence in sentences:
        joined = re.sub(r"(Priv|Unpriv|Xleak|step) (?=\d)", "\\1\0", sentence)
        found += textwrap.wrap(joined, WIDTH, initial_indent="  ", subsequent_indent="  ")
    return [line.replace("\0", " ") for line in found]


def fields(name: str, old: int, new: int) -> str:
    """Which fields of a CSR have changed, where it has several: ` (SPP 0 -> 1)`."""
    csr = isa.CSR_BY_NAME.get(name)
    if csr is None or len(csr.fields) < 2 or name.endswith("cause"):
        return ""
    parts = []
    for f in csr.fields:
        if (old ^ new) & f.mask:
            parts.append(f"{f.name} {(old & f.mask) >> f.low:#x} -> {(new & f.mask) >> f.low:#x}")
    return f" ({', '.join(parts)})" if parts else ""
