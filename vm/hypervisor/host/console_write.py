"""The hypercall that the host serves: bytes of the guest's memory to its console."""

from typing import Any

from trapline.isa.hart import A0, A1
from trapline.isa.pmp import PMP_GRAIN
from trapline.isa.sv32 import PAGE
from trapline.isa.word import MASK
from trapline.vm.core.access_type import LOAD
from trapline.vm.core.mmu import data_address, refresh
from trapline.vm.core.pmp_check import PARTIAL, pmp_lookup
from trapline.vm.core.records import HartRecord
from trapline.vm.hypervisor.paravirt import INVALID_ADDRESS, SUCCESS, answer

MOST_BYTES = 4096
"""Bytes that one call prints at most; the rest is for the guest's next call."""


def console_write(machine: Any, h: HartRecord) -> None:
    """Print a1 bytes from a0 on, as the guest may read them; a1 becomes how many were printed."""
    engine = machine.engine
    words = engine.words
    start, count = h.x[A0], min(h.x[A1], MOST_BYTES)
    refresh(h)
    printed = bytearray()
    while len(printed) < count:
        vaddr = (start + len(printed)) & MASK
        paddr = data_address(h, engine.m, words, engine.buffers.code, engine.buffers.page, vaddr, 1, LOAD)
        if not machine.ram_base <= paddr < machine.ram_base + engine.m.ram_size:
            break
        start_of_page = paddr & -PAGE
        uniform = pmp_lookup(h, start_of_page, start_of_page + PAGE) != PARTIAL
        unit = PAGE if uniform else PMP_GRAIN
        printed += machine.read(paddr, min(count - len(printed), unit - paddr % unit))
    machine.console.write(bytes(printed))
    answer(h, SUCCESS if len(printed) == count else INVALID_ADDRESS, len(printed))
