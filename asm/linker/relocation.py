"""Applies fixups: fills in what depends on addresses, once these are known."""

from typing import NamedTuple

from trapline.asm.arithmetic import high20, low12, signed32
from trapline.asm.diagnostics import Diagnostics, Location, SourceError
from trapline.asm.fragments import (
    COMPRESSED_BRANCH,
    COMPRESSED_BYTES,
    COMPRESSED_JUMP,
    INSTRUCTION_BYTES,
    JUMP,
    REACH,
    Branch,
    Data,
    Fixup,
    reaches,
)
from trapline.asm.linker.addresses import Values
from trapline.asm.linker.got import DTV_OFFSET, KINDS, Entries, entry
from trapline.asm.linker.operand_checks import check_address, constant, stored
from trapline.asm.nodes import Binary, Bound
from trapline.asm.sections import ALLOC, PROGBITS, WRITE, Section
from trapline.asm.symbols import Symbol, definition
from trapline.isa import BY_NAME, Instruction
from trapline.isa.compression import Compressed
from trapline.isa.table import decode_parcel

JAL = BY_NAME["jal"]
JALR = BY_NAME["jalr"]

INVERT_CONDITION, INVERT_COMPRESSED = 0x1000, 0x2000
"""The bit of a branch, and of a compressed one, that distinguishes its condition from the opposite one."""

HIGH_PARTS = ("pcrel_hi20", "call_hi20", *KINDS)
"""Kinds of fixups of an `auipc`, whose pair refers to it."""


class Relocator(Values):
    """Applies the fixups of a program."""

    def __init__(self, diagnostics: Diagnostics) -> None:
        super().__init__()
        self.diagnostics = diagnostics
        self.got: Entries = {}
        self.got_section = Section(".got", ALLOC | WRITE, PROGBITS, alignment=4)
        self.absent: set[int] = set()  # pcs of calls to undefined weak functions

    def apply(self, sections: list[Section]) -> None:
        """Fill in every fixup and every entry of the GOT; mistakes go to the diagnostics."""
        for section in sections:
            for fragment in section.fragments:
                if type(fragment) is not Data:
                    continue
                for fixup in fragment.fixups:
                    if fixup.kind in HIGH_PARTS:
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
                target = self.got_section.address + self.got[definition(fixup.expression), fixup.kind]
            elif fixup.kind == "call_hi20" and self._is_absent(fixup.expression):
                self.absent.add(pc)
                target = pc
            else:
                check_address(self, fixup.expression, fixup.location)
                target = self.value(fixup.expression, fixup.location)
        except SourceError as error:
            self.diagnostics.add(error)
            return
        self.high_parts[pc] = (target - pc) & 0xFFFFFFFF

    def _is_absent(self, target: Bound | None) -> bool:
        """Whether this is an undefined weak symbol."""
        if not isinstance(target, Symbol):
            return False
        final = definition(target)
        seen = {final}
        while isinstance(final.value, Symbol) and (final := definition(final.value)) not in seen:
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
            value = stored(self, fixup, 8 * width)
            if kind == "word32:dtprel":
                value -= DTV_OFFSET + (self.thread_local[0].address if self.thread_local else 0)
            data[at : at + width] = (value & ((1 << (8 * width)) - 1)).to_bytes(width, "little")
            return
        if fixup.insn is None:
            self._apply_sum(data, pc, fixup)
            return
        insn = fixup.insn
        place = slice(at, at + (COMPRESSED_BYTES if isinstance(insn, Compressed) else INSTRUCTION_BYTES))
        word = int.from_bytes(data[place], "little")
        values = insn.pattern.extract(word)
        if kind.startswith("field:"):
            values[kind[6:]] = constant(self, fixup)
        else:
            values["imm"] = immediate(self, fixup, pc)
            if kind == "pcrel_lo12" and insn is JALR and self.value(fixup.expression, fixup.location) in self.absent:
                values["rs1"] = 0  # base x0: like ld, let the call go to address 0
        fixed = word & ~operand_mask(insn)
        try:
            encoded = insn.pattern.insert(values) & operand_mask(insn) | fixed
        except ValueError as error:
            raise SourceError(fixup.location, f"{insn.name}: {error}") from None
        data[place] = encoded.to_bytes(len(data[place]), "little")

    def _apply_sum(self, data: bytearray, pc: int, fixup: Fixup) -> None:
        """Apply R_RISCV_ADDn, SUBn, SETn or 32_PCREL: a value added to, subtracted from or put over n bits."""
        verb, bits = fixup.kind.rstrip("0123456789"), int(fixup.kind.lstrip("abcdelprstu"))
        size, mask = -(-bits // 8), (1 << bits) - 1
        place = slice(fixup.offset, fixup.offset + size)
        old = int.from_bytes(data[place], "little")
        value = self.value(fixup.expression, fixup.location)
        new = {"add": old + value, "sub": old - value, "set": value, "pcrel": value - pc}[verb]
        data[place] = (old & ~mask | new & mask).to_bytes(size, "little")

    def _replace_branch(self, section: Section, index: int, branch: Branch) -> None:
        """Replace a branch, the section's fragment `index`, by data with its final bytes."""
        pc = section.address + branch.offset
        data = Data(branch.index)
        data.offset = branch.offset
        section.fragments[index] = data
        form = _compressed(branch) if branch.size % INSTRUCTION_BYTES else _Form(branch.word, branch.fixup)
        if branch.size == form.length:
            data.data += form.code.to_bytes(form.length, "little")
            self._apply_one(data.data, pc, form.fixup)
            return
        pattern = form.fixup.insn.pattern
        opposite = pattern.insert(pattern.extract(form.code) | {"imm": branch.size}) ^ form.inversion
        data.data += opposite.to_bytes(form.length, "little")
        data.data += JAL.encode(rd=0, imm=0).to_bytes(INSTRUCTION_BYTES, "little")
        jump = form.fixup._replace(offset=form.length, kind=JUMP, insn=JAL)
        self._apply_one(data.data, pc + form.length, jump)


class _Form(NamedTuple):
    """One of the two encodings of a branch. inversion: the bit that makes its condition the opposite one."""

    code: int
    fixup: Fixup
    length: int = INSTRUCTION_BYTES
    inversion: int = INVERT_CONDITION


def _compressed(branch: Branch) -> _Form:
    assert branch.parcel is not None
    kind = COMPRESSED_JUMP if branch.fixup.kind == JUMP else COMPRESSED_BRANCH
    fixup = branch.fixup._replace(kind=kind, insn=decode_parcel(branch.parcel))
    return _Form(branch.parcel, fixup, COMPRESSED_BYTES, INVERT_COMPRESSED)


def immediate(values: Values, fixup: Fixup, pc: int) -> int:
    """The immediate operand of the instruction at `pc` that `fixup` belongs to. Raises SourceError."""
    kind = fixup.kind
    if kind in HIGH_PARTS:
        return high20(values.high_parts.get(pc, 0))
    if kind == "pcrel_lo12":
        return _pcrel_low(values, fixup)
    if kind == "imm20":
        return constant(values, fixup) << 12
    if kind == "imm":
        return constant(values, fixup)
    check_address(values, fixup.expression, fixup.location)
    value = values.value(fixup.expression, fixup.location)
    if kind == "hi20":
        return high20(value)
    if kind == "lo12":
        return low12(value)
    if kind in ("tprel_hi20", "tprel_lo12"):
        if not values.thread_local:
            raise SourceError(fixup.location, "no section of this program is thread-local (.tdata, .tbss)")
        value -= values.thread_local[0].address  # the thread pointer points to the first of them
        return high20(value) if kind == "tprel_hi20" else low12(value)
    distance = signed32(value - pc)
    if not reaches(kind, distance):
        reach = REACH[kind]
        raise SourceError(
            fixup.location,
            f"{fixup.insn.name}: target is {distance} bytes away; it reaches {-reach} to {reach - 2}",
        )
    if distance & 1:
        raise SourceError(fixup.location, f"{fixup.insn.name}: the target {value:#x} is odd")
    return distance


def _pcrel_low(values: Values, fixup: Fixup) -> int:
    """The low part that goes with the `auipc` at a label, and a number added to it, as in `%pcrel_lo(1b)+4`."""
    label, added = fixup.expression, 0
    while isinstance(label, Binary):
        match label:
            case Binary("+", left, int(number)):
                label, added = left, added + number
            case Binary("-", left, int(number)):
                label, added = left, added - number
            case _:
                break
    pc = values.value(label, fixup.location)
    if pc not in values.high_parts:
        message = "%pcrel_lo needs the label of an instruction with %pcrel_hi"
        raise SourceError(fixup.location, message)
    high = values.high_parts[pc]
    if high20(high + added) != high20(high):
        hint = f"add {added} in its %pcrel_hi too"
        raise SourceError(fixup.location, f"%pcrel_lo: with {added:+d} another %pcrel_hi would be needed", hint)
    return low12(high + added)


def operand_mask(insn: Instruction | Compressed) -> int:
    """Mask of an instruction's operand bits."""
    mask = 0
    for s in insn.pattern.slices:
        mask |= ((1 << s.width) - 1) << s.low
    return mask
