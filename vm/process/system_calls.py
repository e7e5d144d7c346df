"""The table of system calls: number, name, number of arguments, and the function that serves it.

Numbers are those of Linux for RV32 (asm-generic), and those above 1000 that newlib's libgloss uses.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter

from trapline.isa.hart import A0, Words
from trapline.vm.process.caller import Caller


@dataclass(frozen=True)
class SystemCall:
    """A system call. serve(process, *arguments(x)) returns the result or raises SystemCallError; x: the registers."""

    name: str
    arguments: Callable[[Words], Iterable[int]]
    serve: Callable[..., int]


TABLE: dict[int, SystemCall] = {}

NAMES_WITHOUT_SERVICE = {
    72: "pselect6", 73: "ppoll", 216: "mremap", 220: "clone", 221: "execve", 258: "riscv_hwprobe", 260: "wait4",
    283: "membarrier", 293: "rseq", 413: "pselect6", 414: "ppoll", 435: "clone3",
}  # fmt: skip
"""Names, for statistics, of calls that fail with ENOSYS."""


def _arguments(count: int) -> Callable[[Words], Iterable[int]]:
    """What takes so many arguments from the registers, without a loop in Python: each call needs them."""
    return itemgetter(*range(A0, A0 + count)) if count > 1 else itemgetter(slice(A0, A0 + count))


def system_call(name: str, *numbers: int) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Declare the function that serves a system call under these numbers."""

    def declare(serve: Callable[..., int]) -> Callable[..., int]:
        arguments = _arguments(serve.__code__.co_argcount - 1)
        for number in numbers:
            if number in TABLE:
                raise ValueError(f"system call {number} is declared twice: {TABLE[number].name} and {name}")
            TABLE[number] = SystemCall(name, arguments, serve)
        return serve

    return declare


def constant(value: int, name: str, *numbers: int) -> None:
    """Declare a system call with a constant result."""

    def serve(process: Caller) -> int:
        return value

    system_call(name, *numbers)(serve)


def name_of(number: int) -> str:
    """The name of a system call, or its number as text."""
    if number in TABLE:
        return TABLE[number].name
    return NAMES_WITHOUT_SERVICE.get(number, f"call {number}")


def signed(word: int) -> int:
    """The word as a signed 32-bit number."""
    return word - (1 << 32) if word & 0x80000000 else word
