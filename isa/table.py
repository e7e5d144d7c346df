"""The finished table: every declared instruction and CSR, checked and indexed.

Importing this module proves that no two encodings overlap and that no name or address is used twice.
"""

from collections.abc import Iterable, Sequence

from isa import atomic, base, multiply, system  # noqa: F401  (importing them declares)
from isa.csr import Csr
from isa.extension import BASE
from isa.instruction import DECLARED, DeclarationError, Instruction, Kind
from isa.leak import LEAK_CSRS
from isa.machine_csrs import MACHINE_CSRS
from isa.supervisor_csrs import SUPERVISOR_CSRS


def check_instructions(instructions: Iterable[Instruction]) -> None:
    """Raise DeclarationError if two encodings share a word or two instructions share a name."""
    seen: list[Instruction] = []
    for new in instructions:
        for old in seen:
            if old.name == new.name:
                raise DeclarationError(f"instruction '{new.name}' is declared twice")
            common = old.mask & new.mask
            if old.match & common == new.match & common:
                raise DeclarationError(f"the encodings of '{old.name}' and '{new.name}' overlap")
        seen.append(new)


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


INSTRUCTIONS: tuple[Instruction, ...] = tuple(sorted(DECLARED, key=_extension_order))
CSRS: tuple[Csr, ...] = tuple(sorted(MACHINE_CSRS + SUPERVISOR_CSRS + LEAK_CSRS, key=lambda c: c.address))
check_instructions(INSTRUCTIONS)
check_csrs(CSRS)

BY_NAME: dict[str, Instruction] = {i.name: i for i in INSTRUCTIONS}
CSR_BY_NAME: dict[str, Csr] = {c.name: c for c in CSRS}
CSR_BY_ADDRESS: dict[int, Csr] = {c.address: c for c in CSRS}

_BY_OPCODE: dict[int, list[Instruction]] = {}
for _i in INSTRUCTIONS:
    _BY_OPCODE.setdefault(_i.match & 0x7F, []).append(_i)


def decode(word: int) -> Instruction | None:
    """The instruction that `word` encodes, None for an illegal word."""
    for instruction in _BY_OPCODE.get(word & 0x7F, ()):
        if word & instruction.mask == instruction.match:
            return instruction
    return None


__all__ = [
    "BY_NAME",
    "CSRS",
    "CSR_BY_ADDRESS",
    "CSR_BY_NAME",
    "INSTRUCTIONS",
    "Kind",
    "check_csrs",
    "check_instructions",
    "decode",
]
