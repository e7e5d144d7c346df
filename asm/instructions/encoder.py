"""Instructions to words: operands read by the instruction's own syntax, pseudo-instructions taken apart."""

from collections.abc import Callable
from functools import cache
from typing import Any

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.instructions.foreign_csrs import ELSEWHERE
from trapline.asm.sections import Branch, Fixup
from trapline.asm.symbols import NotConstant, constant_value
from trapline.asm.unit import Unit
from trapline.isa import CSR_BY_NAME, Instruction
from trapline.isa.extension import BASE
from trapline.isa.hart import REGISTERS
from trapline.isa.instruction import WIDTHS
from trapline.isa.spelling import did_you_mean

FUNCTIONS = {
    "%hi": "hi20", "%lo": "lo12", "%pcrel_hi": "pcrel_hi20", "%pcrel_lo": "pcrel_lo12", "%got_pcrel_hi": "got_hi20",
    "%tprel_hi": "tprel_hi20", "%tprel_lo": "tprel_lo12", "%tls_ie_pcrel_hi": "tls_ie_hi20",
    "%tls_gd_pcrel_hi": "tls_gd_hi20",
}  # fmt: skip

Operands = tuple


class Encoder:
    """Encodes the instructions of one source into the current section of `unit`."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.location: Location = None  # type: ignore[assignment]  # set before every instruction
        self.text = ""
        self._constant: dict[tuple, int] = {}
        self._symbolic = False  # the instruction at hand depends on a symbol, whose value may change

    def error(self, message: str, hint: str | None = None, about: Any = None) -> SourceError:
        """An error at the operand `about`, where the text shows it, else at the mnemonic."""
        needle = about[1] if type(about) is tuple and len(about) > 1 else about
        column = -1
        if needle is not None:
            column = self.text.find(str(needle), self.text.find(" "))
        return SourceError(self.location.at(column) if column > 0 else self.location, message, hint)

    # Real instructions

    def instruction(self, insn: Instruction, operands: Operands, ordering: int = 0) -> None:
        """Append a real instruction whose operands are written as its syntax says."""
        syntax = written_operands(insn)
        if len(operands) != len(syntax):
            self.count(insn.name, operands, len(syntax), insn.syntax)
        key = (insn.name, operands, ordering)
        word = self._constant.get(key)
        if word is not None:
            return self.word(word)
        values = dict.fromkeys(insn.operands, 0)
        if ordering:
            values["aq"], values["rl"] = ordering >> 1, ordering & 1
        fixups: list[tuple[str, Any]] = []
        self._symbolic = False
        for kind, operand in zip(syntax, operands, strict=True):
            self._operand(insn, kind, operand, values, fixups)
        try:
            encoded = insn.pattern.insert(values)
        except ValueError as error:
            raise self.error(f"{insn.name}: {error}") from None
        if not fixups:
            if not self._symbolic:
                self._constant[key] = encoded
            return self.word(encoded)
        kind, expression = fixups[0]
        return self.fixed(encoded, kind, expression, insn)

    def _operand(self, insn: Instruction, kind: str, operand: Any, values: dict, fixups: list) -> None:
        if kind in ("rd", "rs1", "rs2"):
            values[kind] = self.register(operand)
        elif kind in ("offset(rs1)", "(rs1)"):
            offset, base = self._memory(operand)
            values["rs1"] = self.register(base)
            if kind == "offset(rs1)":
                self._immediate(insn, offset, values, fixups)
            elif offset != 0:
                raise self.error(f"'{insn.name}' takes no offset: write '({base[1]})'")
        elif kind == "csr":
            values["csr"] = self._csr(operand)
        elif kind in ("pred", "succ"):
            values[kind] = self._order_set(operand)
        elif kind == "label":
            self._label(insn, operand, fixups)
        elif kind == "imm20":
            self._upper(insn, operand, values, fixups)
        elif kind == "imm12":
            self._immediate(insn, operand, values, fixups)
        else:
            self._field(insn, kind, operand, values, fixups)

    def _immediate(self, insn: Instruction, operand: Any, values: dict, fixups: list) -> None:
        if type(operand) is not int:
            operand = self._bound(operand, fixups, lambda e: ("imm", e))
            if operand is None:
                return
        # GNU as takes an immediate as signed or as the 32-bit pattern of a signed one.
        value = operand - (1 << 32) if (1 << 32) - 2048 <= operand < 1 << 32 else operand
        if not -2048 <= value <= 2047:
            raise self.error(f"{insn.name}: immediate {operand} is not in [-2048, 2047]", None, operand)
        values["imm"] = value

    def _field(self, insn: Instruction, kind: str, operand: Any, values: dict, fixups: list) -> None:
        if type(operand) is not int:
            operand = self._bound(operand, fixups, lambda e: (f"field:{kind}", e))
            if operand is None:
                return
        limit = (1 << WIDTHS[kind]) - 1
        if not 0 <= operand <= limit:
            what = {"shamt": "shift amount", "uimm": "constant"}.get(kind, kind)
            raise self.error(f"{insn.name}: {what} {operand} is not in [0, {limit}]", None, operand)
        values[kind] = operand

    def _upper(self, insn: Instruction, operand: Any, values: dict, fixups: list) -> None:
        if type(operand) is not int:
            operand = self._bound(operand, fixups, lambda e: ("imm20", e))
            if operand is None:
                return
        if not 0 <= operand <= 0xFFFFF:
            raise self.error(f"{insn.name}: immediate {operand} is not in [0, 1048575]", None, operand)
        values["imm"] = operand << 12

    def _label(self, insn: Instruction, operand: Any, fixups: list) -> None:
        if (
            type(operand) is tuple
            and operand[0] == "name"
            and operand[1] in REGISTERS
            and not self.unit.knows(operand[1])
        ):
            raise self.error(f"{insn.name}: '{operand[1]}' is a register; a label is expected here", None, operand)
        fixups.append(("branch" if insn.pattern.imm_bits == 13 else "jal", self.unit.bind(operand)))

    def _bound(self, operand: Any, fixups: list, wrap: Callable[[Any], tuple[str, Any]]) -> int | None:
        """The operand's value if it is known now; else None, with a fixup added."""
        self._symbolic = True
        if type(operand) is tuple and operand[0] == "paren":
            return self._bound(operand[1], fixups, wrap)
        if type(operand) is tuple and operand[0] == "function":
            if operand[1] not in FUNCTIONS:
                raise self.error(f"unknown operator '{operand[1]}'", did_you_mean(operand[1], FUNCTIONS), operand)
            bound = self.unit.bind(operand[2])
            kind = FUNCTIONS[operand[1]]
            if kind in ("hi20", "lo12"):
                try:
                    value = constant_value(bound)
                except NotConstant:
                    pass
                else:
                    return ((value + 0x800) >> 12) & 0xFFFFF if kind == "hi20" else ((value & 0xFFF) ^ 0x800) - 0x800
            fixups.append((kind, bound))
            return None
        if type(operand) is tuple and operand[0] in ("memory", "string", "type"):
            raise self.error("a number or a symbol is expected here", None, operand)
        if (
            type(operand) is tuple
            and operand[0] == "name"
            and operand[1] in REGISTERS
            and not self.unit.knows(operand[1])
        ):
            raise self.error(f"'{operand[1]}' is a register; a number is expected here", None, operand)
        bound = self.unit.bind(operand)
        try:
            return constant_value(bound)
        except NotConstant:
            fixups.append(wrap(bound))
            return None

    # Operands

    def is_register(self, operand: Any) -> bool:
        """Whether an operand is the name of a register."""
        return self.register_number(operand) is not None

    def register_number(self, operand: Any) -> int | None:
        """The number of a register operand, None for any other operand."""
        if type(operand) is tuple and operand[0] == "name":
            return REGISTERS.get(operand[1])
        return None

    def register(self, operand: Any) -> int:
        """The number of a register operand. Raises SourceError with a suggestion."""
        number = self.register_number(operand)
        if number is not None:
            return number
        if type(operand) is tuple and operand[0] == "name":
            hint = did_you_mean(operand[1], REGISTERS)
            if operand[1][:1] == "f" and operand[1][1:].lstrip("tsa").isdigit():
                hint = "this machine has no floating-point registers (rv32ima)"
            raise self.error(f"'{operand[1]}' is not a register", hint, operand)
        raise self.error("a register is expected here", None, operand)

    def _memory(self, operand: Any) -> tuple[Any, Any]:
        if type(operand) is tuple and operand[0] == "memory":
            return operand[1], operand[2]
        if type(operand) is tuple and operand[0] == "paren":
            return 0, operand[1]
        raise self.error("an address 'offset(register)' is expected here", None, operand)

    def _csr(self, operand: Any) -> int:
        if type(operand) is tuple and operand[0] == "name" and not self.unit.knows(operand[1]):
            csr = CSR_BY_NAME.get(operand[1])
            if operand[1] in ELSEWHERE:
                return ELSEWHERE[operand[1]]
            if csr is None:
                raise self.error(f"unknown CSR '{operand[1]}'", did_you_mean(operand[1], CSR_BY_NAME), operand)
            return csr.address
        self._symbolic = self._symbolic or type(operand) is not int
        value = operand if type(operand) is int else self.unit.number(operand, self.location)
        if not 0 <= value <= 0xFFF:
            raise self.error(f"CSR number {value} is not in [0, 4095]", None, operand)
        return value

    def _order_set(self, operand: Any) -> int:
        if type(operand) is int and 0 <= operand <= 15:
            return operand
        if type(operand) is tuple and operand[0] == "name":
            letters = operand[1]
            bits = {"i": 8, "o": 4, "r": 2, "w": 1}
            if letters and all(c in bits for c in letters) and "".join(sorted(letters, key="iorw".index)) == letters:
                return sum(bits[c] for c in dict.fromkeys(letters))
        raise self.error("a set of i, o, r, w in this order is expected, such as 'rw'", None, operand)

    def count(self, name: str, operands: Operands, expected: int, syntax: str = "") -> None:
        """Raise SourceError unless there are `expected` operands."""
        if len(operands) != expected:
            usage = f"write '{name} {syntax}'" if syntax else None
            number = f"{expected} operand{'s' if expected != 1 else ''}" if expected else "no operands"
            raise self.error(f"'{name}' takes {number}, not {len(operands)}", usage)

    # Output

    def word(self, word: int) -> None:
        self.unit.section.data().data += word.to_bytes(4, "little")

    def fixed(self, word: int, kind: str, expression: Any, insn: Any) -> None:
        """Append a word with a fixup; a conditional branch of the base becomes a fragment that can grow.

        Other branches need not have an opposite, which a long one is made of.
        """
        section = self.unit.section
        if kind == "branch" and insn.extension in BASE:
            section.data()
            index = len(section.open)
            section.add(Branch(index, word, Fixup(0, "branch", expression, self.location, insn)))
            return
        data = section.data()
        data.fixups.append(Fixup(len(data.data), kind, expression, self.location, insn))
        data.data += word.to_bytes(4, "little")


def written_operands(insn: Instruction) -> tuple[str, ...]:
    return _written(insn.syntax)


@cache
def _written(syntax: str) -> tuple[str, ...]:
    return tuple(p.strip() for p in syntax.split(",") if p.strip())
