"""Directives about sections, symbols, alignment and options."""

import re
from typing import Any

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.parser import parse_expression, unescape
from trapline.asm.sections import (
    ALLOC,
    ATTRIBUTES,
    EXEC,
    FINI_ARRAY,
    GROUP,
    INIT_ARRAY,
    LIMIT,
    MERGE,
    NOBITS,
    NOTE,
    PREINIT_ARRAY,
    PROGBITS,
    STRINGS,
    TLS,
    WRITE,
    Align,
)
from trapline.asm.symbols import NotConstant, Symbol, constant_value
from trapline.asm.unit import Unit
from trapline.isa.spelling import did_you_mean

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

_fields = re.compile(r'\s*("(?:\\.|[^"\\])*"|[^,"]+)\s*(?:,|$)').match


def split(text: str) -> list[str]:
    """Fields separated by commas outside of strings."""
    fields = []
    position = 0
    while position < len(text):
        match = _fields(text, position)
        if match is None:
            fields.append(text[position:].strip())
            break
        fields.append(match[1].strip())
        position = match.end()
    return fields


def section_defaults(name: str) -> tuple[int, int]:
    """Flags and type of a section that is named without them, by its name up to the last dots."""
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
    """`.previous`: swap with the section before."""
    if unit.previous is None:
        raise SourceError(location, "'.previous' without a section before")
    section, subsection = unit.previous
    unit.switch(section, subsection)


def subsection(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.subsection number`."""
    unit.switch(unit.section, unit.evaluate(operands, location))


def _names(unit: Unit, operands: str, location: Location) -> list[Symbol]:
    names = [field.strip('"') for field in split(operands)]
    for name in names:
        if not re.fullmatch(r"[^\W\d][\w.$]*|[.$][\w.$]*", name):
            raise SourceError(location, f"'{name}' is not a symbol")
    return [unit.symbol(name) for name in names]


def binding(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.globl`, `.global`, `.local`, `.weak`."""
    for symbol in _names(unit, operands, location):
        symbol.binding = {".globl": "global", ".global": "global", ".local": "local", ".weak": "weak"}[name]
        symbol.explicit = True


def visibility(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.hidden`, `.protected`, `.internal`."""
    for symbol in _names(unit, operands, location):
        symbol.visibility = name[1:]


def symbol_type(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.type name, @function`."""
    fields = split(operands) if "," in operands else operands.split(None, 1)
    if len(fields) != 2:
        raise SourceError(location, "'.type' needs a symbol and a type", "write '.type main, @function'")
    word = fields[1].strip('@%#"').lower().removeprefix("stt_")
    kinds = {
        "function": "func", "func": "func", "object": "object", "notype": "notype", "tls_object": "tls", "tls": "tls",
        "common": "object", "gnu_unique_object": "object", "gnu_indirect_function": "func",
    }  # fmt: skip
    if word not in kinds:
        raise SourceError(location, f"unknown symbol type '{word}'", did_you_mean(word, kinds))
    unit.symbol(fields[0].strip('"')).type = kinds[word]


def size(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.size name, expression`."""
    fields = split(operands)
    if len(fields) != 2:
        raise SourceError(location, "'.size' needs a symbol and an expression", "write '.size main, . - main'")
    expression = parse_expression(fields[1])
    unit.symbol(fields[0].strip('"')).size = unit.bind(expression, location)


def assign(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.set`, `.equ`, and `.equiv`, which refuses a second definition."""
    fields = operands.split(",", 1)
    if len(fields) != 2 or not fields[1].strip():
        raise SourceError(location, f"'{name}' needs a symbol and a value", f"write '{name} LIMIT, 10'")
    expression = parse_expression(fields[1].strip())
    unit.assign(fields[0].strip().strip('"'), unit.bind(expression, location), location, name in (".equiv", ".eqv"))


def weak_reference(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.weakref alias, target`: uses of `alias` are uses of `target`, which need not be defined anywhere."""
    fields = _names(unit, operands, location)
    if len(fields) != 2:
        raise SourceError(location, "'.weakref' needs two symbols", "write '.weakref alias, target'")
    alias, target = fields
    if alias.defined:
        raise SourceError(location, f"symbol '{alias.name}' is defined twice")
    alias.value, alias.temporary, alias.defined_at = target, True, location
    target.wanted_weakly = True


def common(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.comm name, size, alignment` and `.lcomm name, size`."""
    fields = split(operands)
    if len(fields) not in (2, 3):
        raise SourceError(location, f"'{name}' needs a symbol and a size", f"write '{name} buffer, 256, 4'")
    length = unit.evaluate(fields[1], location)
    alignment = unit.evaluate(fields[2], location) if len(fields) == 3 else 0
    if not 0 <= length <= LIMIT:
        raise SourceError(location, f"size {length} is not in [0, {LIMIT}]")
    symbol = unit.symbol(fields[0].strip('"'))
    if symbol.defined:
        raise SourceError(location, f"symbol '{symbol.name}' is defined twice")
    if alignment == 0:
        alignment = min(16, 1 << max(length.bit_length() - 1, 0)) if name == ".comm" else 1
    unit.reserve(length, location)
    if name == ".lcomm" or (symbol.binding == "local" and symbol.explicit):
        old, old_subsection, before = unit.section, unit.section.current, unit.previous
        unit.switch(unit.open_section(".bss", ALLOC | WRITE, NOBITS), 1)  # behind the rest, as in GNU as
        align_to(unit, alignment, None, None, location)
        symbol.place(unit.section, location)
        symbol.type, symbol.size = "object", length
        unit.section.data().data += bytes(length)
        unit.section, unit.previous = old, before
        unit.section.current = old_subsection
        return
    symbol.common = (length, max(alignment, symbol.common[1] if symbol.common else 1))
    symbol.binding = "weak" if symbol.binding == "weak" else "global"
    symbol.type, symbol.size, symbol.defined_at = "object", length, location


# Alignment


def align_to(unit: Unit, alignment: int, fill: bytes | None, most: int | None, location: Location) -> None:
    """Pad to a multiple of `alignment` bytes, a power of two."""
    section = unit.section
    section.alignment = max(section.alignment, alignment)
    if alignment > 1:
        if fill is None and not section.flags & EXEC:
            fill = b"\0"
        if fill is None and alignment <= 4:
            return  # GNU as takes it that code is aligned for instructions
        section.data()
        section.add(Align(len(section.open), alignment, fill, most, unit.relax))


def align(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.align` and `.p2align` take a power of two, `.balign` bytes; then a fill value and the most to skip."""
    fields = [field.strip() for field in operands.split(",")] if operands else []
    values: list[int | None] = [unit.evaluate(field, location) if field else None for field in fields]
    amount, fill, most = ([*values, None, None, None])[:3]
    if amount is None:
        amount = 0
    stem = name.rstrip("wl") if name.startswith((".balignw", ".balignl", ".p2alignw", ".p2alignl")) else name
    if stem in (".align", ".p2align"):
        if not 0 <= amount <= 31:
            raise SourceError(location, f"'{name}' {amount}: the power of two is not in [0, 31]", _align_hint(amount))
        if amount > 12:
            unit.diagnostics.warning(location, f"'{name} {amount}' aligns to {1 << amount} bytes", _align_hint(amount))
        amount = 1 << amount
    elif amount <= 0:
        amount = 1
    if amount & (amount - 1):
        raise SourceError(location, f"'{name}': alignment {amount} is not a power of two")
    if amount > LIMIT:
        raise SourceError(location, f"'{name}': alignment {amount} is more than {LIMIT}")
    width = {"w": 2, "l": 4}.get(name[-1], 1) if stem != name else 1
    pattern = None if fill is None else (fill & ((1 << (8 * width)) - 1)).to_bytes(width, "little")
    align_to(unit, amount, pattern, most or None, location)


def _align_hint(amount: int) -> str | None:
    if amount > 0 and amount & (amount - 1) == 0:
        return f"'.align' takes a power of two; for {amount} bytes write '.balign {amount}'"
    return None


def org(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.org offset, fill`."""
    values = unit.operands(operands)
    if not 1 <= len(values) <= 2:
        raise SourceError(location, "'.org' needs an offset", "write '.org 0x100'")
    fill = unit.number(values[1], location) if len(values) == 2 else 0
    unit.move_to(unit.bind(values[0], location), fill, location)


# Options and messages


def option(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.option`: push, pop, pic, nopic and arch; relaxation is never done, compressed code refused."""
    word = operands.split(",")[0].strip()
    if word == "push":
        unit.options.append((unit.position_independent, unit.relax))
    elif word == "pop":
        if not unit.options:
            raise SourceError(location, "'.option pop' without '.option push'")
        unit.position_independent, unit.relax = unit.options.pop()
    elif word in ("pic", "nopic"):
        unit.position_independent = word == "pic"
    elif word in ("relax", "norelax"):
        unit.relax = word == "relax"
    elif word == "rvc":
        raise SourceError(
            location, "compressed instructions are not part of this machine (rv32ima)", "drop '.option rvc'"
        )
    elif word == "arch":
        _option_arch(operands, location)
    elif word not in ("norvc", "csr-check", "no-csr-check"):
        known = ("push", "pop", "pic", "nopic", "norvc", "relax", "norelax", "arch", "csr-check", "no-csr-check")
        raise SourceError(location, f"unknown option '{word}'", did_you_mean(word, known))


def _option_arch(operands: str, location: Location) -> None:
    for part in operands.split(",")[1:]:
        extension = part.strip().lstrip("+")
        if part.strip().startswith("+") and re.match(r"(c|f|d|q|v|b)\d*(p\d+)?$|zc|zf|zd", extension):
            raise SourceError(location, f"extension '{extension}' is not part of this machine (rv32ima)")


def message(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.error`, `.err`, `.warning`, `.print`, `.abort`."""
    fields = split(operands)
    text = unescape(fields[0].strip('"')).decode(errors="replace") if fields else f"{name} invoked in source file"
    if name == ".warning":
        unit.diagnostics.warning(location, text)
    elif name == ".print":
        unit.messages.append(text)
    else:
        raise SourceError(location, text)


def ignore(unit: Unit, name: str, operands: str, location: Location) -> None:
    """Directives about debugging, listings and other tools: accepted, without effect on bytes."""


HANDLERS: dict[str, Any] = {
    ".section": section, ".pushsection": section, ".popsection": pop_section, ".previous": previous,
    ".subsection": subsection, ".text": named_section, ".data": named_section, ".bss": named_section,
    ".rodata": named_section, ".sdata": named_section, ".sbss": named_section,
    ".globl": binding, ".global": binding, ".local": binding, ".weak": binding,
    ".hidden": visibility, ".protected": visibility, ".internal": visibility,
    ".type": symbol_type, ".size": size, ".set": assign, ".equ": assign, ".equiv": assign, ".eqv": assign,
    ".weakref": weak_reference,
    ".comm": common, ".common": common, ".lcomm": common,
    ".align": align, ".p2align": align, ".balign": align, ".p2alignw": align, ".p2alignl": align,
    ".balignw": align, ".balignl": align, ".org": org, ".option": option,
    ".error": message, ".err": message, ".warning": message, ".print": message, ".abort": message,
    **dict.fromkeys(
        (".attribute", ".file", ".loc", ".ident", ".addrsig", ".addrsig_sym", ".stabs", ".stabn",
         ".stabd", ".version", ".title", ".sbttl", ".list", ".nolist", ".psize", ".eject", ".extern", ".func",
         ".endfunc", ".symver", ".variant_cc", ".gnu_attribute", ".linkonce", ".ln", ".loc_mark_labels",
         ".bundle_align_mode", ".ent", ".desc", ".reloc", ".lto_discard"),
        ignore,
    ),
}  # fmt: skip

__all__ = ["HANDLERS", "NotConstant", "align_to", "constant_value", "split"]
