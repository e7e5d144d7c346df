"""Disassembled sections as source that assembles to the same bytes."""

import re
from collections.abc import Iterator, Sequence

from trapline.asm.disassembler.code_and_data import data_directive, pieces, symbol_offsets
from trapline.asm.disassembler.contents import Contents, Section, Symbol
from trapline.asm.disassembler.instruction import disassemble, jump_target
from trapline.asm.disassembler.parcel import may_be_compressed
from trapline.isa import CSR_BY_NAME
from trapline.isa.hart import REGISTERS
from trapline.isa.word import HALFWORD, WORD


def assembly(contents: Contents, chosen: Sequence[Section], pseudo: bool = True) -> Iterator[str]:
    """Source lines that assemble to the same bytes of each section, for this assembler and for GNU as.

    Symbols become labels (renamed where a name cannot be written or is used twice), jumps and branches within a
    section go to labels, data becomes `.word`, `.half` and `.byte`; relocations of an object file become comments.
    """
    yield "    .option norelax"
    compression = _Compression()
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
        if section.compressed and section.executable:
            yield from compression.switch(True)
        if section.alignment in (1 << power for power in range(1, 17)):
            yield from _aligned(section)
        if entry is not None and section.executable and section.address <= entry < section.end:
            section.symbols.insert(0, Symbol(entry, "_start", True, True))
            section.symbols.sort(key=lambda s: (s.address, s.rank))
        yield from _section_assembly(section, names, compression, pseudo)


def _aligned(section: Section) -> Iterator[str]:
    """Align a section so that its end is padded only if the original's was.

    GNU as pads code to its alignment, counting each relaxed alignment at its longest, the alignment less the shortest
    instruction. So for a size that is no multiple, a few of them at the start, which ld deletes, keep the end from
    being padded.
    """
    yield f"    .balign {section.alignment}"
    shortest = _alignment(section)
    if section.executable and section.alignment > shortest and section.size % section.alignment:
        missing = section.size % section.alignment // shortest
        yield "    .option relax"
        yield f"    .rept {missing}  # ld deletes these; they keep the end from being padded"
        yield f"    .balign {section.alignment}"
        yield "    .endr"
        yield "    .option norelax"


class _Compression:
    """Whether the assembler compresses at this place of the source, for files with compressed instructions."""

    def __init__(self) -> None:
        self._on: bool | None = None

    def switch(self, on: bool) -> Iterator[str]:
        """A directive if it is otherwise."""
        if self._on is not on:
            yield f"    .option {'rvc' if on else 'norvc'}"
        self._on = on

    def before(self, code: int, length: int) -> Iterator[str]:
        """What an instruction needs, so that it keeps its length."""
        if length == HALFWORD:
            yield from self.switch(True)
        elif self._on and may_be_compressed(code):
            yield from self.switch(False)


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


def _section_assembly(section: Section, names: _Names, compression: _Compression, pseudo: bool) -> Iterator[str]:
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
    cut = list(pieces(section, symbol_offsets(section)))
    step = _alignment(section)
    boundaries = {section.address + offset for offset, _, _ in cut} | {section.end}
    for offset, length, is_code in cut:
        if is_code and offset % step == 0:
            value = _value(section, offset, length)
            target = jump_target(value, section.address + offset, compressed=section.compressed)
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
        if is_code and offset % step == 0:
            yield from compression.before(value, length)
            text = disassemble(value, address, symbols=jumps, pseudo=pseudo, compressed=section.compressed)
        else:
            text = data_directive(section.data[offset : offset + length])
        notes = section.relocations.get(address)
        yield f"    {text:<32} # {'  '.join(notes)}" if notes else f"    {text}"
    yield from (f"{name}:" for name in labels.get(section.end, ()))


def _alignment(section: Section) -> int:
    """Bytes of the shortest instruction, at a multiple of which each begins."""
    return HALFWORD if section.compressed else WORD


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
