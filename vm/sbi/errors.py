"""Error codes and return values of the SBI (chapter 3), and its sets of harts."""

from trapline.isa.word import MASK
from trapline.vm.sbi.platform import Platform

SUCCESS = 0
FAILED = -1
NOT_SUPPORTED = -2
INVALID_PARAM = -3
DENIED = -4
INVALID_ADDRESS = -5
ALREADY_AVAILABLE = -6
ALREADY_STARTED = -7
ALREADY_STOPPED = -8

SbiRet = tuple[int, int]
"""The specification's `struct sbiret`: error and value, for a0 and a1."""


def ok(value: int = 0) -> SbiRet:
    """Success with a value."""
    return SUCCESS, value


def error(code: int) -> SbiRet:
    """A failure; its value has no meaning."""
    return code, 0


def chosen_harts(platform: Platform, mask: int, base: int) -> list[int] | None:
    """The harts that `hart_mask` and `hart_mask_base` select; None if one of them does not exist.

    "hart_mask_base can be set to -1 to indicate that hart_mask shall be ignored and all available harts must be
    considered."
    """
    count = len(platform.harts)
    if base == MASK:
        return list(range(count))
    numbers = [base + bit for bit in range(32) if (mask >> bit) & 1]
    if base >= count or any(number >= count for number in numbers):
        return None
    return numbers
