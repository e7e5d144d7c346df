"""`assemble`: sources in, linked program out."""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from trapline.asm.assembler import read
from trapline.asm.diagnostics import Diagnostic, Diagnostics, Location
from trapline.asm.elf.line_table import Row
from trapline.asm.fragments import COMPRESSED_BYTES, INSTRUCTION_BYTES, LIMIT
from trapline.asm.line_rows import LineRows
from trapline.asm.linker.elf_writer import contents, segments, symbol_rows, write_elf
from trapline.asm.linker.linker import Linker
from trapline.asm.preprocess.expander import PREPROCESSED
from trapline.asm.preprocess.source_text import Text, whole_file
from trapline.asm.sections import Section
from trapline.asm.symbols import Symbol
from trapline.asm.unit import Unit
from trapline.isa.did_you_mean import nearest
from trapline.isa.isa_string import parse_isa

LONGEST_STATEMENT = 8
"""Bytes of a statement's instructions, at most: `la`, `call` and the like make two."""
ADDRESSES = 1 << 32

Source = str | os.PathLike[str] | Text


@dataclass
class Program:
    """A linked program.

    entry: address of the first instruction; symbols: address by name, `.L` labels left out.
    segments: (vaddr, bytes, memsz, flags) of what a loader puts into memory, `flags` as in an ELF program header.
    warnings: rendered text, empty without any; messages: what `.print` prints.
    """

    entry: int
    symbols: dict[str, int]
    segments: list[tuple[int, bytes, int, int]]
    warnings: str
    messages: list[str]
    _linker: Linker = field(repr=False)

    def show_warnings(self, color: bool = False) -> str:
        """The warnings, optionally coloured for a terminal."""
        return self._linker.diagnostics.render(color)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """The warnings as data: the first of many."""
        return list(self._linker.diagnostics.warnings)

    @property
    def compressed(self) -> bool:
        """Whether compressed instructions were allowed anywhere in it."""
        return self._linker.has_compressed

    @property
    def code(self) -> bytes:
        """The bytes of .text, as they lie in memory; empty without one."""
        return self.sections.get(".text", (0, b""))[1]

    @cached_property
    def elf(self) -> bytes:
        """The program as a static ELF32 executable."""
        return write_elf(self._linker, self.entry)

    @cached_property
    def sections(self) -> dict[str, tuple[int, bytes]]:
        """(address, bytes) by name of each section in memory; built on demand, because .bss may be enormous."""
        layout = self._linker.layout
        outputs = [*layout.read_only, *layout.writable, *layout.zeroed]
        return {o.name: (o.address, contents(o)) for o in outputs if o.size}

    @cached_property
    def lines(self) -> dict[int, tuple[str, int]]:
        """(file, line) of each instruction by its address."""
        return {
            section.address + fragment.offset + offset: (location.file, location.line)
            for section in self._placed()
            for fragment, offset, location in section.lines
        }

    def code_rows(self) -> Iterator[Row]:
        """The lines of all that lies in sections of code, data included, in the form of an ELF file's line table."""
        starts: dict[int, tuple[Location, int]] = {}
        for section in self._placed():
            last = section.address + section.size - section.padding
            for statements, most in ((section.data_lines, section.size), (section.lines, LONGEST_STATEMENT)):
                for fragment, offset, location in statements:
                    start = section.address + fragment.offset + offset
                    starts[start] = location, min(start + most, last)
        for start, end in itertools.pairwise([*sorted(starts), ADDRESSES]):
            location, stop = starts[start]
            macro = next((step.render() for step in location.trail if step.what.startswith("macro ")), "")
            at = location.invocation
            invoked = None if at is None else (at.file, at.line)
            yield Row(start, min(end, stop), location.file, location.line, macro, invoked=invoked)

    def _placed(self) -> Iterator[Section]:
        """The input sections that are in memory, without groups of which another source has the same."""
        layout = self._linker.layout
        outputs = (*layout.read_only, *layout.writable, *layout.zeroed)
        return (section for output in outputs for section in output.inputs)


def assemble(
    sources: Source | Sequence[Source],
    *,
    entry: str | None = None,
    text_base: int | None = None,
    include_dirs: Sequence[str | os.PathLike[str]] = (),
    defines: Sequence[str] = (),
    preprocess: str | None = None,
    cpp: str = "pcpp",
    debug: bool = False,
    debug_prefix_map: Sequence[tuple[str, str]] = (),
    isa: str = "rv32ima",
) -> Program:
    """Assemble sources and link them into one program.

    >>> assemble("addi a0, a0, 1").code.hex()
    '13051500'
    >>> hex(assemble([Path("start.s"), Path("main.s")], text_base=0x80000000).symbols["main"])  # doctest: +SKIP
    '0x80000024'

    sources: assembly text, the path of a file, or a list of them; in a list a string is a path, and text in memory is
    `asm.Text(name, text)`, whose name stands in messages.
    entry: symbol where it starts, by default `_start`, else the start of .text.
    text_base: address of .text, by default where GNU ld puts it.
    include_dirs: folders to look for included files in, after that of the source.
    defines: `NAME` or `NAME=value`, for the C preprocessor.
    cpp: what files named `.S` pass through, "pcpp" or "system", the first C preprocessor on PATH.
    preprocess: the same for every source, or "none"; by default only `.S` files are preprocessed.
    debug: whether the ELF file says which line each instruction comes from, for debuggers, as GNU as's `-g` does.
    debug_prefix_map: (old, new) beginnings of the folders and files that it names so.
    isa: ISA string of the machine that it is for; with C in it, code is compressed as by GNU as.
    Raises AsmError, whose text shows every mistake with its file, line and column, and ValueError for a bad ISA string.
    """
    extensions = parse_isa(isa)
    if isinstance(sources, str):
        sources = [Text("<string>", sources)]
    elif isinstance(sources, os.PathLike | Text):
        sources = [sources]
    diagnostics = Diagnostics()
    folders = [Path(folder) for folder in include_dirs]
    units = []
    for source in sources:
        path = source if isinstance(source, Text) else Path(source)
        name = path.name if isinstance(path, Text) else str(path)
        unit = Unit(name, diagnostics, folders, LineRows(debug, debug_prefix_map), extensions)
        read(unit, path, preprocess or (cpp if name.endswith(PREPROCESSED) else None), defines)
        units.append(unit)
    diagnostics.raise_if_errors()
    linker = Linker(units, diagnostics, text_base)
    if entry is not None:
        linker.globals.setdefault(entry, Symbol(entry, binding="global"))
    linker.link()
    _check_size(linker, diagnostics)
    start = _entry(linker, entry, diagnostics)
    diagnostics.raise_if_errors()
    layout = linker.layout
    rows = symbol_rows(linker, {})
    diagnostics.raise_if_errors()
    symbols = {name: value for name, value, _, binding, *_ in rows if binding == "local"}
    symbols |= {name: value for name, value, _, binding, *_ in rows if binding != "local"}
    parts = [(s.vaddr, s.data, s.memsz, s.flags) for s in segments(layout)]
    messages = [message for unit in units for message in unit.messages]
    return Program(start, symbols, parts, diagnostics.render() if diagnostics.warnings else "", messages, linker)


def _check_size(linker: Linker, diagnostics: Diagnostics) -> None:
    """Refuse a program that padding has blown up: `.balign` and `.org` can ask for any size, any number of times."""
    for unit in linker.units:
        size = sum(section.size for section in unit.sections.values())
        if size > 2 * LIMIT:
            message = f"the sections take {size >> 20} MiB in total, padding included"
            diagnostics.error(whole_file(unit.name), message, f"the limit is {2 * LIMIT >> 20} MiB")


def _entry(linker: Linker, name: str | None, diagnostics: Diagnostics) -> int:
    wanted = name or "_start"
    for scope in (linker.globals, *(unit.symbols for unit in linker.units)):
        symbol = scope.get(wanted)
        if symbol is not None and symbol.defined:
            address = linker.address(symbol, Location("<entry>", 1))
            alignment = COMPRESSED_BYTES if linker.has_compressed else INSTRUCTION_BYTES
            if address % alignment:
                at = symbol.defined_at or Location("<entry>", 1)
                diagnostics.error(at, f"entry '{wanted}' at {address:#x} is not a multiple of {alignment}")
            return address
    if name is not None:
        at = Location(linker.units[0].name if linker.units else "<none>", 1)
        diagnostics.error(at, f"entry symbol '{name}' is not defined")
        return 0
    text = next((o for o in linker.layout.read_only if o.name == ".text"), None)
    if text is not None and text.size:
        _warn_of_entry(linker, text.address, diagnostics)
    return text.address if text else linker.layout.start


def _warn_of_entry(linker: Linker, address: int, diagnostics: Diagnostics) -> None:
    """Say where a program without `_start` begins, as ld does."""
    names = {name for unit in linker.units for name, symbol in unit.symbols.items() if symbol.defined}
    close = nearest("_start", names) or next((name for name in ("start", "main") if name in names), None)
    hint = f"define _start, or begin at '{close}' with --entry {close}" if close else "define _start, or use --entry"
    message = f"no symbol '_start': the program begins at {address:#010x}, the start of .text"
    diagnostics.warning(whole_file(linker.units[0].name), message, hint)


def assemble_text(text: str, *, name: str = "<string>", **options: object) -> Program:
    """Assemble one source given as text; options as for `assemble`. Raises AsmError."""
    return assemble([Text(name, text)], **options)  # type: ignore[arg-type]
