"""The `.cfi_` directives: collect call frame information for asm/linker/eh_frame.py (DWARF 5, 6.4)."""

from collections.abc import Callable

from trapline.asm import dwarf
from trapline.asm.call_frames import (
    ADVANCE,
    DATA_ALIGNMENT,
    ESCAPE,
    NONE,
    REMEMBER,
    STACK_POINTER,
    Frame,
    Pointer,
    Rule,
)
from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.dwarf import PE_OMIT, PE_PC_RELATIVE, leb128
from trapline.asm.nodes import Name
from trapline.asm.unit import Handler, Unit
from trapline.isa.hart import REGISTERS


def _uleb(value: int) -> bytes:
    return leb128(value, False)


def _factored(offset: int, location: Location) -> int:
    if offset % DATA_ALIGNMENT:
        raise SourceError(location, f"offset {offset} of a saved register is not a multiple of {-DATA_ALIGNMENT}")
    return offset // DATA_ALIGNMENT


class _Reader:
    """The operands of one directive."""

    def __init__(self, unit: Unit, name: str, operands: str, location: Location) -> None:
        self.unit = unit
        self.name = name
        self.values = list(unit.operands(operands))
        self.location = location

    @property
    def frame(self) -> Frame:
        """The current function's frame. Raises SourceError outside a function."""
        return self.check_open()

    def check_open(self) -> Frame:
        """The same, for who only wants to know that there is one."""
        frame = self.unit.frames.open
        if frame is None:
            raise SourceError(self.location, f"'{self.name}' without '.cfi_startproc'")
        return frame

    def rule(self, opcode: int, *operands: bytes, kind: str = "") -> None:
        """Append a rule that applies from the current position on. kind: by default the directive's name."""
        self.append(bytes((opcode,)) + b"".join(operands), kind or self.name)

    def append(self, code: bytes, kind: str) -> None:
        """Append a rule as bytes. Raises SourceError outside the function's section."""
        frame = self.frame
        if frame.section is not self.unit.section:
            message = f"'{self.name}' in '{self.unit.section.name}': the function is in '{frame.section.name}'"
            raise SourceError(self.location, message)
        here = self.unit.here(self.location)
        last = frame.last or frame.start
        if (here.fragment, here.offset) != (last.fragment, last.offset):
            frame.rules.append(Rule(ADVANCE, b"", here))
            frame.last = here
        frame.rules.append(Rule(kind, code))

    def check_count(self, expected: int) -> None:
        """Raise SourceError unless there are `expected` operands."""
        if len(self.values) != expected:
            raise SourceError(self.location, f"'{self.name}' takes {expected} operands, not {len(self.values)}")

    def number(self, index: int) -> int:
        """An operand as a number."""
        return self.unit.number(self.values[index], self.location)

    def register(self, index: int) -> int:
        """An operand as a DWARF register number, which is n for xn."""
        value = self.values[index]
        if isinstance(value, Name) and value.text in REGISTERS:
            return REGISTERS[value.text]
        number = self.number(index)
        if not 0 <= number < 8192:
            raise SourceError(self.location, f"register number {number} is not in [0, 8191]")
        return number


Rules = Callable[[_Reader], None]


def _def_cfa(r: _Reader) -> None:
    r.check_count(2)
    register, offset = r.register(0), r.number(1)
    r.frame.cfa_offset = offset
    if offset < 0:
        r.rule(dwarf.CFA_DEF_CFA_SF, _uleb(register) + leb128(_factored(offset, r.location), True))
    else:
        r.rule(dwarf.CFA_DEF_CFA, _uleb(register) + _uleb(offset))


def _def_cfa_register(r: _Reader) -> None:
    r.check_count(1)
    r.rule(dwarf.CFA_DEF_CFA_REGISTER, _uleb(r.register(0)))


def _set_offset(r: _Reader, offset: int) -> None:
    r.frame.cfa_offset = offset
    if offset < 0:
        r.rule(dwarf.CFA_DEF_CFA_OFFSET_SF, leb128(_factored(offset, r.location), True), kind=".cfi_def_cfa_offset")
    else:
        r.rule(dwarf.CFA_DEF_CFA_OFFSET, _uleb(offset), kind=".cfi_def_cfa_offset")


def _def_cfa_offset(r: _Reader) -> None:
    r.check_count(1)
    _set_offset(r, r.number(0))


def _adjust_cfa_offset(r: _Reader) -> None:
    r.check_count(1)
    _set_offset(r, r.frame.cfa_offset + r.number(0))


def _saved(r: _Reader, offset: int) -> None:
    register, factored = r.register(0), _factored(offset, r.location)
    if factored < 0:
        r.rule(dwarf.CFA_OFFSET_EXTENDED_SF, _uleb(register) + leb128(factored, True), kind=".cfi_offset")
    elif register < dwarf.PACKED_LIMIT:
        r.rule(dwarf.CFA_OFFSET | register, _uleb(factored), kind=".cfi_offset")
    else:
        r.rule(dwarf.CFA_OFFSET_EXTENDED, _uleb(register) + _uleb(factored), kind=".cfi_offset")


def _offset(r: _Reader) -> None:
    r.check_count(2)
    _saved(r, r.number(1))


def _rel_offset(r: _Reader) -> None:
    r.check_count(2)
    _saved(r, r.number(1) - r.frame.cfa_offset)


def _val_offset(r: _Reader) -> None:
    r.check_count(2)
    factored = _factored(r.number(1), r.location)
    if factored < 0:
        r.rule(dwarf.CFA_VAL_OFFSET_SF, _uleb(r.register(0)) + leb128(factored, True))
    else:
        r.rule(dwarf.CFA_VAL_OFFSET, _uleb(r.register(0)) + _uleb(factored))


def _register(r: _Reader) -> None:
    r.check_count(2)
    r.rule(dwarf.CFA_REGISTER, _uleb(r.register(0)) + _uleb(r.register(1)))


def _each(opcode: int, packed: int | None = None) -> Rules:
    """A rule for each register; packed: the opcode that holds a register's number."""

    def handler(r: _Reader) -> None:
        for index in range(len(r.values)):
            register = r.register(index)
            if packed is not None and register < dwarf.PACKED_LIMIT:
                r.rule(packed | register)
            else:
                r.rule(opcode, _uleb(register))

    return handler


def _remember(r: _Reader) -> None:
    r.check_count(0)
    r.frame.remembered.append(r.frame.cfa_offset)
    r.rule(dwarf.CFA_REMEMBER_STATE, kind=REMEMBER)


def _restore_state(r: _Reader) -> None:
    r.check_count(0)
    if not r.frame.remembered:
        raise SourceError(r.location, "'.cfi_restore_state' without '.cfi_remember_state'")
    r.frame.cfa_offset = r.frame.remembered.pop()
    r.rule(dwarf.CFA_RESTORE_STATE)


def _negate_ra_state(r: _Reader) -> None:
    r.check_count(0)
    r.rule(dwarf.CFA_WINDOW_SAVE)


def _escape(r: _Reader) -> None:
    r.append(bytes(r.number(index) & 0xFF for index in range(len(r.values))), ESCAPE)


def _pointer(r: _Reader) -> Pointer:
    encoding = r.number(0) if r.values else PE_OMIT
    if encoding == PE_OMIT:
        return NONE
    known = encoding & dwarf.PE_FORMAT in dwarf.POINTER_SIZES and encoding & dwarf.PE_APPLICATION in (0, PE_PC_RELATIVE)
    if not 0 <= encoding <= 0xFF or not known:
        raise SourceError(r.location, f"'{r.name}': encoding {encoding:#x} is not supported", "use 0x1b or 0x9b")
    r.check_count(2)
    return Pointer(encoding, r.unit.bind(r.values[1], r.location))


def _personality(r: _Reader) -> None:
    r.frame.personality = _pointer(r)


def _lsda(r: _Reader) -> None:
    r.frame.lsda = _pointer(r)


def _return_column(r: _Reader) -> None:
    r.check_count(1)
    r.frame.return_column = r.register(0)


def _signal_frame(r: _Reader) -> None:
    r.check_count(0)
    r.frame.signal = True


RULES: dict[str, Rules] = {
    ".cfi_def_cfa": _def_cfa, ".cfi_def_cfa_register": _def_cfa_register, ".cfi_def_cfa_offset": _def_cfa_offset,
    ".cfi_adjust_cfa_offset": _adjust_cfa_offset, ".cfi_offset": _offset, ".cfi_rel_offset": _rel_offset,
    ".cfi_val_offset": _val_offset, ".cfi_register": _register,
    ".cfi_restore": _each(dwarf.CFA_RESTORE_EXTENDED, dwarf.CFA_RESTORE),
    ".cfi_undefined": _each(dwarf.CFA_UNDEFINED), ".cfi_same_value": _each(dwarf.CFA_SAME_VALUE),
    ".cfi_remember_state": _remember, ".cfi_restore_state": _restore_state,
    ".cfi_negate_ra_state": _negate_ra_state, ".cfi_window_save": _negate_ra_state,
    ".cfi_escape": _escape, ".cfi_personality": _personality,
    ".cfi_lsda": _lsda, ".cfi_return_column": _return_column, ".cfi_signal_frame": _signal_frame,
}  # fmt: skip


def rule(unit: Unit, name: str, operands: str, location: Location) -> None:
    """A directive between `.cfi_startproc` and `.cfi_endproc`."""
    reader = _Reader(unit, name, operands, location)
    reader.check_open()  # before operands are looked at
    RULES[name](reader)


def start(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.cfi_startproc`, and `.cfi_startproc simple`, which emits no initial rule for the stack pointer."""
    if unit.frames.open is not None:
        first = unit.frames.open.location
        raise SourceError(
            location, "'.cfi_startproc' inside a function", f"the function began at {first.file}:{first.line}"
        )
    if operands not in ("", "simple"):
        raise SourceError(location, f"'{name}' takes no operand but 'simple'")
    frame = Frame(unit.section, unit.here(location), location)
    if not operands:
        frame.rules.append(Rule(".cfi_def_cfa_register", bytes((dwarf.CFA_DEF_CFA_REGISTER, STACK_POINTER))))
    unit.frames.open = frame


def end(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.cfi_endproc`."""
    frame = unit.frames.open
    if frame is None:
        raise SourceError(location, "'.cfi_endproc' without '.cfi_startproc'")
    unit.frames.open = None
    if frame.section is not unit.section:
        raise SourceError(location, f"'.cfi_endproc' in '{unit.section.name}': began in '{frame.section.name}'")
    frame.end = unit.here(location)
    unit.frames.finished.append(frame)


def sections(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.cfi_sections .eh_frame, .debug_frame`: which sections to write."""
    names = tuple(part.strip() for part in operands.split(",")) if operands else ()
    for part in names:
        if part not in (".eh_frame", ".debug_frame"):
            raise SourceError(location, f"'{part}' is not '.eh_frame' or '.debug_frame'")
    unit.frames.sections = names


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(RULES, rule), ".cfi_startproc": start, ".cfi_endproc": end, ".cfi_sections": sections,
}  # fmt: skip
