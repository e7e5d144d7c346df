"""Disassembler: the text of one instruction.

Everything is derived from the instruction table.
A spelling is a mnemonic and a syntax. The operands that the syntax does not name have fixed values, so that each
spelling is a bit pattern; a word gets the first spelling that matches, and the text assembles back to the same word.
A legal word that no spelling can express (such as `fence` with registers set) is shown as `.word`, like an illegal
one.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import overload

from trapline.asm.disassembler.operands import OPERAND_OF, show
from trapline.asm.disassembler.parcel import own_text, word_of_text
from trapline.isa import BY_NAME, CSR_BY_NAME, INSTRUCTIONS, Instruction
from trapline.isa.compression import instruction_length, is_long
from trapline.isa.table import derived, expanded
from trapline.isa.word import HALFWORD, WORD


@dataclass(frozen=True)
class Spelling:
    """One way to write an instruction.

    syntax: the operands as written.
    fixed: values of operands that the syntax does not name; operands in neither are zero.
    """

    name: str
    instruction: Instruction
    syntax: str
    fixed: Mapping[str, int]

    @property
    def expansion(self) -> str:
        """The spelling in terms of the instruction itself, with the operands of `syntax` left open."""
        spelled = set(_spelled(self.syntax))

        def value(token: re.Match[str]) -> str:
            operand = OPERAND_OF.get(token[0], token[0])
            if operand not in self.instruction.operands or operand in spelled:
                return token[0]
            return show(token[0], self.fixed.get(operand, 0), 0, {}) or "0"

        named = _spelled(self.instruction.syntax)
        hidden = [f"{name}={value}" for name, value in self.fixed.items() if name not in named]
        written = f"{self.instruction.name} {_TOKEN.sub(value, self.instruction.syntax)}".strip()
        return f"{written} with {', '.join(hidden)}" if hidden else written


_TOKEN = re.compile(r"[a-z][a-z0-9]*")
_SUFFIXES = ("", ".rl", ".aq", ".aqrl")


def _spelled(syntax: str) -> list[str]:
    return [OPERAND_OF.get(token, token) for token in _TOKEN.findall(syntax)]


def _pseudo(name: str, base: str, syntax: str = "", **fixed: int) -> Spelling:
    return Spelling(name, BY_NAME[base], syntax, fixed)


PSEUDO_INSTRUCTIONS: tuple[Spelling, ...] = (
    _pseudo("nop", "addi"),
    _pseudo("li", "addi", "rd, imm12"),
    _pseudo("mv", "addi", "rd, rs1"),
    _pseudo("not", "xori", "rd, rs1", imm=0xFFFFFFFF),
    _pseudo("zext.b", "andi", "rd, rs1", imm=255),
    _pseudo("seqz", "sltiu", "rd, rs1", imm=1),
    _pseudo("neg", "sub", "rd, rs2"),
    _pseudo("snez", "sltu", "rd, rs2"),
    _pseudo("sltz", "slt", "rd, rs1"),
    _pseudo("sgtz", "slt", "rd, rs2"),
    _pseudo("ret", "jalr", rs1=1),
    _pseudo("jr", "jalr", "rs1"),
    _pseudo("jr", "jalr", "offset(rs1)"),
    _pseudo("jalr", "jalr", "rs1", rd=1),
    _pseudo("jalr", "jalr", "offset(rs1)", rd=1),
    _pseudo("jalr", "jalr", "rd, rs1"),
    _pseudo("j", "jal", "label"),
    _pseudo("jal", "jal", "label", rd=1),
    _pseudo("beqz", "beq", "rs1, label"),
    _pseudo("bnez", "bne", "rs1, label"),
    _pseudo("blez", "bge", "rs2, label"),
    _pseudo("bgez", "bge", "rs1, label"),
    _pseudo("bltz", "blt", "rs1, label"),
    _pseudo("bgtz", "blt", "rs2, label"),
    _pseudo("fence", "fence", pred=15, succ=15),
    _pseudo("fence.tso", "fence", fm=8, pred=3, succ=3),
    _pseudo("pause", "fence", pred=1),
    _pseudo("sfence.vma", "sfence.vma"),
    _pseudo("sfence.vma", "sfence.vma", "rs1"),
    _pseudo("unimp", "csrrw", csr=CSR_BY_NAME["cycle"].address),
    *(
        _pseudo(f"rd{name}", "csrrs", "rd", csr=CSR_BY_NAME[name].address)
        for name in ("cycle", "time", "instret", "cycleh", "timeh", "instreth")
    ),
    _pseudo("csrr", "csrrs", "rd, csr"),
    _pseudo("csrw", "csrrw", "csr, rs1"),
    _pseudo("csrs", "csrrs", "csr, rs1"),
    _pseudo("csrc", "csrrc", "csr, rs1"),
    _pseudo("csrwi", "csrrwi", "csr, uimm"),
    _pseudo("csrsi", "csrrsi", "csr, uimm"),
    _pseudo("csrci", "csrrci", "csr, uimm"),
)
"""The disassembler's shorter spellings; the first that matches is used."""

REQUIRED_SPELLINGS = tuple(s for s in PSEUDO_INSTRUCTIONS if s.name in ("fence.tso", "pause"))
"""Spellings of words that the instruction's own syntax cannot express; used without pseudo-instructions too."""


class _Form:
    """A spelling turned into a bit pattern and a list of text pieces and operands."""

    def __init__(self, spelling: Spelling) -> None:
        instruction = spelling.instruction
        pattern = instruction.pattern
        spelled = set(_spelled(spelling.syntax))
        self.suffixed = "aq" in pattern.operands
        free = spelled | ({"aq", "rl"} if self.suffixed else set())
        if unknown := (free | set(spelling.fixed)) - set(pattern.operands):
            raise ValueError(f"{spelling.name}: the pattern of {instruction.name} has no {', '.join(sorted(unknown))}")
        self.mask = pattern.mask
        for piece in pattern.slices:
            if piece.operand not in free:
                self.mask |= ((1 << piece.width) - 1) << piece.low
        self.match = pattern.insert(dict.fromkeys(pattern.operands, 0) | dict(spelling.fixed))
        self.name = spelling.name
        self.instruction = instruction
        # Text pieces at even positions, operand tokens at odd ones.
        self.pieces = re.split(f"({_TOKEN.pattern})", spelling.syntax)

    def text(self, word: int, pc: int, symbols: Mapping[int, str]) -> str | None:
        """The instruction's text, None when an operand has no spelling."""
        values = self.instruction.pattern.extract(word)
        name = self.name
        if self.suffixed:
            name += _SUFFIXES[values["aq"] << 1 | values["rl"]]
        pieces = self.pieces.copy()
        for i in range(1, len(pieces), 2):
            shown = show(pieces[i], values[OPERAND_OF.get(pieces[i], pieces[i])], pc, symbols)
            if shown is None:
                return None
            pieces[i] = shown
        return f"{name} {''.join(pieces)}" if len(pieces) > 1 else name


def _by_opcode(spellings: tuple[Spelling, ...]) -> dict[int, list[_Form]]:
    forms: dict[int, list[_Form]] = {}
    own = tuple(Spelling(i.name, i, i.syntax, {}) for i in INSTRUCTIONS)
    for spelling in spellings + own:
        forms.setdefault(spelling.instruction.match & 0x7F, []).append(_Form(spelling))
    return forms


@derived
def _with_pseudo() -> dict[int, list[_Form]]:
    return _by_opcode(PSEUDO_INSTRUCTIONS)


@derived
def _without_pseudo() -> dict[int, list[_Form]]:
    return _by_opcode(REQUIRED_SPELLINGS)


@overload
def disassemble(
    code: int, pc: int = 0, *, symbols: Mapping[int, str] | None = None, pseudo: bool = True, compressed: bool = False
) -> str: ...


@overload
def disassemble(
    code: bytes | bytearray | memoryview, pc: int = 0, *, symbols: Mapping[int, str] | None = None, pseudo: bool = True,
    compressed: bool = False,
) -> list[str]: ...  # fmt: skip


def disassemble(
    code: int | bytes | bytearray | memoryview,
    pc: int = 0,
    *,
    symbols: Mapping[int, str] | None = None,
    pseudo: bool = True,
    compressed: bool = False,
) -> str | list[str]:
    """The text of an instruction at address `pc`, or a line for each instruction of some bytes that begin there.

    >>> disassemble(0x00150513)
    'addi a0, a0, 1'
    >>> disassemble(bytes.fromhex("13051500 67800000"))
    ['addi a0, a0, 1', 'ret']
    >>> disassemble(bytes.fromhex("4111 13051500 8280"), compressed=True)
    ['addi sp, sp, -16', 'addi a0, a0, 1', 'ret']

    The text, assembled at `pc` for a machine that has it, gives the same word or bytes. An illegal word, and a legal
    one that has no spelling, gives `.word 0x...`; bytes are little-endian, and what is left over gives `.half 0x...` or
    `.byte 0x...`.

    symbols: name by address; a jump or branch to one of these addresses is written with the name, to any other place
    as `.+offset`.
    pseudo: whether to prefer pseudo-instructions, as objdump does; else every instruction is written by its own name.
    compressed: whether there are compressed instructions: what does not end in the bits 11 is an instruction of 16
    bits, or `.half 0x...`. With `pseudo` they are written as what they stand for, where an assembler that compresses
    makes the same of it, else as `c.` instructions.
    """
    if isinstance(code, bytes | bytearray | memoryview):
        return list(_lines(code, pc, symbols, pseudo, compressed))
    if compressed and not is_long(code):
        word = word_of_text(code) if pseudo else None
        if word is None:
            return own_text(code, pc, symbols or {}, pseudo) or f".half {code:#06x}"
        code = word
    for form in (_with_pseudo() if pseudo else _without_pseudo()).get(code & 0x7F, ()):
        if code & form.mask == form.match:
            text = form.text(code, pc, symbols or {})
            if text is not None:
                return text
    return f".word {code:#010x}"


def _lines(
    code: bytes | bytearray | memoryview, pc: int, symbols: Mapping[int, str] | None, pseudo: bool, compressed: bool
) -> Iterator[str]:
    data = bytes(code)
    offset, end = 0, len(data) // WORD * WORD
    if compressed:
        end = len(data) // HALFWORD * HALFWORD
    while offset < end:
        length = instruction_length(data[offset], compressed)
        piece = data[offset : offset + length]
        if len(piece) < length:
            break
        yield disassemble(
            int.from_bytes(piece, "little"), pc + offset, symbols=symbols, pseudo=pseudo, compressed=compressed
        )
        offset += length
    if compressed and len(data) - offset >= HALFWORD:
        yield f".half {int.from_bytes(data[offset : offset + HALFWORD], 'little'):#06x}"
        offset += HALFWORD
    if rest := data[offset:]:
        yield ".byte " + ", ".join(f"{byte:#04x}" for byte in rest)


def jump_target(code: int, pc: int = 0, *, compressed: bool = False) -> int | None:
    """The target of a jump by `jal`, or of a branch, at `pc`; None for every other instruction."""
    word = expanded(code, compressed)
    if word is None:
        return None
    for form in _without_pseudo().get(word & 0x7F, ()):
        if word & form.mask == form.match and "label" in form.pieces:
            return (pc + form.instruction.pattern.extract(word)["imm"]) & 0xFFFFFFFF
    return None
