"""The debug console (SBI 2.0, chapter 12)."""

from trapline.vm.sbi.errors import INVALID_PARAM, SbiRet, error, ok
from trapline.vm.sbi.platform import Platform

PIECE = 1 << 20
"""Most bytes that one call prints: "it may do partial/no writes"."""
INPUT_PIECE = 1 << 14
"""Most bytes that one call reads, byte by byte."""


def _is_memory(platform: Platform, count: int, low: int, high: int) -> bool:
    return high == 0 and platform.is_memory(low, count)


def write(platform: Platform, count: int, low: int, high: int) -> SbiRet:
    """sbi_debug_console_write: the number of bytes printed."""
    if not _is_memory(platform, count, low, high):
        return error(INVALID_PARAM)
    data = platform.read(low, min(count, PIECE))
    platform.put(data)
    return ok(len(data))


def read(platform: Platform, count: int, low: int, high: int) -> SbiRet:
    """sbi_debug_console_read: the number of bytes read."""
    if not _is_memory(platform, count, low, high):
        return error(INVALID_PARAM)
    data = bytearray()
    while len(data) < min(count, INPUT_PIECE) and (byte := platform.get()) is not None:
        data.append(byte)
    platform.write(low, bytes(data))
    return ok(len(data))


def write_byte(platform: Platform, byte: int) -> SbiRet:
    """sbi_debug_console_write_byte."""
    platform.put(bytes((byte & 0xFF,)))
    return ok()
