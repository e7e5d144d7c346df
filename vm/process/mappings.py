"""System calls that change the memory mappings of a process."""

from trapline.vm.process.caller import Caller
from trapline.vm.process.errno import EBADF, EINVAL, ENODEV, SystemCallError
from trapline.vm.process.space import permissions_of
from trapline.vm.process.system_calls import constant, system_call

_MAP_TYPE, _MAP_FIXED, _MAP_ANONYMOUS, _MAP_FIXED_NOREPLACE = 0xF, 0x10, 0x20, 0x100000
_PROT_ALL = 7 | 1 << 24 | 1 << 25  # PROT_GROWSDOWN and PROT_GROWSUP are ignored


@system_call("brk", 214)
def brk(process: Caller, address: int) -> int:
    """The new end of the heap, or the current one if it cannot move there: brk reports failure in no other way."""
    return process.space.set_brk(address)


@system_call("mmap", 222)
def mmap(process: Caller, address: int, size: int, prot: int, flags: int, fd: int) -> int:
    """Anonymous memory only; the standard streams cannot be mapped."""
    if flags & _MAP_TYPE not in (1, 2, 3):
        raise SystemCallError(EINVAL)
    if not flags & _MAP_ANONYMOUS:
        raise SystemCallError(ENODEV if fd in process.files else EBADF)
    fixed = flags & (_MAP_FIXED | _MAP_FIXED_NOREPLACE) != 0
    return process.space.map(address, size, permissions_of(prot), fixed, not flags & _MAP_FIXED_NOREPLACE)


@system_call("munmap", 215)
def munmap(process: Caller, address: int, size: int) -> int:
    process.space.unmap(address, size)
    return 0


@system_call("mprotect", 226)
def mprotect(process: Caller, address: int, size: int, prot: int) -> int:
    if prot & ~_PROT_ALL:
        raise SystemCallError(EINVAL)
    process.space.change(address, size, permissions_of(prot))
    return 0


constant(0, "madvise", 233)
constant(0, "riscv_flush_icache", 259)  # fetches see stores to code at once
