"""Numbers, strings and units of DWARF sections (DWARF 5, chapter 7), which are untrusted."""

from collections.abc import Iterator
from dataclasses import dataclass, field

WIDE = 0xFFFFFFFF
"""A length that announces the 64-bit format, in which offsets have 8 bytes."""
LONGEST_NAME = 4096
"""Bytes of a name that are read; the rest is cut off."""


class Damaged(Exception):
    """The section ends too early, or holds what no version has."""


@dataclass
class Reader:
    """A place in bytes. wide: whether offsets have 8 bytes. Its methods raise Damaged at the end."""

    data: bytes
    position: int = 0
    wide: bool = False

    def number(self, size: int) -> int:
        """An unsigned number of so many bytes."""
        end = self.position + size
        if end > len(self.data):
            raise Damaged
        value = int.from_bytes(self.data[self.position : end], "little")
        self.position = end
        return value

    def skip(self, size: int) -> None:
        """Pass so many bytes."""
        if size > len(self.data) - self.position:
            raise Damaged
        self.position += size

    def offset(self) -> int:
        """An offset in a section."""
        return self.number(8 if self.wide else 4)

    def leb128(self, signed: bool = False) -> int:
        """A number of any length; the bits beyond 64 are left out."""
        value = shift = 0
        while True:
            byte = self.number(1)
            if shift < 64:
                value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value - (1 << shift) if signed and byte & 0x40 and shift < 64 else value

    def string(self) -> str:
        """A string that ends with a zero byte."""
        end = self.data.find(b"\0", self.position)
        if end < 0:
            raise Damaged
        text = self.data[self.position : end].decode(errors="backslashreplace")
        self.position = end + 1
        return text


@dataclass
class StringTable:
    """A section of strings. Those that are read are kept: many refer to one.

    Strings may overlap there; together they may not be far longer than the section.
    """

    data: bytes = b""
    _known: dict[int, str] = field(default_factory=dict)
    _budget: int | None = None

    def at(self, offset: int) -> str:
        """The string at an offset, at most `LONGEST_NAME` bytes of it. Raises Damaged."""
        if offset not in self._known:
            if self._budget is None:
                self._budget = 16 * len(self.data) + LONGEST_NAME
            end = self.data.find(b"\0", offset)
            if end < 0:
                raise Damaged
            text = self.data[offset : min(end, offset + LONGEST_NAME)]
            self._budget -= len(text) + 1
            if self._budget < 0:
                raise Damaged
            self._known[offset] = text.decode(errors="backslashreplace")
        return self._known[offset]


class Strings:
    """The sections that names may lie in."""

    def __init__(self, debug_str: bytes = b"", line_str: bytes = b"") -> None:
        self.debug_str, self.line_str = StringTable(debug_str), StringTable(line_str)


def units(section: bytes) -> Iterator[tuple[int, Reader]]:
    """The units of a section: where each begins, and its bytes without its length."""
    position = 0
    while position < len(section):
        reader = Reader(section, position)
        try:
            length = reader.number(4)
            reader.wide = length == WIDE
            if reader.wide:
                length = reader.number(8)
        except Damaged:
            return
        start, end = reader.position, min(reader.position + length, len(section))
        yield position, Reader(section[start:end], 0, reader.wide)
        position = end
