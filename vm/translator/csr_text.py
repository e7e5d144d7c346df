"""Stencils of CSR instructions, one for each CSR: by what its declaration says, and what `execute` would ask.

A mode that may not access the CSR leaves, as does a write after which something else would have to be done than go on
with the next instruction. What reads time or steps has no stencil: they are not known here.
"""

from collections.abc import Iterator
from functools import cache

from trapline.isa import CSRS, INSTRUCTIONS, Csr, Instruction, Kind
from trapline.isa.mstatus import ENABLES, INERT
from trapline.isa.word import MASK
from trapline.isa.zicsr import ALWAYS_WRITE, EXTENSION
from trapline.vm.core.hart import field_offset
from trapline.vm.translator.expression import CannotLowerError, Node, binary, constant, variable
from trapline.vm.translator.layout import READS
from trapline.vm.translator.lower import Lowering
from trapline.vm.translator.meaning_ir import Record, field_written, value_read
from trapline.vm.translator.stencil_builder import Stencil, meaning_of, signed

_WORDS = {csr.storage for csr in CSRS} | {"lines", "extensions"}
"""Fields of the hart's record that hold a word."""
_STATUS = "mstatus"
_INSTRUCTIONS = [i for i in INSTRUCTIONS if i.kind is Kind.CSR and i.extension == EXTENSION]
"""Those of plugins are for the interpreter."""


def _record(s: Stencil) -> Record:
    def field(name: str) -> Node:
        if name not in _WORDS:
            raise CannotLowerError(f"h.{name} is not a word that is up to date here")
        return variable(s.let(f"load i32, ptr {s.pointer('%h', field_offset(name))}"))

    return Record(field)


def _lower(s: Stencil, node: Node, prefix: str) -> str:
    lowering = Lowering(prefix)
    result = lowering.word(node)
    for line in lowering.lines:
        s.do(line)
    return result


def _read(s: Stencil, csr: Csr) -> str:
    """What a CSR reads as in this mode, an i32; else to MISS. Goes on at `yes:`."""
    if csr.guard is not None or csr.index is not None or csr.constant is not None:
        raise CannotLowerError(f"{csr.name} is guarded, one of several, or of no use in a loop")
    allowed = s.let(f"icmp sge i64 {s.field('mode')}, {csr.privilege}")
    s.do(f"br i1 {allowed}, label %yes, label %no, !prof !2")
    s.do("no:")
    s.go("@MISS")
    s.do("yes:")
    record = _record(s)
    node = value_read(csr.read, record) if csr.read is not None else record.field(str(csr.storage))
    return _lower(s, node, "%old")


def _write(s: Stencil, csr: Csr, instruction: Instruction) -> None:
    old = _read(s, csr)
    source = s.word("UIMM") if "uimm" in instruction.operands else s.register("RS1")
    new = variable(meaning_of(s, instruction, old=old, operand=source))
    field, node = _obeyed(csr, _record(s), new)
    value = _lower(s, node, "%new")
    if not csr.inert:
        _ask(s, field, value)
    s.set_field(field, s.let(f"zext i32 {value} to i64"))
    s.write(old)
    s.go("@NEXT")


def _obeyed(csr: Csr, record: Record, value: Node) -> tuple[str, Node]:
    """The field that a write of a CSR changes, and what it holds then."""
    if csr.held is not None or csr.write_mask == 0:
        raise CannotLowerError(f"a write of {csr.name} is none of what it reads as")
    if csr.write is not None:
        return field_written(csr.write, record, value)
    field = str(csr.storage)
    kept = binary("&", record.field(field), constant(MASK ^ csr.write_mask))
    return field, binary("|", kept, binary("&", value, constant(csr.write_mask)))


def _ask(s: Stencil, field: str, value: str) -> None:
    """To MISS if a write of mstatus changes how memory is accessed, or enables interrupts while any is pending."""
    if field != _STATUS:
        raise CannotLowerError(f"{field} is for the interpreter to change")
    before = s.let(f"trunc i64 {s.field(field)} to i32")
    changed = s.let(f"xor i32 {before}, {value}")
    further = s.let(f"and i32 {changed}, {signed(MASK ^ (INERT | ENABLES))}")
    s.do(f"br i1 {s.let(f'icmp eq i32 {further}, 0')}, label %quiet, label %no, !prof !2")
    s.do("quiet:")
    enabled = s.let(f"and i32 {s.let(f'and i32 {changed}, {value}')}, {ENABLES}")
    s.do(f"br i1 {s.let(f'icmp eq i32 {enabled}, 0')}, label %done, label %wakes")
    s.do("wakes:")
    raised = s.let(f"or i64 {s.field('mip')}, {s.field('lines')}")
    pending = s.let(f"and i64 {raised}, {s.field('mie')}")
    s.do(f"br i1 {s.let(f'icmp eq i64 {pending}, 0')}, label %done, label %no, !prof !2")
    s.do("done:")


@cache
def _made() -> dict[str, str]:
    """The functions by their names, of what can be lowered."""
    made = {}
    for csr in CSRS:
        for instruction in (None, *_INSTRUCTIONS):
            s = Stencil(_name(csr, instruction))
            try:
                if instruction is None:
                    s.write(_read(s, csr))
                    s.go("@NEXT")
                else:
                    _write(s, csr, instruction)
            except CannotLowerError:
                continue
            made[_name(csr, instruction)] = s.text()
    return made


def _name(csr: Csr, instruction: Instruction | None) -> str:
    return f"csr.{instruction.name if instruction else 'read'}.{csr.name}"


def csr_texts() -> Iterator[str]:
    """The functions."""
    yield from _made().values()


def choices(instruction: Instruction) -> dict[int, str]:
    """The names of an instruction's functions by their CHOICE (`vm.translator.layout`)."""
    if instruction not in _INSTRUCTIONS:
        return {}
    names = {}
    for csr in CSRS:
        names[csr.address] = _name(csr, instruction)
        names[csr.address | READS] = _name(csr, instruction if instruction.name in ALWAYS_WRITE else None)
    return {choice: name for choice, name in names.items() if name in _made()}
