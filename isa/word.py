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


def rotated(word, amount):
    """`word` with its bits moved right by `amount`, in [0, 31]; those that fall out come in at the left."""
    return (word >> amount) | u32(word << (-amount & 31))


def population(word):
    """How many bits of `word` are one: counted in pairs, fours and bytes at once, then summed over the bytes."""
    pairs = word - ((word >> 1) & 0x55555555)
    fours = (pairs & 0x33333333) + ((pairs >> 2) & 0x33333333)
    eights = (fours + (fours >> 4)) & 0x0F0F0F0F
    return ((eights * 0x01010101) >> 24) & 0xFF


def leading_zeros(word):
    """How many bits lie above the highest one of `word`, which first sets all bits below itself."""
    two = word | (word >> 1)
    four = two | (two >> 2)
    eight = four | (four >> 4)
    sixteen = eight | (eight >> 8)
    return 32 - population(sixteen | (sixteen >> 16))


def or_combined(word):
    """Each byte of `word` with all bits set if any is: adding 0x7f to its low bits carries unless these are zero."""
    nonzero = ((word & 0x7F7F7F7F) + 0x7F7F7F7F) | word
    return ((nonzero >> 7) & 0x01010101) * 0xFF


def reversed_bytes(word):
    """`word` with its bytes in the opposite order."""
    return ((word & 0xFF) << 24) | ((word & 0xFF00) << 8) | ((word >> 8) & 0xFF00) | (word >> 24)
