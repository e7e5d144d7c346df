"""The listing of a disassembled section: address, word, text, and what jumps and address pairs refer to."""

from collections.abc import Iterator, Sequence

from trapline.asm.disassembler.code_and_data import data_directive, pieces, symbol_offsets
from trapline.asm.disassembler.contents import Contents, Section, Symbol
from trapline.asm.disassembler.instruction import disassemble, jump_target
from trapline.isa import Kind, decode
from trapline.isa.table import expanded


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
    for offset, length, is_code in pieces(section, symbol_offsets(section)):
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
            text = disassemble(value, address, pseudo=pseudo, compressed=section.compressed)
            comment = _comment(contents, section, value, address, upper)
        else:
            text, comment = data_directive(section.data[offset : offset + length]), ""
        notes = [comment, *section.relocations.get(address, ())]
        name, _, operands = text.partition(" ")
        line = f"{address:08x}:  {value:0{2 * length}x}{' ' * (8 - 2 * length)}  {name:<10} {operands}".rstrip()
        note = "  ".join(n for n in notes if n)
        yield f"{line:<54}  # {note}" if note else line


def _place(contents: Contents, section: Section, address: int) -> str:
    """An address with the nearest symbol at or below it, in an object file only one of the same section."""
    candidates = [section] if contents.relocatable else [s for s in contents.sections if s.allocated]
    symbol = next((found for s in candidates if (found := s.symbol_before(address))), None)
    if symbol is None:
        return f"{address:08x}"
    distance = address - symbol.address
    return f"{address:08x} <{symbol.name}{f'+{distance:#x}' if distance else ''}>"


def _comment(contents: Contents, section: Section, code: int, address: int, upper: dict[int, int]) -> str:
    """The address that this instruction refers to; `upper` holds what `lui` and `auipc` have left in registers."""
    word = expanded(code, section.compressed)
    instruction = None if word is None else decode(word)
    if word is None or instruction is None:
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
