"""Arithmetic on 32-bit words, the vocabulary of every meaning function.

A word is a plain integer in [0, 2^32).
The same text runs as plain Python and compiled over 64-bit signed integers, so no intermediate
result may need more than the low 64 bits of its exact value: that is why `mulhu` may multiply two
words (the product wraps, its bits 32 to 63 stay right) and why nothing shifts left by more than 31.
"""

MASK = 0xFFFFFFFF

BYTE = 1
HALFWORD = 2
WORD = 4
"""Bytes of an access."""
ALIGNED = MASK - (WORD - 1)
"""The bits of an address that is a multiple of four."""


def u32(value):
    """The low 32 bits of `value`, in [0, 2^32)."""
    return value & 0xFFFFFFFF


def s32(value):
    """The low 32 bits of `value` read as two's complement, in [-2^31, 2^31)."""
    return ((value & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


def sext(value, bits):
    """The low `bits` bits of `value`, sign-extended to a word."""
    return (((value & ((1 << bits) - 1)) ^ (1 << (bits - 1))) - (1 << (bits - 1))) & 0xFFFFFFFF


def where(condition, then, otherwise):
    """`then` if `condition` holds, else `otherwise`; both are always evaluated."""
    return then if condition else otherwise


def divide(dividend, divisor):
    """Signed quotient rounded towards zero; callers exclude a zero divisor.

    Python rounds towards minus infinity, RISC-V towards zero, hence the division of magnitudes.
    """
    return where((dividend < 0) != (divisor < 0), -(abs(dividend) // abs(divisor)), abs(dividend) // abs(divisor))


def remainder(dividend, divisor):
    """Signed remainder with the sign of the dividend; callers exclude a zero divisor."""
    return where(dividend < 0, -(abs(dividend) % abs(divisor)), abs(dividend) % abs(divisor))
