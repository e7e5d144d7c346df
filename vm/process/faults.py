"""What a fault of a process is in the words of Linux: the signal that ends it, and a line that says why."""

from trapline.isa.cause import (
    BREAKPOINT,
    EXCEPTIONS,
    FETCH_MISALIGNED,
    ILLEGAL,
    LOAD_MISALIGNED,
    STORE_MISALIGNED,
)
from trapline.isa.compression import digits
from trapline.isa.table import decode_fetched
from trapline.isa.word import HALFWORD, WORD
from trapline.vm.loader.compressed import is_compressed
from trapline.vm.loader.image import Image
from trapline.vm.machine import Machine
from trapline.vm.process.errno import SIGBUS, SIGILL, SIGSEGV, SIGTRAP
from trapline.vm.process.space import Layout

_SIGNALS = {
    FETCH_MISALIGNED: SIGBUS, LOAD_MISALIGNED: SIGBUS, STORE_MISALIGNED: SIGBUS, ILLEGAL: SIGILL, BREAKPOINT: SIGTRAP,
}  # fmt: skip
"""The signal that Linux sends for a cause; SIGSEGV for all others."""


def describe(machine: Machine, image: Image, layout: Layout, cause: int, tval: int) -> tuple[int, str]:
    """The number of the signal, and the line, for an exception at the machine's pc."""
    pc = machine.pc
    place = f"pc {image.place(pc)}"
    what = EXCEPTIONS.get(cause, f"exception {cause}")
    with_c = "c" in machine.isa
    shortest = HALFWORD if with_c else WORD
    if cause == ILLEGAL:
        message = f"{what} 0x{digits(tval, with_c)} at {place}{_why_illegal(tval, with_c)}"
    elif cause == BREAKPOINT:
        message = f"{what} at {place}"
    else:
        message = f"{what} at {place}, address {tval:#010x}{_why_denied(layout, tval)}"
    if end := image.passed_end(pc):
        message += f": it ran past {end}; a program ends with `li a7, 93` and `ecall`"
    elif image.linked_address(pc) is None and image.linked_address(caller := machine.x["ra"] - shortest):
        message += f"; ra is from {image.place(caller)}"
    return _SIGNALS.get(cause, SIGSEGV), message


def _why_denied(layout: Layout, address: int) -> str:
    if layout.arena_top <= address < layout.stack_bottom:
        return " (the stack is full)"
    return ""


def _why_illegal(code: int, with_c: bool) -> str:
    if not with_c and is_compressed(code):
        return " (a compressed instruction; this machine has none: --isa rv32imac)"
    found = decode_fetched(code, with_c)
    instruction = None if found is None else found[0]
    if instruction is None or not (instruction.privilege != "U" or instruction.name.startswith("csr")):
        return ""
    return f" ({instruction.name} is not available to user programs; `trapline boot` runs a whole machine)"
