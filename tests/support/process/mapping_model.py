"""A process with three instructions, and a plain model of what it has mapped: a permission for each page."""

from support.process.processes import DATA, TEXT, call, tiny_image
from trapline.isa.sv32 import PAGE
from trapline.vm.exit import ExitReason
from trapline.vm.process import Process

BRK, MUNMAP, MMAP, MPROTECT = 214, 215, 222, 226
ANONYMOUS, FIXED = 0x22, 0x32
LOAD, STORE, FETCH = 1, 2, 4
"""The bits of PROT_READ, PROT_WRITE and PROT_EXEC."""
READ_WRITE = LOAD | STORE

_WORDS = (0x0000A283, 0x0050A023, 0x00008067)
"""lw t0, 0(ra); sw t0, 0(ra); ret."""
_FIRST_FREE = 48
"""Pages before are the program's own, and stay."""
_LEFT = 0x12345678
"""What a store leaves: no instruction."""


def new_process(engine: str | None = None, memory: int = 16 << 20) -> Process:
    """A process that `accesses` can use."""
    return Process(tiny_image(_WORDS), memory=memory, engine=engine)


class Model:
    """What is mapped, by page number: the bits of PROT."""

    def __init__(self, process: Process) -> None:
        layout = process.space.layout
        self.pages = {TEXT // PAGE: LOAD | FETCH, DATA // PAGE: READ_WRITE, DATA // PAGE + 1: READ_WRITE}
        self.map(layout.stack_bottom // PAGE, layout.stack_top // PAGE, READ_WRITE)

    def map(self, first: int, last: int, prot: int) -> None:
        """What can be written can be read."""
        self.pages |= dict.fromkeys(range(first, last), prot | LOAD if prot & STORE else prot)

    def unmap(self, first: int, last: int) -> None:
        for page in range(first, last):
            self.pages.pop(page, None)

    def permissions(self, page: int) -> int:
        return self.pages.get(page, 0)

    def edges(self) -> set[int]:
        """Pages whose permissions are not those of a neighbour."""
        near = {page + step for page in self.pages for step in (-1, 0, 1)}
        return {p for p in near if any(self.permissions(p) != self.permissions(p + step) for step in (-1, 1))}


def apply(process: Process, model: Model, kind: str, page: int, count: int, prot: int) -> None:
    """One system call, and what it does to the model if it succeeds."""
    end = page + count
    if kind == "brk":
        old, asked = call(process, BRK, 0), page * PAGE + 5
        if call(process, BRK, asked) == asked and old != asked:
            before, after = -(-old // PAGE), page + 1
            assert not any(p in model.pages for p in range(before, after))
            model.map(before, after, READ_WRITE)
            model.unmap(after, before)
    elif kind == "map":
        at = call(process, MMAP, page * PAGE, count * PAGE, prot, ANONYMOUS, -1, 0)
        if at > 0:
            assert not any(at // PAGE + i in model.pages for i in range(count))
            model.map(at // PAGE, at // PAGE + count, prot)
    elif page >= _FIRST_FREE:
        if kind == "fixed" and call(process, MMAP, page * PAGE, count * PAGE, prot, FIXED, -1, 0) == page * PAGE:
            model.map(page, end, prot)
        elif kind == "unmap" and call(process, MUNMAP, page * PAGE, count * PAGE) == 0:
            model.unmap(page, end)
        elif kind == "change":
            refused = call(process, MPROTECT, page * PAGE, count * PAGE, prot) != 0
            hole = next((p for p in range(page, end) if p not in model.pages), end)
            assert refused == (hole < end)
            model.map(page, hole, prot)


def accesses(process: Process, page: int) -> int:
    """What the hart can do at this page: the bits of PROT. A store leaves a word at its start."""
    machine, at = process.machine, page * PAGE & 0xFFFFFFFF
    done = 0
    for bit, place in ((LOAD, 0), (STORE, 4), (FETCH, 8)):
        machine.x["ra"], machine.x["t0"], machine.pc = at, _LEFT, TEXT + place
        exit = machine.step(1)
        if bit == FETCH:
            assert machine.pc == at
            exit = machine.step(1)
            done |= 0 if exit.reason is ExitReason.TRAP and exit.cause == 12 else FETCH
        elif exit.reason is not ExitReason.TRAP:
            done |= bit
        else:
            assert (exit.cause, exit.tval) == (13 if bit == LOAD else 15, at)
    return done
