"""Directives that switch sections."""

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.directives.fields import split
from trapline.asm.sections import (
    ALLOC,
    ATTRIBUTES,
    EXEC,
    FINI_ARRAY,
    GROUP,
    INIT_ARRAY,
    MERGE,
    NOBITS,
    NOTE,
    PREINIT_ARRAY,
    PROGBITS,
    STRINGS,
    TLS,
    WRITE,
)
from trapline.asm.unit import Handler, Unit
from trapline.isa.did_you_mean import did_you_mean

FLAGS = {
    "a": ALLOC, "w": WRITE, "x": EXEC, "M": MERGE, "S": STRINGS, "G": GROUP, "T": TLS, "o": 0, "R": 0, "?": 0, "e": 0,
}  # fmt: skip
TYPES = {
    "progbits": PROGBITS, "nobits": NOBITS, "note": NOTE, "init_array": INIT_ARRAY, "fini_array": FINI_ARRAY,
    "preinit_array": PREINIT_ARRAY,
}  # fmt: skip
KNOWN_SECTIONS: dict[str, tuple[int, int]] = {
    ".text": (ALLOC | EXEC, PROGBITS), ".init": (ALLOC | EXEC, PROGBITS), ".fini": (ALLOC | EXEC, PROGBITS),
    ".data": (ALLOC | WRITE, PROGBITS), ".data1": (ALLOC | WRITE, PROGBITS), ".sdata": (ALLOC | WRITE, PROGBITS),
    ".bss": (ALLOC | WRITE, NOBITS), ".sbss": (ALLOC | WRITE, NOBITS), ".rodata": (ALLOC, PROGBITS),
    ".rodata1": (ALLOC, PROGBITS), ".srodata": (ALLOC | WRITE, PROGBITS), ".init_array": (ALLOC | WRITE, INIT_ARRAY),
    ".fini_array": (ALLOC | WRITE, FINI_ARRAY), ".preinit_array": (ALLOC | WRITE, PREINIT_ARRAY),
    ".tdata": (ALLOC | WRITE | TLS, PROGBITS), ".tbss": (ALLOC | WRITE | TLS, NOBITS), ".note": (0, NOTE),
    ".comment": (0, PROGBITS), ".riscv.attributes": (0, ATTRIBUTES),
}  # fmt: skip


def section_defaults(name: str) -> tuple[int, int]:
    """Default flags and type of a section, by its name or the longest known prefix that ends before a dot."""
    while True:
        if name in KNOWN_SECTIONS:
            return KNOWN_SECTIONS[name]
        stem, dot, _ = name.rpartition(".")
        if not dot or not stem:
            return 0, PROGBITS
        name = stem


def section(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.section name, "flags", @type, entsize, group, linkage` and `.pushsection`."""
    fields = split(operands)
    if not fields or not fields[0]:
        raise SourceError(location, f"'{name}' needs a section name")
    title = fields.pop(0).strip('"')
    old = unit.section
    if name == ".pushsection":
        unit.stack.append((old, old.current, unit.previous))
    subsection = 0
    if name == ".pushsection" and fields and not fields[0].startswith('"'):
        subsection = unit.evaluate(fields.pop(0), location)
    flags, kind = section_defaults(title)
    entry_size, group = 0, None
    if fields:
        text = fields.pop(0).strip('"')
        flags = 0
        for letter in text:
            if letter.isdigit():
                continue
            if letter not in FLAGS:
                raise SourceError(location, f"unknown section flag '{letter}'", f"flags are {''.join(FLAGS)}")
            flags |= FLAGS[letter]
        if fields and fields[0][:1] in '@%"':
            word = fields.pop(0).strip('@%"')
            if word not in TYPES and not word.isalnum():
                raise SourceError(location, f"unknown section type '{word}'", did_you_mean(word, TYPES))
            kind = TYPES.get(word, PROGBITS)
        if flags & MERGE and fields:
            entry_size = unit.evaluate(fields.pop(0), location)
        if flags & GROUP and fields:
            group = fields.pop(0).strip('"')
    unit.switch(unit.open_section(title, flags & ~GROUP, kind, entry_size, group), subsection)


def named_section(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.text`, `.data`, `.bss`, each with an optional subsection."""
    subsection = unit.evaluate(operands, location) if operands else 0
    unit.switch(unit.open_section(name, *section_defaults(name)), subsection)


def pop_section(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.popsection`."""
    if not unit.stack:
        raise SourceError(location, "'.popsection' without '.pushsection'")
    unit.section, subsection, unit.previous = unit.stack.pop()
    unit.section.current = subsection


def previous(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.previous`: swap with the previous section."""
    if unit.previous is None:
        raise SourceError(location, "'.previous' without a section before")
    section, subsection = unit.previous
    unit.switch(section, subsection)


def subsection(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.subsection number`."""
    unit.switch(unit.section, unit.evaluate(operands, location))


def structure(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.struct offset` and `.offset offset`: labels are numbers from here on, up to the next section."""
    unit.offset = unit.evaluate(operands, location) if operands else 0
    unit.switch(unit.absolute)


HANDLERS: dict[str, Handler] = {
    ".section": section, ".pushsection": section, ".popsection": pop_section, ".previous": previous,
    ".subsection": subsection, ".text": named_section, ".data": named_section, ".bss": named_section,
    ".struct": structure, ".offset": structure,
    ".rodata": named_section, ".sdata": named_section, ".sbss": named_section,
}  # fmt: skip
