"""Links assembled sources: resolves symbols, lays out and places sections, applies fixups."""

from trapline.asm.diagnostics import Diagnostics, SourceError
from trapline.asm.elf.format import HEADER, PROGRAM_HEADER
from trapline.asm.fragments import Data
from trapline.asm.linker import debug_sections
from trapline.asm.linker.eh_frame import tables
from trapline.asm.linker.got import KINDS, RELOCATION_SIZE, contents, offsets, relocations
from trapline.asm.linker.layout import MAX_PASSES, lay_out
from trapline.asm.linker.placement import Layout, collect, load_segments, note_segments, place
from trapline.asm.linker.relocation import Relocator
from trapline.asm.linker.resolution import resolve
from trapline.asm.linker.string_merging import merge
from trapline.asm.operand_places import at_name
from trapline.asm.sections import ALLOC, RELA, TLS, Section
from trapline.asm.symbols import Symbol, definition
from trapline.asm.unit import Unit
from trapline.isa.did_you_mean import did_you_mean


class Linker(Relocator):
    """Links `units`; mistakes go to `diagnostics`."""

    def __init__(self, units: list[Unit], diagnostics: Diagnostics, text_base: int | None) -> None:
        super().__init__(diagnostics)
        self.units = units
        self.text_base = text_base
        self.globals: dict[str, Symbol] = {}
        self.layout: Layout = None  # type: ignore[assignment]  # made by `link`

    def link(self) -> None:
        """Resolve, lay out, apply. Raises AsmError when there were mistakes."""
        resolve(self.units, self.globals, self.diagnostics)
        for unit in self.units:
            debug_sections.reserve(unit)
        sections = self._sections()
        lay_out(sections, self.diagnostics)
        try:
            sections += tables(self.units, set(sections))
        except SourceError as error:
            self.diagnostics.add(error)
            self.diagnostics.raise_if_errors()
        self.layout = collect(sections)
        read_only, writable, zeroed = self.layout.read_only, self.layout.writable, self.layout.zeroed
        self.merged = merge([*read_only, *writable])
        self.thread_local = [output for output in writable if output.flags & TLS and output.filled]
        if self.thread_local:  # ld aligns the whole block
            first = self.thread_local[0]
            first.alignment = max(output.alignment for output in self.thread_local)
        stack_note = any(s.name == ".note.GNU-stack" for s in sections)
        count = any(o.filled for o in read_only) + any(o.filled for o in (*writable, *zeroed))
        others = 1 + stack_note + bool(self.thread_local)
        for _ in range(MAX_PASSES):  # headers lie below .text, and their number depends on the addresses
            place(self.layout, HEADER.size + PROGRAM_HEADER.size * (others + count), self.text_base)
            if count == (count := len(load_segments(self.layout)) + len(note_segments(self.layout))):
                break
        for name, value in self.layout.symbols.items():
            symbol = self.globals.get(name)
            if symbol is not None and not symbol.defined and symbol.common is None:
                symbol.absolute = value
        self._define_bounds()
        debug_sections.fill(self, self.units, self.layout)
        self.apply(sections)
        for name, location in self.undefined.items():
            close = [n for n in self.globals if self.globals[n].defined]
            self.diagnostics.error(at_name(location, name), f"undefined symbol '{name}'", did_you_mean(name, close))
        self.diagnostics.raise_if_errors()

    @property
    def has_compressed(self) -> bool:
        """Whether compressed instructions were allowed anywhere in the sources."""
        return any(unit.has_compressed for unit in self.units)

    def _define_bounds(self) -> None:
        """Define `__start_X` and `__stop_X` where a section is named like a C identifier and they are wanted."""
        layout = self.layout
        for output in (*layout.read_only, *layout.writable, *layout.zeroed):
            if output.name.isidentifier():
                for name, value in (("start", output.address), ("stop", output.address + output.size)):
                    symbol = self.globals.get(f"__{name}_{output.name}")
                    if symbol is not None and not symbol.defined and symbol.common is None:
                        symbol.absolute = value

    # Layout

    def _sections(self) -> list[Section]:
        seen: set[str] = set()
        found: list[Section] = []
        for unit in self.units:
            groups = {s.group for s in unit.sections.values() if s.group}
            dropped = groups & seen
            seen |= groups
            found += [s for s in unit.sections.values() if not (s.group and s.group in dropped)]
        if self._needs_got(found):
            found.append(self.got_section)
            if size := relocations(self.got):
                reserved = Section(".rela.dyn", ALLOC, RELA, RELOCATION_SIZE, alignment=4)
                reserved.data().data += bytes(size)
                reserved.finish()
                reserved.size = size
                found.append(reserved)
        return found

    def _needs_got(self, sections: list[Section]) -> bool:
        fixups = (f for s in sections for part in s.fragments if type(part) is Data for f in part.fixups)
        wanted = [
            (definition(fixup.expression), fixup.kind)
            for fixup in fixups
            if fixup.kind in KINDS and isinstance(fixup.expression, Symbol)
        ]
        if not wanted:
            return False
        self.got = offsets(wanted, self.units, self.globals)
        self.got_section.data().data += contents(self.got)
        self.got_section.finish()
        self.got_section.size = len(contents(self.got))
        return True
