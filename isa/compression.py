"""What the declaration of a compressed instruction is.

It has no meaning of its own: beside its 16-bit pattern and its syntax it has the instruction of 32 bits that it stands
for, written with its operands:

    compressed("010 imm[5] rd imm[4:0] 01", "c.li", "rd, imm", "addi rd, x0, imm", "Unpriv 26.5.1", extension="c")

Operands with a prime are the registers x8 to x15, in three bits; `imm` has a sign, `uimm` has none. `differs` says
which values an operand must not have: those encodings are reserved, or another instruction. A hint is the instruction
that it looks like: it has x0 for rd, or leaves rd as it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from trapline.isa.extension import BASE
from trapline.isa.hart import REGISTERS
from trapline.isa.instruction import DECLARED, DeclarationError, Instruction, Pattern
from trapline.isa.word import HALFWORD, MASK, WORD

PARCEL_BITS = 8 * HALFWORD
"""Instructions are made of parcels of so many bits (Unpriv 1.5)."""
LONG = 3
"""The lowest bits of a parcel with which an instruction of 32 bits begins; another is a compressed one."""
COMPRESSED_OPCODE = 0xE003
"""The bits of a parcel that all compressed instructions have: funct3 and op."""
FIRST_PRIMED = 8
"""The register that a primed operand of 0 names."""


def is_long(parcel: int) -> bool:
    """Whether an instruction of 32 bits, or a longer one, begins with this parcel."""
    return parcel & LONG == LONG


def instruction_length(code: int, with_c: bool) -> int:
    """Bytes of the instruction that begins with this word, parcel or byte. with_c: on a hart with extension C."""
    return HALFWORD if with_c and not is_long(code) else WORD


def digits(code: int, with_c: bool) -> str:
    """What a hart has fetched in hexadecimal, as many digits as the instruction has: `4501`, `00000013`."""
    return f"{code:0{2 * instruction_length(code, with_c)}x}"


@dataclass(frozen=True)
class Compressed:
    """One compressed instruction. See the module; other fields are those of `isa.instruction.Instruction`.

    base: the instruction of 32 bits; expansion: for each of its operands the operand here that it has its value from,
    or a constant.
    """

    name: str
    pattern: Pattern
    syntax: str
    base: Instruction
    expansion: Mapping[str, str | int]
    differs: Mapping[str, tuple[int, ...]]
    section: str
    extension: str
    summary: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The optional extensions that a hart must have for it."""
        base = self.base.extension
        return (self.extension,) if base in BASE else (self.extension, base)

    @cached_property
    def text(self) -> str:
        """The instruction that it stands for, as it is written: `addi rd, x0, imm`."""
        words = {name: _spelled(name, source) for name, source in self.expansion.items()}
        return " ".join([self.base.name, _SYNTAX_NAME.sub(lambda m: words[_operand(m[0])], self.base.syntax)]).strip()

    def encodes(self, parcel: int) -> bool:
        """Whether this is the instruction that a parcel encodes, on a hart that has its extension."""
        if parcel & self.pattern.mask != self.pattern.match:
            return False
        values = self.values(parcel)
        return not any(values[name] in refused for name, refused in self.differs.items())

    def values(self, parcel: int) -> dict[str, int]:
        """Operand values of a parcel: registers by number, an immediate as a word."""
        values = self.pattern.extract(parcel)
        return {name: value + (FIRST_PRIMED if name.endswith("'") else 0) for name, value in values.items()}

    def expand(self, parcel: int) -> int:
        """The word of 32 bits that a parcel stands for, which `encodes` it."""
        values = self.values(parcel)
        return self.base.encode(
            **{name: values[source] if isinstance(source, str) else source for name, source in self.expansion.items()}
        )

    def compress(self, operands: Mapping[str, int]) -> int | None:
        """The parcel that stands for the base instruction with these operands; None where none does.

        operands: as `Pattern.extract` of the base gives them.
        """
        values: dict[str, int] = {}
        for name, source in self.expansion.items():
            if isinstance(source, int):
                if operands[name] != source & MASK:
                    return None
            elif values.setdefault(source, operands[name]) != operands[name]:
                return None
        if any(values[name] in refused for name, refused in self.differs.items()):
            return None
        try:
            return self.pattern.insert(
                {name: value - (FIRST_PRIMED if name.endswith("'") else 0) for name, value in values.items()}
            )
        except ValueError:
            return None


COMPRESSED: list[Compressed] = []
"""All compressed instructions, in the order of their declarations. No parcel is two of them: a test tries each."""

_SYNTAX_NAME = re.compile(r"[a-z]\w*'?|-?\d+")


def _operand(word: str) -> str:
    """The operand of the pattern that a word of an instruction's syntax is about."""
    return "imm" if word in ("offset", "label") or re.fullmatch(r"imm\d*", word) else word


def _spelled(name: str, source: str | int) -> str:
    return source if isinstance(source, str) else f"x{source}" if name.startswith("r") else str(source)


def compressed(
    pattern: str, name: str, syntax: str, text: str, section: str, summary: str, *,
    extension: str, differs: Mapping[str, tuple[int, ...]] | None = None,
) -> None:  # fmt: skip
    """Declare a compressed instruction. Raises DeclarationError when the pattern and the expansion do not fit."""
    parsed = Pattern.parse(pattern, PARCEL_BITS)
    mnemonic, _, written = text.partition(" ")
    base = next((i for i in DECLARED if i.name == mnemonic), None)
    if base is None:
        raise DeclarationError(f"{name}: no instruction '{mnemonic}' to expand to")
    names, sources = (_SYNTAX_NAME.findall(part) for part in (base.syntax, written))
    if len(names) != len(sources):
        raise DeclarationError(f"{name}: '{text}' does not have the operands '{base.syntax}'")
    expansion = {
        _operand(target): source if source in parsed.operands else _constant(name, source)
        for target, source in zip(names, sources, strict=True)
    }
    if unused := set(parsed.operands) - set(expansion.values()):
        raise DeclarationError(f"{name}: '{text}' does not use {', '.join(sorted(unused))}")
    refused = dict(differs or {})
    if absent := refused.keys() - set(parsed.operands):
        raise DeclarationError(f"{name}: the pattern has no {', '.join(sorted(absent))}")
    COMPRESSED.append(Compressed(name, parsed, syntax, base, expansion, refused, section, extension, summary))


def _constant(name: str, source: str) -> int:
    if source in REGISTERS:
        return REGISTERS[source]
    try:
        return int(source)
    except ValueError:
        raise DeclarationError(f"{name}: the pattern has no {source}") from None
