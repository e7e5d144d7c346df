"""The memory in which instructions are tried."""

import numpy as np
import pytest

from trapline.isa.cause import LOAD_PAGE
from trapline.isa.isa_string import parse_isa
from trapline.vm.classifier.definitions import memory
from trapline.vm.classifier.search.search import new_engine
from trapline.vm.core.mmu import refresh
from trapline.vm.core.page_walk import translate
from trapline.vm.core.status import fault

EXTENSIONS = parse_isa("rv32ima_xleak")


@pytest.mark.parametrize("number", range(len(memory.RELOCATIONS)))
def test_relocations_show_the_same_layout(number: int) -> None:
    """Each page is where its relocation says, and the one that is lacked is not there."""
    engine = new_engine("python", EXTENSIONS)
    engine.ram.view(np.uint32)[:] = memory.image()
    relocation = memory.RELOCATIONS[number]
    h = engine.h[0]
    h.satp, h.mode = relocation.satp, 1
    h.mstatus = 0x40000  # SUM
    h.pmpcfg[0], h.pmpaddr[0] = relocation.pmp
    h.pmpcfg[1], h.pmpaddr[1] = memory.OPEN
    refresh(h)
    ram = engine.words
    for page in range(memory.PAGES):
        access = 0 if page == 3 else 1
        h.mode = 0 if page == 3 else 1
        vaddr = memory.RAM_BASE + page * memory.PAGE
        paddr = translate(h, engine.m, ram, engine.code.data, engine.page.data, vaddr, access, h.mode)
        if relocation.satp and relocation.lacks and page == 2:
            assert paddr == fault(LOAD_PAGE)
        else:
            assert paddr == vaddr + relocation.frames
    assert np.array_equal(engine.ram.view(np.uint32), memory.image()), "A and D were set"
