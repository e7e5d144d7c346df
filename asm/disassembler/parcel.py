"""Disassembler: the text of one compressed instruction.

Its own spelling is a `c.` mnemonic with the operands of its declaration. The plain one is that of the instruction that
it stands for, where an assembler that compresses makes the same parcel of it; the others, such as hints, have their own
spelling alone.
"""

import re
from collections.abc import Mapping

from trapline.asm.disassembler.operands import OPERAND_OF, show
from trapline.isa.compression import COMPRESSED, Compressed
from trapline.isa.instruction import Kind
from trapline.isa.table import BY_NAME, CSR_BY_NAME, decode, decode_parcel

ZERO_PARCEL = 0
"""Illegal by definition: `c.unimp`."""
UNIMP = BY_NAME["csrrw"].encode(rd=0, csr=CSR_BY_NAME["cycle"].address, rs1=0)
"""`unimp` in 32 bits."""
COMMUTATIVE = ("add", "and", "or", "xor")
NOT_CHOSEN = ("c.jal",)
"""GNU as makes these of nothing else: `jal` keeps its 32 bits."""
CHOSEN = [c for c in COMPRESSED if c.extension == "c" and c.name not in NOT_CHOSEN]
"""What an assembler that compresses makes of instructions of 32 bits; Zcb has to be written as such."""
_TOKEN = re.compile(r"([a-z][a-z0-9]*'?)")
_SHIFTS = ("c.slli", "c.srli", "c.srai")
_NO_SHIFT = "64"
"""GNU as gives a shift by 0, a hint here, the name that it has where registers have 128 bits."""


def own_text(parcel: int, pc: int, symbols: Mapping[int, str], pseudo: bool = False) -> str | None:
    """A compressed instruction by its own mnemonic, None for a parcel that is none."""
    if parcel == ZERO_PARCEL:
        return "unimp" if pseudo else "c.unimp"
    compressed = decode_parcel(parcel)
    if compressed is None:
        return None
    values = compressed.values(parcel)
    name, syntax = compressed.name, compressed.syntax
    if name in _SHIFTS and not values["uimm"]:
        name, syntax = name + _NO_SHIFT, syntax.partition(",")[0]
    elif name == "c.nop" and not values["imm"]:
        syntax = ""
    pieces = _TOKEN.split(syntax)
    for i in range(1, len(pieces), 2):
        value = values.get(OPERAND_OF.get(pieces[i], pieces[i]))
        if value is not None:
            pieces[i] = show(pieces[i].rstrip("'"), value, pc, symbols) or pieces[i]
    return f"{name} {''.join(pieces)}".strip()


def word_of_text(parcel: int) -> int | None:
    """The word of 32 bits whose text the assembler makes this parcel of; None without one."""
    compressed = decode_parcel(parcel)
    if compressed is None or compressed not in CHOSEN or _is_hint(compressed, parcel):
        return None
    if compressed.name == "c.mv":
        values = compressed.values(parcel)
        return BY_NAME["addi"].encode(rd=values["rd"], rs1=values["rs2"], imm=0)
    word = compressed.expand(parcel)
    operands = compressed.base.pattern.extract(word)
    made = ((c, c.compress(operands)) for c in CHOSEN if c.base is compressed.base)
    first = next(found for c, found in made if found is not None and not _is_hint(c, found))
    return word if first == parcel else None


def _is_hint(compressed: Compressed, parcel: int) -> bool:
    """Whether it computes and has no effect, `c.nop` aside."""
    values = compressed.values(parcel)
    if compressed.name == "c.nop":
        return values["imm"] != 0
    unchanged = compressed.name in (*_SHIFTS, "c.addi") and not values.get("uimm", values.get("imm"))
    return unchanged or (compressed.base.kind is Kind.VALUE and values.get("rd") == 0)


def may_be_compressed(word: int) -> bool:
    """Whether an assembler that compresses may make a parcel of the text of this word of 32 bits."""
    instruction = decode(word)
    if instruction is None:
        return False
    operands = instruction.pattern.extract(word)
    if instruction.name == "addi" and not operands["imm"]:
        return True  # `mv`, for which it takes c.mv
    if word == UNIMP:
        return True
    ways = [operands]
    if instruction.name in COMMUTATIVE:
        ways.append(operands | {"rs1": operands["rs2"], "rs2": operands["rs1"]})
    return any(c.compress(way) is not None for c in CHOSEN if c.base is instruction for way in ways)
