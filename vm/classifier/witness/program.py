"""A witness as an assembly program that sets up each state, executes the instruction there and prints its effect.

In each state the program first executes a `nop` in place of the instruction, then prints where the two results differ.
It therefore needs no rule of the instruction, and the two states of a witness print two different texts.
A program cannot set up a reservation, nor machine-level bits that no instruction below M mode sees: they are left out.
"""

import re
import textwrap
from collections.abc import Callable

from trapline import isa as declarations
from trapline.isa import CSR_BY_NAME
from trapline.isa.cause import MEIP, MSIP, MTIP, SEIP
from trapline.isa.hart import ABI_NAMES, REGISTERS
from trapline.isa.mode import MODE_NAMES, M, S
from trapline.isa.mstatus import MIE, MPP_SHIFT, MPRV
from trapline.isa.sv32 import (
    PAGE_SHIFT,
    PTE_A,
    PTE_D,
    PTE_PPN_SHIFT,
    PTE_R,
    PTE_SIZE,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    SATP_PPN,
)
from trapline.vm.classifier.definitions import memory
from trapline.vm.classifier.definitions.questions import State, Witness
from trapline.vm.classifier.witness.fragments import fragment
from trapline.vm.classifier.witness.plan import ENTERED, JUMPS, Plan
from trapline.vm.classifier.witness.sentences import describe
from trapline.vm.core.counters import STEPS_PER_TICK

PROGRAM = 0x20000
"""Offset of the program in RAM, behind the memory of `definitions.memory`."""
MARKED = memory.RAM_BASE + memory.PAGES * memory.PAGE
"""The page behind the layout, whose translation the hart caches."""
_BY_ENTRY = ("mstatus", "satp", "mtvec", "mie")
"""CSRs that every entry, or `observe`, sets."""
_COUNTERS = ("cycle", "unretired", "mcycle", "minstret", "time_base")
_APART = {"mode", "pc", "mstatus", "satp", "lines", "mie", "mtvec", "medeleg", "reservation", *_COUNTERS}
"""Values of a state that are more than a write to the CSR of their name."""


def program(witness: Witness, isa: str, disassemble: Callable[[int], str], file: str = "witness.s") -> str:
    """The text of a program that demonstrates `witness` on a machine with this ISA string.

    disassemble: a word as assembly. file: the program's name in its header.
    Raises ValueError for a word that encodes no instruction and for an unknown relocation.
    """
    return _Program(witness, isa, disassemble(witness.word), file).text()


def _code(*statements: str) -> str:
    """Statements such as `li t0, 1` or `li t0, 1 # why`, one a line, in columns."""
    lines = []
    for statement in statements:
        code, _, comment = statement.partition(" # ")
        operation, _, operands = code.partition(" ")
        text = f"    {operation:<8}{operands}".rstrip()
        lines.append(f"{text:<44}# {comment}\n" if comment else f"{text}\n")
    return "".join(lines)


def _set(csr: str, value: int, why: str = "") -> str:
    """Write a constant to a CSR."""
    return _code(f"li t0, {value & 0xFFFFFFFF:#x}" + (f" # {why}" if why else ""), f"csrw {csr}, t0")


def _store(address: int, value: int, why: str = "") -> str:
    """Write a word to memory."""
    first = f"li t0, {address:#x}" + (f" # {why}" if why else "")
    return _code(first, f"li t1, {value & 0xFFFFFFFF:#x}", "sw t1, (t0)")


def _double(csr: str, value: int) -> str:
    """Set a 64-bit counter."""
    return _set(f"{csr}h", value >> 32) + _set(csr, value)


def _page(satp: int) -> int:
    """The page of RAM that holds the root table."""
    return (satp & SATP_PPN) - memory.RAM_BASE // memory.PAGE


def _leaf(frame: int, permissions: int) -> int:
    """A leaf PTE."""
    return frame >> PAGE_SHIFT << PTE_PPN_SHIFT | permissions | PTE_V | PTE_A | PTE_D


def _register(state: State, number: int) -> int:
    return next((state.values[n] for n in (f"x{number}", ABI_NAMES[number]) if n in state.values), 0)


def _shown(name: str, value: int) -> str:
    return str(value) if name in _COUNTERS else f"{value & 0xFFFFFFFF:#010x}"


class _Program:
    def __init__(self, witness: Witness, isa: str, assembly: str, file: str) -> None:
        self.witness, self.isa, self.assembly, self.file = witness, isa, assembly, file
        self.plan = Plan(witness)
        self.states = witness.states
        self.instruction = self.plan.instruction

    def text(self) -> str:
        names = {"B": self.plan.base, "K": self.plan.mask, "T": self.plan.free}
        equates = fragment(
            "equates", WORD=f"{self.witness.word:#010x}", TEXT=self.assembly,
            PLACE=f"{self.plan.place:#x}", FRAMES_B=f"{memory.FRAMES_B:#x}",
        )  # fmt: skip
        parts = [
            self._header(),
            equates,
            self._memory(),
            f"\n    .org    {PROGRAM:#x}\n",
            fragment("capture", WATCH=self._watch(), **names),
            self._start(),
            *(self._entry(number) for number in self.plan.order()),
            "\n",
            fragment("observe", QUIET=self._quiet()),
            "\n",
            fragment("report"),
            self._names(),
            "\n",
            fragment("bss", SIZE=4 + 4 * len(self.plan.items)),
        ]
        return "".join(parts)

    def _header(self) -> str:
        lines = [f"{self.file} - {self.assembly}: {self.witness.question}", "", f"isa: {self.isa}", ""]
        lines += [*textwrap.wrap(f"What it shows: {describe(self.witness)}.", 100), ""]
        for number, state in enumerate(self.states):
            lines.append(f"State {number + 1}: {self._title(number)}")
            rest = [f"{n} = {_shown(n, v)}" for n, v in state.values.items() if n not in ("mode", "pc")]
            lines += [f"  {text}" for text in rest]
            if self.plan.relocations[number].name != state.relocation:
                lines.append(f"  (the witness has '{state.relocation}', which has no translation to cache)")
        lines += [
            "",
            "In each state a nop is executed, then the instruction in its place; differences are printed.",
        ]
        lines += ["", "How to run it", f"  trapline boot {self.file} --isa {self.isa}"]
        return "".join(f"# {line}".rstrip() + "\n" for line in lines) + "\n"

    def _title(self, number: int) -> str:
        mode = MODE_NAMES[self.states[number].values.get("mode", M)]
        return f"{mode} mode, {self.plan.relocations[number].summary}"

    def _memory(self) -> str:
        """The initial memory of the witness, by offset in RAM."""
        words: dict[int, int] = {}
        if self.plan.drops:
            words |= {memory.PAGE: 1, 2 * memory.PAGE: 2}
        for state in self.states:
            for name, value in state.values.items():
                if match := re.fullmatch(r"memory\[(\w+)\]", name):
                    offset = int(match[1], 0) - memory.RAM_BASE
                    words |= {offset: value, offset + memory.FRAMES_B: value}
        words |= {4 * i: int(word) for i, word in enumerate(memory.image()) if word and self._in_use(4 * i)}
        place = self.plan.place - memory.RAM_BASE
        text = "\n    .text\n    .globl  _start\n_start:\n" + _code("j begin")
        text += "\n# The instruction's place, data, page tables\n"
        for offset in sorted({place, *words}):
            if offset == place:
                text += f"    .org    {offset:#x}\ninstruction:\n    .word   NOP\n"
            else:
                text += f"    .org    {offset:#x}\n    .word   {words[offset]:#010x}\n"
        return text

    def _in_use(self, offset: int) -> bool:
        """Whether the page table at this offset belongs to a relocation of the witness."""
        page = offset // memory.PAGE
        tables = ((_page(r.satp), PTE_SIZE * r.code_pte // memory.PAGE) for r in self.plan.relocations if r.satp)
        return any(page in pages for pages in tables)

    def _watch(self) -> str:
        """Save everything that the plan observes."""
        plan = self.plan
        offsets = {name: 4 + 4 * i for i, name in enumerate(plan.items)}
        names = [ABI_NAMES[r] for r in plan.registers]
        text = _code(*(f"sw {name}, {offsets[name]}({plan.base})" for name in names))
        for name in plan.csrs:
            text += _code(f"csrr {plan.free}, {name}", f"sw {plan.free}, {offsets[name]}({plan.base})")
        for address in plan.words:
            text += _code(
                f"li {plan.mask}, {address + plan.frames(0):#x}",
                f"lw {plan.free}, ({plan.mask})",
                f"sw {plan.free}, {offsets[f'{address:#010x}']}({plan.base})",
            )
        if plan.drops:
            text += fragment(
            "look", B=plan.base, K=plan.mask, T=plan.free, OFFSET=offsets["translation"],
                SATP=f"{plan.relocations[0].satp:#x}", MARKED=f"{MARKED:#x}",
            )  # fmt: skip
        return text

    def _start(self) -> str:
        text = "\nbegin:\n" + _code("la sp, stack_end")
        for number in self.plan.order():
            for word, snapshot in (("NOP", "before"), ("INSTRUCTION", "after")):
                text += _code(f"li a0, {word}", f"la a1, enter_{number + 1}", f"la a2, {snapshot}", "call observe")
            bits = self.plan.shown_bits(self.states[number])
            text += _code(f"la a0, title_{number + 1}", "call print", f"li a0, {bits:#x}", "call report")
        return text + _code("li t0, FINISHER", "li t1, 0x5555", "sw t1, (t0)", "j .")

    def _quiet(self) -> str:
        """Reset everything that a state or the instruction may have set."""
        text = fragment("quiet_devices") if any(s.values.get("lines", 0) for s in self.states) else ""
        touched = {*self.plan.csrs, *(n for s in self.states for n in s.values)}
        for csr in declarations.CSRS:
            plain = csr.storage or csr.name.startswith("pmp")
            if csr.name in touched and plain and csr.write_mask and csr.name not in _BY_ENTRY:
                text += _code(f"csrw {csr.name}, zero")
        return text + _code("csrw mie, zero")

    def _entry(self, number: int) -> str:
        """The routine that sets up a state and enters the instruction in it."""
        state, relocation = self.states[number], self.plan.relocations[number]
        mode = state.values.get("mode", M)
        text = f"\n# State {number + 1}: {self._title(number)}\nenter_{number + 1}:\n"
        text += self._following(mode)
        text += self._protection(relocation)
        text += self._translation(relocation, mode)
        text += self._configuration(state, number)
        text += self._time(state)
        if self.instruction.name == "wfi" or self.plan.loops:
            text += fragment("wake")
        return text + self._go(state, mode)

    def _following(self, mode: int) -> str:
        """Return after the instruction: by ecall, or by a jump in M mode, where a trap would change too much."""
        jump = declarations.BY_NAME["jal"].encode(rd=0, imm=memory.RAM_BASE + PROGRAM - self.plan.place - 4)
        return _code(
            "li t0, PLACE + 4 # next: " + ("a jump to `captured`" if mode == M else "ecall"),
            "li t1, OTHER_FRAME",
            "add t1, t0, t1",
            f"li t2, {jump:#x}" if mode == M else "li t2, ECALL",
            "sw t2, (t0)",
            "sw t2, (t1)",
            "fence.i",
        )

    @staticmethod
    def _protection(relocation: memory.Relocation) -> str:
        cfg, address = relocation.pmp
        denied = _set("pmpaddr0", address, "PMP: deny one page") if cfg else ""
        open_cfg, open_address = memory.OPEN
        return denied + _set("pmpaddr1", open_address, "PMP: open all memory") + _set("pmpcfg0", open_cfg << 8 | cfg)

    def _translation(self, relocation: memory.Relocation, mode: int) -> str:
        if not relocation.satp:
            return ""
        table = memory.RAM_BASE + PTE_SIZE * relocation.code_pte
        user = PTE_U if mode != S else 0
        code = _leaf(memory.RAM_BASE + relocation.frames, PTE_R | PTE_W | PTE_X | user)
        text = _store(table, code, "give the code page to the mode")
        leaf = table + PTE_SIZE * memory.PAGES
        first, second = (_leaf(memory.RAM_BASE + n * memory.PAGE, PTE_R | PTE_W) for n in (1, 2))
        if self.plan.drops:
            text += _store(leaf, first)
        text += _set("satp", relocation.satp, relocation.summary)
        if self.plan.drops:
            text += fragment("remember", MARKED=f"{MARKED:#x}", LEAF=f"{leaf:#x}", SECOND=f"{second:#x}")
        return text

    def _configuration(self, state: State, number: int) -> str:
        mode = state.values.get("mode", M)
        executes = self.witness.outcomes[number] is None
        text = self._lines(state.values.get("lines", 0))
        for name, value in state.values.items():
            direct = mode == M and executes and self.instruction.name not in JUMPS
            wanted = name not in _APART or (name == "mtvec" and direct) or (name == "medeleg" and mode == M)
            if wanted and name in CSR_BY_NAME and CSR_BY_NAME[name].write_mask:
                text += _set(name, value)
        return text + (_set("mie", state.values["mie"]) if "mie" in state.values else "")

    @staticmethod
    def _lines(lines: int) -> str:
        """Let the devices request these interrupts."""
        text = ""
        if lines & MSIP:
            text += _code("li t0, CLINT # a software interrupt", "li t1, 1", "sw t1, (t0)")
        if lines & MTIP:
            text += _code("li t0, MTIMECMP # a timer interrupt", "sw zero, 0(t0)", "sw zero, 4(t0)")
        if lines & SEIP:
            text += fragment("uart_interrupt", CONTEXT="0x80")
        if lines & MEIP:
            text += fragment("uart_interrupt", CONTEXT="0")
        return text

    def _time(self, state: State) -> str:
        """Set counters and time as closely to the witness as a program can: they advance meanwhile."""
        values = state.values
        given = {name for s in self.states for name in s.values}
        text = ""
        if given & {"cycle", "mcycle"}:
            text += _double("mcycle", values.get("cycle", 0) + values.get("mcycle", 0))
        if given & {"cycle", "unretired", "minstret"}:
            retired = values.get("cycle", 0) - values.get("unretired", 0)
            text += _double("minstret", retired + values.get("minstret", 0))
        if given & {"cycle", "time_base"}:
            ticks = values.get("time_base", 0) + values.get("cycle", 0) // STEPS_PER_TICK
            low, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFFFFFF
            text += fragment("tick")
            text += _code("li t0, MTIME", f"li t1, {high:#x}", "sw t1, 4(t0)", f"li t1, {low:#x}", "sw t1, 0(t0)")
        return text

    def _go(self, state: State, mode: int) -> str:
        """Set mstatus, then the registers, and enter the instruction."""
        plan = self.plan
        status = state.values.get("mstatus", 0) | (MIE if plan.loops else 0)
        text = _code(f"la {plan.base}, snapshot", f"lw {plan.base}, ({plan.base})", f"li {plan.mask}, MPRV_AND_MIE")
        if mode == M:
            text += _set("mstatus", status)
        else:
            text += _set("mstatus", status & ~(ENTERED | MPRV) | mode << MPP_SHIFT, f"MPP: {MODE_NAMES[mode]}")
            text += _code("li t0, PLACE", "csrw mepc, t0")
        scratch = {REGISTERS[n] for n in (plan.base, plan.mask, plan.free)}
        numbers = sorted((plan.used() | set(plan.registers)) - {0} - scratch)
        text += _code(*(f"li {ABI_NAMES[n]}, {_register(state, n) & 0xFFFFFFFF:#x}" for n in numbers))
        return text + _code("j instruction # already in M mode" if mode == M else "mret")

    def _names(self) -> str:
        """The table of names that `report` prints, and its strings."""
        plan = self.plan
        always = {"translation", *(ABI_NAMES[r] for r in plan.registers), *plan.csrs, *(plan.changed & {"mstatus"})}
        always |= {f"{address:#010x}" for address in plan.words}
        width = max(map(len, plan.items))
        lines = []
        for n in plan.order():
            lines += [f"title_{n + 1}:", f'    .asciz  "{self.assembly} in state {n + 1}, {self._title(n)}:\\n"']
        lines += ["    .balign 4", "names:                                      # name, whether it is always printed"]
        lines += [f"    .word   name_{i}, {int(name in always)}" for i, name in enumerate(plan.items)]
        lines.append("    .word   0")
        for i, name in enumerate(plan.items):
            lines += [f"name_{i}:", f'    .asciz  "  {name:<{width}}  "']
        return "\n".join(lines) + "\n"
