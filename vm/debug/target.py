"""What is debugged: a machine, or a process, that is run in pieces and taken back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trapline.vm.debug.mistake import Mistake
from trapline.vm.exit import Exit, ExitReason
from trapline.vm.loader.image import Image
from trapline.vm.loader.source_lines import SourceLines
from trapline.vm.machine import Machine
from trapline.vm.process import Process, Result
from trapline.vm.snapshot.snapshot import Snapshot


@dataclass(frozen=True)
class Ended:
    """The guest has come to its end. status: its own, as a command's; text: how it ended, as a sentence."""

    status: int
    text: str


@dataclass(frozen=True)
class WantsInput:
    """A process reads input, and there is none: it stands before the system call."""


Outcome = Exit | Ended | WantsInput


class Target:
    """A machine that boots a kernel, bare or virtual, and its history.

    lines: symbols and sources of the programs in it.
    """

    def __init__(self, machine: Machine, images: Sequence[Image]) -> None:
        self.machine = machine
        self.lines = SourceLines(images)
        self._history = machine.remember()

    @property
    def begin(self) -> int:
        """Where its past begins, in instructions done by all harts."""
        return self._history.begin

    def run(self, count: int | None) -> Outcome:
        """Go on, by at most so many instructions."""
        exit = self.machine.run(count)
        if exit.reason is not ExitReason.HALT:
            self._history.renew()
            return exit
        status = exit.code & 0xFF or (1 if exit.code else 0)
        return Ended(status, f"the guest {'reset the machine' if exit.reset else f'ended with status {status}'}")

    def go_to(self, cycle: int) -> None:
        """Go to a moment of its past."""
        self._history.go_to(cycle)

    def run_back(self) -> Exit:
        """Go back to the last moment at which it stops, or to the beginning."""
        exit = self._history.run_back()
        self._history.renew()
        return exit

    def change(self, how: Callable[[Machine], None]) -> None:
        """Change registers, memory or input: from here on it goes another way."""
        how(self.machine)
        self._history.changed()

    def mark(self) -> Snapshot:
        """A state to come back to."""
        return self.machine.snapshot()

    def return_to(self, mark: Snapshot) -> None:
        """Go to a state that was marked. The past begins there anew. Raises SnapshotError."""
        self.machine.restore(mark)
        self.machine.history = None
        self._history = self.machine.remember()

    def type(self, text: bytes) -> None:
        """Give it input. Raises Mistake for none."""
        if not text:
            raise Mistake("`input` needs a text: a console does not end")
        self.change(lambda machine: machine.console.receive(text, machine.console.ended))


class InputWanted(Exception):
    """A process reads, and there is no input."""


class TypedInput:
    """Standard input of a process: what a person gives by `input`."""

    def __init__(self) -> None:
        self._given = bytearray()
        self._over = False

    def read1(self, size: int) -> bytes:
        """What there is, at most so many bytes; none at its end. Raises InputWanted where there is nothing yet."""
        if not self._given and not self._over:
            raise InputWanted
        data = bytes(self._given[:size])
        del self._given[:size]
        return data

    def give(self, data: bytes) -> None:
        """More input; no bytes are its end."""
        self._given += data
        self._over = not data


class ProcessTarget(Target):
    """A process. typed: its standard input; process: for `save`."""

    def __init__(self, process: Process, typed: TypedInput) -> None:
        super().__init__(process.machine, [process.image])
        self.process, self._typed = process, typed

    def run(self, count: int | None) -> Outcome:
        """See Target."""
        try:
            found = self.process.resume(count)
        except InputWanted:
            return WantsInput()
        if isinstance(found, Result):
            return Ended(found.exit_code, f"the program ended: {found}")
        self._history.renew()
        return found

    def type(self, text: bytes) -> None:
        """Give it input; no bytes are its end. What it has read already it reads again after going back."""
        self._typed.give(text)
