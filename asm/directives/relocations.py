"""`.reloc`: a relocation by its name in the RISC-V ELF psABI, at any place that is known before layout."""

from typing import NamedTuple

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.directives.fields import split
from trapline.asm.fragments import COMPRESSED_BRANCH, COMPRESSED_JUMP, Data, Fixup
from trapline.asm.nodes import Binary, Bound
from trapline.asm.parser import parse_expression
from trapline.asm.sections import Section
from trapline.asm.symbols import Symbol
from trapline.asm.unit import Handler, PlacedRelocation, Unit
from trapline.isa import BY_NAME, Instruction
from trapline.isa.compression import Compressed
from trapline.isa.did_you_mean import did_you_mean
from trapline.isa.table import COMPRESSED_BY_NAME

LUI, AUIPC, ADDI, SW = BY_NAME["lui"], BY_NAME["auipc"], BY_NAME["addi"], BY_NAME["sw"]
JAL, JALR, BEQ = BY_NAME["jal"], BY_NAME["jalr"], BY_NAME["beq"]


class _Kind(NamedTuple):
    """How a relocation is applied: the kind of a fixup, bytes changed, and the instruction for its immediate."""

    kind: str
    size: int = 4
    insn: Instruction | Compressed | None = None


KINDS: dict[str, _Kind] = {
    "32": _Kind("word32"), "64": _Kind("word64", 8), "32_PCREL": _Kind("pcrel32"),
    **{f"ADD{bits}": _Kind(f"add{bits}", bits // 8) for bits in (8, 16, 32, 64)},
    **{f"SUB{bits}": _Kind(f"sub{bits}", bits // 8) for bits in (8, 16, 32, 64)},
    **{f"SET{bits}": _Kind(f"set{bits}", bits // 8) for bits in (8, 16, 32)},
    "SET6": _Kind("set6", 1), "SUB6": _Kind("sub6", 1),
    "HI20": _Kind("hi20", 4, LUI), "LO12_I": _Kind("lo12", 4, ADDI), "LO12_S": _Kind("lo12", 4, SW),
    "PCREL_HI20": _Kind("pcrel_hi20", 4, AUIPC), "PCREL_LO12_I": _Kind("pcrel_lo12", 4, ADDI),
    "PCREL_LO12_S": _Kind("pcrel_lo12", 4, SW), "GOT_HI20": _Kind("got_hi20", 4, AUIPC),
    "TLS_GOT_HI20": _Kind("tls_ie_hi20", 4, AUIPC), "TLS_GD_HI20": _Kind("tls_gd_hi20", 4, AUIPC),
    "TPREL_HI20": _Kind("tprel_hi20", 4, LUI), "TPREL_LO12_I": _Kind("tprel_lo12", 4, ADDI),
    "TPREL_LO12_S": _Kind("tprel_lo12", 4, SW), "JAL": _Kind("jal", 4, JAL), "BRANCH": _Kind("branch", 4, BEQ),
    "RVC_BRANCH": _Kind(COMPRESSED_BRANCH, 2, COMPRESSED_BY_NAME["c.beqz"]),
    "RVC_JUMP": _Kind(COMPRESSED_JUMP, 2, COMPRESSED_BY_NAME["c.j"]),
    "CALL": _Kind("call_hi20", 8, AUIPC), "CALL_PLT": _Kind("call_hi20", 8, AUIPC),
}  # fmt: skip
"""By name, without `R_RISCV_`."""

WITHOUT_EFFECT = ("NONE", "RELAX", "TPREL_ADD")
"""Marks for a linker that relaxes."""

GENERIC = {"BFD_RELOC_NONE": "NONE", "BFD_RELOC_32": "32", "BFD_RELOC_64": "64"}


def reloc(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.reloc offset, type, expression`. offset: from the section's start, or a label."""
    fields = split(operands)
    if len(fields) not in (2, 3):
        raise SourceError(location, "'.reloc' needs an offset and a type", "write '.reloc ., R_RISCV_32, symbol'")
    title = fields[1].upper()
    kind = GENERIC.get(title, title.removeprefix("R_RISCV_"))
    if kind == title or (kind not in KINDS and kind not in WITHOUT_EFFECT):
        names = [f"R_RISCV_{known}" for known in KINDS]
        raise SourceError(location, f"cannot apply a relocation '{fields[1]}'", did_you_mean(title, names))
    where = unit.bind(parse_expression(fields[0]), location)
    target = unit.bind(parse_expression(fields[2]), location) if len(fields) > 2 else 0
    if kind in KINDS:
        unit.relocations.append(PlacedRelocation(unit.section, where, kind, target, location))


def attach(unit: Unit) -> None:
    """Turn the relocations of a finished source into fixups; mistakes go to the diagnostics."""
    for relocation in unit.relocations:
        try:
            _attach(relocation)
        except SourceError as error:
            unit.diagnostics.add(error)


def _attach(relocation: PlacedRelocation) -> None:
    _, _, name, target, location = relocation
    kind = KINDS[name]
    section, data, offset = _data_at(relocation, kind.size)
    data.fixups.append(Fixup(offset, kind.kind, target, location, kind.insn))
    if kind.kind == "call_hi20":
        start = Symbol(".", section, data, offset, temporary=True)
        data.fixups.append(Fixup(offset + 4, "pcrel_lo12", start, location, JALR))


def _data_at(relocation: PlacedRelocation, size: int) -> tuple[Section, Data, int]:
    """Section, fragment and offset in it of `size` bytes. Raises SourceError if other things than data stand there."""
    label, offset = _place(relocation.where, relocation.location)
    section = relocation.section if label is None or label.section is None else label.section
    fragments = section.fragments
    index = 0
    if label is not None and label.fragment is not None:
        index, offset = fragments.index(label.fragment), label.offset + offset
    while index < len(fragments):
        fragment = fragments[index]
        length = fragment.fixed_size()
        if type(fragment) is Data and 0 <= offset and offset + size <= len(fragment.data):
            return section, fragment, offset
        if length is None or offset < length:
            break
        offset -= length
        index += 1
    message = "'.reloc' points outside the data of its section, or at a branch or padding"
    raise SourceError(relocation.location, message)


def _place(where: Bound, location: Location) -> tuple[Symbol | None, int]:
    """A label, if any, and a number of bytes behind it. Raises SourceError."""
    match where:
        case int():
            return None, where
        case Symbol() if where.value is not None:
            return _place(where.value, location)
        case Symbol() if where.fragment is not None:
            return where, 0
        case Binary("+", left, int(number)):
            label, offset = _place(left, location)
            return label, offset + number
        case Binary("-", left, int(number)):
            label, offset = _place(left, location)
            return label, offset - number
    raise SourceError(location, "'.reloc' needs an offset: a number, or a label of this source and a number")


HANDLERS: dict[str, Handler] = {".reloc": reloc}
