"""Stores to the page that `tohost` is in, and to `tohost`."""

import pytest

from support.machines import from_text
from trapline import Machine
from trapline.isa.sv32 import PAGE
from trapline.vm.board.htif import HtifState
from trapline.vm.core.code_pages import TOHOST_BYTES
from trapline.vm.core.stops import NEAR_TOHOST
from trapline.vm.loader.source import load_source

DATA = 0xA1B2C3D4
WIDTHS = {"sb": 1, "sh": 2, "sw": 4, "amoswap.w": 4}
STORES = [
    (name, offset)
    for name, width in WIDTHS.items()
    for offset in range(-TOHOST_BYTES, 2 * TOHOST_BYTES)
    if name in ("sb", "sh", "sw") or offset % width == 0
]
BEFORE = 5
"""Steps before the first of these stores."""


def text(stores: list[tuple[str, int]], tohost: str = "tohost") -> str:
    """A program of them, two instructions for each, by their distance from `tohost`."""
    lines = [f"_start: la s0, {tohost}", f"li t0, {DATA}", "sw x0, 512(s0)"]
    for name, offset in stores:
        lines += [f"addi s1, s0, {offset}", f"{name} x0, t0, (s1)" if name[0] == "a" else f"{name} t0, (s1)"]
    return "\n".join([*lines, ".data", ".align 12", ".space 256", f".globl {tohost}", f"{tohost}: .space 1024"])


@pytest.mark.parametrize("technique", ["bare", "trap", "patch"])
def test_every_store_around_it(technique: str) -> None:
    """Those that reach one byte of it or more are noticed, whatever their width and alignment, and all are done."""
    machine = from_text(text(STORES), technique=technique)
    machine.step(BEFORE)
    start = machine.symbols["tohost"] - 64
    expected = bytearray(128)
    for name, offset in STORES:
        machine.step(2)
        width = WIDTHS[name]
        expected[64 + offset : 64 + offset + width] = DATA.to_bytes(4, "little")[:width]
        assert machine.read(start, 128) == bytes(expected), (name, offset)
        assert machine.htif is not None
        assert machine.htif.waits == (-width < offset < TOHOST_BYTES), (name, offset)
        machine.htif.restore(HtifState(None))


def test_its_page_is_in_the_store_tlb() -> None:
    """So that its other words are as quick as those of any page."""
    machine = from_text(text([]))
    machine.step(BEFORE)
    hart = machine.harts[0].h
    page = machine.symbols["tohost"] & -PAGE
    assert [tag for tag in hart.store_tlb[::2] if tag >= 0] == [page | hart.data_context | NEAR_TOHOST]


def test_an_image_that_is_loaded_later() -> None:
    """What a run before it has cached of its page is void."""
    machine: Machine = from_text(text([], "result"))
    machine.step(BEFORE)
    assert machine.htif is None
    machine.load(load_source(text([("sw", 0)]), text_base=machine.ram_base))
    machine.step(BEFORE + 2)
    assert machine.htif is not None and machine.htif.waits
