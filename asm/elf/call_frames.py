"""What .debug_frame and .eh_frame say of the way to a caller (DWARF 5, section 6.4), which are untrusted.

For each instruction they have where the frame begins (the canonical frame address, CFA: sp before the call), and where
in it the caller's registers are. Expressions are not understood: no answer is given where one matters.
"""

import bisect
from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from typing import NamedTuple

from trapline.asm.elf.dwarf_reader import Damaged, Reader, units

NO_CIE = 0xFFFFFFFF
"""The id of a common information entry (CIE) in .debug_frame; it is 0 in .eh_frame."""
ADDRESSES = 0xFFFFFFFF
MOST_STATES = 64
"""States that are remembered within each other."""
MOST_REGISTERS = 256
FIRST_WITH_SIZES, FIRST_WITH_LONG_RETURN = 4, 3
"""Versions of a CIE: the first with the sizes of addresses, and the first whose return register has any length."""

PC_RELATIVE, FORM = 0x10, 0x0F
"""Bits of a pointer's encoding in .eh_frame."""
SIZES = {0x00: 4, 0x02: 2, 0x03: 4, 0x04: 8, 0x0A: 2, 0x0B: 4, 0x0C: 8}
SIGNED = 0x08

# Instructions; the first three have an operand in their low bits.
ADVANCE, OFFSET, RESTORE = 0x40, 0x80, 0xC0
LOW, HIGH = 0x3F, 0xC0
NOP, SET_LOC, ADVANCE1, ADVANCE2, ADVANCE4, OFFSET_EXTENDED, RESTORE_EXTENDED, UNDEFINED = range(8)
SAME_VALUE, REGISTER, REMEMBER, RESTORE_STATE, DEF_CFA, DEF_CFA_REGISTER, DEF_CFA_OFFSET = range(8, 15)
DEF_CFA_EXPRESSION, EXPRESSION, OFFSET_SF, DEF_CFA_SF, DEF_CFA_OFFSET_SF = range(15, 20)
VAL_OFFSET, VAL_OFFSET_SF, VAL_EXPRESSION, ARGS_SIZE = 0x14, 0x15, 0x16, 0x2E
ADVANCES = {ADVANCE1: 1, ADVANCE2: 2, ADVANCE4: 4}


class Unwinding(NamedTuple):
    """The way from an instruction to its caller.

    register, offset: whose sum is the CFA; saved: where registers are, by number, from the CFA on; moved: those that
    another register holds. undefined: registers that the caller has lost; without its return address there is no
    caller. returns: the register that holds the return address.
    """

    register: int
    offset: int
    saved: dict[int, int]
    moved: dict[int, int]
    undefined: frozenset[int]
    returns: int


class _Cie(NamedTuple):
    code: int
    data: int
    returns: int
    encoding: int
    augmented: bool
    instructions: bytes


class _Fde(NamedTuple):
    start: int
    end: int
    cie: _Cie
    instructions: bytes


class CallFrames:
    """The tables of a program.

    debug_frame, eh_frame: the sections' contents; address: of .eh_frame in memory; bias: what was added to addresses.
    """

    def __init__(self, debug_frame: bytes = b"", eh_frame: bytes = b"", address: int = 0, bias: int = 0) -> None:
        self._debug_frame, self._eh_frame, self._address, self._bias = debug_frame, eh_frame, address, bias

    def find(self, pc: int) -> Unwinding | None:
        """The way to the caller of the instruction at an address; None where the tables have none."""
        address = (pc - self._bias) & ADDRESSES
        index = bisect.bisect_right(self._starts, address) - 1
        if index < 0 or address >= self._fdes[index].end:
            return None
        try:
            return _unwinding(self._fdes[index], address)
        except Damaged:
            return None

    @cached_property
    def _fdes(self) -> list[_Fde]:
        found = [*_entries(self._debug_frame, None), *_entries(self._eh_frame, self._address)]
        return sorted(found, key=lambda fde: (fde.start, fde.end))

    @cached_property
    def _starts(self) -> list[int]:
        return [fde.start for fde in self._fdes]


def _entries(section: bytes, address: int | None) -> Iterable[_Fde]:
    """The descriptions of functions in a section. address: where it is in memory, None for .debug_frame."""
    cies: dict[int, _Cie] = {}
    for start, reader in units(section):
        with suppress(Damaged):
            header = 12 if reader.wide else 4
            id = reader.offset()
            if id == (0 if address is not None else NO_CIE if not reader.wide else (1 << 64) - 1):
                cies[start] = _cie(reader)
                continue
            cie = cies.get(id if address is None else start + header - id)
            if cie is not None:
                yield _fde(reader, cie, None if address is None else address + start + header)


def _cie(reader: Reader) -> _Cie:
    version, augmentation = reader.number(1), reader.string()
    if version >= FIRST_WITH_SIZES:
        reader.skip(2)
    code, data = reader.leb128(), reader.leb128(signed=True)
    returns = reader.leb128() if version >= FIRST_WITH_LONG_RETURN else reader.number(1)
    encoding = 0
    if augmentation and not augmentation.startswith("z"):
        raise Damaged
    if augmentation:
        length = reader.leb128()
        end = reader.position + length
        for letter in augmentation[1:]:
            if letter == "R":
                encoding = reader.number(1)
            elif letter == "L":
                reader.skip(1)
            elif letter == "P":
                reader.skip(_size(reader.number(1)))
        reader.skip(end - reader.position)
    return _Cie(code, data, returns, encoding, bool(augmentation), reader.data[reader.position :])


def _size(encoding: int) -> int:
    if encoding & FORM not in SIZES:
        raise Damaged
    return SIZES[encoding & FORM]


def _fde(reader: Reader, cie: _Cie, address: int | None) -> _Fde:
    """address: of the bytes behind the length, None for .debug_frame."""
    size = _size(cie.encoding)
    place = reader.position
    start = reader.number(size)
    if cie.encoding & SIGNED:
        start -= (start >> (8 * size - 1)) << (8 * size)
    if cie.encoding & PC_RELATIVE and address is not None:
        start += address + place
    start &= ADDRESSES
    end = start + reader.number(size)
    if cie.augmented:
        reader.skip(reader.leb128())
    return _Fde(start, end, cie, reader.data[reader.position :])


class _State:
    """What has been said up to a place."""

    def __init__(self) -> None:
        self.cfa: tuple[int, int] | None = None
        self.saved: dict[int, int] = {}
        self.moved: dict[int, int] = {}
        self.undefined: set[int] = set()

    def copy(self) -> "_State":
        """The same again."""
        other = _State()
        other.cfa = self.cfa
        other.saved, other.moved, other.undefined = dict(self.saved), dict(self.moved), set(self.undefined)
        return other

    def forget(self, register: int) -> None:
        """Nothing is known of a register."""
        if register >= MOST_REGISTERS:
            raise Damaged
        self.saved.pop(register, None)
        self.moved.pop(register, None)
        self.undefined.discard(register)

    def restore(self, register: int, initial: "_State") -> None:
        """A register is where it was at the function's beginning."""
        self.forget(register)
        if register in initial.saved:
            self.saved[register] = initial.saved[register]
        if register in initial.moved:
            self.moved[register] = initial.moved[register]
        if register in initial.undefined:
            self.undefined.add(register)


def _unwinding(fde: _Fde, address: int) -> Unwinding | None:
    initial = _State()
    _execute(fde.cie.instructions, fde.cie, initial, _State(), 0, ADDRESSES)
    state = initial.copy()
    _execute(fde.instructions, fde.cie, state, initial, fde.start, address)
    if state.cfa is None:
        return None
    return Unwinding(*state.cfa, state.saved, state.moved, frozenset(state.undefined), fde.cie.returns)


def _execute(instructions: bytes, cie: _Cie, state: _State, initial: _State, location: int, address: int) -> None:
    """Let a state be that at an address. initial: what `restore` restores."""
    reader, remembered = Reader(instructions), list[_State]()
    while reader.position < len(instructions):
        code = reader.number(1)
        low = code & LOW
        if code & HIGH == ADVANCE or code in ADVANCES or code == SET_LOC:
            if code == SET_LOC:
                location = reader.number(4)
            else:
                location += (low if code & HIGH else reader.number(ADVANCES[code])) * cie.code
            if location > address:
                return
        elif code == REMEMBER:
            if len(remembered) >= MOST_STATES:
                raise Damaged
            remembered.append(state.copy())
        elif code == RESTORE_STATE:
            if not remembered:
                raise Damaged
            state.__dict__.update(remembered.pop().__dict__)
        elif code & HIGH:
            register = low
            if code & HIGH == RESTORE:
                state.restore(register, initial)
            else:
                state.forget(register)
                state.saved[register] = reader.leb128() * cie.data
        elif not _define_cfa(code, reader, cie, state):
            _place_register(code, reader, cie, state, initial)


def _define_cfa(code: int, reader: Reader, cie: _Cie, state: _State) -> bool:
    """Carry out an instruction about the CFA; whether it is one."""
    register, offset = state.cfa or (0, 0)
    match code:
        case _ if code == DEF_CFA:
            state.cfa = reader.leb128(), reader.leb128()
        case _ if code == DEF_CFA_SF:
            state.cfa = reader.leb128(), reader.leb128(signed=True) * cie.data
        case _ if code == DEF_CFA_REGISTER:
            state.cfa = reader.leb128(), offset
        case _ if code == DEF_CFA_OFFSET:
            state.cfa = register, reader.leb128()
        case _ if code == DEF_CFA_OFFSET_SF:
            state.cfa = register, reader.leb128(signed=True) * cie.data
        case _ if code == DEF_CFA_EXPRESSION:
            reader.skip(reader.leb128())
            state.cfa = None
        case _ if code == ARGS_SIZE:
            reader.leb128()
        case _:
            return code == NOP
    return True


def _place_register(code: int, reader: Reader, cie: _Cie, state: _State, initial: _State) -> None:
    """Carry out an instruction about where a register is. Raises Damaged for one that there is not."""
    if not OFFSET_EXTENDED <= code <= REGISTER and not EXPRESSION <= code <= VAL_EXPRESSION:
        raise Damaged
    register = reader.leb128()
    state.forget(register)
    if code in (OFFSET_EXTENDED, OFFSET_SF):
        state.saved[register] = reader.leb128(signed=code == OFFSET_SF) * cie.data
    elif code == RESTORE_EXTENDED:
        state.restore(register, initial)
    elif code == REGISTER:
        state.moved[register] = reader.leb128()
    elif code in (EXPRESSION, VAL_EXPRESSION):
        reader.skip(reader.leb128())
        state.undefined.add(register)
    elif code in (VAL_OFFSET, VAL_OFFSET_SF):
        reader.leb128()
        state.undefined.add(register)
    elif code == UNDEFINED:
        state.undefined.add(register)
