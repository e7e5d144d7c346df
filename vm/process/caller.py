"""A process as the services see it that its system calls and semihosting requests reach.

`vm.process.process.Process` has all of it, and imports the services.
"""

import random
from typing import Protocol

from trapline.vm.machine import Machine
from trapline.vm.process.space import AddressSpace
from trapline.vm.process.streams import Input, Output


class Caller(Protocol):
    """The process that calls.

    files: streams by descriptor. actions: what sigaction set, by signal. deadline: of `time.monotonic`.
    semihosting_errno: of the last request that failed.
    """

    argv: list[str | bytes]
    files: dict[int, Input | Output]
    actions: dict[int, bytes]
    signal_mask: int
    deadline: float | None
    semihosting_errno: int
    random: random.Random

    @property
    def machine(self) -> Machine: ...
    @property
    def space(self) -> AddressSpace: ...
    @property
    def nanoseconds(self) -> int:
        """Time since the start by the machine's clock."""

    def pass_time(self, nanoseconds: int) -> None:
        """Advance the time without waiting."""

    def count(self, name: str) -> None:
        """Count a call to a service without a system call number."""

    def exit(self, status: int) -> None:
        """End the process with this status."""

    def signal(self, number: int) -> None:
        """Send the process a signal, which ends it unless it is ignored."""
