"""Memory as a hart sees it: at virtual addresses, by its own page tables, whatever they permit.

Looking changes nothing. In M mode, and while satp is Bare, an address is physical. Devices are not looked at, as a look
could change them.
"""

from typing import NamedTuple

from trapline.isa.compression import instruction_length
from trapline.isa.instruction import Instruction
from trapline.isa.mode import M
from trapline.isa.sv32 import PAGE, PAGE_OFFSET, SATP_SV32
from trapline.isa.table import decode_fetched
from trapline.isa.word import HALFWORD, MASK, WORD
from trapline.vm.core.access_type import LOAD
from trapline.vm.core.mmu import refresh
from trapline.vm.core.overlays import own_word
from trapline.vm.core.page_walk import entry_at, find_leaf, leaf_address
from trapline.vm.debug.mistake import Mistake
from trapline.vm.machine import Machine, MemoryRangeError
from trapline.vm.registers import Hart


def physical_address(machine: Machine, hart: Hart, vaddr: int) -> int | None:
    """Where an address of the hart's is, None where nothing is mapped."""
    h, engine = hart.h, machine.engine
    if h.mode == M or h.satp & SATP_SV32 == 0:
        return vaddr
    refresh(h)
    leaf = find_leaf(h, engine.m, engine.words, vaddr, LOAD)
    return (
        None if leaf < 0 else int(leaf_address(entry_at(engine.m, engine.words, leaf & ~(WORD - 1)), leaf & 1, vaddr))
    )


def read(machine: Machine, hart: Hart, vaddr: int, length: int) -> bytes:
    """Bytes at a virtual address, instructions as the guest has written them. Raises Mistake where there is no RAM."""
    found = bytearray()
    while len(found) < length:
        address = (vaddr + len(found)) & MASK
        size = min(length - len(found), PAGE - (address & PAGE_OFFSET))
        found += _read_page(machine, _reached(machine, hart, address), size, address)
    return bytes(found)


def instruction(machine: Machine, hart: Hart, pc: int) -> int | None:
    """The instruction at an address, 32 bits or 16 of a compressed one; None where there is none."""
    shortest = shortest_instruction(machine)
    try:
        first = None if pc % shortest else int.from_bytes(read(machine, hart, pc, shortest), "little")
        if first is None or instruction_length(first, has_compressed(machine)) == shortest:
            return first
        return int.from_bytes(read(machine, hart, pc, WORD), "little")
    except Mistake:
        return None


class Decoded(NamedTuple):
    """An instruction, the word of 32 bits that it stands for, and the address behind it."""

    instruction: Instruction
    word: int
    behind: int


def decoded(machine: Machine, hart: Hart, pc: int) -> Decoded | None:
    """The instruction at an address; None for an illegal one, or none."""
    with_c = has_compressed(machine)
    code = instruction(machine, hart, pc)
    found = decode_fetched(code, with_c)
    return None if code is None or found is None else Decoded(*found, (pc + instruction_length(code, with_c)) & MASK)


def behind(machine: Machine, hart: Hart, pc: int) -> int:
    """The address behind the instruction at another one; where there is none, the next that may have one."""
    code = instruction(machine, hart, pc)
    length = shortest_instruction(machine) if code is None else instruction_length(code, has_compressed(machine))
    return (pc + length) & MASK


def has_compressed(machine: Machine) -> bool:
    """Whether its harts have compressed instructions."""
    return "c" in machine.isa


def shortest_instruction(machine: Machine) -> int:
    """The length in bytes of its shortest instructions, at a multiple of which each begins."""
    return HALFWORD if has_compressed(machine) else WORD


def write(machine: Machine, hart: Hart, vaddr: int, data: bytes) -> None:
    """Write bytes at a virtual address, even where the guest may not. Raises Mistake, and then nothing is written."""
    pieces, done = [], 0
    while done < len(data):
        address = (vaddr + done) & MASK
        size = min(len(data) - done, PAGE - (address & PAGE_OFFSET))
        paddr = _reached(machine, hart, address)
        _read_page(machine, paddr, size, address)
        pieces.append((paddr, data[done : done + size]))
        done += size
    for paddr, piece in pieces:
        machine.write(paddr, piece)


def _reached(machine: Machine, hart: Hart, vaddr: int) -> int:
    paddr = physical_address(machine, hart, vaddr)
    if paddr is None:
        raise Mistake(f"nothing is mapped at {vaddr:#010x}; `walk {vaddr:#010x}` says why")
    return paddr


def _read_page(machine: Machine, paddr: int, size: int, vaddr: int) -> bytes:
    try:
        data = machine.read(paddr, size)
    except MemoryRangeError:
        raise Mistake(f"there is no RAM at {vaddr:#010x}") from None
    if machine.engine.m.overlays == 0:
        return data
    first, end = (paddr - machine.ram_base) // WORD, -(-(paddr - machine.ram_base + size) // WORD)
    words = (own_word(machine.engine.m, machine.engine.words, index) for index in range(first, end))
    whole = b"".join(int(word).to_bytes(WORD, "little") for word in words)
    start = (paddr - machine.ram_base) % WORD
    return whole[start : start + size]
