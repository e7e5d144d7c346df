"""Directives that switch sections."""

import re

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.directives.fields import split
from trapline.asm.directives.section_attributes import (
    DATA,
    ZEROS,
    Attributes,
    check_again,
    checked_entry_size,
    first_attributes,
    known_section,
    parse_flags,
    parse_type,
)
from trapline.asm.sections import GROUP, LINK_ORDER, MERGE, PROGBITS
from trapline.asm.unit import Handler, Unit

OWN_SECTIONS = {".sdata": DATA, ".sbss": ZEROS}
"""Sections with a directive of their own here, and none in GNU as: their names alone imply nothing there."""


def section(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.section name, "flags", @type, entsize, group, linkage` and `.pushsection`."""
    fields = split(operands)
    if not fields or not fields[0]:
        raise SourceError(location, f"'{name}' needs a section name")
    if operands.endswith(","):
        raise SourceError(location, "unexpected ',' at the end")
    title = fields.pop(0)
    if not title.startswith('"') and len(title.split()) > 1:
        raise SourceError(location, f"unexpected '{title.split(None, 1)[1]}' after the section's name")
    title = title.strip('"')
    subsection = 0
    if name == ".pushsection" and fields and not fields[0].startswith('"'):
        subsection = unit.evaluate(fields.pop(0), location)
    said, group = _attributes(unit, fields, location)
    old = unit.sections.get((title, group))
    if old is None:
        flags, kind = first_attributes(title, said, location, unit.diagnostics)
        chosen = unit.open_section(title, flags, kind, said.entry_size, group)
    else:
        check_again(old, said, location, unit.diagnostics)
        chosen = old
    if name == ".pushsection":
        unit.stack.append((unit.section, unit.section.current, unit.previous))
    unit.switch(chosen, subsection)


def _attributes(unit: Unit, fields: list[str], location: Location) -> tuple[Attributes, str | None]:
    """What stands behind the name, and the name of the group. Raises SourceError."""
    if not fields:
        return Attributes(), None
    text = fields.pop(0)
    if not re.fullmatch(r'"[^"]*"', text):
        raise SourceError(location, f"expected flags in quotes, such as \"aw\", not '{text}'")
    flags = parse_flags(text[1:-1], location)
    kind, entry_size, group = None, None, None
    if fields:
        word = fields.pop(0)
        if word[:1] not in ("@", "%", '"'):
            raise SourceError(location, f"expected a type, such as '@nobits', not '{word}'")
        kind = parse_type(word.strip('@%"'), location, unit.diagnostics)
    if flags & MERGE and fields:
        entry_size = unit.evaluate(fields.pop(0), location)
    if flags & LINK_ORDER and fields:
        fields.pop(0)
    if flags & GROUP:
        if fields:
            group = fields.pop(0).strip('"')
            if fields and fields[0] == "comdat":
                fields.pop(0)
        else:
            unit.diagnostics.warning(location, "flag 'G' without the name of a group is ignored")
    elif "?" in text:
        group = unit.section.group
    if fields:
        raise SourceError(location, f"unexpected '{fields[0]}'", "write '.section name, \"aw\", @progbits'")
    flags = checked_entry_size(flags, entry_size, location, unit.diagnostics)
    return Attributes(flags, kind, entry_size or 0), group


def named_section(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.text`, `.data`, `.bss`, each with an optional subsection."""
    subsection = unit.evaluate(operands, location) if operands else 0
    attributes = OWN_SECTIONS.get(name) or known_section(name) or (0, PROGBITS)
    unit.switch(unit.open_section(name, *attributes), subsection)


def pop_section(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.popsection`."""
    if not unit.stack:
        raise SourceError(location, "'.popsection' without '.pushsection'")
    unit.section, subsection, unit.previous = unit.stack.pop()
    unit.section.current = subsection


def previous(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.previous`: swap with the previous section."""
    if unit.previous is None:
        return unit.diagnostics.warning(location, "'.previous' without a section before is ignored")
    section, subsection = unit.previous
    unit.switch(section, subsection)


def subsection(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.subsection number`."""
    unit.switch(unit.section, unit.evaluate(operands, location) if operands else 0)


def structure(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.struct offset` and `.offset offset`: labels are numbers from here on, up to the next section."""
    unit.offset = unit.evaluate(operands, location) if operands else 0
    unit.switch(unit.absolute)


HANDLERS: dict[str, Handler] = {
    ".section": section, ".section.s": section, ".sect": section, ".sect.s": section,
    ".pushsection": section, ".popsection": pop_section, ".previous": previous,
    ".subsection": subsection, ".text": named_section, ".data": named_section, ".bss": named_section,
    ".struct": structure, ".offset": structure,
    ".rodata": named_section, ".sdata": named_section, ".sbss": named_section,
}  # fmt: skip
