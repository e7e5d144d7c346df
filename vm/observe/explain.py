"""Explains one exit: what the guest executed, why it trapped, what the dispatcher did, what changed.

Runs are deterministic, so one run finds the exit and a second one stops just before and just after it is served.
"""

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from trapline import isa
from trapline.isa.cause import FETCH_PAGE, describe
from trapline.isa.hart import ABI_NAMES
from trapline.isa.mode import MODE_BITS, MODE_NAMES, M
from trapline.isa.mstatus import MPP_SHIFT, MPRV
from trapline.isa.sv32 import PAGE_SHIFT, SATP_PPN, SATP_SV32
from trapline.vm.core.access_type import FETCH, STORE, access_of
from trapline.vm.core.clint import CLINT, CLINT_SIZE
from trapline.vm.core.status import FOR_THE_HOST
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.hypervisor import events as layout
from trapline.vm.hypervisor.frames import FIRST_TRANSLATING, ROOT_U, WAYS
from trapline.vm.hypervisor.host.event_ring import Batch, Event
from trapline.vm.hypervisor.patch import is_code
from trapline.vm.hypervisor.technique import ASSIST
from trapline.vm.hypervisor.tracing import is_table
from trapline.vm.observe.describe import Describer, call_name
from trapline.vm.observe.rules import Rule, why_it_trapped
from trapline.vm.observe.walk_listing import ACCESSES, Entry, Verdict, beside, judge, walk

ROOTS = ("M, bare", "S, bare", "U, bare", "U", "S, SUM=0", "S, SUM=1")
"""The use of each root table of `vm.hypervisor.shadow`."""

WIDTH = 100
"""Width of text in columns."""

Build = Callable[[], Any]
"""Makes a fresh machine that logs events, always from the same image and input."""


class NoSuchExit(Exception):
    """The run ended before this exit. count: exits in the run; exit: how it ended."""

    def __init__(self, count: int, exit: Exit) -> None:
        super().__init__(count)
        self.count, self.exit = count, exit


@dataclass
class Fault:
    """A page fault of the real hart, before and after it is served.

    mode: of the guest's access. guest: the walk of its own tables; shadow, filled: the real hart's walk before and
    after; root: the real satp. reason: why no shadow entry may grant the access, if that is so.
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
    """An exit and its context.

    registers: (name, old, new) of those that changed; rule: why the real hart trapped, None if it did not;
    device: the device at the address of a fault; taken: mcause or scause of the trap that the virtual hart took.
    """

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
    """Run again, and stop before and after the event. A reset, which the host does, is all in its record."""
    if event.routine == layout.RESET:
        return Scene(event, [], None, None, "", 0)
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
    access = access_of(event.cause)
    mode = v.mode
    if access != FETCH and mode == M and v.mstatus & MPRV:
        mode = (v.mstatus >> MPP_SHIFT) & MODE_BITS
    satp = v.satp if mode < M else 0
    guest = walk(engine.words, m.ram_base, m.ram_size, satp, event.tval)
    shadow = walk(engine.words, m.ram_base, r.ram_size, h.satp, event.tval)
    root = (h.satp & SATP_PPN) - (m.ram_base >> PAGE_SHIFT) - r.first_frame
    way = root if root < FIRST_TRANSLATING else FIRST_TRANSLATING + root % WAYS
    name = "U and S" if engine.m.technique == ASSIST and way == ROOT_U else ROOTS[way]
    verdict = judge(v, guest, event.tval, access, mode)
    refusal = judge(h, shadow, event.tval, access, h.mode)
    reason = "" if event.routine == layout.FILL else _why_none_may_grant(engine, v, verdict, access)
    return Fault(event.tval, access, mode, satp, h.satp, name, guest, shadow, verdict, refusal, reason)


def _why_none_may_grant(engine: Any, v: Any, verdict: Verdict, access: int) -> str:
    """Why no shadow entry may grant an access to RAM that the guest's tables allow."""
    m = engine.m
    offset = -1 if verdict.paddr is None or verdict.cause else verdict.paddr - m.ram_base
    if not 0 <= offset < m.ram_size:
        return ""
    if is_code(m, engine.words, offset >> PAGE_SHIFT):
        if access == STORE:
            return "the page holds code, and every store to code is checked"
        return "the real hart executes a translated copy of that page, and the access is to the guest's own"
    if m.traced and access == STORE and is_table(v, m, engine.words, offset >> PAGE_SHIFT):
        return "the page holds a page table in use, and stores to it are traced"
    return "PMP differs within the page, or allows what a page-table entry cannot express"


def device_at(machine: Any, paddr: int) -> str:
    """The name of the device at a physical address; empty if none."""
    if CLINT <= paddr < CLINT + CLINT_SIZE and machine.board is not None:
        return "CLINT"
    for base, size, device in machine.bus.ranges:
        if base <= paddr < base + size:
            kind = type(device).__name__
            return {"Uart": "UART", "Plic": "PLIC", "Finisher": "test finisher", "Slot": "virtio slot"}.get(kind, kind)
    return ""


class Explanation:
    """The explanation of a scene, as lines of text."""

    def __init__(self, scene: Scene, describer: Describer) -> None:
        self.scene, self.event, self._describer = scene, scene.event, describer

    def lines(self) -> list[str]:
        """The whole explanation."""
        parts = [self._headline(), self._guest(), self._trapped(), self._done(), self._changed(), self._tables()]
        return [line for part in parts for line in ([*part, ""] if part else [])][:-1]

    def _place(self, vaddr: int) -> str:
        symbol = self._describer.symbol(vaddr)
        return f"{vaddr:#010x}" + (f" <{symbol}>" if symbol else "")

    def _headline(self) -> list[str]:
        e = self.event
        what = self._describer.cause(e)
        if e.cause is None:
            what = "a reset" if e.routine == layout.RESET else "a step without an exit"
        return [f"Exit {e.number} under {self._describer.technique}: {what}"]

    def _guest(self) -> list[str]:
        e, describer = self.event, self._describer
        return [
            f"After {e.instructions:,} instructions of virtual hart {e.hart}, in virtual {MODE_NAMES[e.mode]} mode, "
            f"the guest {'would execute next' if e.routine == layout.RESET else 'is about to execute'}",
            "  " + "  ".join(filter(None, (self._place(e.pc), describer.word(e), describer.instruction(e)))),
        ]

    def _trapped(self) -> list[str]:
        e = self.event
        if e.interrupt:
            return [
                "The real hart has not trapped: it never sees interrupts.",
                *_wrapped([
                    "Between two instructions of the guest the dispatcher finds that the "
                    f"{self._describer.cause(e)} is pending and enabled in the virtual hart, not masked in virtual "
                    f"{MODE_NAMES[e.mode]} mode, and of the highest priority. (Priv 3.1.9)"
                ]),
            ]  # fmt: skip
        if e.routine == layout.RESET:
            return ["The real hart has not trapped: with its last exit the guest has asked for a reset of its machine."]
        if e.cause is None:
            return [
                f"The real hart has not trapped: `{self._describer.technique}` never lets it execute this.",
                "  There is no exit; the step is logged because it changes the virtual mode.",
            ]
        return [f"Why the real hart traps: {self._describer.cause(e)}.", *_wrapped([str(self.scene.rule)])]

    def _done(self) -> list[str]:
        e, name = self.event, self._describer.routine(self.event)
        return [f"What the dispatcher does: {name}.", *_wrapped(self._action(e))]

    def _action(self, e: Event) -> list[str]:
        if e.interrupt:
            return [
                "It lets the virtual hart take the interrupt: `take_trap`, as the hardware would (Priv 3.1.6, 3.1.9)."
            ]
        if e.routine == layout.RESET:
            return [
                "The host brings all virtual harts and devices into their state at power-on, loads again what was "
                "booted, and starts it. The rest of RAM stays."
            ]
        if e.routine == layout.ANSWER:
            return [
                f"The ecall from virtual S mode has the hypercall extension in a7, and {call_name(e.call)} in a6.",
                "The hypervisor serves it and resumes after the ecall, without involving the guest's trap handler.",
            ]
        if e.routine == layout.TRANSLATED:
            return [
                "This address is reached for the first time: the copy of the page has no translation for it yet.",
                f"It translates {e.call} instruction{'s' if e.call != 1 else ''} from here to the end of the block, "
                "and the real hart retries.",
            ]
        lines = self._fault_action(e) if self.scene.fault is not None else []
        if e.routine == layout.FILL:
            return lines
        mode = MODE_NAMES[e.mode]
        step = f"The interpreter routine is the machine's own step on the virtual hart, in virtual {mode} mode"
        if self._describer.replaced(e) and self._describer.technique == "patch":
            lines.append("The guest's own instruction is restored for one step.")
        if e.trapped and e.status != FOR_THE_HOST:
            lines.append(f"{step}: it raises an exception there, {describe(self.scene.taken)}.")
            lines.append(f"The guest's own handler continues at {self._place(e.pc_after)}, in virtual "
                         f"{MODE_NAMES[e.mode_after]} mode.")  # fmt: skip
        elif e.status == FOR_THE_HOST:
            lines.append(f"{step}: the exception goes to the host, where the built-in SBI serves the call.")
        else:
            lines.append(f"{step}: there the instruction is legal, and does what it does on a bare hart.")
        return lines

    def _fault_action(self, e: Event) -> list[str]:
        fault = self.scene.fault
        assert fault is not None
        access = f"{ACCESSES[fault.access]} of {fault.vaddr:#010x}"
        lines = [f"It checks the {access} against the guest's own tables and PMP."]
        lines += [f"{fault.verdict.text} ({fault.verdict.section})"]
        if e.fault == "hidden" and e.routine == layout.FILL:
            lines.append("So the fault is hidden: a bare machine would not take it.")
            lines.append("It makes a shadow entry, and the instruction is retried.")
        elif e.fault == "hidden":
            lines.append("So the fault is hidden: a bare machine would not take it.")
            lines.append(f"But no shadow entry may grant the access: {fault.reason}. So the instruction is emulated.")
        elif e.fault == "true":
            lines.append("So the fault is true: a bare machine takes it too.")
        elif e.fault == "MMIO":
            lines.append(f"The {self.scene.device} is at {e.paddr:#010x}: MMIO, which the virtual board serves.")
        else:
            lines.append(f"Neither RAM nor a device is at {e.paddr:#010x}: outside.")
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
    """The sentences wrapped and indented, each beginning on a new line; `Priv 3.1.6` is never split."""
    found = []
    for sentence in sentences:
        joined = re.sub(r"(Priv|Unpriv|Xleak|step) (?=\d)", "\\1\0", sentence)
        found += textwrap.wrap(joined, WIDTH, initial_indent="  ", subsequent_indent="  ")
    return [line.replace("\0", " ") for line in found]


def fields(name: str, old: int, new: int) -> str:
    """The changed fields of a CSR that has several: ` (SPP 0 -> 1)`."""
    csr = isa.CSR_BY_NAME.get(name)
    if csr is None or len(csr.fields) <= 1 or name.endswith("cause"):
        return ""
    parts = []
    for f in csr.fields:
        if (old ^ new) & f.mask:
            parts.append(f"{f.name} {(old & f.mask) >> f.low:#x} -> {(new & f.mask) >> f.low:#x}")
    return f" ({', '.join(parts)})" if parts else ""
