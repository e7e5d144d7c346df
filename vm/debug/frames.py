"""Who called whom, as far as code and stack show it.

Tables for unwinding are not asked. A function's instructions are read for what they do to sp and where they save ra, as
gdb does where a program has no tables; near its end, those up to `ret`. Where neither says anything, ra has it.
"""

from dataclasses import dataclass

from trapline.isa import decode
from trapline.isa.hart import ABI_NAMES
from trapline.isa.instruction import Kind
from trapline.isa.word import MASK
from trapline.vm.debug import memory
from trapline.vm.debug.expressions import signed
from trapline.vm.debug.mistake import Mistake
from trapline.vm.loader.source_lines import SourceLines
from trapline.vm.machine import Machine
from trapline.vm.registers import Hart

MOST = 64
"""Frames that are looked for."""
LONGEST_BEGIN = 1024
"""Instructions of a function, up to pc, that are read."""
LONGEST_END = 24
"""Instructions up to `ret` that are read."""
WORD = 4
SP, RA = ABI_NAMES.index("sp"), ABI_NAMES.index("ra")


@dataclass(frozen=True)
class Frame:
    """A function that has not returned. pc: its next instruction; sp: its stack pointer; how: where pc was found."""

    pc: int
    sp: int
    how: str


@dataclass(frozen=True)
class _Caller:
    """How to get to the caller. size: of the frame below sp; saved: where ra is from sp on, None for the register."""

    size: int
    saved: int | None


def frames(machine: Machine, hart: Hart, lines: SourceLines) -> list[Frame]:
    """The frames of a hart, the innermost first."""
    found = [Frame(hart.pc, hart.x["sp"], "")]
    while len(found) < MOST:
        last = found[-1]
        caller = _caller(machine, hart, lines, last)
        if caller.saved is None:
            if len(found) > 1:
                break  # ra belongs to the innermost function only
            pc, how = hart.x["ra"], "ra"
        else:
            try:
                data = memory.read(machine, hart, (last.sp + caller.saved) & MASK, WORD)
            except Mistake:
                break
            pc, how = int.from_bytes(data, "little"), "stack"
        sp = (last.sp + caller.size) & MASK
        if pc == 0 or pc % WORD or lines.function(pc) is None or any((f.pc, f.sp) == (pc, sp) for f in found):
            break
        found.append(Frame(pc, sp, how))
    return found


def _caller(machine: Machine, hart: Hart, lines: SourceLines, frame: Frame) -> _Caller:
    return _from_the_end(machine, hart, frame.pc) or _from_the_beginning(machine, hart, lines, frame.pc)


def _from_the_end(machine: Machine, hart: Hart, pc: int) -> _Caller | None:
    """By the instructions from pc up to `ret`, where nothing branches before."""
    size, saved = 0, None
    for number in range(LONGEST_END):
        word = memory.instruction(machine, hart, (pc + WORD * number) & MASK)
        instruction = None if word is None else decode(word)
        if word is None or instruction is None:
            return None
        operands = instruction.pattern.extract(word)
        if instruction.name == "jalr" and (operands["rd"], operands["rs1"]) == (0, RA):
            return _Caller(size, saved)
        if instruction.kind in (Kind.BRANCH, Kind.JUMP, Kind.SYSTEM):
            return None
        if instruction.name == "addi" and operands["rd"] == operands["rs1"] == SP:
            size += signed(operands["imm"])
        elif instruction.name == "lw" and (operands["rd"], operands["rs1"]) == (RA, SP):
            saved = size + signed(operands["imm"])
    return None


def _from_the_beginning(machine: Machine, hart: Hart, lines: SourceLines, pc: int) -> _Caller:
    """By the instructions from the function's first one to pc.

    What makes the frame smaller is left aside: it is for another way out, as pc is behind it.
    """
    function = lines.function(pc)
    size, saved = 0, None
    start = pc if function is None else function.start
    for address in range(start, min(pc, start + WORD * LONGEST_BEGIN), WORD):
        word = memory.instruction(machine, hart, address)
        instruction = None if word is None else decode(word)
        if word is None or instruction is None:
            break
        operands = instruction.pattern.extract(word)
        if instruction.name == "addi" and operands["rd"] == operands["rs1"] == SP:
            change = signed(operands["imm"])
            if change < 0:
                size -= change
                saved = None if saved is None else saved - change
        elif instruction.name == "sw" and (operands["rs2"], operands["rs1"]) == (RA, SP):
            saved = signed(operands["imm"])
    return _Caller(size, saved)
