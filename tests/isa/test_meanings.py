"""Meaning functions against formulas written on their own, on exact integers of the operands' own signedness."""

import operator
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trapline.isa import BY_NAME, INSTRUCTIONS, Kind

MODULUS = 1 << 32
EDGES = (0, 1, 2, 31, 32, 0x7FF, 0x800, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFF800, 0xFFFFFFFE, 0xFFFFFFFF)
WORDS = st.one_of(st.sampled_from(EDGES), st.integers(0, MODULUS - 1))


def signed(word: int) -> int:
    """Two's complement, by way of bytes."""
    return int.from_bytes(word.to_bytes(4, "little"), "little", signed=True)


def bits(word: int) -> list[int]:
    """The 32 bits, lowest first."""
    return [word >> i & 1 for i in range(32)]


def from_bits(values: list[int]) -> int:
    """The inverse of `bits`."""
    return sum(bit << i for i, bit in enumerate(values))


def bitwise(function, a: int, b: int) -> int:
    """A Boolean function bit by bit."""
    return from_bits([function(x, y) for x, y in zip(bits(a), bits(b), strict=True)])


def shift_right(word: int, amount: int, fill: int) -> int:
    """Bits moved down by the low five bits of `amount`, `fill` moved in."""
    amount %= 32
    return from_bits(bits(word)[amount:] + [fill] * amount)


def quotient(a: int, b: int) -> int:
    """Rounded towards zero, by an exact fraction; minus one when dividing by zero."""
    if b == 0:
        return -1
    return int(Fraction(a, b))


def rest(a: int, b: int) -> int:
    """What the quotient leaves: "dividend = divisor * quotient + remainder"."""
    return a - b * quotient(a, b) if b else a


TWO_OPERANDS = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "sll": lambda a, b: a * 2 ** (b % 32),
    "slt": lambda a, b: int(signed(a) < signed(b)),
    "sltu": lambda a, b: int(a < b),
    "xor": lambda a, b: bitwise(operator.ne, a, b),
    "srl": lambda a, b: shift_right(a, b, 0),
    "sra": lambda a, b: shift_right(a, b, a >> 31),
    "or": lambda a, b: bitwise(max, a, b),
    "and": lambda a, b: bitwise(min, a, b),
    "mul": lambda a, b: signed(a) * signed(b),
    "mulh": lambda a, b: signed(a) * signed(b) // MODULUS,
    "mulhsu": lambda a, b: signed(a) * b // MODULUS,
    "mulhu": lambda a, b: a * b // MODULUS,
    "div": lambda a, b: quotient(signed(a), signed(b)),
    "divu": quotient,
    "rem": lambda a, b: rest(signed(a), signed(b)),
    "remu": rest,
}
IMMEDIATE = {name: TWO_OPERANDS[name.replace("i", "")] for name in ("addi", "slti", "xori", "ori", "andi")}
IMMEDIATE |= {"sltiu": TWO_OPERANDS["sltu"]}
SHIFTS = {"slli": TWO_OPERANDS["sll"], "srli": TWO_OPERANDS["srl"], "srai": TWO_OPERANDS["sra"]}
BRANCHES = {
    "beq": lambda a, b: bits(a) == bits(b),
    "bne": lambda a, b: bits(a) != bits(b),
    "blt": lambda a, b: signed(a) - signed(b) < 0,
    "bge": lambda a, b: signed(a) - signed(b) >= 0,
    "bltu": lambda a, b: a - b < 0,
    "bgeu": lambda a, b: a - b >= 0,
}
ATOMIC = {
    "amoswap.w": lambda old, b: b,
    "amoadd.w": lambda old, b: old + b,
    "amoxor.w": TWO_OPERANDS["xor"],
    "amoand.w": TWO_OPERANDS["and"],
    "amoor.w": TWO_OPERANDS["or"],
    "amomin.w": lambda old, b: min(signed(old), signed(b)),
    "amomax.w": lambda old, b: max(signed(old), signed(b)),
    "amominu.w": min,
    "amomaxu.w": max,
    "sc.w": lambda b: b,
}
UPPER = {"lui": lambda imm: imm, "auipc": lambda pc, imm: pc + imm}
JUMPS = {"jal": lambda pc, imm: pc + imm, "jalr": lambda a, imm: (a + imm) // 2 * 2}
BITS = {
    "sh1add": lambda a, b: 2 * a + b,
    "sh2add": lambda a, b: 4 * a + b,
    "sh3add": lambda a, b: 8 * a + b,
    "andn": lambda a, b: bitwise(operator.gt, a, b),
    "orn": lambda a, b: bitwise(operator.ge, a, b),
    "xnor": lambda a, b: bitwise(operator.eq, a, b),
    "max": lambda a, b: max(signed(a), signed(b)),
    "maxu": max,
    "min": lambda a, b: min(signed(a), signed(b)),
    "minu": min,
    "rol": lambda a, b: from_bits([bits(a)[(i - b) % 32] for i in range(32)]),
    "ror": lambda a, b: from_bits([bits(a)[(i + b) % 32] for i in range(32)]),
    "bclr": lambda a, b: from_bits([bit * (i != b % 32) for i, bit in enumerate(bits(a))]),
    "bext": lambda a, b: bits(a)[b % 32],
    "binv": lambda a, b: from_bits([bit ^ (i == b % 32) for i, bit in enumerate(bits(a))]),
    "bset": lambda a, b: from_bits([max(bit, i == b % 32) for i, bit in enumerate(bits(a))]),
    "czero.eqz": lambda a, b: a if b else 0,
    "czero.nez": lambda a, b: 0 if b else a,
}
BIT_IMMEDIATES = {f"{name}i": BITS[name] for name in ("ror", "bclr", "bext", "binv", "bset")}
ONE_OPERAND = {
    "clz": lambda a: 32 - a.bit_length(),
    "ctz": lambda a: [*bits(a), 1].index(1),
    "cpop": lambda a: sum(bits(a)),
    "sext.b": lambda a: signed(a << 24 & 0xFF000000) >> 24,
    "sext.h": lambda a: signed(a << 16 & 0xFFFF0000) >> 16,
    "zext.h": lambda a: a % 65536,
    "orc.b": lambda a: int.from_bytes(bytes(255 * bool(byte) for byte in a.to_bytes(4, "little")), "little"),
    "rev8": lambda a: int.from_bytes(a.to_bytes(4, "little"), "big"),
}
CSR = {"csrrw": lambda old, b: b, "csrrs": TWO_OPERANDS["or"], "csrrc": lambda old, b: bitwise(operator.gt, old, b)}
CSR |= {f"{name}i": formula for name, formula in list(CSR.items())}
MEMORY = {
    "lb": lambda data: int.from_bytes(data.to_bytes(1, "little"), "little", signed=True),
    "lh": lambda data: int.from_bytes(data.to_bytes(2, "little"), "little", signed=True),
    "lw": lambda data: data,
    "lbu": lambda data: data,
    "lhu": lambda data: data,
    "lr.w": lambda data: data,
    "sb": lambda b: b % 256,
    "sh": lambda b: b % 65536,
    "sw": lambda b: b,
}
FORMULAS = TWO_OPERANDS | IMMEDIATE | SHIFTS | BRANCHES | ATOMIC | UPPER | JUMPS | CSR | MEMORY
FORMULAS |= BITS | BIT_IMMEDIATES | ONE_OPERAND


def test_every_general_instruction_has_a_formula() -> None:
    general = {
        i.name for i in INSTRUCTIONS if i.kind not in (Kind.SYSTEM, Kind.BLOCK, Kind.FENCE) and i.extension[0] != "x"
    }
    assert general == set(FORMULAS)


def inputs_of(name: str) -> st.SearchStrategy[list[int]]:
    """One value for each input of the meaning, from the values that the engine can give it."""
    instruction = BY_NAME[name]

    def values(parameter: str) -> st.SearchStrategy[int]:
        if parameter == "imm":
            pattern = instruction.pattern
            return st.integers(0, MODULUS - 1).map(lambda word: pattern.extract(word)["imm"])
        if parameter == "shamt":
            return st.integers(0, 31)
        if parameter == "pc":
            return st.integers(0, MODULUS // 4 - 1).map(lambda value: 4 * value)
        if parameter == "operand" and name.endswith("i"):
            return st.integers(0, 31)
        if parameter == "data":
            return st.integers(0, (1 << 8 * instruction.width) - 1)
        return WORDS

    return st.tuples(*(values(p) for p in instruction.inputs)).map(list)


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_meaning_equals_the_formula(name: str) -> None:
    meaning = BY_NAME[name].meaning
    formula = FORMULAS[name]

    @given(inputs_of(name))
    def check(values: list[int]) -> None:
        result = meaning(*values)
        if BY_NAME[name].kind is Kind.CSR:
            result %= MODULUS  # the engine keeps the low word
        assert 0 <= result < MODULUS
        assert result == formula(*values) % MODULUS

    check()


@pytest.mark.parametrize("name", sorted(TWO_OPERANDS | BITS))
def test_meaning_at_all_pairs_of_edges(name: str) -> None:
    for a in EDGES:
        for b in EDGES:
            assert BY_NAME[name].meaning(a, b) == FORMULAS[name](a, b) % MODULUS, (a, b)


@given(WORDS, WORDS)
@example(0x80000000, 0xFFFFFFFF)
@example(0x80000000, 0)
def test_division_laws(a: int, b: int) -> None:
    """ "For REM, the sign of a nonzero result equals the sign of the dividend." """
    div, rem, divu, remu = (BY_NAME[n].meaning(a, b) for n in ("div", "rem", "divu", "remu"))
    assert (b * div + rem) % MODULUS == a or b == 0
    assert (b * divu + remu) % MODULUS == a or b == 0
    assert rem == 0 or (rem >> 31 == a >> 31)
    if b == 0:
        assert (div, divu, rem, remu) == (MODULUS - 1, MODULUS - 1, a, a)
    elif not (a == 0x80000000 and b == MODULUS - 1):
        assert abs(signed(rem)) < abs(signed(b))
    else:
        assert (div, rem) == (0x80000000, 0)
