"""Encodes real instructions, reading their operands by the syntax that each instruction declares."""

from functools import cache

from trapline.asm.arithmetic import high20, low12, normalized
from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.expressions import NotConstant, constant_value
from trapline.asm.fragments import BRANCH, COMPRESSED_BYTES, INSTRUCTION_BYTES, JUMP, Branch, Fixup, Run
from trapline.asm.nodes import (
    Bound,
    Expression,
    Function,
    LocalLabel,
    Memory,
    Name,
    Operand,
    Operands,
    Parenthesized,
    TypeName,
    leftmost,
    where_written,
)
from trapline.asm.operand_places import column_of
from trapline.asm.preprocess.lookalikes import foreign_letter
from trapline.asm.unit import Unit
from trapline.isa import CSR_BY_NAME, Instruction
from trapline.isa.did_you_mean import did_you_mean
from trapline.isa.extension import BASE
from trapline.isa.foreign import FOREIGN_CSRS, OTHER_NAMES
from trapline.isa.hart import REGISTERS
from trapline.isa.instruction import WIDTHS
from trapline.isa.table import decode_parcel

FUNCTIONS = {
    "%hi": "hi20", "%lo": "lo12", "%pcrel_hi": "pcrel_hi20", "%pcrel_lo": "pcrel_lo12", "%got_pcrel_hi": "got_hi20",
    "%tprel_hi": "tprel_hi20", "%tprel_lo": "tprel_lo12", "%tls_ie_pcrel_hi": "tls_ie_hi20",
    "%tls_gd_pcrel_hi": "tls_gd_hi20",
}  # fmt: skip

ORDER_BITS = {"i": 8, "o": 4, "r": 2, "w": 1}
OTHER_CSRS = FOREIGN_CSRS | OTHER_NAMES
BRANCH_BITS = 13
"""Bits of a conditional branch's offset; `jal` has 21."""

Values = dict[str, int]
"""Operand values by their names in the instruction's pattern."""

Fixups = list[tuple[str, Bound, Location]]
"""Kind, expression and place of each value that the linker fills in."""

HIGH_KINDS = ("hi20", "pcrel_hi20", "got_hi20", "tprel_hi20", "tls_ie_hi20", "tls_gd_hi20")


class Encoder:
    """Encodes the instructions of one source into the current section of `unit`."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.location: Location = None  # type: ignore[assignment]  # set before every instruction
        self.text = ""
        self.operands: Operands = ()  # as written, of the statement `text`
        self.constant: dict[tuple[str, bool], bytes] = {}
        """Machine code by statement text, and whether it may be compressed, where it depends on no symbol."""

    def error(self, message: str, hint: str | None = None, about: Operand | None = None) -> SourceError:
        """An error at the operand `about` if the text shows it, else at the mnemonic."""
        return SourceError(self.location if about is None else self._place(about), message, hint)

    def _place(self, operand: Operand) -> Location:
        """The operand's place if the text shows it, else that of the mnemonic."""
        column = column_of(self.text, self.operands, operand)
        return self.location if column is None else self.location.at(column)

    def label_place(self, operand: Operand) -> Location:
        """The place of the last operand: as `_place`, but at little cost, as nearly no branch is wrong."""
        if type(operand) is Name or type(operand) is LocalLabel:
            return self.location.at(max(self.text.rfind(operand.text), 0))
        return self._place(operand)

    # Real instructions

    def instruction(self, insn: Instruction, operands: Operands, ordering: int = 0) -> None:
        """Append a real instruction."""
        syntax = written_operands(insn)
        if len(operands) != len(syntax):
            self.check_count(insn.name, operands, len(syntax), insn.syntax)
        values: Values = dict.fromkeys(insn.operands, 0)
        if ordering:
            values["aq"], values["rl"] = ordering >> 1, ordering & 1
        fixups: Fixups = []
        for kind, operand in zip(syntax, operands, strict=True):
            self._operand(insn, kind, operand, values, fixups)
        try:
            encoded = insn.pattern.insert(values)
        except ValueError as error:
            raise self.error(f"{insn.name}: {error}") from None
        if not fixups:
            return self.append_word(encoded)
        kind, expression, at = fixups[0]
        return self.append_with_fixup(encoded, kind, expression, insn, at)

    def _operand(self, insn: Instruction, kind: str, operand: Operand, values: Values, fixups: Fixups) -> None:
        match kind:
            case "rd" | "rs1" | "rs2":
                values[kind] = self.register(operand)
            case "offset(rs1)":
                offset, base = self._address(operand)
                values["rs1"] = self.register(base)
                self.immediate(insn, offset, values, fixups)
            case "(rs1)":
                offset, base = self._address(operand)
                values["rs1"] = self.register(base)
                if offset != 0:
                    raise self.error(f"'{insn.name}' takes no offset: write '({where_written(base)})'")
            case "csr":
                values["csr"] = self._csr(operand)
            case "pred" | "succ":
                values[kind] = self._order_set(operand)
            case "label":
                self._label(insn, operand, fixups)
            case "imm20":
                self.upper_immediate(insn, operand, values, fixups)
            case "imm12":
                self.immediate(insn, operand, values, fixups)
            case _:
                self._field(insn, kind, operand, values, fixups)

    def immediate(self, insn: Instruction, operand: Operand, values: Values, fixups: Fixups) -> None:
        """Put the immediate of an I- or S-type instruction into `values` if it is known now, else into `fixups`."""
        written = operand
        if type(operand) is not int:
            known = self._known(operand, "imm", fixups)
            if known is None:
                return
            operand = known
        value = normalized(operand)
        if not -2048 <= value <= 2047:
            raise self.error(f"{insn.name}: immediate {operand} is not in [-2048, 2047]", None, written)
        values["imm"] = value

    def _field(self, insn: Instruction, kind: str, operand: Operand, values: Values, fixups: Fixups) -> None:
        written = operand
        if type(operand) is not int:
            known = self._known(operand, f"field:{kind}", fixups)
            if known is None:
                return
            operand = known
        limit = (1 << WIDTHS[kind]) - 1
        if not 0 <= operand <= limit:
            what = {"shamt": "shift amount", "uimm": "constant"}.get(kind, kind)
            raise self.error(f"{insn.name}: {what} {operand} is not in [0, {limit}]", None, written)
        values[kind] = operand

    def upper_immediate(self, insn: Instruction, operand: Operand, values: Values, fixups: Fixups) -> None:
        """Put the immediate of `lui` or `auipc` into `values` if it is known now, else into `fixups`."""
        written = operand
        if type(operand) is not int:
            known = self._known(operand, "imm20", fixups)
            if known is None:
                return
            operand = known
        if not 0 <= operand <= 0xFFFFF:
            raise self.error(f"{insn.name}: immediate {operand} is not in [0, 1048575]", None, written)
        values["imm"] = operand << 12

    def _label(self, insn: Instruction, operand: Operand, fixups: Fixups) -> None:
        if self.is_plain_register(operand):
            message = f"{insn.name}: '{where_written(operand)}' is a register; expected a label"
            raise self.error(message, None, operand)
        kind = BRANCH if insn.pattern.imm_bits == BRANCH_BITS else JUMP
        fixups.append((kind, self.unit.bind(operand), self.label_place(operand)))

    def _known(self, operand: Operand, kind: str, fixups: Fixups) -> int | None:
        """The operand's value if it is known now; otherwise adds a fixup of this kind and returns None."""
        match operand:
            case Parenthesized(inside):
                return self._known(inside, kind, fixups)
            case Function(name, argument):
                return self._part(operand, name, argument, kind, fixups)
            case Memory() | TypeName():
                raise self.error("expected a number or a symbol", None, operand)
        # Like GNU as: in the place of an immediate a register's name means the register, whatever the symbols are.
        if self.is_register(operand) if kind.startswith("imm") else self.is_plain_register(operand):
            message = f"'{where_written(operand)}' is a register; expected a number"
            raise self.error(message, None, operand)
        bound = self.unit.bind(operand)
        try:
            return constant_value(bound)
        except NotConstant:
            fixups.append((kind, bound, self._place(operand)))
            return None

    def _part(self, operand: Operand, name: str, argument: Expression, wanted: str, fixups: Fixups) -> int | None:
        """The value of `%hi(x)` or another relocation function, like `_known`."""
        if name not in FUNCTIONS:
            raise self.error(f"unknown operator '{name}'", did_you_mean(name, FUNCTIONS), operand)
        bound = self.unit.bind(argument)
        kind = FUNCTIONS[name]
        if wanted != ("imm20" if kind in HIGH_KINDS else "imm"):
            hint = (
                "'lui' and 'auipc' take upper parts, such as %hi; immediates of 12 bits take lower parts, such as %lo"
            )
            raise self.error(f"'{name}' cannot be used here", hint, operand)
        if kind in ("hi20", "lo12"):
            try:
                value = constant_value(bound)
            except NotConstant:
                pass
            else:
                return high20(value) >> 12 & 0xFFFFF if kind == "hi20" else low12(value)
        fixups.append((kind, bound, self.location))
        return None

    # Operands

    def is_register(self, operand: Operand) -> bool:
        """Whether an operand is the name of a register."""
        return self.register_number(operand) is not None

    def is_plain_register(self, operand: Operand) -> bool:
        """Whether an operand names a register and no symbol."""
        return type(operand) is Name and operand.text in REGISTERS and not self.unit.knows(operand.text)

    def register_number(self, operand: Operand) -> int | None:
        """The number of a register operand, None for any other operand."""
        return REGISTERS.get(operand.text) if type(operand) is Name else None

    def register(self, operand: Operand) -> int:
        """The number of a register operand. Raises SourceError with a suggestion."""
        number = self.register_number(operand)
        if number is not None:
            return number
        if type(operand) is not Name:
            raise self.error("expected a register", None, operand)
        name = operand.text
        hint = foreign_letter(name) or did_you_mean(name, REGISTERS)
        if name[:1] == "f" and name[1:].lstrip("tsa").isdigit():
            hint = "this machine has no floating-point registers (rv32ima)"
        raise self.error(f"'{name}' is not a register", hint, operand)

    def _address(self, operand: Operand) -> tuple[Expression, Expression]:
        """Offset and base of `offset(base)` or `(base)`."""
        match operand:
            case Memory(offset, base):
                return offset, base
            case Parenthesized(base):
                return 0, base
        raise self.error("expected an address 'offset(register)'", None, operand)

    def _csr(self, operand: Operand) -> int:
        """The number of a CSR. A CSR's name means the CSR, even where a symbol has the same name, as in GNU as."""
        if type(operand) is Name:
            address = _csr_address(operand.text)
            if address is not None:
                return address
            if not self.unit.knows(operand.text):
                raise self.error(
                    f"unknown CSR '{operand.text}'", did_you_mean(operand.text, [*CSR_BY_NAME, *OTHER_CSRS]), operand
                )
        first = leftmost(operand)
        if first is not operand and type(first) is Name and _csr_address(first.text) is not None:
            raise self.error(f"CSR '{first.text}' cannot be part of an expression", None, first)
        value = operand if type(operand) is int else self.unit.number(operand, self.location)
        if not 0 <= value <= 0xFFF:
            raise self.error(f"CSR number {value} is not in [0, 4095]", None, operand)
        return value

    def _order_set(self, operand: Operand) -> int:
        """The `pred` or `succ` of a fence: a number, or letters in the order `iorw`."""
        match operand:
            case int() if 0 <= operand <= 15:
                return operand
            case Name(letters) if all(c in ORDER_BITS for c in letters):
                if "".join(sorted(set(letters), key="iorw".index)) == letters:
                    return sum(ORDER_BITS[c] for c in letters)
        raise self.error("expected letters of 'iorw' in this order, such as 'rw'", None, operand)

    def check_count(self, name: str, operands: Operands, expected: int, syntax: str = "") -> None:
        """Raise SourceError unless there are `expected` operands."""
        if len(operands) != expected:
            usage = f"write '{name} {syntax}'" if syntax else None
            number = f"{expected} operand{'s' if expected != 1 else ''}" if expected else "no operands"
            raise self.error(f"'{name}' takes {number}, not {len(operands)}", usage)

    # Output

    def append_word(self, word: int) -> None:
        """Append a word."""
        self.unit.section.data().data += word.to_bytes(4, "little")

    def append_parcel(self, parcel: int) -> None:
        """Append a compressed instruction."""
        self.unit.note_compressed(self.location)
        data = self.unit.section.data()
        data.compressed = True
        data.data += parcel.to_bytes(COMPRESSED_BYTES, "little")

    def append_compressed_branch(self, parcel: int, target: Bound, at: Location) -> None:
        """Append a compressed branch or jump, which becomes a longer one where that does not reach."""
        self.unit.note_compressed(self.location)
        known = decode_parcel(parcel)
        assert known is not None
        section = self.unit.section
        section.data()
        kind = BRANCH if known.base.pattern.imm_bits == BRANCH_BITS else JUMP
        section.add(Branch(len(section.open), known.expand(parcel), Fixup(0, kind, target, at, known.base), parcel))

    def append_with_fixup(
        self, word: int, kind: str, expression: Bound, insn: Instruction, at: Location | None = None
    ) -> None:
        """Append a word with a fixup; a conditional branch of the base ISA becomes a fragment that can grow.

        A plugin's branch cannot: a long branch needs the opposite condition, which it may not have.
        """
        section = self.unit.section
        if kind == BRANCH and insn.extension in BASE:
            section.data()
            index = len(section.open)
            section.add(Branch(index, word, Fixup(0, BRANCH, expression, at or self.location, insn)))
            return
        data = section.data()
        data.fixups.append(Fixup(len(data.data), kind, expression, at or self.location, insn))
        data.data += word.to_bytes(4, "little")

    def mark_for_relaxation(self) -> None:
        """Note that ld might delete the instruction just appended, whose operands do not show that."""
        self.unit.symbolic = True
        data = self.unit.section.data()
        end = len(data.data)
        data.runs.append(Run(end - INSTRUCTION_BYTES, end, INSTRUCTION_BYTES, ends=True))


def _csr_address(name: str) -> int | None:
    csr = CSR_BY_NAME.get(name)
    return OTHER_CSRS.get(name) if csr is None else csr.address


def written_operands(insn: Instruction) -> tuple[str, ...]:
    """The operands of an instruction's syntax, one by one."""
    return _written(insn.syntax)


@cache
def _written(syntax: str) -> tuple[str, ...]:
    return tuple(p.strip() for p in syntax.split(",") if p.strip())
