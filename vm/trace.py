"""Logs retired instructions, one a line, in the format of Spike's commit log (`spike -l --log-commits`).

    core   0: 3 0x80000004 (0x0182a283) x5  0x80000000 mem 0x80000018

Mode, pc, the instruction (of 16 bits in four digits: `0x4501`), then what it wrote: a register; CSRs as `c773_mtvec`
(the M-mode one of a pair that shares bits); memory (`mem` and the virtual address, and the value of a store, two digits
a byte).
Instructions that trap do not retire and have no line.
"""

from typing import Any, TextIO

from trapline import isa
from trapline.isa import Instruction, Kind
from trapline.isa.compression import digits
from trapline.isa.table import decode_fetched
from trapline.isa.trap import JUMPED
from trapline.vm.codegen.plain import python_module
from trapline.vm.core.hart import HartView
from trapline.vm.core.mmu import refresh
from trapline.vm.core.peek import stored_offset

_SHARED = {"sstatus": "mstatus", "sie": "mie", "sip": "mip"}
"""S-mode views, logged as the register that holds their bits."""


class Trace:
    """Writes the commit log of `machine`, a `vm.machine.Machine` that is single-stepped, to `stream`."""

    def __init__(self, machine: Any, stream: TextIO) -> None:
        self.machine = machine
        self.stream = stream
        self._with_c = "c" in machine.isa
        self._pending: tuple[str, int, tuple[Instruction, int] | None, list[int]] | None = None
        self._written = ""
        self._reservation = self._offset = -1

    @property
    def _h(self) -> Any:
        return self.machine.current.h

    def before(self) -> None:
        """Note the next instruction; a pending interrupt has been taken already."""
        h, code = self._h, self.machine.instruction_word()
        found = decode_fetched(code, self._with_c)
        where = f"core{h.mhartid:4}: {h.mode} {h.pc:#010x} (0x{digits(code or 0, self._with_c)})"
        self._pending = (where, h.cycle - h.unretired, found, list(h.x))
        self._reservation = h.reservation
        self._written = ""
        if found is not None:
            instruction, word = found
            operands = instruction.pattern.extract(word)
            self._written = self._csrs(instruction, operands)
            self._offset = self._reached(instruction, operands)

    def after(self) -> None:
        """Write the line if the instruction retired."""
        assert self._pending is not None
        line, instret, found, x = self._pending
        if self._h.cycle - self._h.unretired == instret or found is None:
            return
        instruction, word = found
        operands = instruction.pattern.extract(word)
        if operands.get("rd"):
            line += f" x{operands['rd']:<2} {self._h.x[operands['rd']]:#010x}"
        line += self._written
        line += self._memory(instruction, operands, x)
        self.stream.write(line + "\n")

    def _csrs(self, instruction: Instruction, operands: dict[str, int]) -> str:
        """What the instruction will write to CSRs, found on a copy of the hart.

        Afterwards is too late: the trap follows an instruction that unmasks an interrupt at once.
        """
        returns = instruction.name in ("mret", "sret")
        if not returns and not (instruction.kind is Kind.CSR and self._writes(instruction, operands)):
            return ""
        names, h = python_module(), self._copy()
        if returns:
            if names[instruction.name](h) != JUMPED:
                return ""
            written = ["mstatus", "mstatush"] if instruction.name == "mret" else ["mstatus"]
        else:
            address = operands["csr"]
            old = names["csr_access"](h, address, 1)
            if old < 0:
                return ""
            held = names["csr_held"](h, address, old)
            operand = operands["uimm"] if "uimm" in operands else h.x[operands["rs1"]]
            names["csr_write"](h, address, instruction.meaning(held, operand) & 0xFFFFFFFF)
            name = isa.CSR_BY_ADDRESS[address].name
            written = [_SHARED.get(name, name)]
        h.cycle, h.instret, h.mode = h.cycle + 1, h.instret + 1, 3
        values = ((isa.CSR_BY_NAME[name].address, name) for name in written)
        return "".join(f" c{address}_{name} {names['csr_read'](h, address):#010x}" for address, name in values)

    def _copy(self) -> Any:
        index = self.machine.engine.m.current
        return HartView(self.machine.engine.harts[index : index + 1].copy())

    @staticmethod
    def _writes(instruction: Instruction, operands: dict[str, int]) -> bool:
        return instruction.name in ("csrrw", "csrrwi") or bool(operands.get("rs1") or operands.get("uimm"))

    def _memory(self, instruction: Instruction, operands: dict[str, int], x: list[int]) -> str:
        if not instruction.width:
            return ""
        address = (x[operands["rs1"]] + operands.get("imm", 0)) & 0xFFFFFFFF
        text = "" if instruction.kind in (Kind.STORE, Kind.SC) else f" mem {address:#010x}"
        value: int | None = None
        if instruction.kind is Kind.STORE:
            value = instruction.meaning(x[operands["rs2"]])
        elif instruction.kind is Kind.AMO or (instruction.kind is Kind.SC and self._reservation >= 0):
            # rd may be x0, so read the result from memory.
            if instruction.kind is Kind.AMO or self._offset == self._reservation:
                value = int.from_bytes(self.machine.ram[self._offset : self._offset + 4].tobytes(), "little")
        if value is not None:
            text += f" mem {address:#010x} 0x{value:0{2 * instruction.width}x}"
        return text

    def _reached(self, instruction: Instruction, operands: dict[str, int]) -> int:
        """The RAM offset that an AMO or SC will store to, else -1: it may change the entry of its own page."""
        if instruction.kind not in (Kind.AMO, Kind.SC):
            return -1
        refresh(self._h)
        return stored_offset(self._h, self.machine._m, self.machine.engine.words, self._h.x[operands["rs1"]])
