"""What has been translated, shown as it is: the bytes are those that are executed, and no instruction is missing."""

import ctypes
from itertools import pairwise

import pytest

from support.budget import CHECKED, PLAIN
from support.paths import PROGRAMS
from support.translator.forced_regions import force
from trapline import Machine, Process
from trapline.isa.sv32 import PAGE_PARCELS
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.engine import TRANSLATE
from trapline.vm.translator import context
from trapline.vm.translator.emit import LINE
from trapline.vm.translator.host.listing import Page, translated_pages
from trapline.vm.translator.stencils import JUMP_BYTES

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(PLAIN or CHECKED, reason="only the compiled engine translates"),
]


def boot(name: str, isa: str = "rv32ima", technique: str = "bare") -> Machine:
    machine = Machine.from_file(PROGRAMS / "boot" / f"{name}.s", isa=isa, technique=technique, memory=1 << 20)
    for steps in (2_000, 30_000):
        machine.run(max_instructions=steps)
    return machine


def fib() -> Machine:
    machine = Process.from_file(PROGRAMS / "fib.s", ["fib", "20"], memory=1 << 20).machine
    for steps in (2_000, 30_000):
        machine.run(max_instructions=steps)
    return machine


MACHINES = {
    "a program": fib,
    "a kernel": lambda: boot("threads"),
    "a kernel with compressed instructions": lambda: boot("threads", isa="rv32imac"),
    "a kernel that is virtualized": lambda: boot("threads", technique="trap"),
}


@pytest.mark.parametrize("name", MACHINES)
def test_it_is_what_is_executed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(TRANSLATE, "50")
    machine = MACHINES[name]()
    translator = machine.engine.translator
    assert translator is not None
    before = machine.digest(), bytes(translator.words), machine.engine.buffers.code.tobytes()
    pages = list(translated_pages(machine.engine))
    assert (machine.digest(), bytes(translator.words), machine.engine.buffers.code.tobytes()) == before
    assert pages
    for page in pages:
        check(page)
    assert [page.gained for page in pages] == sorted((page.gained for page in pages), reverse=True)
    assert sum(len(piece.code) for page in pages for piece in page.pieces) <= translator.words[context.ARENA_USED]


def in_memory(address: int, count: int) -> bytes:
    return bytes((ctypes.c_uint8 * count).from_address(address))


def check(page: Page) -> None:
    """The pieces lie one behind the other, and those of a block are its instructions in their order."""
    for piece in page.pieces:
        assert in_memory(piece.address, len(piece.code)) == piece.code
    for piece, following in pairwise(page.pieces):
        assert 0 <= following.address - (piece.address + len(piece.code)) < LINE  # before loops there is nothing
    left = 0
    for piece in page.pieces:
        if piece.begins_block:
            assert left <= 1, "only a jump has no code"
            left, last = piece.extra, piece.parcel - 1
        elif piece.is_instruction:
            assert left > 0 and 0 < piece.parcel - last <= (2 * WORD) // HALFWORD and piece.parcel < PAGE_PARCELS
            left, last = left - 1, piece.parcel


def test_a_page_is_found_where_it_was_fetched_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRANSLATE, "50")
    (page,) = translated_pages(fib().engine)
    assert page.vaddr == 0x10000


def test_regions_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the code that is executed, to which their entries lead."""
    force(monkeypatch)
    machine = boot("threads")
    for _ in range(20):
        machine.run(max_instructions=500)
    page, *_ = translated_pages(machine.engine)
    assert page.regions
    blocks = {piece.parcel: piece for piece in page.pieces if piece.begins_block}
    leads = {parcel: region.address + offset for region in page.regions for parcel, offset in region.entries.items()}
    for region in page.regions:
        assert in_memory(region.address, len(region.code)) == region.code
        assert region.entries.keys() <= set(region.parcels) & blocks.keys()
        for parcel in region.entries:  # which a later region may have as well
            jump = in_memory(blocks[parcel].address, JUMP_BYTES)
            target = blocks[parcel].address + JUMP_BYTES + int.from_bytes(jump[1:], "little", signed=True)
            assert target == leads[parcel]


def test_nothing_is_shown_where_there_is_nothing() -> None:
    assert list(translated_pages(Machine(engine="python").engine)) == []
    machine = boot("threads")
    assert list(translated_pages(machine.engine))
    machine.breakpoints.add(0)
    machine.step()
    assert list(translated_pages(machine.engine)) == []
