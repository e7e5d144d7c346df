"""Object files of ELF for x86-64 become memory that can be executed, without LLVM, which takes longer to import.

What LLVM makes of the engine is code, constants and addresses of 64 bits to be filled in: of its own parts, and of
functions of C that need nothing else. Whatever else an object has, or another kind of file, is refused, so that LLVM's
own linker does it.
"""

import ctypes
import mmap
import struct
import sys

from trapline.vm.translator import object_file
from trapline.vm.translator.object_file import Section, Symbol

R_X86_64_64 = 1
KNOWN = ("memset", "memcpy", "memmove")
"""Functions of C that LLVM calls unasked."""
_ADDRESS = struct.Struct("<Q")


class RefusedError(Exception):
    """The object is none that is loaded here, or the system makes no memory executable."""


def load(data: bytes) -> dict[str, int]:
    """The addresses of an object's symbols, by name, after loading it for as long as this process lives.

    Raises RefusedError.
    """
    if sys.platform == "win32" or not object_file.is_relocatable(data):
        raise RefusedError("no object of ELF for x86-64")
    sections = object_file.sections(data)
    places, size = _places(sections)
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for number, place in places.items():
        memory[place : place + len(sections[number].data)] = sections[number].data
    symbols = object_file.symbols(sections)
    addresses = [_address(symbol, base, places) for symbol in symbols]
    for section in sections:
        if section.kind == object_file.RELOCATIONS and section.info in places:
            place = places[section.info]
            for offset, kind, symbol, addend in object_file.RELOCATION.iter_unpack(section.data):
                address = addresses[symbol]
                if kind != R_X86_64_64 or address is None:
                    raise RefusedError(f"a relocation of type {kind} for '{symbols[symbol].name}'")
                _ADDRESS.pack_into(memory, place + offset, address + addend)
    # Written or executed, not both, so that nothing changes it later.
    if ctypes.CDLL(None).mprotect(ctypes.c_void_p(base), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
        raise RefusedError("the system makes no memory executable")
    _ALIVE.append(memory)
    return {s.name: a for s, a in zip(symbols, addresses, strict=True) if s.section in places and a is not None}


_ALIVE: list[mmap.mmap] = []


def _places(sections: list[Section]) -> tuple[dict[int, int], int]:
    """Where each section goes that is in memory, by its number, and how much memory all of them take."""
    places, end = {}, 0
    for number, section in enumerate(sections):
        if not section.flags & object_file.ALLOCATED or not section.data:
            continue
        if section.kind != object_file.CONTENT or section.flags & object_file.WRITABLE:
            raise RefusedError(f"section {section.name.decode(errors='replace')}")
        places[number] = end + -end % section.alignment
        end = places[number] + len(section.data)
    if not places:
        raise RefusedError("no code")
    return places, end


def _address(symbol: Symbol, base: int, places: dict[int, int]) -> int | None:
    """Where a symbol is; None if it is not known."""
    if symbol.section in places:
        return base + places[symbol.section] + symbol.value
    if symbol.section == object_file.UNDEFINED and symbol.name in KNOWN:
        return ctypes.cast(getattr(ctypes.CDLL(None), symbol.name), ctypes.c_void_p).value
    return None
