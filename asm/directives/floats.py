"""Floating-point numbers in soft-float data: IEEE 754 formats, rounded as GNU as rounds them."""

import re
from dataclasses import dataclass
from fractions import Fraction

from trapline.asm.diagnostics import Location, SourceError
from trapline.asm.directives.data import append
from trapline.asm.fragments import LIMIT
from trapline.asm.unit import Handler, Unit


@dataclass(frozen=True, slots=True)
class Format:
    """exponent, fraction: bits of each; there is one more for the sign."""

    exponent: int
    fraction: int

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return (1 + self.exponent + self.fraction) // 8

    @property
    def infinity(self) -> int:
        """The bits of positive infinity."""
        return ((1 << self.exponent) - 1) << self.fraction


HALF, SINGLE, DOUBLE = Format(5, 10), Format(8, 23), Format(11, 52)

FORMATS = {
    ".float16": HALF, ".float": SINGLE, ".single": SINGLE, ".double": DOUBLE, ".dc.s": SINGLE, ".dc.d": DOUBLE,
    ".dcb.s": SINGLE, ".dcb.d": DOUBLE,
}  # fmt: skip

LONGEST_EXPONENT = 5000
"""Decimal exponents beyond this are out of range in every format."""

# A letter after a leading 0 (`0f1.5`, `0x1.5`) names a format, which the directive has named already.
_number = re.compile(r"([+-]?)\s*(?:0[a-zA-Z](?![a-zA-Z]))?([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d*))?").fullmatch
_special = re.compile(r"([+-]?)(snan|nan|inf|infinity)", re.IGNORECASE).fullmatch


def encode(text: str, form: Format) -> int:
    """The bits of a number. Raises ValueError for what is none, or is too large."""
    if match := _special(text):
        bits = form.infinity
        if match[2].lower() == "nan":
            bits |= (1 << form.fraction) - 1
        elif match[2].lower() == "snan":
            bits |= (1 << (form.fraction - 1)) - 1
        return bits | _sign(match[1], form)
    match = _number(text)
    if match is None or not text:
        raise ValueError
    whole, decimals, exponent = match[3], match[4] or "", int(match[5]) if match[5] not in (None, "", "+", "-") else 0
    if not -LONGEST_EXPONENT <= exponent <= LONGEST_EXPONENT:
        raise ValueError
    value = Fraction(int(whole + decimals or "0")) * Fraction(10) ** (exponent - len(decimals))
    return _rounded(value, form) | _sign(match[1] if match[1] == "-" else match[2], form)


def _sign(text: str, form: Format) -> int:
    return int(text == "-") << (form.exponent + form.fraction)


def _rounded(value: Fraction, form: Format) -> int:
    """The nearest number; of two equally near, the greater, unlike IEEE 754's default."""
    if value == 0:
        return 0
    bias = (1 << (form.exponent - 1)) - 1
    if value > Fraction(2) ** (bias + 1):
        raise ValueError
    power = value.numerator.bit_length() - value.denominator.bit_length()
    if value < Fraction(2) ** power:
        power -= 1
    power = max(power, 1 - bias)
    units = int(value / Fraction(2) ** (power - form.fraction) + Fraction(1, 2))
    # A carry out of the fraction goes into the exponent, from a subnormal number to a normal one and on to infinity.
    return units + (power + bias - 1 << form.fraction)


def _encoded(text: str, name: str, location: Location) -> bytes:
    form = FORMATS[name]
    try:
        return encode(text.strip(), form).to_bytes(form.size, "little")
    except ValueError:
        raise SourceError(location, f"'{text.strip()}' is not a number that '{name}' can hold") from None


def floats(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.float`, `.single`, `.double`, `.float16`: IEEE 754 numbers."""
    for field in operands.split(",") if operands else ():
        append(unit, _encoded(field, name, location), location)


def block(unit: Unit, name: str, operands: str, location: Location) -> None:
    """`.dcb.s count, value` and `.dcb.d`: a repeated number."""
    first, comma, number = operands.partition(",")
    count = unit.evaluate(first, location)
    if not comma or not 0 <= count * FORMATS[name].size <= LIMIT:
        raise SourceError(location, f"'{name}' needs a count and a number", f"write '{name} 4, 1.5'")
    append(unit, _encoded(number, name, location) * count, location)


HANDLERS: dict[str, Handler] = {name: block if name.startswith(".dcb") else floats for name in FORMATS}
