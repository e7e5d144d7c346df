"""Directives that make bytes: numbers, strings, files, space, `.insn`."""

import re
import struct
from pathlib import Path
from typing import Any

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.instructions.encoder import Encoder
from trapline.asm.parser import parse_operands
from trapline.asm.preprocess.source_text import find_file
from trapline.asm.sections import LIMIT, NOBITS, Fill, Fixup, Leb128, leb128
from trapline.asm.symbols import NotConstant, Symbol, constant_value
from trapline.asm.unit import Unit
from trapline.isa import BY_NAME
from trapline.isa.hart import REGISTERS
from trapline.isa.instruction import Pattern

WIDTHS = {
    ".byte": 1, ".2byte": 2, ".half": 2, ".short": 2, ".hword": 2, ".4byte": 4, ".word": 4, ".long": 4, ".int": 4,
    ".8byte": 8, ".dword": 8, ".quad": 8, ".dc": 2, ".dc.b": 1, ".dc.w": 2, ".dc.l": 4, ".dc.a": 4,
}  # fmt: skip


BLOCKS = {
    f"{stem}{suffix}": size
    for stem in (".dcb", ".ds")
    for suffix, size in (("", 2), (".b", 1), (".w", 2), (".l", 4))
} | {".ds.s": 4, ".ds.d": 8, ".ds.p": 12, ".ds.x": 12}  # fmt: skip


def _append(unit: Unit, data: bytes, location: Location) -> None:
    section = unit.section
    if section.type == NOBITS and data.count(0) != len(data):
        raise SourceError(location, f"'{section.name}' holds no bytes, only space")
    unit.reserve(len(data), location)
    section.data().data += data


def numbers(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.byte`, `.half`, `.word`, `.dword` and their other names."""
    width = WIDTHS[name]
    mask = (1 << (8 * width)) - 1
    for operand in unit.operands(operands):
        if type(operand) is int:
            value = operand
        else:
            if type(operand) is tuple and operand[0] == "string":
                raise SourceError(location, f"'{name}' takes numbers; use '.ascii' for text")
            bound = unit.bind(operand, location)
            try:
                value = constant_value(bound)
            except NotConstant:
                data = unit.section.data()
                data.fixups.append(Fixup(len(data.data), f"word{8 * width}", bound, location))
                data.data += bytes(width)
                continue
        if not -(mask // 2 + 1) <= value <= mask and width < 8:
            unit.diagnostics.warning(location, f"value {value:#x} is cut to {value & mask:#x}")
        _append(unit, (value & mask).to_bytes(width, "little"), location)


def thread_offset(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.dtprelword symbol + 0x800`: the offset of a thread-local variable, in debugging information."""
    for operand in unit.operands(operands):
        data = unit.section.data()
        data.fixups.append(Fixup(len(data.data), "word32:dtprel", unit.bind(operand, location), location))
        data.data += bytes(4)


FLOATS = {".float": "<f", ".single": "<f", ".double": "<d", ".dc.s": "<f", ".dc.d": "<d"}


def floats(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.float`, `.single` and `.double`: IEEE 754 numbers, for soft-float code."""
    for field in operands.split(","):
        text = re.sub(r"^0[a-zA-Z](?=[-+.\d])", "", field.strip())
        try:
            data = struct.pack(FLOATS[name], float(text))
        except (ValueError, OverflowError):
            raise SourceError(location, f"'{field.strip()}' is not a number that '{name}' can hold") from None
        _append(unit, data, location)


def octa(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.octa`: numbers of 16 bytes, written without operators."""
    for field in operands.split(","):
        try:
            value = int(field.strip(), 0)
        except ValueError:
            raise SourceError(location, f"'{field.strip()}' is not a number") from None
        _append(unit, (value & (2**128 - 1)).to_bytes(16, "little"), location)


def strings(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.ascii`, and the rest, which end each string with a zero: `.string16` and `.string32` of wider characters."""
    end = b"" if name == ".ascii" else b"\0"
    width = {".string16": 2, ".string32": 4}.get(name, 1)
    for operand in unit.operands(operands):
        if type(operand) is not tuple or operand[0] != "string":
            raise SourceError(location, f"'{name}' takes strings in quotes")
        text = operand[1] + end
        _append(unit, text if width == 1 else b"".join(bytes((c,)) + bytes(width - 1) for c in text), location)


def space(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.zero`, `.space` and `.skip`: a number of bytes and a fill value."""
    values = unit.operands(operands)
    if not 1 <= len(values) <= 2:
        raise SourceError(location, f"'{name}' needs a size", f"write '{name} 16'")
    fill = unit.number(values[1], location) if len(values) == 2 else 0
    bound = unit.bind(values[0], location)
    try:
        count = constant_value(bound)
    except NotConstant:
        return _later(unit, values[0], bound, bytes((fill & 0xFF,)), location)
    if count < 0:
        raise SourceError(location, f"'{name}': negative size {count}")
    if count > LIMIT:
        raise SourceError(location, f"'{name}' {count}: more than {LIMIT} bytes")
    return _append(unit, bytes((fill & 0xFF,)) * count, location)


def _later(unit: Unit, written: Any, bound: Any, item: bytes, location: Location) -> None:
    """Room whose size is known when everything is laid out, such as `.space 64 - (. - start)` behind branches."""
    if any(symbol.name and not symbol.defined and symbol.name != "." for symbol in _symbols(bound)) and (
        type(written) is tuple and written[0] == "name"
    ):
        unit.number(written, location)  # a name alone is no distance: say so now
    section = unit.section
    section.data()
    section.add(Fill(len(section.open), bound, item, location))


def _symbols(bound: Any) -> list[Symbol]:
    """The symbols of an expression."""
    found: list[Symbol] = []
    pending = [bound]
    while pending:
        term = pending.pop()
        if isinstance(term, Symbol):
            found.append(term)
        elif isinstance(term, tuple):
            pending += term[2:]
    return found


def fill(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.fill repeat, size, value`."""
    written = unit.operands(operands)
    if not 1 <= len(written) <= 3:
        raise SourceError(location, "'.fill' needs a count", "write '.fill count, size, value'")
    bound = unit.bind(written[0], location)
    try:
        first: int | None = constant_value(bound)
    except NotConstant:
        first = None
    values = [first or 0, *(unit.number(v, location) for v in written[1:])]
    count, size, value = (*values, *(1, 0)[len(values) - 1 :])
    if count < 0 or size < 0:
        raise SourceError(location, "'.fill': negative count or size")
    size = min(size, 8)
    if count * size > LIMIT:
        raise SourceError(location, f"'.fill' would make {count * size} bytes; the limit is {LIMIT}")
    # "the contents of each repeat bytes is taken from an 8-byte number, the highest order 4 bytes are zero"
    item = (value & 0xFFFFFFFF).to_bytes(8, "little")[:size]
    return (
        _append(unit, item * count, location) if first is not None else _later(unit, written[0], bound, item, location)
    )


def block(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.dcb.b count, value` and its kin: a number repeated; `.ds.b count`: zeros."""
    values = [unit.number(v, location) for v in unit.operands(operands)]
    most = 1 if name.startswith(".ds") else 2
    if not 1 <= len(values) <= most:
        raise SourceError(location, f"'{name}' needs a count{' and a value' if most == 2 else ''}")
    count, value = (*values, 0)[:2]
    size = BLOCKS[name]
    if count < 0 or count * size > LIMIT:
        raise SourceError(location, f"'{name}': count {count} is not in [0, {LIMIT // size}]")
    _append(unit, (value & ((1 << (8 * size)) - 1)).to_bytes(size, "little") * count, location)


def incbin(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.incbin "file", skip, count`."""
    match = re.match(r'\s*"((?:\\.|[^"\\])*)"\s*(?:,\s*(.*))?$', operands, re.S)
    if match is None:
        raise SourceError(location, "'.incbin' needs a file name in quotes")
    path = find_file(match[1], location.file, unit.include_dirs)
    if path is None:
        raise SourceError(location, f"no such file: '{match[1]}'")
    if not Path(path).is_file():
        raise SourceError(location, f"'{match[1]}' is not a regular file")
    skip, count = 0, None
    if match[2]:
        numbers = [unit.evaluate(v, location) if v.strip() else 0 for v in match[2].split(",")]
        skip = numbers[0]
        count = numbers[1] if len(numbers) > 1 else None
    try:
        length = Path(path).stat().st_size
        if skip < 0 or (count is not None and count < 0) or skip + (count or 0) > length:
            raise SourceError(location, f"'{match[1]}' has {length} bytes; {skip} + {count or 0} are asked for")
        if (count if count is not None else length - skip) > LIMIT:
            raise SourceError(location, f"'{match[1]}' has more than {LIMIT} bytes")
        with open(path, "rb") as file:
            file.seek(skip)
            data = file.read(length - skip if count is None else count)
    except OSError as error:
        raise SourceError(location, f"cannot read '{match[1]}': {error.strerror}") from None
    _append(unit, data, location)


def leb(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.uleb128` and `.sleb128`; a value that depends on layout is found there."""
    signed = name == ".sleb128"
    for operand in unit.operands(operands):
        bound = unit.bind(operand, location)
        try:
            value = constant_value(bound)
        except NotConstant:
            section = unit.section
            section.data()
            section.add(Leb128(len(section.open), bound, signed, location))
            continue
        if value < 0 and not signed:
            value &= 2**64 - 1
        _append(unit, leb128(value, signed), location)


# .insn

OPCODES = {
    "LOAD": 0x03, "LOAD_FP": 0x07, "CUSTOM_0": 0x0B, "MISC_MEM": 0x0F, "OP_IMM": 0x13, "AUIPC": 0x17, "OP_IMM_32": 0x1B,
    "STORE": 0x23, "STORE_FP": 0x27, "CUSTOM_1": 0x2B, "AMO": 0x2F, "OP": 0x33, "LUI": 0x37, "OP_32": 0x3B,
    "MADD": 0x43, "MSUB": 0x47, "NMSUB": 0x4B, "NMADD": 0x4F, "OP_FP": 0x53, "OP_V": 0x57, "CUSTOM_2": 0x5B,
    "BRANCH": 0x63, "JALR": 0x67, "JAL": 0x6F, "SYSTEM": 0x73, "CUSTOM_3": 0x7B,
}  # fmt: skip
FORMATS = {"r", "r4", "i", "s", "sb", "b", "u", "uj", "j"}


def insn(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.insn format opcode, ...`, `.insn word` and `.insn length, word`."""
    match = re.match(r"([a-z]\w*)\s+(?=[\w(])", operands)
    if match is None:
        values = [unit.number(v, location) for v in unit.operands(operands)]
        if not 1 <= len(values) <= 2 or (len(values) == 2 and values[0] != 4):
            raise SourceError(location, "'.insn' takes a 4-byte word, or '4, word', or a format and its fields")
        word = values[-1]
        if not 0 <= word < 1 << 32 or word & 3 != 3:
            raise SourceError(location, f"'.insn': {word:#x} is not a 32-bit instruction (its low bits are 11)")
        _append(unit, word.to_bytes(4, "little"), location)
        return
    if match[1] not in FORMATS:
        raise SourceError(
            location, f"unknown instruction format '{match[1]}'", f"formats: {', '.join(sorted(FORMATS))}"
        )
    _Insn(unit, match[1], parse_operands(operands[match.end() :]), location).emit()


class _Insn:
    """The fields of one `.insn`, taken one after the other."""

    def __init__(self, unit: Unit, format: str, operands: tuple, location: Location) -> None:
        self.unit = unit
        self.format = format
        self.operands = list(operands)
        self.location = location
        self.encoder = Encoder(unit)

    def take(self) -> Any:
        """The next operand."""
        if not self.operands:
            raise SourceError(self.location, f"'.insn {self.format}' needs more operands")
        return self.operands.pop(0)

    def number(self, bits: int) -> int:
        """The next operand as an unsigned field."""
        operand = self.take()
        if type(operand) is tuple and operand[0] == "name" and operand[1] in OPCODES and bits == 7:
            return OPCODES[operand[1]]
        value = self.unit.number(operand, self.location)
        if not 0 <= value < 1 << bits:
            raise SourceError(self.location, f"'.insn': field {value} is not in [0, {(1 << bits) - 1}]")
        return value

    def register(self) -> int:
        """The next operand as a register."""
        return self.encoder.register(self._name(self.take()))

    def _name(self, operand: Any) -> Any:
        number = operand[1] if type(operand) is tuple and operand[0] == "name" else None
        return operand if number in REGISTERS else ("name", str(number or operand))

    def memory(self) -> tuple[Any, int]:
        """The next operand as offset(register), or offset and register apart."""
        operand = self.take()
        if type(operand) is tuple and operand[0] == "memory":
            return operand[1], self.encoder.register(operand[2])
        if type(operand) is tuple and operand[0] == "paren":
            return 0, self.encoder.register(operand[1])
        raise SourceError(self.location, "'.insn': an address 'offset(register)' is expected")

    def emit(self) -> None:
        """Encode and append."""
        self.encoder.location = self.location
        opcode = self.number(7)
        word = opcode
        if self.format in ("r", "r4"):
            word = self._r(word)
        elif self.format == "i":
            word |= self.number(3) << 12 | self.register() << 7
            if type(self.operands[0] if self.operands else None) is tuple and self.operands[0][0] in (
                "memory",
                "paren",
            ):
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
        return _append(self.unit, word.to_bytes(4, "little"), self.location)

    def _r(self, word: int) -> int:
        four = self.format == "r4" or len(self.operands) == 6
        word |= self.number(3) << 12
        word |= self.number(2 if four else 7) << 25
        word |= self.register() << 7 | self.register() << 15 | self.register() << 20
        return word | self.register() << 27 if four else word

    def _finish(self, word: int, like: str, immediate: Any) -> None:
        """Put an immediate where the instruction `like` has its own."""
        if self.operands:
            raise SourceError(self.location, f"'.insn {self.format}' has too many operands")
        pattern = BY_NAME[like].pattern
        shape = Pattern(pattern.text, 0, word, pattern.slices)
        encoder = self.encoder
        if like in ("beq", "jal") and type(immediate) is not int:
            kind = "branch" if like == "beq" else "jal"
            data = self.unit.section.data()
            data.fixups.append(
                Fixup(len(data.data), kind, self.unit.bind(immediate, self.location), self.location, BY_NAME[like])
            )
            data.data += word.to_bytes(4, "little")
            return
        if type(immediate) is tuple and immediate[0] == "function":
            values = dict.fromkeys(pattern.operands, 0)
            fixups: list = []
            wanted = encoder._upper if like == "lui" else encoder._immediate
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
        _append(self.unit, (word | filled).to_bytes(4, "little"), self.location)


HANDLERS: dict[str, Any] = {
    **dict.fromkeys(WIDTHS, numbers), **dict.fromkeys(FLOATS, floats), ".octa": octa, ".dtprelword": thread_offset,
    ".ascii": strings, ".asciz": strings, ".string": strings, ".string8": strings,
    ".string16": strings, ".string32": strings,
    **dict.fromkeys(BLOCKS, block), ".zero": space, ".space": space, ".skip": space, ".fill": fill, ".incbin": incbin,
    ".uleb128": leb, ".sleb128": leb, ".insn": insn,
}  # fmt: skip
