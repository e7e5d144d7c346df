"""Splits a section into instructions and data."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from trapline.asm.disassembler.contents import Section
from trapline.isa.compression import instruction_length
from trapline.isa.word import WORD

Piece = tuple[int, int, bool]
"""Offset, length in bytes, whether it is an instruction."""


def pieces(section: Section, breaks: Sequence[int] = ()) -> Iterator[Piece]:
    """Split a section into instructions, of 4 bytes or 2, and data of 1 to 4 bytes.

    Data never crosses an offset in `breaks` (sorted).
    """
    marks = [(0, not section.executable), *section.data_from] if section.executable else [(0, True)]
    for (start, is_data), (stop, _) in pairwise([*marks, (section.size, True)]):
        offset, stop = max(start, 0), min(stop, section.size)
        while offset < stop:
            length = WORD - offset % WORD if is_data else instruction_length(section.data[offset], section.compressed)
            is_code = not is_data and length <= stop - offset
            if not is_code:
                after = bisect_right(breaks, offset)
                length = min(length, stop - offset, *(at - offset for at in breaks[after : after + 1]))
            yield offset, length, is_code
            offset += length


def data_directive(data: bytes) -> str:
    """Data of 1 to 4 bytes as a directive."""
    if len(data) == 3:
        return ".byte " + ", ".join(f"{byte:#04x}" for byte in data)
    directive = {1: ".byte", 2: ".half", 4: ".word"}[len(data)]
    return f"{directive} {int.from_bytes(data, 'little'):#0{2 * len(data) + 2}x}"


def symbol_offsets(section: Section) -> list[int]:
    """Where symbols are in a section, sorted: data is split there."""
    return sorted({s.address - section.address for s in section.symbols})
