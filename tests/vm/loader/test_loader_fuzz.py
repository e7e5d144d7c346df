"""Damaged ELF files: every one loads or is refused with a LoadError, in bounded time."""

import struct
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.loader.elf import PT_LOAD, Header, elf
from support.process.processes import FREESTANDING, build
from trapline.vm.loader.files import load_elf
from trapline.vm.loader.image import LoadError
from trapline.vm.loader.locations import LocationError
from trapline.vm.loader.source_lines import SourceLines

SOURCE = "int data = 5; int bss[9]; int f(void) { return data; } void _start(void) { bss[0] = f(); for (;;); }"
EDGES = (0, 1, 2, 4, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)


@pytest.fixture(scope="module")
def program(tool, tmp_path_factory):
    return build(tool, tmp_path_factory.mktemp("fuzz"), SOURCE, *FREESTANDING, "-g").read_bytes()


def attempt(data: bytes) -> None:
    begin = time.monotonic()
    try:
        image = load_elf(data)
    except LoadError as error:
        assert "\n" not in str(error)
    else:
        assert image.segment_at(image.entry) or any(s.paddr <= image.entry for s in image.segments)
        assert sum(len(segment.data) for segment in image.segments) <= len(data) * len(image.segments)
        for vaddr in (image.entry, 0, 0xFFFFFFFF):
            image.symbol_at(vaddr)
        assert all(isinstance(name, str) for name in image.symbols)
        lines = SourceLines(image)
        for file in lines.files:
            with suppress(LocationError):  # the name may have been changed to anything
                assert lines.find(f"{file}:1")
    assert time.monotonic() - begin < 2


@given(changes=st.lists(st.tuples(st.integers(0, 1 << 30), st.integers(0, 255)), min_size=1, max_size=8))
def test_changed_bytes(program, changes):
    data = bytearray(program)
    for position, value in changes:
        data[position % len(data)] = value
    attempt(bytes(data))


@given(changes=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(EDGES)), min_size=1, max_size=3))
def test_changed_header_words(program, changes):
    data = bytearray(program)
    for index, value in changes:
        struct.pack_into("<I", data, 16 + 4 * index, value)
    attempt(bytes(data))


@given(st.integers(0, 1 << 20), st.integers(0, 9), st.sampled_from(EDGES))
def test_changed_section_headers(program, section, field, value):
    data = bytearray(program)
    shoff, shnum = struct.unpack_from("<I", data, 32)[0], struct.unpack_from("<H", data, 48)[0]
    struct.pack_into("<I", data, shoff + 40 * (section % shnum) + 4 * field, value)
    attempt(bytes(data))


@given(st.binary(max_size=300))
def test_anything_behind_the_magic(tail):
    attempt(b"\x7fELF\x01\x01\x01" + tail)


def test_many_symbols_that_share_one_long_name():
    """Overlapping names in the string table could add up to gigabytes."""
    count, strings = 20000, bytes(1) + b"A" * 200_000
    body = elf(Header(), [(PT_LOAD, 0x10000, bytes(16), 16, 5)])
    symbols = b"".join(struct.pack("<IIIBBH", 1 + i, 0x10000, 0, 0x10, 0, 1) for i in range(count))
    table, text, sections = len(body), len(body) + len(symbols), len(body) + len(symbols) + len(strings)
    headers = struct.pack("<10I", 0, 2, 0, 0, table, len(symbols), 1, 0, 4, 16)
    headers += struct.pack("<10I", 0, 3, 0, 0, text, len(strings), 0, 0, 1, 0)
    data = bytearray(body + symbols + strings + headers)
    struct.pack_into("<I", data, 32, sections)
    struct.pack_into("<H", data, 48, 2)
    image = load_elf(bytes(data))
    assert sum(map(len, image.symbols)) <= 17 * len(strings)
    attempt(bytes(data))
