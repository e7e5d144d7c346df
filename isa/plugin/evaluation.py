"""Evaluates a plugin's meanings on extreme and random operands: the results must be what the engine expects.

Each meaning is evaluated twice, with exact integers and with 64-bit integers that wrap as in compiled code; both must
agree. `isa.plugin.meaning` guarantees that an evaluation terminates soon.
"""

import operator
import random
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from trapline.isa.cause import EXCEPTIONS, ILLEGAL
from trapline.isa.hart import FIELDS
from trapline.isa.instruction import DeclarationError, Instruction, Kind
from trapline.isa.mode import MODE_NAMES, RESERVED_MODE
from trapline.isa.mstatus import MPP, MPP_SHIFT
from trapline.isa.table import CSRS
from trapline.isa.trap import JUMPED, NEXT, WAIT
from trapline.isa.word import MASK

WORDS = (
    0, 1, 2, 3, 4, 31, 32, 33, 63, 64, 0x7F, 0x80, 0xFF, 0x7FF, 0xFFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x55555555,
    0x7FFFFFFE, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xAAAAAAAA, 0xFFFFF800, 0xFFFF8000, 0xFFFFFFFE, 0xFFFFFFFF,
)  # fmt: skip
RANDOM = 300
"""Random operand sets, in addition to all combinations of extreme operands (or twice this many of them)."""

XLEN = 32
"""Bits of a register."""

MODES = {name: mode for mode, name in MODE_NAMES.items()}
UNCHECKED = {"mcycle", "minstret", "reservation"}
"""Fields that hold offsets, or a position in RAM, instead of words."""


class _Overflow(ArithmeticError):
    """An operation that differs in compiled code."""


class Exact(int):
    """An integer with exact arithmetic, which refuses operations that differ in compiled code."""

    @staticmethod
    def limit(value: int) -> int:
        """The result of an operation: the exact value, unless it is absurdly large."""
        if not -(1 << 128) < value < 1 << 128:
            raise _Overflow("an intermediate result needs more than 128 bits")
        return value


class Wrapping(int):
    """A 64-bit signed integer, as in compiled code."""

    @staticmethod
    def limit(value: int) -> int:
        """The result of an operation: the low 64 bits, signed."""
        return ((value + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63)


def _shift(op: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def shift(value: int, by: int) -> int:
        most = 31 if op is operator.lshift else 63
        if not 0 <= by <= most:
            raise _Overflow(f"it shifts by {by}; the maximum is {most}, as in 'rs1 << (rs2 & 31)'")
        return op(value, by)

    return shift


def _equip(cls: Any) -> None:
    """Give an integer class operators that return instances of the class."""
    for name in ("add", "sub", "mul", "floordiv", "mod", "and", "or", "xor", "lshift", "rshift"):
        op = getattr(operator, name + "_" if name in ("and", "or") else name)
        op = _shift(op) if "shift" in name else op

        def forward(a: Any, b: Any, op: Any = op) -> Any:
            return cls(cls.limit(op(int(a), int(b))))

        def backward(a: Any, b: Any, op: Any = op) -> Any:
            return cls(cls.limit(op(int(b), int(a))))

        setattr(cls, f"__{name}__", forward)
        setattr(cls, f"__r{name}__", backward)
    for name in ("neg", "pos", "invert", "abs"):
        op = getattr(operator, name) if name != "abs" else abs
        setattr(cls, f"__{name}__", lambda a, op=op: cls(cls.limit(op(int(a)))))


_equip(Exact)
_equip(Wrapping)


class EvaluationHart:
    """A hart record of integers of one class."""

    def __init__(self, fields: dict[str, Any], cls: Any) -> None:
        for name, value in fields.items():
            made = [cls(v) for v in value] if isinstance(value, list) else cls(value)
            object.__setattr__(self, name, made)

    def __setattr__(self, name: str, value: int) -> None:
        if name not in self.__dict__:
            raise AttributeError(f"the hart record has no field '{name}'")
        object.__setattr__(self, name, value)

    def plain(self) -> dict[str, Any]:
        """The fields as ordinary integers."""
        return {n: [int(w) for w in v] if isinstance(v, list) else int(v) for n, v in vars(self).items()}


def check_results(i: Instruction) -> None:
    """Raise DeclarationError for operands whose result is not what the kind of instruction requires."""
    if i.kind is Kind.FENCE:
        return
    rng = random.Random(i.name)
    sets = _operand_sets(i, rng)
    for number, operands in enumerate(sets):
        if i.kind is Kind.SYSTEM:
            _system(i, operands, _state(rng, number))
        else:
            _value(i, operands)


def _operand_sets(i: Instruction, rng: random.Random) -> Iterator[dict[str, int]]:
    inputs = [name for name in i.inputs if name != "h"]
    extremes = {name: _extremes(i, name, rng) for name in inputs}
    count = 1
    for values in extremes.values():
        count *= len(values)
    if count <= 2 * RANDOM:
        yield from (dict(zip(inputs, values, strict=True)) for values in product(*extremes.values()))
    else:
        yield from ({n: rng.choice(v) for n, v in extremes.items()} for _ in range(2 * RANDOM))
    for _ in range(RANDOM):
        yield {name: _random(i, name, rng) for name in inputs}


def _extremes(i: Instruction, name: str, rng: random.Random) -> list[int]:
    if name == "imm":
        return [_immediate(i, bits) for bits in (0, 0xFFFFFFFF, 1 << (i.pattern.imm_bits - 1))] + [
            _immediate(i, bits) for bits in (i.pattern.imm_scale, 0x7FFFFFFF & ((1 << (i.pattern.imm_bits - 1)) - 1))
        ]
    if name == "rd":
        return [0, 1, 2, 31]
    if name == "readable":
        return [0, 1]
    if name == "paddr":
        return [-1, 0, 0x80000000, (1 << 34) - 1]
    if name == "shamt" or (name == "operand" and "uimm" in i.operands):
        return [0, 1, 15, 16, 30, 31]
    if name == "pc":
        return [0, 4, 0x7FFFFFFC, 0x80000000, 0xFFFFFFFC]
    if name == "data":
        return sorted({w & ((1 << (8 * i.width)) - 1) for w in WORDS})
    return list(WORDS)


def _random(i: Instruction, name: str, rng: random.Random) -> int:
    if name == "imm":
        return _immediate(i, rng.getrandbits(32))
    if name == "paddr":
        return rng.getrandbits(34)
    if name == "readable":
        return rng.getrandbits(1)
    bits = {"rd": 5, "shamt": 5, "data": 8 * i.width}.get(name, 32)
    if name == "operand" and "uimm" in i.operands:
        bits = 5
    return rng.getrandbits(bits) & (~3 if name == "pc" else -1)


def _immediate(i: Instruction, bits: int) -> int:
    """The immediate, as a word, that these bits encode."""
    return i.pattern.extract(i.pattern.insert(dict.fromkeys(i.operands, 0)) | _imm_mask(i, bits))["imm"]


def _imm_mask(i: Instruction, bits: int) -> int:
    word = 0
    for s in i.pattern.slices:
        if s.operand == "imm":
            word |= ((bits >> s.start) & ((1 << s.width) - 1)) << s.low
    return word


def _call(i: Instruction, arguments: dict[str, Any], shown: str) -> Any:
    try:
        return i.meaning(*(arguments[name] for name in i.inputs))
    except ZeroDivisionError:
        raise DeclarationError(
            f"{i.name}: it divides by zero for {shown}; where(x == 0, 1, x) makes a nonzero divisor"
        ) from None
    except _Overflow as error:
        raise DeclarationError(f"{i.name}: {error} (for {shown})") from None
    except Exception as error:
        raise DeclarationError(f"{i.name}: it raises {type(error).__name__} for {shown}: {error}") from None


def _shown(operands: dict[str, int]) -> str:
    return ", ".join(f"{name} = {value:#x}" for name, value in operands.items()) or "every operand"


def _value(i: Instruction, operands: dict[str, int]) -> None:
    shown = _shown(operands)
    result, wrapped = (_call(i, {n: c(v) for n, v in operands.items()}, shown) for c in (Exact, Wrapping))
    if i.kind is Kind.BRANCH:
        if type(result) is not bool and result not in (0, 1):
            raise DeclarationError(f"{i.name}: it returns {result!r} for {shown}, not whether to branch")
    else:
        bits = 8 * i.width if i.kind is Kind.STORE else XLEN
        if not isinstance(result, int) or not 0 <= result < 1 << bits:
            kind = "a word in [0, 2^32); u32(...) makes one" if bits == XLEN else f"a value in [0, 2^{bits})"
            raise DeclarationError(f"{i.name}: it returns {_number(result)} for {shown}, not {kind}")
        if type(result) is bool:
            raise DeclarationError(f"{i.name}: it returns {result} for {shown}, not a word: use where(condition, 1, 0)")
        if i.kind is Kind.JUMP and result & 1:
            raise DeclarationError(f"{i.name}: it jumps to the odd address {result:#x} for {shown}; clear bit 0")
    if int(result) != int(wrapped):
        raise DeclarationError(
            f"{i.name}: for {shown} an intermediate result does not fit 64 bits: the exact result is "
            f"{int(result):#x}, the compiled one {int(wrapped):#x}"
        )


def _number(result: Any) -> str:
    return f"{int(result):#x}" if isinstance(result, int) else repr(result)


# System instructions


def _masks() -> dict[str, int]:
    """The bits that a field may have, from the CSRs stored in it."""
    masks: dict[str, int] = {}
    for csr in CSRS:
        if csr.storage is not None and csr.fields and csr.index is None:
            masks[csr.storage] = masks.get(csr.storage, 0) | csr.write_mask
    return masks


def _state(rng: random.Random, number: int) -> dict[str, Any]:
    """The fields of a hart in a legal state; the modes alternate."""
    masks = _masks()
    fields: dict[str, Any] = {}
    for name, count in FIELDS:
        words = [rng.choice((0, 0xFFFFFFFF, rng.getrandbits(32))) for _ in range(count)]
        fields[name] = words if count > 1 else words[0] & masks.get(name, 0xFFFFFFFF)
    fields |= {
        "mode": (0, 1, 3)[number % 3], "pc": fields["pc"] & ~3, "stale": 0, "reservation": rng.choice((-1, 4096)),
        "extensions": (1 << 62) - 1, "lines": fields["lines"] & 0xAAA,
    }  # fmt: skip
    fields["x"][0] = 0
    if fields["mstatus"] & MPP == RESERVED_MODE << MPP_SHIFT:
        fields["mstatus"] ^= MPP
    return fields


def _system(i: Instruction, operands: dict[str, int], before: dict[str, Any]) -> None:
    shown = ", ".join([_shown(operands), f"mode {before['mode']}"]) if operands else f"mode {before['mode']}"
    results = []
    for cls in (Exact, Wrapping):
        hart = EvaluationHart(before, cls)
        result = _call(i, {n: cls(v) for n, v in operands.items()} | {"h": hart}, shown)
        results.append((result, hart.plain()))
    status, after = results[0]
    if type(status) is bool or not isinstance(status, int) or (status not in (NEXT, JUMPED, WAIT, *EXCEPTIONS)):
        raise DeclarationError(
            f"{i.name}: it returns {_status(status)} for {shown}, not a status: NEXT (-1), JUMPED (-2), WAIT (-3) "
            "or the code of an exception, such as 2"
        )
    if results[0] != results[1]:
        raise DeclarationError(f"{i.name}: for {shown} an intermediate result does not fit 64 bits")
    changed = sorted(name for name in after if after[name] != before[name])
    if before["mode"] < MODES[i.privilege] and status != ILLEGAL:
        raise DeclarationError(
            f"{i.name}: its privilege is {i.privilege}, but in mode {before['mode']} it returns {status}, "
            f"not ILLEGAL ({ILLEGAL})"
        )
    if status >= 0:
        if status not in i.causes:
            raise DeclarationError(f"{i.name}: it raises '{EXCEPTIONS[status]}', which is not among its causes")
        if changed:
            raise DeclarationError(
                f"{i.name}: it changes {', '.join(changed)} and then traps; a trap has no other effect"
            )
    elif "pc" in changed and status != JUMPED:
        raise DeclarationError(f"{i.name}: it sets pc but returns {status}; return JUMPED (-2)")
    for name in changed:
        _check_field(i, name, after, shown)
    if {"satp", "pmpcfg", "pmpaddr"} & set(changed) and not after["stale"]:
        raise DeclarationError(f"{i.name}: it changes what translation depends on; it must set h.stale = 1 as well")


def _status(status: Any) -> str:
    return repr(int(status)) if isinstance(status, int) and type(status) is not bool else repr(status)


def _check_field(i: Instruction, name: str, after: dict[str, Any], shown: str) -> None:
    """Raise DeclarationError for a field with an illegal value."""
    if name == "x" and after["x"][0] != 0:
        raise DeclarationError(
            f"{i.name}: it sets x0, which is always 0; use write_x of trapline.isa.xleak, which ignores x0"
        )
    legal = {"mode": (0, 1, 3), "stale": (0, 1)}.get(name)
    allowed = _masks().get(name, 0xFFFFFFFF)
    for value in after[name] if isinstance(after[name], list) else [after[name]]:
        if name in UNCHECKED:
            continue
        if (legal and value not in legal) or value & ~allowed:
            what = f"one of {legal}" if legal else "a word in [0, 2^32)" if allowed == MASK else f"within {allowed:#x}"
            raise DeclarationError(f"{i.name}: it sets {name} to {value:#x} for {shown}, not {what}")
    if name == "mstatus" and after["mstatus"] & MPP == RESERVED_MODE << MPP_SHIFT:
        raise DeclarationError(f"{i.name}: it sets mstatus.MPP to 2, which is not a mode")
