"""A line per retired instruction in the form of Spike's commit log (`spike -l --log-commits`).

    core   0: 3 0x80000004 (0x0182a283) x5  0x80000000 mem 0x80000018

mode, pc, word, then what the instruction wrote: a register, CSRs as `c773_mtvec`, memory (`mem` and the
virtual address; for a store the value too, two digits a byte).
Trapped instructions do not retire and have no line.
"""

from typing import Any, TextIO

import isa
from isa import Instruction, Kind
from isa.trap import pending_interrupt, take_trap
from vm.loop import count_trap


class Trace:
    """Writes the commit log of `machine` (a `vm.machine.Machine` that is stepped one by one) to `stream`."""

    def __init__(self, machine: Any, stream: TextIO) -> None:
        self.machine = machine
        self.stream = stream
        self._h = machine._h
        self._pending: tuple[int, int, int, int, Instruction | None, list[int]] | None = None

    def before(self) -> None:
        """Take a pending interrupt, as the step would, and note what is about to be executed."""
        machine, h = self.machine, self._h
        machine._update_time()
        cause = pending_interrupt(h)
        if cause >= 0:
            count_trap(h, 32 + (cause & 31))
            take_trap(h, cause, 0)
        word = machine.instruction_word()
        instruction = isa.decode(word) if word is not None else None
        self._pending = (h.pc, h.mode, machine.instret, word or 0, instruction, list(h.x))

    def after(self) -> None:
        """Write the line if the instruction retired."""
        assert self._pending is not None
        pc, mode, instret, word, instruction, x = self._pending
        if self.machine.instret == instret or instruction is None:
            return
        line = f"core{self._h.mhartid:4}: {mode} {pc:#010x} ({word:#010x})"
        operands = instruction.pattern.extract(word)
        if operands.get("rd"):
            line += f" x{operands['rd']:<2} {self._h.x[operands['rd']]:#010x}"
        line += self._csrs(instruction, operands)
        line += self._memory(instruction, operands, x)
        self.stream.write(line + "\n")

    def _csrs(self, instruction: Instruction, operands: dict[str, int]) -> str:
        written = []
        if instruction.kind is Kind.CSR:
            always = instruction.name in ("csrrw", "csrrwi")
            if always or operands.get("rs1") or operands.get("uimm"):
                written = [isa.CSR_BY_ADDRESS[operands["csr"]].name]
        elif instruction.name in ("mret", "sret"):
            written = ["mstatus"]
        return "".join(f" c{isa.CSR_BY_NAME[n].address}_{n} {self.machine.csr[n]:#010x}" for n in written)

    def _memory(self, instruction: Instruction, operands: dict[str, int], x: list[int]) -> str:
        if not instruction.width:
            return ""
        address = (x[operands["rs1"]] + operands.get("imm", 0)) & 0xFFFFFFFF
        text = "" if instruction.kind in (Kind.STORE, Kind.SC) else f" mem {address:#010x}"
        value: int | None = None
        if instruction.kind is Kind.STORE:
            value = instruction.meaning(x[operands["rs2"]])
        elif instruction.kind is Kind.SC and self._h.x[operands["rd"]] == 0 and operands["rd"]:
            value = x[operands["rs2"]]
        elif instruction.kind is Kind.AMO:
            old = self._h.x[operands["rd"]] if operands["rd"] else 0
            value = instruction.meaning(old, x[operands["rs2"]])
        if value is not None:
            text += f" mem {address:#010x} 0x{value:0{2 * instruction.width}x}"
        return text
