"""Links assembled sources: resolves symbols, places sections, applies fixups."""

from typing import Any

from trapline.asm.diagnostics import Diagnostics, Location, SourceError
from trapline.asm.expressions import is_endless
from trapline.asm.fragments import Branch, Data, Fixup
from trapline.asm.linker import common_symbols
from trapline.asm.linker.addresses import Values
from trapline.asm.linker.eh_frame import tables
from trapline.asm.linker.got import DTV_OFFSET, KINDS, RELOCATION_SIZE, Entries, contents, entry, offsets, relocations
from trapline.asm.linker.layout import MAX_ROUNDS, lay_out
from trapline.asm.linker.placement import Layout, collect, load_segments, note_segments, place
from trapline.asm.linker.relocation import immediate, operand_mask
from trapline.asm.linker.string_merging import merge
from trapline.asm.sections import ALLOC, RELA, TLS, WRITE, Section
from trapline.asm.symbols import Symbol
from trapline.asm.unit import Unit
from trapline.isa import BY_NAME
from trapline.isa.spelling import did_you_mean

JAL = BY_NAME["jal"]
JALR = BY_NAME["jalr"]


class Linker(Values):
    """Links `units`; mistakes go to `diagnostics`."""

    def __init__(self, units: list[Unit], diagnostics: Diagnostics, text_base: int | None) -> None:
        super().__init__()
        self.units = units
        self.diagnostics = diagnostics
        self.text_base = text_base
        self.globals: dict[str, Symbol] = {}
        self.got: Entries = {}
        self.got_section = Section(".got", ALLOC | WRITE, 1, alignment=4)
        self.absent: set[int] = set()  # pcs of calls to undefined weak functions
        self.layout: Layout = None  # type: ignore[assignment]  # made by `link`

    def link(self) -> None:
        """Resolve, lay out, apply. Raises AsmError when there were mistakes."""
        self._resolve()
        self._refuse_endless()
        sections = self._sections()
        lay_out(sections, self.diagnostics)
        try:
            sections += tables(self.units, set(sections), self._final)
        except SourceError as error:
            self.diagnostics.add(error)
            self.diagnostics.raise_if_errors()
        self.layout = collect(sections)
        read_only, writable, zeroed = self.layout.read_only, self.layout.writable, self.layout.zeroed
        self.merged = merge([*read_only, *writable])
        self.thread_local = [output for output in (*writable, *zeroed) if output.flags & TLS]
        stack_note = any(s.name == ".note.GNU-stack" for s in sections)
        count = bool(read_only) + bool(writable or zeroed)
        others = 1 + stack_note + bool(self.thread_local)
        for _ in range(MAX_ROUNDS):  # headers lie below .text, and their number depends on the addresses
            place(self.layout, 52 + 32 * (others + count), self.text_base)
            if count == (count := len(load_segments(self.layout)) + len(note_segments(self.layout))):
                break
        for name, value in self.layout.symbols.items():
            symbol = self.globals.get(name)
            if symbol is not None and not symbol.defined and symbol.common is None:
                symbol.absolute = value
        self._apply(sections)
        for name, location in self.undefined.items():
            close = [n for n in self.globals if self.globals[n].defined]
            self.diagnostics.error(location, f"undefined symbol '{name}'", did_you_mean(name, close))
        self.diagnostics.raise_if_errors()

    # Symbols

    def _resolve(self) -> None:
        homes = common_symbols.homes(self.units)
        for unit in self.units:
            for symbol in unit.symbols.values():
                if not symbol.defined and symbol.common is None and symbol.binding == "local":
                    # "Any undefined symbols are assumed to be global."
                    symbol.binding = "weak" if symbol.wanted_weakly and symbol.used_at is None else "global"
                if symbol.binding != "local":
                    self._offer(symbol)
        common_symbols.allocate(self.globals, homes)
        for unit in self.units:
            for symbol in unit.symbols.values():
                if symbol.binding != "local":
                    chosen = self.globals[symbol.name]
                    symbol.target = None if chosen is symbol else chosen

    def _refuse_endless(self) -> None:
        for unit in self.units:
            for symbol in unit.symbols.values():
                if symbol.value is not None and is_endless(symbol.value):
                    where = symbol.defined_at or Location(unit.name, 0)
                    message = f"the value of '{symbol.name}' depends on itself, or on too many other symbols"
                    self.diagnostics.error(where, message)
                    self.diagnostics.raise_if_errors()

    def _offer(self, symbol: Symbol) -> None:
        present = self.globals.get(symbol.name)
        if present is None or _rank(symbol) > _rank(present):
            if present is not None and present.common and symbol.common:
                symbol.common = (max(symbol.common[0], present.common[0]), max(symbol.common[1], present.common[1]))
            if present is not None and symbol.used_at is None:
                symbol.used_at = present.used_at
            self.globals[symbol.name] = symbol
        elif _rank(symbol) == 4 and _rank(present) == 4:
            first = present.defined_at
            hint = f"also defined at {first.file}:{first.line}" if first else None
            at = symbol.defined_at or Location("<unknown>", 1)
            self.diagnostics.error(at, f"symbol '{symbol.name}' is defined twice", hint)
        elif symbol.common and present.common:
            present.common = (max(symbol.common[0], present.common[0]), max(symbol.common[1], present.common[1]))

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
                room = Section(".rela.dyn", ALLOC, RELA, RELOCATION_SIZE, alignment=4)
                room.data().data += bytes(size)
                room.finish()
                room.size = size
                found.append(room)
        return found

    def _needs_got(self, sections: list[Section]) -> bool:
        fixups = (f for s in sections for part in s.fragments if type(part) is Data for f in part.fixups)
        finals = ((self._final(fixup.expression), fixup.kind) for fixup in fixups if fixup.kind in KINDS)
        wanted = [(symbol, kind) for symbol, kind in finals if isinstance(symbol, Symbol)]
        if not wanted:
            return False
        self.got = offsets(wanted, self.units, self.globals)
        self.got_section.data().data += contents(self.got)
        self.got_section.finish()
        self.got_section.size = len(contents(self.got))
        return True

    def _final(self, symbol: Any) -> Any:
        return symbol.target or symbol if isinstance(symbol, Symbol) else symbol

    # Fixups

    def _apply(self, sections: list[Section]) -> None:
        for section in sections:
            for fragment in section.fragments:
                if type(fragment) is not Data:
                    continue
                for fixup in fragment.fixups:
                    if fixup.kind in ("pcrel_hi20", "call_hi20", *KINDS):
                        self._note_high_part(section, fragment, fixup)
        block = self.thread_local[0].address if self.thread_local else 0
        for (symbol, kind), offset in self.got.items():
            filled = entry(kind, self.address(symbol, symbol.used_at or Location("<unknown>", 1)), block)
            self.got_section.data().data[offset : offset + len(filled)] = filled
        for section in sections:
            for index, fragment in enumerate(section.fragments):
                try:
                    if type(fragment) is Data:
                        self._apply_data(section, fragment)
                    elif type(fragment) is Branch:
                        self._replace_branch(section, index, fragment)
                except SourceError as error:
                    self.diagnostics.add(error)

    def _note_high_part(self, section: Section, fragment: Data, fixup: Fixup) -> None:
        pc = section.address + fragment.offset + fixup.offset
        try:
            if fixup.kind in KINDS:
                if not isinstance(fixup.expression, Symbol):
                    raise SourceError(
                        fixup.location, "only a plain symbol has an entry in the GOT", "load the entry first, then add"
                    )
                target = self.got_section.address + self.got[self._final(fixup.expression), fixup.kind]
            elif fixup.kind == "call_hi20" and self._is_absent(fixup.expression):
                self.absent.add(pc)
                target = pc
            else:
                target = self.value(fixup.expression, fixup.location)
        except SourceError as error:
            self.diagnostics.add(error)
            return
        self.high_parts[pc] = (target - pc) & 0xFFFFFFFF

    def _is_absent(self, target: Any) -> bool:
        """Whether this is an undefined weak symbol."""
        if not isinstance(target, Symbol):
            return False
        final = self._final(target)
        seen = {final}
        while isinstance(final.value, Symbol) and (final := self._final(final.value)) not in seen:
            seen.add(final)
        return not final.defined and final.binding == "weak"

    def _apply_data(self, section: Section, fragment: Data) -> None:
        base = section.address + fragment.offset
        for fixup in fragment.fixups:
            try:
                self._apply_one(fragment.data, base + fixup.offset, fixup)
            except SourceError as error:
                self.diagnostics.add(error)

    def _apply_one(self, data: bytearray, pc: int, fixup: Fixup) -> None:
        kind = fixup.kind
        at = fixup.offset
        if kind.startswith("word"):
            width = int(kind[4:].partition(":")[0]) // 8
            value = self.value(fixup.expression, fixup.location)
            if kind == "word32:dtprel":
                value -= DTV_OFFSET + (self.thread_local[0].address if self.thread_local else 0)
            data[at : at + width] = (value & ((1 << (8 * width)) - 1)).to_bytes(width, "little")
            return
        word = int.from_bytes(data[at : at + 4], "little")
        insn = fixup.insn
        values = insn.pattern.extract(word)
        if kind.startswith("field:"):
            values[kind[6:]] = self.value(fixup.expression, fixup.location)
        else:
            values["imm"] = immediate(self, fixup, pc)
            if kind == "pcrel_lo12" and insn is JALR and self.value(fixup.expression, fixup.location) in self.absent:
                values["rs1"] = 0  # base x0: like ld, let the call go to address 0
        fixed = word & ~operand_mask(insn)
        try:
            encoded = insn.pattern.insert(values) & operand_mask(insn) | fixed
        except ValueError as error:
            raise SourceError(fixup.location, f"{insn.name}: {error}") from None
        data[at : at + 4] = encoded.to_bytes(4, "little")

    def _replace_branch(self, section: Section, index: int, branch: Branch) -> None:
        """Replace a branch, the section's fragment `index`, by data with its final bytes."""
        pc = section.address + branch.offset
        fixup = branch.fixup
        data = Data(branch.index)
        data.offset = branch.offset
        section.fragments[index] = data
        if not branch.long:
            data.data += branch.word.to_bytes(4, "little")
            self._apply_one(data.data, pc, fixup)
            return
        # Bit 12 of a branch inverts its condition.
        opposite = fixup.insn.pattern.insert(fixup.insn.pattern.extract(branch.word) | {"imm": 8}) ^ 0x1000
        data.data += opposite.to_bytes(4, "little") + JAL.encode(rd=0, imm=0).to_bytes(4, "little")
        self._apply_one(data.data, pc + 4, Fixup(4, "jal", fixup.expression, fixup.location, JAL))


def _rank(symbol: Symbol) -> int:
    if symbol.defined:
        return 4 if symbol.binding == "global" else 2
    if symbol.common is not None:
        return 3
    return 1 if symbol.binding == "global" else 0
