"""Assembles one source: passes each statement to its handler, which adds to the unit's sections and symbols."""

import re
from collections.abc import Sequence
from pathlib import Path

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.directives import (
    alignment,
    cfi,
    data,
    floats,
    insn,
    lines,
    messages,
    options,
    relocations,
    sections,
    symbols,
)
from trapline.asm.fragments import Data, Fill, Leb128
from trapline.asm.instructions.encoder import Encoder
from trapline.asm.instructions.mnemonics import encode
from trapline.asm.nodes import Assignment, Operation
from trapline.asm.parser import SyntaxProblem, parse_statement
from trapline.asm.preprocess.expander import statements
from trapline.asm.preprocess.lookalikes import foreign_letter, strange
from trapline.asm.preprocess.predefined import WITH_COMPRESSED
from trapline.asm.preprocess.source_text import Text
from trapline.asm.sections import EXEC, NOBITS, Section
from trapline.asm.unit import Handler, Unit
from trapline.isa.did_you_mean import did_you_mean

HANDLERS: dict[str, Handler] = {
    name: handler
    for module in (sections, symbols, relocations, alignment, data, floats, insn, cfi, lines, options, messages)
    for name, handler in module.HANDLERS.items()
}

_NEED_A_SECTION = {
    data.strings,
    data.incbin,
    data.leb,
    data.octa,
    data.thread_offset,
    insn.insn,
    floats.floats,
    floats.block,
} | {handler for name, handler in cfi.HANDLERS.items() if name != ".cfi_sections"}
_NO_SECTION = ("nothing can be stored in a structure ('.struct', '.offset')", "begin with '.text' or '.data'")

_IN_CODE = {*data.HANDLERS, *insn.HANDLERS}
"""Directives whose bytes may be executed, on purpose or by a mistake."""

_NAME = r"(?:[^\x00-#%-\-\/:-@\[-^`{-\x7f]++|\"[^\"]*\")"
"""A label, as the grammar has it: letters, digits, _ . $ and all that is not ASCII; or quoted."""

_head = re.compile(rf"({_NAME}\s*:\s*)*\s*(\.[\w.]++)(?=\s|$|[\"(~+-])").match
_labels = re.compile(rf"(?:{_NAME}\s*:\s*)+").match
_split_labels = re.compile(rf"({_NAME})\s*:").finditer


def read(unit: Unit, source: Path | Text, preprocess: str | None, defines: Sequence[str]) -> None:
    """Assemble a source. Mistakes go to the diagnostics; raises AsmError after `MAX_ERRORS` of them."""
    encoder = Encoder(unit)
    if unit.for_compressed:
        defines = (*WITH_COMPRESSED, *defines)
    for statement in statements(source, unit, unit.diagnostics, unit.include_dirs, preprocess, defines, HANDLERS):
        try:
            _statement(unit, encoder, statement.text, statement.location)
        except SourceError as error:
            unit.diagnostics.add(error)
        except RecursionError:
            unit.diagnostics.error(statement.location, "expression nested too deeply")
    for number, pending in unit.forward.items():
        for symbol in pending:
            if symbol.used_at is not None:
                unit.diagnostics.error(symbol.used_at, f"no label '{number}:' follows this '{number}f'")
    for symbol in unit.dollars.missing:
        unit.diagnostics.error(symbol.used_at, f"no label '{symbol.name}:' follows this '{symbol.name}'")
    if unit.frames.open is not None:
        unit.diagnostics.error(unit.frames.open.location, "this function has no '.cfi_endproc'")
    for (name, _), section in unit.sections.items():
        if name in unit.symbols and not unit.defined(name):  # a section's name is also a symbol for its start
            start = unit.symbols[name]
            start.fragment, start.offset = section.start()
            start.section, start.temporary = section, True
        section.finish(unit.relax)
    relocations.attach(unit)
    for section in unit.sections.values():
        if section.type == NOBITS:
            _check_zeros(unit, section)


def _check_zeros(unit: Unit, section: Section) -> None:
    """Refuse values that are known after layout in a section without contents: they would be lost."""
    message = f"'{section.name}' has no contents, so it can hold only zeros"
    for fragment in section.fragments:
        if type(fragment) is Data:
            for fixup in fragment.fixups:
                unit.diagnostics.error(fixup.location, message)
        elif type(fragment) is Leb128 or (type(fragment) is Fill and any(fragment.item)):
            unit.diagnostics.error(fragment.location, message)


def _statement(unit: Unit, encoder: Encoder, text: str, location: Location) -> None:
    """Assemble one statement. Raises SourceError."""
    unit.location = location
    if error := strange(text, location):
        raise error
    match = _head(text) if "." in text else None
    if match is not None and not text[match.end() :].lstrip().startswith(("=", ":")):
        end = match.start(2)
        if end:
            for found in _split_labels(text, 0, end):
                unit.label(found[1].strip('"'), location.at(found.start()))
        rest = text[match.end() :]
        start = match.end() + len(rest) - len(rest.lstrip())
        at = location.at(end)
        _directive(unit, match[2], rest.strip(), location.at(start) if rest.strip() else at, at)
        return
    try:
        parsed = parse_statement(text)
    except SyntaxProblem as problem:
        raise SourceError(location.at(problem.column), problem.message) from None
    for label in parsed.labels:
        unit.label(label, location)
    if parsed.labels and parsed.body is not None and (labels := _labels(text)):
        text, unit.location = text[labels.end() :], location.at(labels.end())
        location = unit.location
    match parsed.body:
        case Operation(mnemonic, operands):
            section = unit.section
            if unit.in_absolute:
                raise SourceError(location, *_NO_SECTION)
            if section.type == NOBITS:
                raise SourceError(location, f"'{section.name}' has no contents, so it cannot hold an instruction")
            section.lines.append((*section.position(), location))
            if unit.line_rows.active:
                unit.line_rows.instruction(section, location)
            encode(encoder, mnemonic, operands, location, text)
        case Assignment(name, value, once):
            unit.assign(name, unit.bind(value, location), location, once)


def _directive(unit: Unit, name: str, operands: str, location: Location, at: Location) -> None:
    handler = HANDLERS.get(name) or HANDLERS.get(name.lower())
    if handler is None:
        hint = foreign_letter(name) or did_you_mean(name, HANDLERS)
        raise SourceError(at, f"unknown directive '{name}'", hint)
    if unit.in_absolute and handler in _NEED_A_SECTION:
        raise SourceError(at, *_NO_SECTION)
    section = unit.section
    if name in _IN_CODE and not unit.in_absolute and section.flags & EXEC and section.type != NOBITS:
        section.data_lines.append((*section.position(), at))
        if handler is insn.insn and unit.line_rows.active:
            unit.line_rows.instruction(section, at)
    try:
        handler(unit, name.lower(), operands, location)
    except SyntaxProblem as problem:
        raise SourceError(location.at(problem.column), problem.message) from None
