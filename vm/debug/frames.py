"""Who called whom: by the program's tables for unwinding, and where there are none, as far as code and stack show it.

Without tables a function's instructions are read for what they do to sp and where they save registers, as gdb does;
near its end, those up to `ret`. Where neither says anything, ra has the caller.
"""

from dataclasses import dataclass, field

from trapline.isa.hart import ABI_NAMES
from trapline.isa.instruction import Kind
from trapline.isa.word import HALFWORD, MASK, WORD
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
WITHIN_CALL = HALFWORD
"""So far before the address that a call returns to is within the call, however long it is."""
SP, RA = ABI_NAMES.index("sp"), ABI_NAMES.index("ra")
KEPT = {RA, *(number for number, name in enumerate(ABI_NAMES) if name[0] == "s" and name != "sp")}
"""Registers that functions save: the return address, and those that they may not lose."""


@dataclass(frozen=True)
class Frame:
    """A function that has not returned.

    pc: its next instruction; sp: its stack pointer; how: where pc was found. x: its registers, as far as known.
    """

    pc: int
    sp: int
    how: str
    x: dict[int, int] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class _Caller:
    """How to get to the caller. size: of the frame below sp; saved: where registers are from sp on, by number."""

    size: int
    saved: dict[int, int]


def frames(machine: Machine, hart: Hart, lines: SourceLines) -> list[Frame]:
    """The frames of a hart, the innermost first."""
    found = [Frame(hart.pc, hart.x["sp"], "", dict(enumerate(hart.x)))]
    shortest = memory.shortest_instruction(machine)
    while len(found) < MOST:
        last = found[-1]
        try:
            caller = _by_table(machine, hart, lines, last, len(found) > 1)
            if caller is None:
                caller = _by_code(machine, hart, lines, last, len(found) > 1)
        except (Mistake, KeyError):
            break  # what is needed is not in memory, or lost
        pc = caller.pc
        same = any((f.pc, f.sp) == (pc, caller.sp) for f in found)
        if pc == 0 or pc % shortest or lines.function(pc - WITHIN_CALL) is None or same:
            break
        found.append(caller)
    return found


def _by_table(machine: Machine, hart: Hart, lines: SourceLines, frame: Frame, called: bool) -> Frame | None:
    """The caller by the tables; None where they have none. called: whether pc is behind a call.

    Raises Mistake and KeyError where there is no caller.
    """
    found = lines.unwinding((frame.pc - called * WITHIN_CALL) & MASK)
    if found is None:
        return None
    if found.returns in found.undefined:
        raise KeyError(found.returns)
    cfa = (frame.x[found.register] + found.offset) & MASK
    x = {number: value for number, value in frame.x.items() if number not in found.undefined}
    x |= {number: frame.x[source] for number, source in found.moved.items() if source in frame.x}
    x |= {number: _word(machine, hart, (cfa + offset) & MASK) for number, offset in found.saved.items()}
    if called and found.returns not in {*found.saved, *found.moved}:
        raise KeyError(found.returns)  # ra belongs to the innermost function only
    x[SP] = cfa
    return Frame(x[found.returns], cfa, "table", x)


def _by_code(machine: Machine, hart: Hart, lines: SourceLines, frame: Frame, called: bool) -> Frame:
    """The caller by instructions. Raises Mistake and KeyError where there is none."""
    caller = _from_the_end(machine, hart, frame.pc) or _from_the_beginning(machine, hart, lines, frame.pc, called)
    if called and RA not in caller.saved:
        raise KeyError(RA)  # ra belongs to the innermost function only
    x = frame.x | {n: _word(machine, hart, (frame.sp + offset) & MASK) for n, offset in caller.saved.items()}
    x[SP] = (frame.sp + caller.size) & MASK
    return Frame(x[RA], x[SP], "stack" if RA in caller.saved else "ra", x)


def _word(machine: Machine, hart: Hart, address: int) -> int:
    return int.from_bytes(memory.read(machine, hart, address, WORD), "little")


def _from_the_end(machine: Machine, hart: Hart, pc: int) -> _Caller | None:
    """By the instructions from pc up to `ret`, where nothing branches before."""
    size, saved = 0, dict[int, int]()
    for _ in range(LONGEST_END):
        decoded = memory.decoded(machine, hart, pc)
        if decoded is None:
            return None
        instruction, word, pc = decoded
        operands = instruction.pattern.extract(word)
        if instruction.name == "jalr" and (operands["rd"], operands["rs1"]) == (0, RA):
            return _Caller(size, saved)
        if instruction.kind in (Kind.BRANCH, Kind.JUMP, Kind.SYSTEM):
            return None
        if instruction.name == "addi" and operands["rd"] == operands["rs1"] == SP:
            size += signed(operands["imm"])
        elif instruction.name == "lw" and operands["rs1"] == SP and operands["rd"] in KEPT:
            saved[operands["rd"]] = size + signed(operands["imm"])
    return None


def _from_the_beginning(machine: Machine, hart: Hart, lines: SourceLines, pc: int, called: bool) -> _Caller:
    """By the instructions from the function's first one to pc. called: whether that is behind a call of it.

    What makes the frame smaller is left aside: it is for another way out, as pc is behind it.
    """
    function = lines.function(pc - called * WITHIN_CALL)
    size, saved = 0, dict[int, int]()
    address = pc if function is None else function.start
    for _ in range(LONGEST_BEGIN):
        decoded = memory.decoded(machine, hart, address) if address < pc else None
        if decoded is None:
            break
        instruction, word, address = decoded
        operands = instruction.pattern.extract(word)
        if instruction.name == "addi" and operands["rd"] == operands["rs1"] == SP:
            change = signed(operands["imm"])
            if change < 0:
                size -= change
                saved = {number: offset - change for number, offset in saved.items()}
        elif instruction.name == "sw" and operands["rs1"] == SP and operands["rs2"] in KEPT:
            saved.setdefault(operands["rs2"], signed(operands["imm"]))
    return _Caller(size, saved)
