"""ELF files made field by field, to have wrong ones."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3


@dataclass
class Header:
    """The fields of an ELF32 header; None stands for the right value."""

    bits: int = 1
    order: int = 1
    kind: int = 2
    machine: int = 243
    entry: int = 0x10000
    flags: int = 0
    phoff: int | None = None
    phentsize: int = 32
    shoff: int = 0
    shnum: int = 0
    shentsize: int = 40


def elf(header: Header, segments: Sequence[tuple[int, int, bytes, int, int]]) -> bytes:
    """An ELF file of (p_type, address, data, memsz, flags) segments, each right behind the one before."""
    offset = 52 + 32 * len(segments)
    table, body = b"", b""
    for kind, address, data, memsz, flags in segments:
        table += struct.pack("<8I", kind, offset + len(body), address, address, len(data), memsz, flags, 4)
        body += data
    h = header
    phoff = 52 if h.phoff is None else h.phoff
    ident = b"\x7fELF" + bytes([h.bits, h.order, 1]) + bytes(9)
    fields = (
        h.kind,
        h.machine,
        1,
        h.entry,
        phoff,
        h.shoff,
        h.flags,
        52,
        h.phentsize,
        len(segments),
        h.shentsize,
        h.shnum,
        0,
    )
    return struct.pack("<16sHHIIIIIHHHHHH", ident, *fields) + table + body
