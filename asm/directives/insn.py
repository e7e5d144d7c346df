"""`.insn`: an instruction given by its fields or as a number."""

import re

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.directives.data import append
from trapline.asm.fragments import (
    COMPRESSED_BRANCH,
    COMPRESSED_BYTES,
    COMPRESSED_JUMP,
    INSTRUCTION_BYTES,
    Fixup,
)
from trapline.asm.instructions.compression import HOW_TO_ALLOW, NOT_ALLOWED
from trapline.asm.instructions.encoder import Encoder, Fixups
from trapline.asm.nodes import Bound, Expression, Function, Memory, Name, Operand, Operands, Parenthesized
from trapline.asm.parser import parse_operands
from trapline.asm.unit import Handler, Unit
from trapline.isa import BY_NAME, decode
from trapline.isa.compression import FIRST_PRIMED, is_long
from trapline.isa.instruction import Pattern
from trapline.isa.table import COMPRESSED_BY_NAME, decode_parcel

OPCODES = {
    "LOAD": 0x03, "LOAD_FP": 0x07, "CUSTOM_0": 0x0B, "MISC_MEM": 0x0F, "OP_IMM": 0x13, "AUIPC": 0x17, "OP_IMM_32": 0x1B,
    "STORE": 0x23, "STORE_FP": 0x27, "CUSTOM_1": 0x2B, "AMO": 0x2F, "OP": 0x33, "LUI": 0x37, "OP_32": 0x3B,
    "MADD": 0x43, "MSUB": 0x47, "NMSUB": 0x4B, "NMADD": 0x4F, "OP_FP": 0x53, "OP_V": 0x57, "CUSTOM_2": 0x5B,
    "BRANCH": 0x63, "JALR": 0x67, "JAL": 0x6F, "SYSTEM": 0x73, "CUSTOM_3": 0x7B,
}  # fmt: skip
OPCODE_BITS = 7
FORMATS = {"r", "r4", "i", "s", "sb", "b", "u", "uj", "j"}
QUADRANTS = {"C0": 0, "C1": 1, "C2": 2}
QUADRANT_BITS = 2
"""The lowest bits of a compressed instruction, and their names."""

_FUNCT3 = ("number", ((13, 3),))
_ACCESS = (_FUNCT3, ("primed", ((2, 3),)), ("number", ((10, 3), (5, 2))), ("primed", ((7, 3),)))
COMPRESSED_FORMATS: dict[str, tuple[tuple[str, tuple[tuple[int, int], ...]], ...]] = {
    "cr": (("number", ((12, 4),)), ("register", ((7, 5),)), ("register", ((2, 5),))),
    "ci": (_FUNCT3, ("register", ((7, 5),)), ("signed", ((12, 1), (2, 5)))),
    "ciw": (_FUNCT3, ("primed", ((2, 3),)), ("number", ((5, 8),))),
    "css": (_FUNCT3, ("register", ((2, 5),)), ("number", ((7, 6),))),
    "cl": _ACCESS,
    "cs": _ACCESS,
    "ca": (("number", ((10, 6),)), ("number", ((5, 2),)), ("primed", ((7, 3),)), ("primed", ((2, 3),))),
    "cb": (_FUNCT3, ("primed", ((7, 3),)), ("label", ())),
    "cj": (_FUNCT3, ("label", ())),
}
"""By format, the fields behind the opcode: what each is, and where its bits go, as (lowest, number), its highest first.

Immediates are not scaled: GNU as has them as they stand in the instruction.
"""


def insn(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.insn format opcode, ...`, `.insn word` and `.insn length, word`."""
    match = re.match(r"([a-z]\w*)\s+(?=[\w(])", operands)
    if match is None:
        return _number(unit, operands, location)
    fields = parse_operands(operands[match.end() :])
    if match[1] in COMPRESSED_FORMATS:
        return _CompressedInsn(unit, match[1], fields, location).emit()
    if match[1] not in FORMATS:
        known = sorted({*FORMATS, *COMPRESSED_FORMATS})
        raise SourceError(location, f"unknown instruction format '{match[1]}'", f"formats: {', '.join(known)}")
    return _Insn(unit, match[1], fields, location).emit()


def _number(unit: Unit, operands: str, location: Location) -> None:
    """`.insn word`, with its length before it or without."""
    values = [unit.number(v, location) for v in unit.operands(operands)]
    if not 1 <= len(values) <= 2 or values[:-1] not in ([], [COMPRESSED_BYTES], [INSTRUCTION_BYTES]):
        message = "'.insn' takes 2 or 4 bytes, with their number before them or without, or a format and its fields"
        raise SourceError(location, message)
    word = values[-1]
    length = INSTRUCTION_BYTES if is_long(word) else COMPRESSED_BYTES
    if not 0 <= word < 1 << 8 * length or values[0] not in (word, length):
        message = f"'.insn': {word:#x} is not a 32-bit instruction (its low bits are 11), nor a compressed one"
        raise SourceError(location, message)
    if length == COMPRESSED_BYTES:
        unit.note_compressed(location)
    append(unit, word.to_bytes(length, "little"), location)


class _Insn:
    """Reads the fields of one `.insn` in order."""

    def __init__(self, unit: Unit, format: str, operands: Operands, location: Location) -> None:
        self.unit = unit
        self.format = format
        self.operands = list(operands)
        self.location = location
        self.encoder = Encoder(unit)

    def take(self) -> Operand:
        """The next operand."""
        if not self.operands:
            raise SourceError(self.location, f"'.insn {self.format}' needs more operands")
        return self.operands.pop(0)

    def number(self, bits: int) -> int:
        """The next operand as an unsigned field."""
        operand = self.take()
        names = {OPCODE_BITS: OPCODES, QUADRANT_BITS: QUADRANTS}.get(bits, {})
        if isinstance(operand, Name) and operand.text in names:
            return names[operand.text]
        value = self.unit.number(operand, self.location)
        if not 0 <= value < 1 << bits:
            raise SourceError(self.location, f"'.insn': field {value} is not in [0, {(1 << bits) - 1}]")
        return value

    def register(self) -> int:
        """The next operand as a register."""
        operand = self.take()
        return self.encoder.register(Name(str(operand)) if type(operand) is int else operand)

    def memory(self) -> tuple[Expression, int]:
        """The next operand as `offset(register)` or `(register)`."""
        match self.take():
            case Memory(offset, base):
                return offset, self.encoder.register(base)
            case Parenthesized(base):
                return 0, self.encoder.register(base)
        raise SourceError(self.location, "'.insn': expected an address 'offset(register)'")

    def emit(self) -> None:
        """Encode and append."""
        self.encoder.location = self.location
        word = self.number(OPCODE_BITS)
        if self.format in ("r", "r4"):
            word = self._r(word)
        elif self.format == "i":
            word |= self.number(3) << 12 | self.register() << 7
            if self.operands and isinstance(self.operands[0], Memory | Parenthesized):
                offset, base = self.memory()
            else:
                base = self.register()
                offset = self.take()
            return self._finish(word | base << 15, "addi", offset)
        elif self.format == "s":
            word |= self.number(3) << 12 | self.register() << 20
            offset, base = self.memory()
            return self._finish(word | base << 15, "sw", offset)
        elif self.format in ("sb", "b"):
            word |= self.number(3) << 12 | self.register() << 15 | self.register() << 20
            return self._finish(word, "beq", self.take())
        elif self.format == "u":
            word |= self.register() << 7
            return self._finish(word, "lui", self.take())
        else:
            word |= self.register() << 7
            return self._finish(word, "jal", self.take())
        if self.operands:
            raise SourceError(self.location, f"'.insn {self.format}' has too many operands")
        return append(self.unit, word.to_bytes(4, "little"), self.location)

    def _r(self, word: int) -> int:
        four = self.format == "r4" or len(self.operands) == 6
        word |= self.number(3) << 12
        word |= self.number(2 if four else 7) << 25
        word |= self.register() << 7 | self.register() << 15 | self.register() << 20
        return word | self.register() << 27 if four else word

    def _finish(self, word: int, like: str, immediate: Expression) -> None:
        """Append the word with an immediate encoded as in the instruction `like`."""
        if self.operands:
            raise SourceError(self.location, f"'.insn {self.format}' has too many operands")
        pattern = BY_NAME[like].pattern
        shape = Pattern(pattern.text, 0, word, pattern.slices)
        encoder = self.encoder
        if like in ("beq", "jal") and type(immediate) is not int:
            target = self.unit.bind(immediate, self.location)
            branch = decode(word)
            if branch is not None and branch.syntax == BY_NAME["beq"].syntax:
                return encoder.append_with_fixup(word, "branch", target, branch)
            data = self.unit.section.data()
            kind = "branch" if like == "beq" else "jal"
            data.fixups.append(Fixup(len(data.data), kind, target, self.location, BY_NAME[like]))
            data.data += word.to_bytes(4, "little")
            return None
        if isinstance(immediate, Function):
            values = dict.fromkeys(pattern.operands, 0)
            fixups: Fixups = []
            wanted = encoder.upper_immediate if like == "lui" else encoder.immediate
            wanted(BY_NAME[like], immediate, values, fixups)
            data = self.unit.section.data()
            if fixups:
                data.fixups.append(Fixup(len(data.data), fixups[0][0], fixups[0][1], self.location, BY_NAME[like]))
                data.data += word.to_bytes(4, "little")
                return
            immediate = values["imm"]
        else:
            immediate = self.unit.number(immediate, self.location)
            if like == "lui":
                immediate <<= 12
        values = dict.fromkeys(pattern.operands, 0) | {"imm": immediate & 0xFFFFFFFF if like == "lui" else immediate}
        mine = {s.operand for s in pattern.slices if s.operand == "imm"}
        try:
            filled = Pattern(shape.text, 0, 0, tuple(s for s in shape.slices if s.operand in mine)).insert(values)
        except ValueError as error:
            raise SourceError(self.location, f"'.insn': {error}") from None
        append(self.unit, (word | filled).to_bytes(4, "little"), self.location, ends=self.format == "u")


class _CompressedInsn(_Insn):
    """Reads the fields of one compressed `.insn` in order."""

    def emit(self) -> None:
        """Encode and append."""
        if not self.unit.compressed:
            raise SourceError(self.location, f"'.insn {self.format}': {NOT_ALLOWED}", HOW_TO_ALLOW)
        self.encoder.location = self.location
        self.operands = [part for o in self.operands for part in ((o.offset, o.base) if type(o) is Memory else (o,))]
        parcel = self.number(QUADRANT_BITS)
        if is_long(parcel):
            raise SourceError(self.location, f"'.insn {self.format}': the opcode is C0, C1 or C2")
        target: Bound | None = None
        for kind, slices in COMPRESSED_FORMATS[self.format]:
            if kind == "label":
                target = self.unit.bind(self.take(), self.location)
            left = sum(width for _, width in slices)
            value = 0 if kind == "label" else self._value(kind, left)
            for low, width in slices:
                left -= width
                parcel |= (value >> left & (1 << width) - 1) << low
        if self.operands:
            raise SourceError(self.location, f"'.insn {self.format}' has too many operands")
        self._append(parcel, target)

    def _value(self, kind: str, bits: int) -> int:
        if kind == "number":
            return self.number(bits)
        if kind == "register":
            return self.register()
        if kind == "primed":
            number = self.register() - FIRST_PRIMED
            if not 0 <= number < 1 << bits:
                raise SourceError(self.location, "'.insn': expected a register of x8 to x15")
            return number
        value, limit = self.unit.number(self.take(), self.location), 1 << (bits - 1)
        if not -limit <= value < limit:
            raise SourceError(self.location, f"'.insn': field {value} is not in [{-limit}, {limit - 1}]")
        return value

    def _append(self, parcel: int, target: Bound | None) -> None:
        known = decode_parcel(parcel)
        if target is not None and known is not None and known.syntax.endswith("label"):
            return self.encoder.append_compressed_branch(parcel, target, self.location)
        if target is not None:
            kind, like = (COMPRESSED_JUMP, "c.j") if self.format == "cj" else (COMPRESSED_BRANCH, "c.beqz")
            data = self.unit.section.data()
            data.fixups.append(Fixup(len(data.data), kind, target, self.location, COMPRESSED_BY_NAME[like]))
        self.encoder.append_parcel(parcel)
        return None


HANDLERS: dict[str, Handler] = {".insn": insn}
