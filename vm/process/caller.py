"""A process as the services see it that its system calls and semihosting requests reach.

`vm.process.process.Process` has all of it, and imports the services.
"""

import random
from typing import Protocol

from trapline.vm.machine import Machine
from trapline.vm.process.space import AddressSpace
from trapline.vm.process.streams import Input, Output


class HeapPlace(Protocol):
    """Where heap and stack end."""

    @property
    def arena_top(self) -> int: ...
    @property
    def stack_top(self) -> int: ...
    @property
    def stack_bottom(self) -> int: ...


class ReachableMemory(Protocol):
    """Memory as who asks reaches it (`vm.process.space.AddressSpace`)."""

    brk_start: int

    @property
    def layout(self) -> HeapPlace: ...
    def prefix(self, address: int, size: int, permission: int) -> int: ...
    def check(self, address: int, size: int, permission: int) -> None: ...
    def view(self, address: int, size: int) -> memoryview: ...
    def read(self, address: int, size: int) -> bytes: ...
    def write(self, address: int, data: bytes) -> None: ...
    def word(self, address: int) -> int: ...
    def string(self, address: int, limit: int = ...) -> bytes: ...


class Requester(Protocol):
    """Who makes a semihosting request: a process, or a kernel (`vm.boot.semihosting.SemihostedKernel`).

    files: streams by descriptor; standard: those of the host, which it has from the start. deadline: of
    `time.monotonic`. semihosting_errno: of the last request that failed.
    """

    argv: list[str | bytes]
    files: dict[int, Input | Output]
    standard: list[Input | Output]
    deadline: float | None
    semihosting_errno: int

    @property
    def machine(self) -> Machine: ...
    @property
    def space(self) -> ReachableMemory: ...
    @property
    def nanoseconds(self) -> int:
        """Time since the start by the machine's clock."""

    def count(self, name: str) -> None:
        """Count a call to a service without a system call number."""

    def exit(self, status: int) -> None:
        """End with this status."""

    def signal(self, number: int) -> None:
        """Send a signal, which ends a process unless it is ignored."""


class Caller(Requester, Protocol):
    """The process that calls. actions: what sigaction set, by signal."""

    actions: dict[int, bytes]
    signal_mask: int
    random: random.Random

    @property
    def space(self) -> AddressSpace: ...

    def pass_time(self, nanoseconds: int) -> None:
        """Advance the time without waiting."""
