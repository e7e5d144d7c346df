"""Memory as the stopped hart sees it: at virtual addresses, by its own page tables, and changing nothing.

Permissions are not asked, so that a debugger may write to code. In M mode, and while satp is Bare, an address is
physical; MPRV is left aside, for pc would be elsewhere than what lies at its address.
"""

from trapline.isa.mode import M
from trapline.isa.sv32 import ADDRESSES, PAGE, PAGE_OFFSET, SATP_SV32
from trapline.vm.core.access_type import LOAD
from trapline.vm.core.mmu import refresh
from trapline.vm.core.page_walk import entry_at, find_leaf, leaf_address
from trapline.vm.machine import Machine, MemoryRangeError
from trapline.vm.registers import Hart


class Addresses:
    """The addresses of one machine. physical: whether those of the debugger are taken as physical ones."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.physical = False

    def physical_address(self, hart: Hart, vaddr: int) -> int | None:
        """Where an address of the hart's is; None where nothing is mapped."""
        h, engine = hart.h, self._machine.engine
        if self.physical or h.mode == M or h.satp & SATP_SV32 == 0:
            return vaddr
        refresh(h)
        leaf = find_leaf(h, engine.m, engine.words, vaddr, LOAD)
        return None if leaf < 0 else leaf_address(entry_at(engine.m, engine.words, leaf), leaf & 1, vaddr)

    def read(self, hart: Hart, address: int, length: int) -> bytes:
        """The bytes from an address on, fewer where there is no RAM behind them."""
        found = b""
        for vaddr, size in _pieces(address, length):
            paddr = self.physical_address(hart, vaddr)
            try:
                if paddr is None:
                    break
                found += self._machine.read(paddr, size)
            except MemoryRangeError:
                break
        return found

    def write(self, hart: Hart, address: int, data: bytes) -> bool:
        """Write, if all of it is RAM; whether it is."""
        if address + len(data) > ADDRESSES:
            return False
        places = []
        for vaddr, size in _pieces(address, len(data)):
            paddr = self.physical_address(hart, vaddr)
            start, ram = self._machine.ram_base, len(self._machine.ram)
            if paddr is None or not start <= paddr <= start + ram - size:
                return False
            places.append((paddr, size))
        for paddr, size in places:
            self._machine.write(paddr, data[:size])
            data = data[size:]
        return True


def _pieces(address: int, length: int) -> list[tuple[int, int]]:
    """A range as (address, bytes) within a page each; it ends where the address space does."""
    found = []
    end = min(address + length, ADDRESSES)
    while address < end:
        size = min(PAGE - (address & PAGE_OFFSET), end - address)
        found.append((address, size))
        address += size
    return found
