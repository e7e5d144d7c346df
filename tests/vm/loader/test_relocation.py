"""Position-independent programs: placed, relocated, run, and refused where they need other files."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.loader.elf import Header, elf
from trapline import ExitReason, LoadError, Machine
from trapline.asm.elf.format import PT_DYNAMIC, PT_INTERP, PT_LOAD
from trapline.vm.loader.files import load_elf
from trapline.vm.loader.image import EXECUTE, READ, WRITE

ET_DYN = 3
RELATIVE, IRELATIVE, ABSOLUTE = 3, 58, 1
TEXT = 0x100
"""Of the program below: `auipc a0, 1; lw a1, -256(a0)`, whose word at 0x1000 points to itself, and a jump to itself."""
CODE = struct.pack("<4I", 0x00001517, 0xF0052583, 0x0000006F, 0)
DATA = 0x1000


def program(*relocations: tuple[int, int, int], text: int = TEXT, interpreter: bool = False, place: int = 0) -> bytes:
    """Text, a word of data, a table of (place, type, addend), and the dynamic section that names it."""
    table = b"".join(struct.pack("<IIi", *entry) for entry in relocations)
    dynamic = struct.pack("<6I", 7, place + DATA + 4, 8, len(table), 0, 0)
    data = bytes(4) + table + dynamic
    segments = [
        (PT_LOAD, place + TEXT, CODE, len(CODE), READ | EXECUTE),
        (PT_LOAD, place + DATA, data, len(data), READ | WRITE),
    ]
    header = Header(kind=ET_DYN, entry=place + text)
    offset = 52 + 32 * (3 + interpreter) + len(CODE) + 4 + len(table)
    if interpreter:
        segments.append((PT_INTERP, 0, b"/lib/ld.so.1\0", 13, READ))
    raw = bytearray(elf(header, [*segments, (PT_DYNAMIC, place + DATA + 4 + len(table), b"", 0, READ)]))
    # The dynamic section lies inside of the second segment.
    struct.pack_into("<II", raw, 52 + 32 * (2 + interpreter) + 4, offset, place + DATA + 4 + len(table))
    struct.pack_into("<II", raw, 52 + 32 * (2 + interpreter) + 16, len(dynamic), len(dynamic))
    return bytes(raw)


GOOD = program((DATA, RELATIVE, DATA))


def test_a_machine_places_it_in_ram() -> None:
    machine = Machine(memory=1 << 16)
    image = load_elf(GOOD, base=machine.ram_base)
    machine.load(image)
    assert machine.pc == image.entry >= machine.ram_base
    assert machine.run(max_instructions=10).reason is ExitReason.LIMIT
    assert machine.x["a1"] == image.segments[1].vaddr


@given(base=st.integers(0, 0xF0000000 >> 12).map(lambda page: page << 12))
@examples(20)
def test_each_word_follows_the_place(base: int) -> None:
    image = load_elf(GOOD, base=base)
    first, second = image.segments
    assert first.vaddr >= base and second.vaddr - first.vaddr == DATA - TEXT == second.paddr - first.paddr
    assert image.entry == first.vaddr and first.vaddr - base < 0x1000
    assert int.from_bytes(second.data[:4], "little") == second.vaddr


def test_one_that_is_linked_high_enough_stays() -> None:
    image = load_elf(program((0x80000000 + DATA, RELATIVE, -0x80000000 + DATA), place=0x80000000), base=0x80000000)
    assert image.entry == 0x80000000 + TEXT
    assert int.from_bytes(image.segments[1].data[:4], "little") == 0x80000000 + DATA


def test_a_program_may_serve_relocations_of_its_own() -> None:
    image = load_elf(program((DATA, IRELATIVE, TEXT)), base=0x10000)
    assert image.segments[1].data[:4] == bytes(4)


REFUSED = {
    "another file": (program((DATA, ABSOLUTE | 5 << 8, 0)), "its relocation 1 needs another file"),
    "an interpreter": (program(interpreter=True), "is dynamically linked"),
    "a place outside": (program((0x9000, RELATIVE, 0)), "has a relocation at 0x00009000, outside"),
    "a place in the gap": (program((DATA - 2, RELATIVE, 0)), "outside of what is loaded"),
    "an entry outside": (program(text=0x5000), "is outside every segment"),
    "a table outside": (GOOD.replace(struct.pack("<II", 7, DATA + 4), struct.pack("<II", 7, 0x9000)), "damaged table"),
    "an odd table": (GOOD.replace(struct.pack("<II", 8, 12), struct.pack("<II", 8, 11)), "damaged table"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    data, part = REFUSED[name]
    with pytest.raises(LoadError, match="program: ") as refusal:
        load_elf(data)
    assert part in str(refusal.value)


@given(data=st.data())
@examples(60)
def test_damage_is_refused_or_loaded(data: st.DataObject) -> None:
    raw = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(16, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        load_elf(bytes(raw))
    except LoadError:
        pass
