"""Semihosting for a kernel: its requests reach the console of the machine, as a process reaches the host's streams."""

from collections.abc import Sequence
from typing import BinaryIO, NamedTuple, cast

from trapline.isa.cause import BREAKPOINT
from trapline.isa.sv32 import PAGE
from trapline.vm.board.devices import Halt
from trapline.vm.boot.memory_map import Plan
from trapline.vm.core.access_type import LOAD, STORE
from trapline.vm.core.mmu import data_address, refresh
from trapline.vm.host.console import PATIENCE, Console
from trapline.vm.loader.image import WRITE
from trapline.vm.machine import Machine
from trapline.vm.process import semihosting
from trapline.vm.process.errno import EFAULT, SystemCallError
from trapline.vm.process.saved_state import RequesterPart
from trapline.vm.process.streams import Input, Output, Quota

NANOSECONDS = 100
"""Of a tick of mtime."""
PART = "semihosting"
"""Its name among the parts of a machine."""
PROBES = "sbi_init"
"""A symbol of OpenSBI, which looks whether semihosting is there and then reads its console by it, waiting for keys."""


def wanted(plan: Plan, asked: bool | None) -> bool:
    """Whether to serve requests. asked: by the user; None for a kernel that starts in M mode, without firmware."""
    if asked is not None:
        return asked
    return plan.firmware == "none" and plan.kernel is not None and PROBES not in plan.kernel.image.symbols


class _NotYet(Exception):
    """Nothing has been typed: the guest asks again."""


class _Screen:
    """The console as a stream that is written."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def write(self, data: bytes | memoryview) -> int:
        self.console.write(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept here."""


class _Keys:
    """The console as a stream that is read, at least a byte at a time unless there will never be any."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def read(self, size: int) -> bytes:
        if not self.console.ready() and self.console.wait(PATIENCE) and not self.console.ready():
            raise _NotYet
        return self.console.take(size)


class _Heap(NamedTuple):
    """Where heap and stack are: "If the value is 0, it is not known"."""

    arena_top: int = 0
    stack_top: int = 0
    stack_bottom: int = 0


class KernelMemory:
    """RAM as the hart that ran last reaches it by loads and stores."""

    brk_start = 0
    layout = _Heap()

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def _physical(self, address: int, permission: int) -> int | None:
        """The physical address of a byte; None where an access traps, or reaches no RAM."""
        engine, h = self.machine.engine, self.machine.current.h
        refresh(h)
        access = STORE if permission == WRITE else LOAD
        paddr = data_address(h, engine.m, engine.words, engine.buffers.code, engine.buffers.page, address, 1, access)
        return paddr if 0 <= paddr - self.machine.ram_base < engine.m.ram_size else None

    def _pieces(self, address: int, size: int, permission: int) -> list[tuple[int, int]]:
        """(physical address, length) within pages, up to the first byte that cannot be accessed."""
        pieces = []
        while size > 0 and (paddr := self._physical(address & 0xFFFFFFFF, permission)) is not None:
            length = min(size, PAGE - address % PAGE)
            pieces.append((paddr, length))
            address, size = address + length, size - length
        return pieces

    def prefix(self, address: int, size: int, permission: int) -> int:
        """How many of `size` bytes at `address` can be accessed."""
        return sum(length for _, length in self._pieces(address, size, permission))

    def check(self, address: int, size: int, permission: int) -> None:
        """Raise EFAULT unless all these bytes can be accessed."""
        if self.prefix(address, size, permission) < size:
            raise SystemCallError(EFAULT)

    def read(self, address: int, size: int) -> bytes:
        """A copy of bytes. Raises EFAULT."""
        pieces = self._pieces(address, size, 0)
        if sum(length for _, length in pieces) < size:
            raise SystemCallError(EFAULT)
        return b"".join(self.machine.read(*piece) for piece in pieces)

    def view(self, address: int, size: int) -> memoryview:
        """The same."""
        return memoryview(self.read(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Store bytes. Raises EFAULT."""
        self.check(address, len(data), WRITE)
        done = 0
        for paddr, length in self._pieces(address, len(data), WRITE):
            self.machine.write(paddr, data[done : done + length])
            done += length

    def word(self, address: int) -> int:
        """A 32-bit word. Raises EFAULT."""
        return int.from_bytes(self.read(address, 4), "little")

    def string(self, address: int, limit: int = PAGE) -> bytes:
        """A NUL-terminated string, cut at `limit` bytes. Raises EFAULT."""
        size = self.prefix(address, limit, 0)
        data, end, _rest = self.read(address, size).partition(b"\0")
        if not end and size < limit:
            raise SystemCallError(EFAULT)
        return data


class SemihostedKernel:
    """Serves the requests of a machine's kernel; a `vm.process.caller.Requester`. argv: its command line."""

    def __init__(self, machine: Machine, argv: Sequence[str | bytes]) -> None:
        self.machine = machine
        self.space = KernelMemory(machine)
        self.argv = list(argv)
        self.deadline: float | None = None
        self.begin()
        machine.parts[PART] = RequesterPart(self, lambda other: SemihostedKernel(other, argv))
        machine.on_trap(self._trapped, 1 << BREAKPOINT)

    def begin(self) -> None:
        """Forget what a kernel has opened, at power-on and after each reset."""
        screen = Output(cast(BinaryIO, _Screen(self.machine.console)), Quota(None))
        keys = Input(cast(BinaryIO, _Keys(self.machine.console)))
        self.standard: list[Input | Output] = [keys, screen]
        self.files: dict[int, Input | Output] = {0: keys, 1: screen, 2: screen}
        self.semihosting_errno = 0

    def _trapped(self, _machine: Machine, cause: int, tval: int) -> bool:
        if not semihosting.is_call(self):
            return False
        try:
            semihosting.serve(self)
        except _NotYet:
            pass
        return True

    @property
    def nanoseconds(self) -> int:
        """Time since the start by the machine's clock."""
        return (self.machine.csr["time"] | self.machine.csr["timeh"] << 32) * NANOSECONDS

    def count(self, name: str) -> None:
        """Nothing is counted."""

    def exit(self, status: int) -> None:
        """End the run with this status, after the request."""
        self.machine.retire_trap(self.machine.current.pc + 4)
        raise Halt(status)

    def signal(self, number: int) -> None:
        """The reader of the console is gone, which the console has reported."""
