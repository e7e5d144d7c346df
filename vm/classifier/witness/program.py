"""A witness as an assembly program: it makes each state, executes the instruction there and prints what it left.

In every state a `nop` is executed first in place of the instruction: what is printed is where the two differ. So the
program needs to know no rule of the instruction, and two states of a witness give two different texts.
What a program cannot make is left out: a reservation, and machine-level bits that no instruction below M mode sees.
"""

import re
import textwrap
from collections.abc import Callable

from trapline import isa as declarations
from trapline.isa import CSR_BY_NAME
from trapline.isa.hart import ABI_NAMES, REGISTERS
from trapline.isa.mode import MODE_NAMES, M
from trapline.isa.mstatus import MIE, MPRV
from trapline.vm.classifier.definitions import memory
from trapline.vm.classifier.definitions.questions import State, Witness
from trapline.vm.classifier.witness import templates
from trapline.vm.classifier.witness.plan import ENTERED, JUMPS, Plan
from trapline.vm.classifier.witness.sentences import tell
from trapline.vm.core.mmu import PTE_A, PTE_D, PTE_R, PTE_U, PTE_V, PTE_W, PTE_X

PROGRAM = 0x20000
"""Offset in RAM of the program; before it is the memory of `vm.classifier.definitions.memory`."""
MARKED = memory.RAM_BASE + memory.PAGES * memory.PAGE
"""The page whose translation the hart is made to remember: the one behind the layout."""
_BY_ENTRY = ("mstatus", "satp", "mtvec", "mie")
"""CSRs that every entry sets, or `observe`."""
_COUNTERS = ("cycle", "unretired", "mcycle", "minstret", "time_base")
_APART = {"mode", "pc", "mstatus", "satp", "lines", "mie", "mtvec", "medeleg", "reservation", *_COUNTERS}
"""Values of a state that are not simply written to the CSR of their name."""


def program(witness: Witness, isa: str, disassemble: Callable[[int], str], file: str = "witness.s") -> str:
    """The text of a program that shows `witness` on a machine with this ISA string.

    disassemble: a word as assembly. file: the name that the header gives the program.
    Raises ValueError for a word that is no instruction, and for a relocation that does not exist.
    """
    return _Program(witness, isa, disassemble(witness.word), file).text()


def _code(*statements: str) -> str:
    """Statements such as `li t0, 1` or `li t0, 1 # why`, a line each, in columns."""
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
    """Set a counter of two words."""
    return _set(f"{csr}h", value >> 32) + _set(csr, value)


def _page(satp: int) -> int:
    """The page of RAM with the root table."""
    return (satp & 0x3FFFFF) - memory.RAM_BASE // memory.PAGE


def _leaf(frame: int, permissions: int) -> int:
    """A leaf of a page table."""
    return frame >> 2 | permissions | PTE_V | PTE_A | PTE_D


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
        equates = templates.fill(
            templates.EQUATES, WORD=f"{self.witness.word:#010x}", TEXT=self.assembly,
            PLACE=f"{self.plan.place:#x}", FRAMES_B=f"{memory.FRAMES_B:#x}",
        )  # fmt: skip
        parts = [
            self._header(),
            equates,
            self._memory(),
            f"\n    .org    {PROGRAM:#x}\n",
            templates.fill(templates.CAPTURE.lstrip("\n"), WATCH=self._watch(), **names),
            self._start(),
            *(self._entry(number) for number in self.plan.order()),
            templates.fill(templates.OBSERVE, QUIET=self._quiet()),
            templates.REPORT,
            self._names(),
            templates.fill(templates.BSS, SIZE=4 + 4 * len(self.plan.items)),
        ]
        return "".join(parts)

    def _header(self) -> str:
        lines = [f"{self.file} - {self.assembly}: {self.witness.question}", "", f"isa: {self.isa}", ""]
        lines += [*textwrap.wrap(f"What it shows: {tell(self.witness)}.", 100), ""]
        for number, state in enumerate(self.states):
            lines.append(f"State {number + 1}: {self._title(number)}")
            rest = [f"{n} = {_shown(n, v)}" for n, v in state.values.items() if n not in ("mode", "pc")]
            lines += [f"  {text}" for text in rest]
            if self.plan.relocations[number].name != state.relocation:
                lines.append(f"  (the witness has '{state.relocation}', which has no translations to remember)")
        lines += ["", "In each state a nop is executed, then the instruction in its place; what differs is printed."]
        lines += ["", "How to run it", f"  trapline boot {self.file} --isa {self.isa}"]
        return "".join(f"# {line}".rstrip() + "\n" for line in lines) + "\n"

    def _title(self, number: int) -> str:
        mode = MODE_NAMES[self.states[number].values.get("mode", M)]
        return f"{mode} mode, {self.plan.relocations[number].summary}"

    def _memory(self) -> str:
        """What is in the memory of the witness before anything runs: words by their offset in RAM."""
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
        text += "\n# The place of the instruction, data, page tables\n"
        for offset in sorted({place, *words}):
            if offset == place:
                text += f"    .org    {offset:#x}\ninstruction:\n    .word   NOP\n"
            else:
                text += f"    .org    {offset:#x}\n    .word   {words[offset]:#010x}\n"
        return text

    def _in_use(self, offset: int) -> bool:
        """Whether the table with the word at this offset belongs to a relocation of the witness."""
        page = offset // memory.PAGE
        return any(r.satp and page in (_page(r.satp), r.code_pte * 4 // memory.PAGE) for r in self.plan.relocations)

    def _watch(self) -> str:
        """Save what the plan looks at."""
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
            text += templates.fill(
                templates.LOOK, B=plan.base, K=plan.mask, T=plan.free, OFFSET=offsets["translation"],
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
        """Back to the reset value with all that a state or the instruction may have set."""
        text = templates.QUIET_DEVICES if any(s.values.get("lines", 0) for s in self.states) else ""
        touched = {*self.plan.csrs, *(n for s in self.states for n in s.values)}
        for csr in declarations.CSRS:
            plain = csr.storage or csr.name.startswith("pmp")
            if csr.name in touched and plain and csr.write_mask and csr.name not in _BY_ENTRY:
                text += _code(f"csrw {csr.name}, zero")
        return text + _code("csrw mie, zero")

    def _entry(self, number: int) -> str:
        """The routine that makes a state and goes to the instruction in it."""
        state, relocation = self.states[number], self.plan.relocations[number]
        mode = state.values.get("mode", M)
        text = f"\n# State {number + 1}: {self._title(number)}\nenter_{number + 1}:\n"
        text += self._following(mode)
        text += self._protection(relocation)
        text += self._translation(relocation, mode)
        text += self._configuration(state, number)
        text += self._time(state)
        if self.instruction.name == "wfi" or self.plan.loops:
            text += templates.WAKE
        return text + self._go(state, mode)

    def _following(self, mode: int) -> str:
        """What is behind the instruction leads back: ecall, or a jump in M mode, where a trap would change much."""
        jump = declarations.BY_NAME["jal"].encode(rd=0, imm=memory.RAM_BASE + PROGRAM - self.plan.place - 4)
        return _code(
            "li t0, PLACE + 4 # behind it: " + ("a jump to `captured`" if mode == M else "ecall"),
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
        denied = _set("pmpaddr0", address, "PMP: one page denied") if cfg else ""
        open_cfg, open_address = memory.OPEN
        return denied + _set("pmpaddr1", open_address, "PMP: all memory is open") + _set("pmpcfg0", open_cfg << 8 | cfg)

    def _translation(self, relocation: memory.Relocation, mode: int) -> str:
        if not relocation.satp:
            return ""
        table = memory.RAM_BASE + 4 * relocation.code_pte
        user = PTE_U if mode != 1 else 0
        code = _leaf(memory.RAM_BASE + relocation.frames, PTE_R | PTE_W | PTE_X | user)
        text = _store(table, code, "the code's page belongs to the mode")
        leaf = table + 4 * memory.PAGES
        first, second = (_leaf(memory.RAM_BASE + n * memory.PAGE, PTE_R | PTE_W) for n in (1, 2))
        if self.plan.drops:
            text += _store(leaf, first)
        text += _set("satp", relocation.satp, relocation.summary)
        if self.plan.drops:
            text += templates.fill(templates.REMEMBER, MARKED=f"{MARKED:#x}", LEAF=f"{leaf:#x}", SECOND=f"{second:#x}")
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
        """Interrupts that devices ask for."""
        text = ""
        if lines & 1 << 3:
            text += _code("li t0, CLINT # a software interrupt", "li t1, 1", "sw t1, (t0)")
        if lines & 1 << 7:
            text += _code("li t0, MTIMECMP # a timer interrupt", "sw zero, 0(t0)", "sw zero, 4(t0)")
        if lines & 1 << 9:
            text += templates.fill(templates.UART_INTERRUPT, CONTEXT="0x80")
        if lines & 1 << 11:
            text += templates.fill(templates.UART_INTERRUPT, CONTEXT="0")
        return text

    def _time(self, state: State) -> str:
        """Counters and time as near to those of the witness as a program comes: they go on while they are set."""
        values = state.values
        told = {name for s in self.states for name in s.values}
        text = ""
        if told & {"cycle", "mcycle"}:
            text += _double("mcycle", values.get("cycle", 0) + values.get("mcycle", 0))
        if told & {"cycle", "unretired", "minstret"}:
            retired = values.get("cycle", 0) - values.get("unretired", 0)
            text += _double("minstret", retired + values.get("minstret", 0))
        if told & {"cycle", "time_base"}:
            ticks = values.get("time_base", 0) + values.get("cycle", 0) // 100
            low, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFFFFFF
            text += templates.TICK
            text += _code("li t0, MTIME", f"li t1, {high:#x}", "sw t1, 4(t0)", f"li t1, {low:#x}", "sw t1, 0(t0)")
        return text

    def _go(self, state: State, mode: int) -> str:
        """The last steps: mstatus, then the registers, then the instruction."""
        plan = self.plan
        status = state.values.get("mstatus", 0) | (MIE if plan.loops else 0)
        text = _code(f"la {plan.base}, snapshot", f"lw {plan.base}, ({plan.base})", f"li {plan.mask}, MPRV_AND_MIE")
        if mode == M:
            text += _set("mstatus", status)
        else:
            text += _set("mstatus", status & ~(ENTERED | MPRV) | mode << 11, f"MPP: {MODE_NAMES[mode]}")
            text += _code("li t0, PLACE", "csrw mepc, t0")
        scratch = {REGISTERS[n] for n in (plan.base, plan.mask, plan.free)}
        numbers = sorted((plan.used() | set(plan.registers)) - {0} - scratch)
        text += _code(*(f"li {ABI_NAMES[n]}, {_register(state, n) & 0xFFFFFFFF:#x}" for n in numbers))
        return text + _code("j instruction # in M mode already" if mode == M else "mret")

    def _names(self) -> str:
        """The table that `report` goes through, and its texts."""
        plan = self.plan
        always = {"translation", *(ABI_NAMES[r] for r in plan.registers), *plan.csrs, *(plan.changed & {"mstatus"})}
        always |= {f"{address:#010x}" for address in plan.words}
        width = max(map(len, plan.items))
        lines = []
        for n in plan.order():
            lines += [f"title_{n + 1}:", f'    .asciz  "{self.assembly} in state {n + 1}, {self._title(n)}:\\n"']
        lines += ["    .balign 4", "names:                                      # name, whether it is always shown"]
        lines += [f"    .word   name_{i}, {int(name in always)}" for i, name in enumerate(plan.items)]
        lines.append("    .word   0")
        for i, name in enumerate(plan.items):
            lines += [f"name_{i}:", f'    .asciz  "  {name:<{width}}  "']
        return "\n".join(lines) + "\n"
