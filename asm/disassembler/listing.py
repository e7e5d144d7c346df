"""Two texts of a disassembled section: a listing to read, and source that assembles to the same bytes."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from trapline.asm.disassembler.contents import Contents, Section, Symbol
from trapline.asm.disassembler.instruction import disassemble, jump_target
from trapline.isa import CSR_BY_NAME, Kind, decode
from trapline.isa.hart import REGISTERS

Piece = tuple[int, int, bool]
"""Offset, length in bytes, whether it is an instruction."""


def pieces(section: Section, breaks: Sequence[int] = ()) -> Iterator[Piece]:
    """Split a section into 4-byte instructions and data of 1 to 4 bytes.

    Data never crosses an offset in `breaks` (sorted).
    A compressed instruction, which this machine does not have, is a piece of data of 2 bytes.
    """
    marks = [(0, not section.executable), *section.data_from] if section.executable else [(0, True)]
    for (start, is_data), (stop, _) in pairwise([*marks, (section.size, True)]):
        offset, stop = max(start, 0), min(stop, section.size)
        while offset < stop:
            if is_data:
                length = min(4 - offset % 4, stop - offset)
            else:
                short = section.compressed and section.data[offset] & 3 != 3
                length = min(2 if short else 4, stop - offset)
            is_code = not is_data and length == 4
            if not is_code:
                after = bisect_right(breaks, offset)
                length = min(length, breaks[after] - offset) if after < len(breaks) else length
            yield offset, length, is_code
            offset += length


def listing(
    contents: Contents, chosen: Sequence[Section], start: int = 0, stop: int = 1 << 32, pseudo: bool = True
) -> Iterator[str]:
    """Lines of address, word, text, and a comment with the target of a jump, branch or address pair.

    start, stop: only addresses in [start, stop).
    """
    for i, section in enumerate(chosen):
        if i:
            yield ""
        yield f"section {section.name}: {section.size} bytes at {section.address:08x}"
        if not section.occupies_file:
            yield "(no contents in the file)"
            continue
        yield from _section_listing(contents, section, start, stop, pseudo)


def _section_listing(contents: Contents, section: Section, start: int, stop: int, pseudo: bool) -> Iterator[str]:
    named: dict[int, list[Symbol]] = {}
    for symbol in section.symbols:
        named.setdefault(symbol.address, []).append(symbol)
    upper: dict[int, int] = {}
    for offset, length, is_code in pieces(section, _offsets(section)):
        address = section.address + offset
        if address in named:
            upper.clear()
        if not start <= address < stop:
            continue
        if address in named:
            yield ""
            yield from (f"{address:08x} <{symbol.name}>:" for symbol in named[address])
        value = int.from_bytes(section.data[offset : offset + length], "little")
        if is_code:
            text = disassemble(value, address, pseudo=pseudo)
            comment = _comment(contents, section, value, address, upper)
        else:
            text, comment = _data(section.data[offset : offset + length]), ""
        notes = [comment, *section.relocations.get(address, ())]
        name, _, operands = text.partition(" ")
        line = f"{address:08x}:  {value:0{2 * length}x}{' ' * (8 - 2 * length)}  {name:<10} {operands}".rstrip()
        note = "  ".join(n for n in notes if n)
        yield f"{line:<54}  # {note}" if note else line


def _data(data: bytes) -> str:
    if len(data) == 3:
        return ".byte " + ", ".join(f"{byte:#04x}" for byte in data)
    directive = {1: ".byte", 2: ".half", 4: ".word"}[len(data)]
    return f"{directive} {int.from_bytes(data, 'little'):#0{2 * len(data) + 2}x}"


def _offsets(section: Section) -> list[int]:
    return sorted({s.address - section.address for s in section.symbols})


def _place(contents: Contents, section: Section, address: int) -> str:
    """An address with the nearest symbol at or below it, in an object file only one of the same section."""
    candidates = [section] if contents.relocatable else [s for s in contents.sections if s.allocated]
    symbol = next((found for s in candidates if (found := s.symbol_before(address))), None)
    if symbol is None:
        return f"{address:08x}"
    distance = address - symbol.address
    return f"{address:08x} <{symbol.name}{f'+{distance:#x}' if distance else ''}>"


def _comment(contents: Contents, section: Section, word: int, address: int, upper: dict[int, int]) -> str:
    """The address that this instruction refers to; `upper` holds what `lui` and `auipc` have left in registers."""
    instruction = decode(word)
    if instruction is None:
        return ""
    values = instruction.pattern.extract(word)
    rd, rs1 = values.get("rd"), values.get("rs1")
    comment = ""
    target = jump_target(word, address)
    if target is not None:
        comment = _place(contents, section, target)
    elif rs1 in upper and instruction.kind in (Kind.VALUE, Kind.JUMP, Kind.LOAD, Kind.STORE):
        if instruction.name == "addi" or instruction.kind is not Kind.VALUE:
            comment = _place(contents, section, (upper[rs1] + values["imm"]) & 0xFFFFFFFF)
    if rd is not None:
        upper.pop(rd, None)
    if instruction.name == "lui" and rd:
        upper[rd] = values["imm"]
    elif instruction.name == "auipc" and rd:
        upper[rd] = (address + values["imm"]) & 0xFFFFFFFF
    return comment


def assembly(contents: Contents, chosen: Sequence[Section], pseudo: bool = True) -> Iterator[str]:
    """Source lines that assemble to the same bytes of each section, for this assembler and for GNU as.

    Symbols become labels (renamed where a name cannot be written or is used twice), jumps and branches within a
    section go to labels, data becomes `.word`, `.half` and `.byte`; relocations of an object file become comments.
    """
    yield "    .option norelax"
    names = _Names()
    headings: set[str] = set()
    entry = contents.entry
    if any(s.name == "_start" for section in contents.sections for s in section.symbols):
        entry = None
    for section in chosen:
        heading = section.name if re.fullmatch(r"[A-Za-z_.][\w.]*", section.name) else ".section"
        while heading in headings:
            heading += ".again"
        headings.add(heading)
        flags = "a" * section.allocated + "w" * section.writable + "x" * section.executable + "T" * section.thread_local
        yield ""
        yield f'    .section {heading}, "{flags}", @{section.kind}'
        if section.alignment in (1 << power for power in range(1, 17)):
            yield from _aligned(section)
        if entry is not None and section.executable and section.address <= entry < section.end:
            section.symbols.insert(0, Symbol(entry, "_start", True, True))
            section.symbols.sort(key=lambda s: (s.address, s.rank))
        yield from _section_assembly(section, names, pseudo)


def _aligned(section: Section) -> Iterator[str]:
    """Align a section so that its end is padded only if the original's was.

    GNU as pads code to its alignment, counting each relaxed alignment at its longest, the alignment less 4. So for a
    size that is no multiple, a few of them at the start, which ld deletes, keep the end from being padded.
    """
    yield f"    .balign {section.alignment}"
    if section.executable and section.alignment > 4 and section.size % section.alignment:
        missing = section.size % section.alignment // 4
        yield "    .option relax"
        yield f"    .rept {missing}  # ld deletes these; they keep the end from being padded"
        yield f"    .balign {section.alignment}"
        yield "    .endr"
        yield "    .option norelax"


class _Names:
    """Hands out valid, unique label names."""

    def __init__(self) -> None:
        self._used: dict[str, int] = {}

    def take(self, name: str) -> str:
        clean = re.sub(r"[^A-Za-z0-9_.$]", "_", name)
        if clean[0].isdigit() or (clean[0] in ".$" and not clean.startswith(".L")):
            clean = "_" + clean
        if clean in REGISTERS or clean in CSR_BY_NAME:
            clean += "_"
        unique, count = clean, self._used.get(clean, 0)
        while unique in self._used:
            count += 1
            unique = f"{clean}.{count}"
        self._used[clean] = count
        self._used[unique] = 0
        return unique


def _section_assembly(section: Section, names: _Names, pseudo: bool) -> Iterator[str]:
    labels: dict[int, list[str]] = {}
    for symbol in section.symbols:
        name = names.take(symbol.name)
        labels.setdefault(symbol.address, []).append(name)
        if symbol.is_global:
            yield f"    .globl {name}"
        if symbol.is_function:
            yield f"    .type {name}, @function"
    if not section.occupies_file:
        yield from _reserved(section, labels)
        return
    cut = list(pieces(section, _offsets(section)))
    boundaries = {section.address + offset for offset, _, _ in cut} | {section.end}
    for offset, length, is_code in cut:
        if is_code and offset % 4 == 0:
            target = jump_target(_value(section, offset, length), section.address + offset)
            if target is not None and target in boundaries and target not in labels:
                labels[target] = [names.take(f".L{target:x}")]
    jumps = {address: found[0] for address, found in labels.items() if address in boundaries}
    inner = sorted(address for address in labels if address not in boundaries)
    for offset, length, is_code in cut:
        address = section.address + offset
        yield from (f"{name}:" for name in labels.get(address, ()))
        while inner and inner[0] < address + length:
            yield from (f"    .set {name}, . + {inner[0] - address}" for name in labels[inner[0]])
            inner.pop(0)
        value = _value(section, offset, length)
        if is_code and offset % 4 == 0:
            text = disassemble(value, address, symbols=jumps, pseudo=pseudo)
        else:
            text = _data(section.data[offset : offset + length])
        notes = section.relocations.get(address)
        yield f"    {text:<32} # {'  '.join(notes)}" if notes else f"    {text}"
    yield from (f"{name}:" for name in labels.get(section.end, ()))


def _value(section: Section, offset: int, length: int) -> int:
    return int.from_bytes(section.data[offset : offset + length], "little")


def _reserved(section: Section, labels: dict[int, list[str]]) -> Iterator[str]:
    position = section.address
    for address in sorted(labels):
        if address > position:
            yield f"    .zero {address - position}"
        yield from (f"{name}:" for name in labels[address])
        position = address
    if section.end > position:
        yield f"    .zero {section.end - position}"
