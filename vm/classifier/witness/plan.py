"""The plan of a witness program: where the instruction goes, which registers it may use, what it observes."""

import re

from trapline import isa as declarations
from trapline.isa import CSR_BY_NAME, INSTRUCTIONS, Csr, Instruction
from trapline.isa.hart import ABI_NAMES, REGISTERS
from trapline.isa.mode import MODE_BITS, M
from trapline.isa.mstatus import MIE, MPIE, MPP, MPP_SHIFT, MPRV
from trapline.isa.pmp import PMP_L, PMP_PER_CSR
from trapline.vm.classifier.definitions import memory
from trapline.vm.classifier.definitions.questions import Kind, State, Witness

ENTERED = MPP | MPIE | MIE
"""The part of mstatus that entering a mode and trapping back change."""
JUMPS = ("mret", "sret", "jrst")
"""Instructions that may leave M mode, so that only a trap leads back."""
FIRST_ITEMS = ("pc", "mode", "mstatus")


def instruction_of(word: int) -> Instruction:
    """The declaration of a word. Raises ValueError if there is none."""
    for instruction in INSTRUCTIONS:
        if word & instruction.mask == instruction.match:
            return instruction
    raise ValueError(f"{word:#010x} encodes no instruction")


def _counts(csr: Csr) -> bool:
    """Whether a CSR advances by itself, so that two reads differ."""
    return csr.name.removesuffix("h") in ("cycle", "time", "instret", "mcycle", "minstret")


class Plan:
    """Everything about a witness program that is decided before its text is written.

    place: vaddr of the instruction. drops: whether to observe cached translations. loops: whether the instruction
    jumps to itself, so that only an interrupt ends it. relocations: one per state.
    base, mask, free: registers that the witness does not need: for the snapshot's address, for bits of mstatus, and
    for anything. registers, csrs, words: numbers, names and vaddrs of what is observed.
    """

    def __init__(self, witness: Witness) -> None:
        self.witness = witness
        self.instruction = instruction_of(witness.word)
        self.operands = self.instruction.pattern.extract(witness.word)
        self.states = witness.states
        self.place = self._place()
        self.changed = {name for changes in witness.changes for name in changes}
        alone = witness.question.kind in (Kind.EXECUTES, Kind.CONTROL, Kind.MODE)
        self.drops = alone and (self.instruction.name == "sfence.vma" or "translations dropped" in self.changed)
        self.loops = any(changes.get("pc") == self.place for changes in witness.changes)
        self.relocations = [self._relocation(state) for state in self.states]
        self.base, self.mask, self.free = self._scratch()
        self.registers = self._registers()
        self.csrs = self._csrs()
        self.words = sorted(int(m[1], 0) for name in self.changed if (m := re.fullmatch(r"memory\[(\w+)\]", name)))

    def _place(self) -> int:
        pc = self.states[0].values.get("pc", 0)
        inside = memory.RAM_BASE <= pc < memory.RAM_BASE + memory.PAGE - 4 and pc % 4 == 0
        return pc if inside else memory.RAM_BASE + memory.WINDOW

    def _relocation(self, state: State) -> memory.Relocation:
        if state.relocation not in memory.BY_NAME:
            raise ValueError(f"no relocation '{state.relocation}'; known: {', '.join(memory.BY_NAME)}")
        found = memory.RELOCATIONS[memory.BY_NAME[state.relocation]]
        if self.drops and found.name == "bare":
            # Only page tables have translations to drop.
            return memory.RELOCATIONS[memory.BY_NAME["sv32-a"]]
        return found

    def used(self) -> set[int]:
        """Numbers of the registers that the word names or that a state sets."""
        named = {self.operands.get(name, 0) for name in ("rd", "rs1", "rs2")}
        return named | {REGISTERS[n] for s in self.states for n in s.values if n in REGISTERS and n != "zero"}

    def _scratch(self) -> tuple[str, str, str]:
        """Registers for the snapshot's address, for the bits of mstatus to clear, and for anything."""
        operands = {self.operands.get(name, 0) for name in ("rd", "rs1", "rs2")}
        order = sorted(range(31, 4, -1), key=lambda n: (n in operands, n in self.used()))
        return ABI_NAMES[order[0]], ABI_NAMES[order[1]], ABI_NAMES[order[2]]

    def _registers(self) -> list[int]:
        scratch = {REGISTERS[name] for name in (self.base, self.mask, self.free)}
        changed = {REGISTERS[n] for n in self.changed if n in REGISTERS}
        return sorted((changed | {self.operands.get("rd", 0)}) - {0} - scratch)

    def _csrs(self) -> list[str]:
        """CSRs to observe: those that change, and the one that the word names."""
        names = []
        for name in sorted(self.changed):
            if match := re.fullmatch(r"pmpcfg(\d+)", name):
                names.append(f"pmpcfg{int(match[1]) // PMP_PER_CSR}")
            elif name == "waits":
                names.append("mip")
            elif name in CSR_BY_NAME:
                names.append(name)
        if "csr" in self.operands and None in self.witness.outcomes:
            names += [c.name for c in declarations.CSRS if c.address == self.operands["csr"]]
        if self.instruction.name == "wfi":
            names.append("mip")
        return [n for n in dict.fromkeys(names) if n != "mstatus" and not _counts(CSR_BY_NAME[n])]

    @property
    def items(self) -> list[str]:
        """Names of the entries of a snapshot after the cause, in order."""
        translation = ["translation"] if self.drops else []
        words = [f"{address:#010x}" for address in self.words]
        return [*FIRST_ITEMS, *(ABI_NAMES[r] for r in self.registers), *self.csrs, *words, *translation]

    def shown_bits(self, state: State) -> int:
        """Bits of mstatus that do not result from entering the state or from the trap back."""
        direct = state.values.get("mode", M) == M and self.instruction.name not in JUMPS
        return 0xFFFFFFFF if direct and not self.loops else 0xFFFFFFFF & ~ENTERED

    def frames(self, number: int) -> int:
        """Offset of the frames that loads and stores reach in a state."""
        values = self.states[number].values
        status = values.get("mstatus", 0)
        mode = values.get("mode", M)
        mode = (status >> MPP_SHIFT) & MODE_BITS if mode == M and status & MPRV else mode
        return 0 if mode == M else self.relocations[number].frames

    def order(self) -> list[int]:
        """The order of the states: one with a locked PMP entry, which stays until reset, comes last."""
        return sorted(range(len(self.states)), key=lambda n: self.relocations[n].pmp[0] & PMP_L)
