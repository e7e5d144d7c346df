"""The table: every declared instruction and CSR, checked and indexed.

Importing this module proves that no two encodings overlap and that no name or address is used twice.
A plugin (`isa.plugin.load`) may add instructions of extensions of its own, at any time: they come last, so that what
was there keeps its place. All that is computed from the table follows, because it is `derived`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

from trapline.isa import (  # noqa: F401  (importing them declares)
    atomic,
    base,
    bitmanip,
    cache_blocks,
    compressed,
    conditional,
    multiply,
    privileged,
    zcb,
    zicsr,
)
from trapline.isa.compression import COMPRESSED, COMPRESSED_OPCODE, Compressed, is_long
from trapline.isa.csr import Csr
from trapline.isa.environment import ENVIRONMENT_CSRS
from trapline.isa.extension import BASE, OPTIONAL
from trapline.isa.instruction import DECLARED, OPCODE, DeclarationError, Instruction, Kind
from trapline.isa.machine_csrs import MACHINE_CSRS
from trapline.isa.sdtrig import SDTRIG_CSRS
from trapline.isa.sstc import SSTC_CSRS
from trapline.isa.supervisor_csrs import SUPERVISOR_CSRS
from trapline.isa.xleak import LEAK_CSRS


def check_instructions(instructions: Iterable[Instruction]) -> None:
    """Raise DeclarationError if two encodings share a word or two instructions share a name."""
    seen: list[tuple[int, int, str]] = []
    names = set()
    for new in instructions:
        mask, match = new.mask, new.match
        if new.name in names:
            raise DeclarationError(f"instruction '{new.name}' is declared twice")
        for other in [name for old_mask, old_match, name in seen if not (match ^ old_match) & mask & old_mask]:
            raise DeclarationError(f"the encodings of '{other}' and '{new.name}' overlap")
        names.add(new.name)
        seen.append((mask, match, new.name))


def check_csrs(csrs: Sequence[Csr]) -> None:
    """Raise DeclarationError if two CSRs share a name or an address, or fields overlap."""
    for key in ("name", "address"):
        values = [getattr(c, key) for c in csrs]
        if twice := {v for v in values if values.count(v) > 1}:
            raise DeclarationError(f"CSR {key} declared twice: {sorted(twice)}")
    for c in csrs:
        used = 0
        for f in c.fields:
            if used & f.mask:
                raise DeclarationError(f"CSR {c.name}: field {f.name} overlaps another")
            used |= f.mask


def _extension_order(instruction: Instruction) -> int:
    """As in an ISA string; optional extensions follow in the order of their declaration."""
    return BASE.index(instruction.extension) if instruction.extension in BASE else len(BASE)


MOST = 200
"""How many instructions there can be: the engine numbers them in a byte, with compressed ones and a few of its own."""

INSTRUCTIONS: list[Instruction] = sorted(DECLARED, key=_extension_order)
"""All instructions; like `BY_NAME` it changes in place, and only through `add` and `remove`."""

_CSRS = MACHINE_CSRS + ENVIRONMENT_CSRS + SUPERVISOR_CSRS + SSTC_CSRS + SDTRIG_CSRS + LEAK_CSRS
CSRS: tuple[Csr, ...] = tuple(sorted(_CSRS, key=lambda c: c.address))
check_instructions(INSTRUCTIONS)
check_csrs(CSRS)

BY_NAME: dict[str, Instruction] = {i.name: i for i in INSTRUCTIONS}
CSR_BY_NAME: dict[str, Csr] = {c.name: c for c in CSRS}
CSR_BY_ADDRESS: dict[int, Csr] = {c.address: c for c in CSRS}

_BY_OPCODE: dict[int, list[Instruction]] = {}
for _i in INSTRUCTIONS:
    _BY_OPCODE.setdefault(_i.match & OPCODE, []).append(_i)

COMPRESSED_BY_NAME: dict[str, Compressed] = {c.name: c for c in COMPRESSED}
_BY_PARCEL: dict[int, list[Compressed]] = {}
for _c in COMPRESSED:
    _BY_PARCEL.setdefault(_c.pattern.match & COMPRESSED_OPCODE, []).append(_c)


@dataclass(frozen=True, eq=False)
class Addition:
    """Instructions that were added as one, and their extensions. source: the file; module: what it is imported as."""

    source: str
    module: str
    instructions: tuple[Instruction, ...]
    extensions: tuple[str, ...]


_added: tuple[Addition, ...] = ()
_caches: list[dict[tuple[Addition, ...], object]] = []
_T = TypeVar("_T")


def added() -> tuple[Addition, ...]:
    """What plugins have added, in order."""
    return _added


def derived(compute: Callable[[], _T]) -> Callable[[], _T]:
    """Decorator of a function that computes something from the table: cached per table state."""
    known: dict[tuple[Addition, ...], object] = {}
    _caches.append(known)

    @wraps(compute)
    def once() -> _T:
        try:
            return known[_added]  # type: ignore[return-value]
        except KeyError:
            result = known[_added] = compute()
            return result

    return once


def add(addition: Addition) -> None:
    """Put checked instructions at the end of the table, their extensions after all others."""
    global _added
    for instruction in addition.instructions:
        INSTRUCTIONS.append(instruction)
        BY_NAME[instruction.name] = instruction
        _BY_OPCODE.setdefault(instruction.match & OPCODE, []).append(instruction)
    OPTIONAL.extend(addition.extensions)
    _added = (*_added, addition)


def remove(addition: Addition) -> None:
    """Take the last addition out again. Raises ValueError for any other one: later ones stand on it."""
    global _added
    if not _added or _added[-1] is not addition:
        raise ValueError(f"{addition.source} is not what was loaded last")
    for instruction in addition.instructions:
        INSTRUCTIONS.remove(instruction)
        del BY_NAME[instruction.name]
        _BY_OPCODE[instruction.match & OPCODE].remove(instruction)
    del OPTIONAL[len(OPTIONAL) - len(addition.extensions) :]
    _added = _added[:-1]
    for known in _caches:
        for state in [state for state in known if addition in state]:
            del known[state]


RESERVED: dict[str, str] = {}
"""Mnemonics that already mean something else, and what: see `reserve`."""


def reserve(names: Iterable[str], what: str) -> None:
    """Keep names, such as those of pseudo-instructions, from being declared.

    Raises DeclarationError when one of them has been added already.
    """
    for name in names:
        if name in BY_NAME and any(BY_NAME[name] in addition.instructions for addition in _added):
            raise DeclarationError(f"instruction '{name}' has the name of {what}; choose another one")
        RESERVED[name] = what


def decode(word: int) -> Instruction | None:
    """The instruction that `word` encodes, None for an illegal word."""
    for instruction in _BY_OPCODE.get(word & OPCODE, ()):
        if word & instruction.mask == instruction.match:
            return instruction
    return None


def decode_parcel(parcel: int) -> Compressed | None:
    """The compressed instruction that `parcel` encodes, None for one that is illegal or begins a longer instruction."""
    for candidate in _BY_PARCEL.get(parcel & COMPRESSED_OPCODE, ()):
        if candidate.encodes(parcel):
            return candidate
    return None


def expanded(code: int, with_c: bool) -> int | None:
    """The word of 32 bits that a fetched instruction stands for: itself, or for a compressed one its expansion.

    with_c: on a hart with extension C. None for a parcel that is no instruction there.
    """
    if not with_c or is_long(code):
        return code
    found = decode_parcel(code)
    return found.expand(code) if found else None


def decode_fetched(code: int | None, with_c: bool) -> tuple[Instruction, int] | None:
    """What a hart fetches, 32 bits or 16, as the instruction and the word that it stands for.

    with_c: on a hart with extension C. None for what is illegal, and for None.
    """
    word = None if code is None else expanded(code, with_c)
    instruction = None if word is None else decode(word)
    return None if word is None or instruction is None else (instruction, word)


__all__ = [
    "BY_NAME",
    "COMPRESSED",
    "COMPRESSED_BY_NAME",
    "CSRS",
    "CSR_BY_ADDRESS",
    "CSR_BY_NAME",
    "INSTRUCTIONS",
    "Addition",
    "Compressed",
    "Kind",
    "add",
    "added",
    "check_csrs",
    "check_instructions",
    "decode",
    "decode_fetched",
    "decode_parcel",
    "derived",
    "expanded",
    "remove",
    "reserve",
]
