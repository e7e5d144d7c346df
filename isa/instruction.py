"""What an instruction declaration is, and the decorators that make one.

A declaration is a Python function (the meaning) under a decorator that gives the bit pattern as the
specification draws it, the assembly syntax, the extension, the privilege and the section:

    @value("0000000 rs2 rs1 000 rd 0110011", "rd, rs1, rs2", "Unpriv 2.4.2")
    def add(rs1, rs2):
        return u32(rs1 + rs2)

The parameters of a meaning function name its inputs: register values (`rs1`, `rs2`), immediates
(`imm`, `shamt`, `uimm`), `pc`, `old` (the memory word an AMO read), `data` (what a load read) or, for
system instructions only, `h` (the hart record), `rd` (a register's number), `readable` (1 if a byte at
rs1 may be loaded here, else 0) and `paddr` (the physical address of rs1, -1 if it has none).
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from trapline.isa.cause import (
    FETCH_MISALIGNED,
    ILLEGAL,
    LOAD_ACCESS,
    LOAD_MISALIGNED,
    LOAD_PAGE,
    STORE_ACCESS,
    STORE_MISALIGNED,
    STORE_PAGE,
)
from trapline.isa.word import MASK, WORD

OPCODE = 0x7F
"""The bits of a word that all its forms begin with."""
RD_SHIFT = 7
"""Where a word has rd, if it has one."""

WIDTHS = {
    "rd": 5,
    "rs1": 5,
    "rs2": 5,
    "shamt": 5,
    "uimm": 5,
    "csr": 12,
    "fm": 4,
    "pred": 4,
    "succ": 4,
    "aq": 1,
    "rl": 1,
    "rd'": 3,
    "rs1'": 3,
    "rs2'": 3,
}
"""Bits of the operands that are no immediates; only compressed instructions have those with a prime."""


class Kind(Enum):
    """How the engine wraps a meaning function: what goes in and where the result goes."""

    VALUE = "value"  # rd <- meaning(...)
    BRANCH = "branch"  # if meaning(...): pc <- pc + imm
    JUMP = "jump"  # rd <- pc + 4; pc <- meaning(...)
    LOAD = "load"  # rd <- meaning(data) with data read at rs1 + imm
    STORE = "store"  # memory at rs1 + imm <- meaning(rs2)
    AMO = "amo"  # old <- memory at rs1; memory <- meaning(old, rs2); rd <- old
    LR = "lr"  # rd <- meaning(data) with data read at rs1; reservation made
    SC = "sc"  # memory at rs1 <- meaning(rs2) if reserved; rd <- 0 or 1
    BLOCK = "block"  # legal if meaning(h); then the cache block at rs1 must be accessible
    FENCE = "fence"  # nothing to order on a machine that executes one instruction at a time
    CSR = "csr"  # rd <- CSR; CSR <- meaning(old, operand)
    SYSTEM = "system"  # meaning(h, ...) acts on the hart record and returns a status


class DeclarationError(ValueError):
    """A declaration that is incomplete, ill-formed or overlaps another one."""


@dataclass(frozen=True)
class Slice:
    """Bits [low, low + width) of the word hold bits [start, start + width) of `operand`."""

    operand: str
    low: int
    width: int
    start: int


@dataclass(frozen=True)
class Pattern:
    """An encoding: `word & mask == match`, and where each operand's bits lie."""

    text: str
    mask: int
    match: int
    slices: tuple[Slice, ...]

    @classmethod
    def parse(cls, text: str, size: int = 8 * WORD) -> "Pattern":
        """Read a pattern drawn from bit `size` - 1 down to bit 0.

        Tokens: strings of 0 and 1; operand names of `WIDTHS`; `imm[...]` with ranges separated by `|`; in a compressed
        instruction also `uimm[...]`, which has no sign.
        Raises DeclarationError unless the tokens account for exactly `size` bits, each once.
        """
        position = size
        short = size < 8 * WORD
        mask = match = 0
        slices: list[Slice] = []
        for token in text.split():
            if re.fullmatch("[01]+", token):
                position -= len(token)
                mask |= ((1 << len(token)) - 1) << position if position >= 0 else 0
                match |= int(token, 2) << position if position >= 0 else 0
            elif token in WIDTHS and (short or not token.endswith("'")):
                position -= WIDTHS[token]
                slices.append(Slice(token, position, WIDTHS[token], 0))
            elif m := re.fullmatch(rf"({'u?' * short}imm)\[([\d:|]+)\]", token):
                for part in m[2].split("|"):
                    high, _, low = part.partition(":")
                    width = int(high) - int(low or high) + 1
                    position -= width
                    slices.append(Slice(m[1], position, width, int(low or high)))
            else:
                raise DeclarationError(f"pattern '{text}': unknown token '{token}'")
        if position != 0:
            raise DeclarationError(f"pattern '{text}' describes {size - position} bits instead of {size}")
        bits = [(s.operand, s.start + i) for s in slices for i in range(s.width)]
        if len(bits) != len(set(bits)):
            raise DeclarationError(f"pattern '{text}' names an operand bit twice")
        return cls(text, mask, match, tuple(slices))

    @cached_property
    def operands(self) -> tuple[str, ...]:
        """Operand names in the order of the pattern, each once."""
        return tuple(dict.fromkeys(s.operand for s in self.slices))

    @cached_property
    def imm_bits(self) -> int:
        """Number of significant bits of `imm` (0 without one); its top bit is the sign."""
        return self.bits("imm")

    @cached_property
    def imm_scale(self) -> int:
        """`imm` is a multiple of this (1, 2 or 4096)."""
        return self.scale("imm")

    def bits(self, operand: str) -> int:
        """Number of significant bits of an operand, 0 without it."""
        return max((s.start + s.width for s in self.slices if s.operand == operand), default=0)

    def scale(self, operand: str) -> int:
        """What an operand is a multiple of."""
        return 1 << min((s.start for s in self.slices if s.operand == operand), default=0)

    def extract(self, word: int) -> dict[str, int]:
        """Operand values of `word`; `imm` is sign-extended to a word in [0, 2^32)."""
        values = dict.fromkeys(self.operands, 0)
        for s in self.slices:
            values[s.operand] |= ((word >> s.low) & ((1 << s.width) - 1)) << s.start
        if self.imm_bits:
            sign = 1 << (self.imm_bits - 1)
            values["imm"] = ((values["imm"] ^ sign) - sign) & 0xFFFFFFFF
        return values

    def insert(self, values: dict[str, int]) -> int:
        """The word with these operand values; the inverse of `extract`.

        `imm` may be given signed or as a word. Raises ValueError when a value does not fit.
        """
        word = self.match
        for name in self.operands:
            v = values[name]
            if name == "imm":
                low, high = -(1 << (self.imm_bits - 1)), (1 << (self.imm_bits - 1)) - self.imm_scale
                signed = v - (MASK + 1) if v > MASK >> 1 else v
                if not low <= signed <= high or signed % self.imm_scale:
                    raise ValueError(f"immediate {signed} is not a multiple of {self.imm_scale} in [{low}, {high}]")
            elif not 0 <= v < 1 << self.bits(name):
                raise ValueError(f"{name} {v} is not in [0, {(1 << self.bits(name)) - 1}]")
            elif v % self.scale(name):
                raise ValueError(f"{name} {v} is not a multiple of {self.scale(name)}")
        for s in self.slices:
            word |= ((values[s.operand] >> s.start) & ((1 << s.width) - 1)) << s.low
        return word


@dataclass(frozen=True)
class Instruction:
    """One instruction, declared once.

    name: assembly mnemonic, such as `amoadd.w`.
    syntax: operands as they are written, such as `rd, offset(rs1)`.
    extension: the part of the ISA string that brings it: one of `isa.extension.BASE` or `OPTIONAL`.
    privilege: lowest mode that may execute it, `U`, `S` or `M`.
    reads, writes: state other than what the pattern and the kind already say, such as `mstatus.MPIE`.
    causes: codes (`isa.cause`) of the exceptions that executing it can raise, fetch aside.
    width: bytes accessed in memory, 0 for none.
    section: where the specification defines it.
    meaning: the function that *is* its meaning.
    """

    name: str
    pattern: Pattern
    syntax: str
    kind: Kind
    extension: str
    privilege: str
    section: str
    meaning: Callable[..., Any]
    width: int = 0
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    causes: tuple[int, ...] = ()
    summary: str = ""
    inputs: tuple[str, ...] = field(default=())

    @property
    def mask(self) -> int:
        """Bits of the word that the encoding fixes."""
        return self.pattern.mask

    @property
    def match(self) -> int:
        """Values of the fixed bits."""
        return self.pattern.match

    @property
    def operands(self) -> tuple[str, ...]:
        """Names of the encoded operands."""
        return self.pattern.operands

    def encode(self, **operands: int) -> int:
        """The 32-bit word for these operands. Raises ValueError when one does not fit."""
        return self.pattern.insert(operands)


DECLARED: list[Instruction] = []
"""Every declaration in the order of its execution; `isa.table` checks and indexes it."""

_INPUTS = {
    Kind.VALUE: {"rs1", "rs2", "imm", "shamt", "pc"},
    Kind.BRANCH: {"rs1", "rs2"},
    Kind.JUMP: {"rs1", "imm", "pc"},
    Kind.LOAD: {"data"},
    Kind.STORE: {"rs2"},
    Kind.AMO: {"old", "rs2"},
    Kind.LR: {"data"},
    Kind.SC: {"rs2"},
    Kind.BLOCK: {"h"},
    Kind.FENCE: set(),
    Kind.CSR: {"old", "operand"},
    Kind.SYSTEM: {"h", "rd", "rs1", "rs2", "imm", "readable", "paddr"},
}
_REQUIRED_OPERANDS = {
    Kind.VALUE: {"rd"},
    Kind.BRANCH: {"rs1", "rs2", "imm"},
    Kind.JUMP: {"rd", "imm"},
    Kind.LOAD: {"rd", "rs1", "imm"},
    Kind.STORE: {"rs1", "rs2", "imm"},
    Kind.AMO: {"rd", "rs1", "rs2"},
    Kind.LR: {"rd", "rs1"},
    Kind.SC: {"rd", "rs1", "rs2"},
    Kind.BLOCK: {"rs1"},
    Kind.FENCE: set(),
    Kind.CSR: {"rd", "csr"},
    Kind.SYSTEM: set(),
}
_CAUSES = {
    Kind.BRANCH: (FETCH_MISALIGNED,),
    Kind.JUMP: (FETCH_MISALIGNED,),
    Kind.LOAD: (LOAD_ACCESS, LOAD_PAGE),
    Kind.STORE: (STORE_ACCESS, STORE_PAGE),
    Kind.AMO: (STORE_MISALIGNED, STORE_ACCESS, STORE_PAGE),
    Kind.LR: (LOAD_MISALIGNED, LOAD_ACCESS, LOAD_PAGE),
    Kind.SC: (STORE_MISALIGNED, STORE_ACCESS, STORE_PAGE),
    Kind.BLOCK: (ILLEGAL, STORE_ACCESS, STORE_PAGE),
    Kind.CSR: (ILLEGAL,),
}


def declare(
    kind: Kind,
    pattern: str,
    syntax: str,
    section: str,
    *,
    extension: str,
    name: str | None = None,
    privilege: str = "U",
    width: int = 0,
    reads: tuple[str, ...] = (),
    writes: tuple[str, ...] = (),
    causes: tuple[int, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator that declares an instruction and returns the meaning function unchanged.

    Raises DeclarationError when the pattern, the kind and the meaning's parameters do not fit.
    """

    def decorate(meaning: Callable[..., Any]) -> Callable[..., Any]:
        mnemonic = name or meaning.__name__.rstrip("_").replace("_", ".")
        parsed = Pattern.parse(pattern)
        inputs = tuple(inspect.signature(meaning).parameters)
        if unknown := set(inputs) - _INPUTS[kind]:
            raise DeclarationError(f"{mnemonic}: a {kind.value} meaning cannot take {', '.join(sorted(unknown))}")
        if missing := _REQUIRED_OPERANDS[kind] - set(parsed.operands):
            raise DeclarationError(f"{mnemonic}: a {kind.value} pattern needs {', '.join(sorted(missing))}")
        encoded = set(inputs) & (set(WIDTHS) | {"imm"})
        if absent := encoded - set(parsed.operands):
            raise DeclarationError(f"{mnemonic}: the meaning takes {', '.join(sorted(absent))}, the pattern has none")
        if privilege not in ("U", "S", "M"):
            raise DeclarationError(f"{mnemonic}: privilege '{privilege}' is not U, S or M")
        if (kind in (Kind.LOAD, Kind.STORE, Kind.AMO, Kind.LR, Kind.SC)) != (width in (1, 2, 4)):
            raise DeclarationError(f"{mnemonic}: a {kind.value} cannot access {width} bytes")
        doc = inspect.getdoc(meaning) or ""
        DECLARED.append(
            Instruction(
                mnemonic,
                parsed,
                syntax,
                kind,
                extension,
                privilege,
                section,
                meaning,
                width,
                reads,
                writes,
                tuple(dict.fromkeys(_CAUSES.get(kind, ()) + causes)),
                doc.partition("\n")[0],
                inputs,
            )
        )
        return meaning

    return decorate
